"""What a database must be before a message is entrusted to it, its migrations, and the connections of a process."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any, Final

from chappe.model.errors import SettingsError
from chappe.store.port import StoreAway
from chappe.store.postgres.reaching import AWAY, connect, shown

#: What the statements are written for.
MINIMUM_SERVER: Final = 15
#: Advisory locks of ours: migrations, slots, history, the folding of event blocks, cleaning.  The number of a node's
#: own lock is its writer's.
LOCK_CLASS: Final = 0x43686170
LOCK_MIGRATE: Final = -1
LOCK_SLOTS: Final = -2
LOCK_HISTORY: Final = -3
LOCK_FOLD: Final = -4
LOCK_CLEAN: Final = -5
#: Processes behind lost connections that a session remembers.
LOST_PIDS: Final = 32

_END_LOST: Final = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid = ANY ($1::integer[])"
    " AND pid <> pg_backend_pid() AND application_name = current_setting('application_name')"
)

#: Nodes make partitions and drop them, and turn autovacuum off for a while: only the owner of a table may.
_ROLE: Final = """
SELECT current_user AS we, current_schema() AS schema, current_database() AS base,
  coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_make,
  ARRAY(SELECT DISTINCT pg_get_userbyid(relowner)::text FROM pg_class
        WHERE oid IN (to_regclass('schema_versions'), to_regclass('messages'), to_regclass('history'))
        AND NOT pg_has_role(relowner, 'USAGE')) AS owners"""


async def check_server(connection: Any, dsn: str, *, allow_single_copy: bool) -> None:
    """Refuse a server that would not keep what it confirms.  Raises: SettingsError, StoreAway."""
    number = int(await connection.fetchval("SHOW server_version_num"))
    if number < MINIMUM_SERVER * 10_000:
        raise SettingsError(
            f"{shown(dsn)}: PostgreSQL {number // 10_000} is too old, {MINIMUM_SERVER} or newer is needed"
        )
    if await connection.fetchval("SHOW synchronous_commit") not in ("on", "remote_apply"):
        await connection.execute("SET synchronous_commit = on")
    if not allow_single_copy and not await connection.fetchval("SHOW synchronous_standby_names"):
        raise SettingsError(
            f"{shown(dsn)}: no synchronous standby is named, so the server's death loses what was accepted: "
            "set synchronous_standby_names there, or gateway.allow_single_copy = true here"
        )


async def check_no_pooler(first: Any, second: Any, dsn: str) -> None:
    """A pooler that changes sessions between transactions loses our locks and leases.  Raises: SettingsError."""
    token = os.urandom(8).hex()
    pids = [await each.fetchval("SELECT pg_backend_pid()") for each in (first, second, first)]
    await first.execute(f"SET chappe.session = '{token}'")
    await second.execute("SET chappe.session = 'another'")
    kept = await first.fetchval("SELECT current_setting('chappe.session', true)")
    if pids[0] != pids[2] or pids[0] == pids[1] or kept != token:
        raise SettingsError(f"{shown(dsn)}: a pooler in transaction mode answers here: connect to the server itself")


async def _check_role(connection: Any) -> None:
    """An ordinary role does, if the tables are its own.  Raises: SettingsError."""
    found = await connection.fetchrow(_ROLE)
    if found["owners"]:
        owner = found["owners"][0]
        raise SettingsError(
            f"gateway.store: the tables in database {found['base']!r} belong to role {owner!r}, and the gateway makes"
            f" and drops parts of them as role {found['we']!r}: name {owner!r} in the DSN,"
            f' or let that role say: GRANT "{owner}" TO "{found["we"]}"'
        )
    if not found["may_make"]:
        schema = found["schema"] or "public"
        raise SettingsError(
            f"gateway.store: role {found['we']!r} may not make tables in schema {schema!r} of database"
            f' {found["base"]!r}: let the owner of the database say: GRANT CREATE, USAGE ON SCHEMA "{schema}" TO'
            f' "{found["we"]}"'
        )


def migrations() -> list[tuple[int, int, str]]:
    """All migrations there are, in order: number, the oldest program that works with it, SQL."""
    folder = files("chappe.store.postgres") / "migrations"
    found = []
    for each in folder.iterdir():
        if each.name.endswith(".sql"):
            text = each.read_text("utf-8")
            number = int(each.name[:4])
            first, _, rest = text.partition("\n")
            works_from = int(first.removeprefix("-- works from:")) if first.startswith("-- works from:") else number
            found.append((number, works_from, rest if works_from != number else text))
    return sorted(found)


def newest_migration() -> int:
    """The number that says what this program knows of a database."""
    return migrations()[-1][0]


async def migrate(connection: Any) -> None:
    """Bring the database to the newest version while others work; each migration is one transaction.

    Raises: SettingsError when the database no longer works with this program, or its role may not make tables there.
    """
    await _check_role(connection)
    await connection.execute(f"SELECT pg_advisory_lock({LOCK_CLASS}, {LOCK_MIGRATE})")
    try:
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_versions (number integer PRIMARY KEY, works_from integer NOT NULL,"
            " at timestamptz NOT NULL DEFAULT clock_timestamp())"
        )
        done = {row[0]: row[1] for row in await connection.fetch("SELECT number, works_from FROM schema_versions")}
        known = migrations()
        newest, needed = known[-1][0], max(done.values(), default=0)
        if needed > newest:
            raise SettingsError(f"the store needs a program of version {needed}, this one knows {newest}: install it")
        for number, works_from, text in known:
            if number not in done:
                async with connection.transaction():
                    await connection.execute(text)
                    await connection.execute("INSERT INTO schema_versions VALUES ($1, $2)", number, works_from)
    finally:
        await connection.execute(f"SELECT pg_advisory_unlock({LOCK_CLASS}, {LOCK_MIGRATE})")


class Session:
    """One connection, opened when it is needed and again when it is lost."""

    def __init__(self, dsn: str, name: str) -> None:
        self._dsn = dsn
        self._name = name
        self._connection: Any = None
        self._was_open = False
        self._opening = asyncio.Lock()
        self._lending = asyncio.Lock()
        #: Processes of the server that served this session, newest last: those of lost connections may still work.
        self._pids: deque[int] = deque(maxlen=LOST_PIDS)

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Any]:
        """The connection for one borrower at a time; one that fails is dropped.  Raises: StoreAway, SettingsError."""
        async with self._lending:
            try:
                yield await self.get()
            except AWAY as error:
                self.drop()
                raise StoreAway(f"{shown(self._dsn)}: {error or type(error).__name__}") from error

    async def get(self) -> Any:
        """The connection.  Raises: StoreAway, SettingsError.

        What a server does not know once it has taken us, it does not know yet, or not for long: it is as good as away.
        """
        if self._connection is None or self._connection.is_closed():
            async with self._opening:
                if self._connection is None or self._connection.is_closed():
                    try:
                        self._connection = await connect(self._dsn, self._name)
                    except SettingsError as error:
                        if self._was_open:
                            raise StoreAway(str(error)) from error
                        raise
                    self._was_open = True
                    self._pids.append(self.pid)
        return self._connection

    async def outlives_the_lost(self) -> bool:
        """End what the server still does for connections that were lost.  True: nothing of it is left.

        What such a process has written, others see only once it has ended: it may stand waiting for the standby.
        """
        connection = await self.get()
        return not await connection.fetchval(_END_LOST, [*self._pids])

    @property
    def pid(self) -> int:
        """The server's process behind it; 0 for none."""
        is_open = self._connection is not None and not self._connection.is_closed()
        return int(self._connection.get_server_pid()) if is_open else 0

    def drop(self) -> None:
        """Lose the connection at once, without a word to the server."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        """End it in order."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=2)
            except AWAY:
                connection.terminate()

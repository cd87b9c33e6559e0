"""Cleaning: dead rows are taken away when that can be done, and nobody tries in vain while an old snapshot sees them.

A snapshot that somebody holds (a forgotten transaction, a dump, a standby's feedback) keeps every row that died since.
Autovacuum knows nothing of that: it reads all of a hot table again every few seconds, takes nothing away, and costs the
more the more lies there.  So it rests on these tables meanwhile, and they are cleaned as soon as it helps.

How old the oldest snapshot is, whoever has it, tells a row of our own: each look leaves one dead version of it, and
those that cannot be taken away are counted.  Indexes that came with a newer release are made here too, where a
migration would have held everybody up.  It must never know what the rows mean.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from chappe.model.errors import SettingsError
from chappe.store.port import StoreAway
from chappe.store.postgres.engine import PostgresStore
from chappe.store.postgres.opening import LOCK_CLASS, LOCK_CLEAN, Session
from chappe.store.postgres.reaching import AWAY

LOOK_EVERY_S: Final = 5.0
LOCKED_PAUSE_S: Final = 15.0
#: Looks that an old snapshot has outlived: half a minute.
OLD_LOOKS: Final = 6
#: Cleaning beside old snapshots takes at most this share of the time.
WORK_SHARE: Final = 0.1
#: A table with millions of dead rows is not cleaned within the time of a statement.
VACUUM_S: Final = 1_800.0

#: Tables of which rows die with every message.
TABLES: Final = ("queue", "messages", "parts", "expiries", "parked")

_LOOKED: Final = (
    "INSERT INTO meta VALUES ('dead rows looked at', '') ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
#: Its page is all that is read.
_TRY: Final = "VACUUM (TRUNCATE off) meta"
_LEFT: Final = "SELECT pg_stat_get_dead_tuples('meta'::regclass)"
_IS_RESTING: Final = (
    "SELECT coalesce('autovacuum_enabled=off' = ANY (reloptions), false) FROM pg_class WHERE oid = $1::text::regclass"
)

#: Where tables were large when their migration came: what people look for among hot messages.  They cost a life 2 %.
INDEXES: Final = {
    "messages_handset": "messages (handset)",
    "messages_client_ref": "messages (client_ref) WHERE client_ref IS NOT NULL",
}
#: How long one may take: it waits for every transaction that is older.
INDEX_S: Final = 86_400.0
_HAS_INDEX: Final = "SELECT EXISTS (SELECT 1 FROM pg_index WHERE indexrelid = to_regclass($1) AND indisvalid)"


class Cleaning:
    """Cleans for one store, as long as no other process does."""

    def __init__(self, store: PostgresStore, may_clean: Callable[[], bool] = lambda: True) -> None:
        """`may_clean` says whether this process should: others need no connection for it."""
        self._may_clean = may_clean
        self._session: Session = store.session("cleaning")
        self._locked_by: Any = None
        self._looks = 0
        #: The look before which the tables are as clean as can be; unknown until autovacuum rests.
        self._clean_to: int | None = None
        self._again_at = 0.0
        self._has_indexes = False

    async def run(self) -> None:
        """Clean until cancelled."""
        try:
            while True:
                await asyncio.sleep(await self._step())
        finally:
            await self._session.close()

    async def _step(self) -> float:
        if not self._may_clean():
            return LOCKED_PAUSE_S
        try:
            connection = await self._session.get()
            if connection is not self._locked_by:
                if not await connection.fetchval(f"SELECT pg_try_advisory_lock({LOCK_CLASS}, {LOCK_CLEAN})"):
                    return LOCKED_PAUSE_S
                self._locked_by = connection
            await self.look(connection)
            await self.make_indexes(connection)
        except (StoreAway, SettingsError, *AWAY):
            self._session.drop()
        return LOOK_EVERY_S

    async def look(self, connection: Any) -> None:
        """See how old the oldest snapshot is, and do what follows."""
        await connection.execute(_LOOKED)
        await connection.execute(_TRY)
        outlived = int(await connection.fetchval(_LEFT))
        is_resting = await connection.fetchval(_IS_RESTING, TABLES[0])
        self._looks += 1
        if outlived >= OLD_LOOKS:
            await self._rest(connection, self._looks - outlived, is_resting=is_resting)
        elif is_resting:
            await self._clean(connection)
            await _set(connection, "RESET (autovacuum_enabled)")
            self._clean_to = None

    async def make_indexes(self, connection: Any) -> None:
        """Make those that are not there; one that a dead process left half made is made again."""
        if self._has_indexes:
            return
        for name, what in INDEXES.items():
            if not await connection.fetchval(_HAS_INDEX, name):
                # Transactions that are older are waited for, and begun anew it would read everything again.
                await connection.execute("SET lock_timeout = 0")
                await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", timeout=INDEX_S)
                await connection.execute(f"CREATE INDEX CONCURRENTLY {name} ON {what}", timeout=INDEX_S)
        await connection.execute("RESET lock_timeout")
        self._has_indexes = True

    async def _rest(self, connection: Any, oldest: int, *, is_resting: bool) -> None:
        """Somebody has had a snapshot since look number `oldest`, which may be one before our first."""
        if not is_resting:
            await _set(connection, "SET (autovacuum_enabled = off)")
        if self._clean_to is None:
            self._clean_to = oldest
        elif oldest - self._clean_to >= OLD_LOOKS and time.monotonic() >= self._again_at:
            # The oldest one has gone, and the next is old as well: what died between them can go.
            await self._clean(connection)
            self._clean_to = oldest

    async def _clean(self, connection: Any) -> None:
        began = time.monotonic()
        for table in TABLES:
            # Giving pages back to the disk would lock everybody out.
            await connection.execute(f"VACUUM (TRUNCATE off) {table}", timeout=VACUUM_S)
        self._again_at = began + (time.monotonic() - began) / WORK_SHARE


async def _set(connection: Any, what: str) -> None:
    """The first table last: it tells whether all of them are so."""
    for table in reversed(TABLES):
        await connection.execute(f"ALTER TABLE {table} {what}")

"""Generations of references: the newest is written, older ones are only read, and the oldest is dropped whole.

A table that every message writes at a random place must stay small, and rows that die one by one would cost as much as
they did when they came.  Whoever closes a generation holds its lock alone: no transaction that wrote it is still open
then, so what lies in an older one is there for everybody, and for ever.

It must never know what a report does to a part.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import msgspec

from chappe.crash import CrashPoint, reach
from chappe.store.bodies import unpack_report
from chappe.store.postgres.engine import PostgresStore
from chappe.store.postgres.hashing import Hashing, unpack_parts
from chappe.store.postgres.reaching import AGAIN

#: A reference is forgotten so many days after it came, unless its message is still open.
REFERENCE_DAYS: Final = 3
DAY_MS: Final = 86_400_000
#: The newest is closed when it is so old, or so large: some five million references.
CLOSE_AFTER_MS: Final = 28_800_000
CLOSE_OCTETS: Final = 320 << 20
#: Each further one beyond so many may grow twice as large: whoever asks for what is not there asks them all.
SMALL_ONES: Final = 8
#: Everybody waits for whoever wants the lock of a table: it is wanted for a moment, and later again when refused.
LOCK_MS: Final = 200
REFUSED_PAUSE_MS: Final = 180_000
LOOK_EVERY_MS: Final = 10_000
#: The program that knows generations; it is the number of their migration.
KNOWS: Final = 9
#: Pages of a generation that one transaction reads, parked reports that one statement carries, references that one
#: statement forgets.
CARRY_PAGES: Final = 100
CARRY_REPORTS: Final = 1_000
FORGET_ROWS: Final = 2_000
FORGET_PAUSE_S: Final = 0.5
#: Reports are parked with ids that were made so long before, at most; the sweep finds the one that came later still.
LATE_REPORTS: Final = 15_000 << 22

_NEWEST: Final = "SELECT number, began_at_ms FROM reference_generations WHERE closed_at_ms IS NULL"
_FIRST: Final = (
    "INSERT INTO reference_generations (number, began_at_ms)"
    " SELECT greatest(1, 1 + (SELECT max(number) FROM reference_generations),"
    " 1 + (SELECT max(substr(relname, 6)::integer) FROM pg_class WHERE relname ~ '^refs_[0-9]{1,9}$')), $1"
)
_OLDER: Final = (
    "SELECT number, closed_at_ms, carried_pages FROM reference_generations"
    " WHERE closed_at_ms IS NOT NULL ORDER BY number DESC"
)
_OCTETS: Final = "SELECT pg_relation_size($1::text::regclass)"
_PAGES: Final = "SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::integer"
_KNOWN_TO_ALL: Final = "SELECT NOT EXISTS (SELECT 1 FROM runs WHERE ended_at IS NULL AND knows < $1)"
#: From the first one on, a program that knows none of them would park what they lead to.
_NEEDED: Final = "UPDATE schema_versions SET works_from = $1 WHERE number = $1 AND works_from < $1"
_PARKED: Final = "SELECT id, body FROM parked WHERE id > $1 ORDER BY id LIMIT $2"
_LAST_PARKED: Final = "SELECT coalesce(max(id), 0) FROM parked"
_CLOSE: Final = "UPDATE reference_generations SET closed_at_ms = $2 WHERE number = $1"
_BEGIN: Final = "INSERT INTO reference_generations (number, began_at_ms) VALUES ($1, $2)"
_CARRIED: Final = "UPDATE reference_generations SET carried_pages = $2 WHERE number = $1"
_GONE: Final = "DELETE FROM reference_generations WHERE number = $1"
_NONE: Final = "SELECT NULL::bigint AS hash, NULL::bytea AS parts WHERE false"
#: Reports that wait: whoever brings the answer finds them in the newest generation.
_TAKE_WAITING: Final = (
    "INSERT INTO {twin} AS r (hash, reports, day) SELECT hash, reports, day FROM refs"
    " WHERE hash = ANY($1::bigint[]) AND reports <> '' ORDER BY hash"
    " ON CONFLICT (hash) DO UPDATE SET reports = excluded.reports"
)
#: References of messages that are still open, from some pages of a generation.
_CARRY: Final = """
INSERT INTO refs AS r (hash, parts, day)
SELECT hash, parts, {day} FROM refs_{number} g
WHERE ctid >= '({first},0)' AND ctid < '({last},0)' AND EXISTS (
  SELECT 1 FROM generate_series(1, length(g.parts), 18) AS at JOIN messages m
  ON m.id = ANY (ARRAY[('x' || encode(substr(g.parts, at, 8), 'hex'))::bit(64)::bigint]))
ORDER BY hash
ON CONFLICT (hash) DO UPDATE SET parts = excluded.parts || r.parts"""
_OLD_REFS: Final = "SELECT hash, parts FROM refs WHERE day < $1 LIMIT $2"
_OPEN: Final = "SELECT id FROM messages WHERE id = ANY($1::bigint[])"


class Generations:
    """Closes and drops for one store; whoever holds the lock of history does that."""

    def __init__(
        self, store: PostgresStore, *, close_after_ms: int = CLOSE_AFTER_MS, close_octets: int = CLOSE_OCTETS
    ) -> None:
        self._store = store
        self._close_after_ms = close_after_ms
        self._close_octets = close_octets
        self._look_at_ms = 0

    async def step(self, connection: Any) -> bool:
        """Do what is due, a piece of it.  True: there is more."""
        now_ms = self._store.clock_us() // 1000
        if now_ms < self._look_at_ms:
            return False
        self._look_at_ms = now_ms + LOOK_EVERY_MS
        try:
            if await self._is_due(connection, now_ms):
                await self.close_newest(connection, now_ms)
            return await self._drop_oldest(connection, now_ms)
        except (asyncpg.LockNotAvailableError, *AGAIN):
            self._look_at_ms = now_ms + REFUSED_PAUSE_MS
            return False

    async def forget_rows(self, connection: Any) -> None:
        """What outlived its days in the newest, since it could not be closed."""
        while await self._forget_some(connection, self._store.clock_us() // 1000 // DAY_MS):
            await asyncio.sleep(FORGET_PAUSE_S)

    # -- a new one ------------------------------------------------------------------------------------

    async def _is_due(self, connection: Any, now_ms: int) -> bool:
        newest = await connection.fetchrow(_NEWEST)
        if newest is None:
            await connection.execute(_FIRST, now_ms)
            return False
        octets = int(await connection.fetchval(_OCTETS, "refs"))
        doublings = max(0, len(await connection.fetch(_OLDER)) - SMALL_ONES)
        is_old = now_ms - newest["began_at_ms"] >= self._close_after_ms and octets > 0
        if not is_old and octets < self._close_octets << doublings:
            return False
        return bool(await connection.fetchval(_KNOWN_TO_ALL, KNOWS))

    async def close_newest(self, connection: Any, now_ms: int) -> None:
        """Put an empty table in the place of the newest.  Raises: LockNotAvailableError; nothing has changed then."""
        number = int(await connection.fetchval(_NEWEST))
        twin = f"refs_{number + 1}"
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")
            await connection.execute(f"CREATE TABLE {twin} (LIKE refs INCLUDING ALL) WITH (fillfactor = 90)")
            taken = await self._take_waiting(connection, twin, 0)
            # What was parked meanwhile, and then while nobody else parks anything.
            taken = await self._take_waiting(connection, twin, taken)
            await connection.execute("LOCK TABLE refs IN ACCESS EXCLUSIVE MODE")
            await self._take_waiting(connection, twin, taken)
            await connection.execute(f"ALTER TABLE refs RENAME TO refs_{number}")
            await connection.execute(f"ALTER TABLE {twin} RENAME TO refs")
            await connection.execute(_CLOSE, number, now_ms)
            await connection.execute(_BEGIN, number + 1, now_ms)
            await connection.execute(_NEEDED, KNOWS)
            await self._show(connection)
            reach(CrashPoint.BEFORE_GENERATION)
        reach(CrashPoint.AFTER_GENERATION)

    async def _take_waiting(self, connection: Any, twin: str, after: int) -> int:
        """From this parked report on; returns from which on further ones may come."""
        hashing, statement = Hashing(self._store.key), _TAKE_WAITING.format(twin=twin)
        last = int(await connection.fetchval(_LAST_PARKED))
        while rows := await connection.fetch(_PARKED, after, CARRY_REPORTS):
            after = rows[-1]["id"]
            await connection.execute(statement, sorted(_hashes([row["body"] for row in rows], hashing)))
        return max(0, last - LATE_REPORTS)

    async def _show(self, connection: Any) -> None:
        """Have the view tell of those that there are."""
        each = [f"SELECT hash, parts FROM refs_{row['number']}" for row in await connection.fetch(_OLDER)]
        await connection.execute(f"CREATE OR REPLACE VIEW refs_older AS {' UNION ALL '.join(each) or _NONE}")

    # -- the oldest -----------------------------------------------------------------------------------

    async def _drop_oldest(self, connection: Any, now_ms: int) -> bool:
        """Carry, then drop.  True: there is more of it at once."""
        older = await connection.fetch(_OLDER)
        if not older or older[-1]["closed_at_ms"] > now_ms - REFERENCE_DAYS * DAY_MS:
            return False
        number, _, carried = older[-1]
        if carried < int(await connection.fetchval(_PAGES, f"refs_{number}")):
            await self._carry(connection, number, carried, now_ms // DAY_MS)
        else:
            await self._drop(connection, number)
        self._look_at_ms = 0
        return True

    async def _carry(self, connection: Any, number: int, first: int, today: int) -> None:
        """References of open messages go on in the newest, for as long again."""
        last = first + CARRY_PAGES
        async with connection.transaction():
            await connection.execute(_CARRY.format(number=number, first=first, last=last, day=today))
            await connection.execute(_CARRIED, number, last)
        reach(CrashPoint.AFTER_CARRY)

    async def _drop(self, connection: Any, number: int) -> None:
        """Nobody is just between the newest, where something was not yet, and this one, where it is no more."""
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")
            await connection.execute("LOCK TABLE refs IN ACCESS EXCLUSIVE MODE")
            await connection.execute(_GONE, number)
            await self._show(connection)
            await connection.execute(f"DROP TABLE refs_{number}")
        reach(CrashPoint.AFTER_RETIRE)

    async def _forget_some(self, connection: Any, today: int) -> bool:
        rows = await connection.fetch(_OLD_REFS, today - REFERENCE_DAYS, FORGET_ROWS)
        ids_by_hash = {row["hash"]: {each for each, _, _ in unpack_parts(row["parts"])} for row in rows}
        still_open = {row[0] for row in await connection.fetch(_OPEN, list(set().union(*ids_by_hash.values())))}
        kept = [number for number, ids in ids_by_hash.items() if ids & still_open]
        gone = sorted(ids_by_hash.keys() - set(kept))
        await connection.execute("UPDATE refs SET day = $2 WHERE hash = ANY($1::bigint[])", sorted(kept), today)
        await connection.execute("DELETE FROM refs WHERE hash = ANY($1::bigint[])", gone)
        return len(rows) == FORGET_ROWS


def _hashes(bodies: Sequence[bytes], hashing: Hashing) -> set[int]:
    """Of the references of parked reports; what cannot be read waits for nobody."""
    found: set[int] = set()
    for body in bodies:
        try:
            report = unpack_report(body)
            found.update(hashing.hash(report.operator, each) for each in report.references)
        except (msgspec.MsgspecError, TypeError, ValueError):
            continue
    return found

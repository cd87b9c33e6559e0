"""The life of this node in the database: its run, its heartbeat, its slot of ids, and what dead runs leave behind.

All moments are the database's own.  A run that has not been heard of for `LEASE_S` is dead: its leases return.
"""

import asyncio
from typing import Any, Final, NamedTuple

from chappe.model.errors import SettingsError
from chappe.model.ids import SLOTS, first_id_at
from chappe.model.message import Item
from chappe.store.bodies import message_or_none
from chappe.store.postgres import counts
from chappe.store.postgres import lease_statements as leases
from chappe.store.postgres.clock import DatabaseClock, boot_s
from chappe.store.postgres.names import Names
from chappe.store.postgres.opening import LOCK_CLASS, LOCK_SLOTS, newest_migration
from chappe.store.postgres.writes import columns

#: A run that was not heard of for so long is dead.
LEASE_S: Final = 10.0
BEAT_S: Final = 1.0
#: How long a node waits for the place of one that bears its name.
PLACE_PATIENCE_S: Final = LEASE_S + 5.0
#: Pause between two tries to take the place of a run that is perhaps dead.
PLACE_PAUSE_S: Final = 0.2

_NEW: Final = (
    "INSERT INTO runs (slot, writer, box, node, version, knows, folded_seq) VALUES ($1, $2, $3, $4, $5, $6,"
    " (SELECT coalesce(max(seq), 0) FROM event_blocks WHERE writer = $2))"
    " RETURNING run, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
)
_BEAT: Final = (
    "UPDATE runs SET beat_at = clock_timestamp(), pids = $2, told = $3 WHERE run = $1 AND ended_at IS NULL"
    " RETURNING (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
)
_END_OWN: Final = "UPDATE runs SET ended_at = clock_timestamp() WHERE writer = $1 AND ended_at IS NULL RETURNING run"
_END_SILENT: Final = (
    "UPDATE runs SET ended_at = clock_timestamp() WHERE ended_at IS NULL"
    " AND beat_at < clock_timestamp() - make_interval(secs => $1) RETURNING run"
)
_SILENT_PIDS: Final = (
    "SELECT pids, beat_at < clock_timestamp() - make_interval(secs => $2) FROM runs"
    " WHERE writer = $1 AND ended_at IS NULL ORDER BY run DESC LIMIT 1"
)
_DEAD: Final = "SELECT run FROM runs WHERE ended_at IS NOT NULL AND NOT is_cleared ORDER BY run FOR UPDATE SKIP LOCKED"
_END: Final = "UPDATE runs SET ended_at = clock_timestamp() WHERE run = $1"
_CLEARED: Final = "UPDATE runs SET is_cleared = true WHERE run = $1"
#: What bears the durable mark goes to us, until it is held; everything else is free again.
_IN_DOUBT: Final = (
    "UPDATE queue q SET run = $2 FROM sending s JOIN messages m ON m.id = ANY (ARRAY[s.id])"
    " WHERE q.queue = ANY (ARRAY[m.queue]) AND q.priority = m.priority AND q.lane = m.lane AND q.place = m.place"
    " AND q.id = ANY (ARRAY[m.id]) AND q.run = $1"
    " RETURNING q.queue, q.priority, q.lane, q.place, q.id, q.due_at_ms, q.attempts, m.body"
)
#: Rows are touched in the order of their keys, as everybody does.  No index tells which ones a run has: that would
#: cost every lease; so all of the table is looked at, once, by the few who bury dead runs.
_OF_RUNS: Final = (
    "SELECT run, queue, priority, lane, place, id FROM queue WHERE run = ANY($1::integer[])"
    " ORDER BY queue, priority, lane, place, id FOR UPDATE"
)
_HAS_DOUBTS: Final = (
    "SELECT EXISTS (SELECT 1 FROM sending s JOIN messages m ON m.id = ANY (ARRAY[s.id]) JOIN queue q"
    " ON q.queue = ANY (ARRAY[m.queue]) AND q.priority = m.priority AND q.lane = m.lane AND q.place = m.place"
    " AND q.id = ANY (ARRAY[m.id]) WHERE q.run = $1)"
)
_WHOLE_TABLE: Final = "SET LOCAL enable_seqscan = on"
_NEWEST_IDS: Final = (
    "SELECT greatest((SELECT max(id) FROM messages), (SELECT max(id) FROM parked), (SELECT max(id) FROM kept),"
    " (SELECT max(id) FROM failed_callbacks))"
)
_LAST_BLOCK: Final = "SELECT seq, at_us FROM event_blocks WHERE writer = $1 ORDER BY seq DESC LIMIT 1"


class Buried(NamedTuple):
    """What dead runs left behind."""

    #: It bears their mark, and is leased to us now.
    doubtful: list[Item]
    #: In these queues something is free again.
    freed: set[str]
    is_any: bool


class Run:
    """This life of this node."""

    def __init__(self, box: str, node: str, version: str, clock: DatabaseClock) -> None:
        self.box = box
        self.node = node
        self._version = version
        self._clock = clock
        self.number = 0
        self.slot = 0
        self.writer = 0
        self.last_id = 0
        self.last_seq = 0
        #: Somebody ended this run: it must write nothing any more.
        self.is_fenced = False
        self._heard_at_s = 0.0
        #: What this node tells of itself to whoever asks for the state of all boxes.
        self.told = b""

    async def begin(self, connection: Any, names: Names) -> None:
        """Take the place of this node, number the run, take a slot.  Raises: SettingsError when the place is taken."""
        name = f"{self.box}/{self.node}"
        await names.learn(connection, [name])
        self.writer = names.number(name)
        await self._take_place(connection)
        async with connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({LOCK_CLASS}, {LOCK_SLOTS})")
            await connection.execute(_END_OWN, self.writer)
            self.slot = await self._free_slot(connection)
            asked_at_s = boot_s()
            told = (self.slot, self.writer, self.box, self.node, self._version, newest_migration())
            row = await connection.fetchrow(_NEW, *told)
            self.number, database_us = row
            self._heard(database_us, asked_at_s)
        await self._find_last(connection)

    async def _take_place(self, connection: Any) -> None:
        """Hold the lock of this node's name: a process that has it lives, and its session with it.

        One that is silent for a lease's time is dead or frozen: its sessions are ended, and it will find out.
        """
        patience_s = PLACE_PATIENCE_S
        while not await connection.fetchval(f"SELECT pg_try_advisory_lock({LOCK_CLASS}, $1)", self.writer):
            row = await connection.fetchrow(_SILENT_PIDS, self.writer, LEASE_S)
            if row is not None and row[1]:
                await connection.fetch("SELECT pg_terminate_backend(pid) FROM unnest($1::integer[]) AS pid", row[0])
            if patience_s <= 0:
                raise SettingsError(
                    f"another process works as node {self.node} of box {self.box}: give each box a name of its own "
                    "(gateway.box)"
                )
            patience_s -= PLACE_PAUSE_S
            await asyncio.sleep(PLACE_PAUSE_S)

    async def _free_slot(self, connection: Any) -> int:
        last = await connection.fetchval("SELECT slot FROM runs ORDER BY run DESC LIMIT 1")
        taken = {row[0] for row in await connection.fetch("SELECT slot FROM runs WHERE ended_at IS NULL")}
        first = 0 if last is None else last + 1
        for slot in range(first, first + SLOTS):
            if slot % SLOTS not in taken:
                return slot % SLOTS
        raise SettingsError(f"{SLOTS} nodes work on this store: no further one can make ids")

    async def _find_last(self, connection: Any) -> None:
        """The greatest id and block that there are: a clock that was set back must not make ids a second time."""
        newest = int(await connection.fetchval(_NEWEST_IDS) or 0)
        row = await connection.fetchrow(_LAST_BLOCK, self.writer)
        self.last_seq, last_us = (row[0], row[1]) if row is not None else (0, 0)
        self.last_id = max(newest, first_id_at(last_us // 1000 + 1) if last_us else 0)

    # -- heartbeat ------------------------------------------------------------------------------------

    async def beat(self, connection: Any, pids: list[int]) -> None:
        """Say that we live, and hear what time it is."""
        asked_at_s = boot_s()
        database_us = await connection.fetchval(_BEAT, self.number, pids, self.told)
        if database_us is None:
            self.is_fenced = True
            return
        self._heard(database_us, asked_at_s)

    def _heard(self, database_us: int, asked_at_s: float) -> None:
        self._heard_at_s = asked_at_s
        self._clock.heard(database_us, asked_at_s)

    def may_write(self) -> bool:
        """Half of the lease has not passed without a word: nobody else has our items."""
        return not self.is_fenced and boot_s() - self._heard_at_s < LEASE_S / 2

    # -- the dead -------------------------------------------------------------------------------------

    async def bury(self, connection: Any, names: Names) -> Buried:
        """Free what dead runs held."""
        await connection.execute(_END_SILENT, LEASE_S)
        doubtful: list[Item] = []
        queues: set[int] = set()
        async with connection.transaction():
            dead = [row[0] for row in await connection.fetch(_DEAD)]
            for run in dead:
                rows = await connection.fetch(_IN_DOUBT, run, self.number)
                await names.meet(connection, {number for row in rows for number in (row["queue"], row["lane"])})
                doubtful += [item for row in rows if (item := _item_of(row, names)) is not None]
                await connection.execute(_CLEARED, run)
            await counts.fold(connection, dead)
            await counts.fold_late(connection)
            if dead:
                await connection.execute(_WHOLE_TABLE)
                held = await connection.fetch(_OF_RUNS, dead)
                for run in {row["run"] for row in held}:
                    await connection.execute(leases.RELEASE, *columns([row[1:] for row in held if row[0] == run]), run)
                queues.update(row["queue"] for row in held)
            await names.meet(connection, queues)
        return Buried(doubtful, {names.name(number) for number in queues}, bool(dead))

    async def end(self, connection: Any, *, has_nothing: bool) -> None:
        """This run is over in order; whoever comes next need not wait, nor bury it if it `has_nothing`."""
        async with connection.transaction():
            await connection.execute(_END, self.number)
            if has_nothing and not await connection.fetchval(_HAS_DOUBTS, self.number):
                await counts.fold(connection, [self.number])
                await connection.execute(_CLEARED, self.number)


def _item_of(row: Any, names: Names) -> Item | None:
    message = message_or_none(row["body"])
    if message is None:
        return None
    place = (names.name(row["queue"]), row["priority"], names.name(row["lane"]), row["due_at_ms"], row["id"])
    return Item(*place, message, row["attempts"], True, row["place"])

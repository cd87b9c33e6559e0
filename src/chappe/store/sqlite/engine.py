"""The SQLite engine: group commit in the loop's own thread, heads of queues in memory.

Whatever nodes ask for during one turn of the loop is written by one transaction and one sync.
Every answer follows its commit.  All nodes live in this process, so a lease lives in memory.
"""

import asyncio
import sqlite3
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from traceback import format_exc
from typing import Any, Final, NamedTuple

import msgspec
import zstandard

from chappe.crash import ARMED, CrashPoint, reach
from chappe.model.errors import MisuseError
from chappe.model.events import EventBatch, EventName, count
from chappe.model.ids import first_id_at
from chappe.model.lifecycle import FINAL, NEVER_SENT, Direction, Status
from chappe.model.message import Content, Item, Message
from chappe.store.due import Due
from chappe.store.heads import Head, LaneKey, Loaded
from chappe.store.port import (
    NO_TALLY,
    SLOW_CALL_S,
    Block,
    BlockListener,
    Fault,
    Held,
    Life,
    QueueDepth,
    Report,
    Sending,
    Settlement,
    StoreAway,
    TallyKey,
)
from chappe.store.sqlite import rows
from chappe.store.sqlite.cursor import Cursor
from chappe.store.sqlite.depths import SLICE_SHIFT, Depths
from chappe.store.sqlite.history import find_life
from chappe.store.sqlite.isolation import POISON, NotNow, id_of, store_apart
from chappe.store.sqlite.names import Names
from chappe.store.sqlite.once import once
from chappe.store.sqlite.opening import connect, open_run
from chappe.store.sqlite.references import References
from chappe.store.sqlite.transaction import Transaction
from chappe.store.sqlite.writes import Effects

#: Commits between two checkpoints, and the longest time between them while there is something to carry over.
CHECKPOINT_COMMITS: Final = 400
CHECKPOINT_AFTER_S: Final = 2.0
#: How often the engine looks for items that have become due.
LOOK_EVERY_S: Final = 0.1
#: MO that a start looks at for answers which were perhaps not read.
MO_REMEMBERED: Final = 100_000
#: Messages in parts kept in memory; what is evicted comes back from disk when a report is about it.
LONG_LIVES: Final = 20_000
#: Octets that a disk must take before the store is back.
PROBE_OCTETS: Final = 65_536
#: Pause between two tries to read the file after a COMMIT of unknown outcome.
REOPEN_PAUSE_S: Final = 0.05
REOPEN_TRIES: Final = 100
#: Messages that one look for overdue ones takes, and when one that is held or on its way is looked at again.
OVERDUE_ITEMS: Final = 500
EXPIRY_AGAIN_MS: Final = 60_000
_MAY_WAIT_AGAIN: Final = (Status.SENDING, Status.HELD)
#: Due items that one look brings into memory, per lane.
DUE_ITEMS: Final = 500
#: Pause before a lane with more due items than one look brings is looked at again.
DUE_AGAIN_MS: Final = 500
#: Held messages are counted no further.
HELD_COUNTED: Final = 10_000

_NEW_BLOCK = "INSERT INTO event_blocks (seq, run, at_us, events, ids, counts, lines) VALUES (?, ?, ?, ?, ?, ?, ?)"
_pack = msgspec.msgpack.Encoder().encode


class Unreadable(NamedTuple):
    """A queue row whose content cannot be decoded, and the traceback that says why."""

    queue: str
    priority: int
    lane: str
    due_at_ms: int
    id: int
    body: bytes | None
    reason: str


class Call:
    """One verb's batch waiting for the group commit."""

    __slots__ = ("done", "events", "items", "kind")

    def __init__(
        self, kind: str, items: Sequence[Any], events: EventBatch | None, done: asyncio.Future[list[Fault | None]]
    ) -> None:
        self.kind = kind
        self.items = items
        self.events = events
        self.done = done


#: Verbs in the order in which one transaction writes them: what a later one may look for, an earlier one wrote.
_ORDER: Final = ("accept", "settle", "report", "sweep", "record", "write")


class SqliteStore:
    """The store of one box without anything to install.  See `store.port.Store`."""

    def __init__(
        self, path: Path, *, version: str, clock_us: Callable[[], int] = lambda: time.time_ns() // 1000
    ) -> None:
        self.path = path
        self._version = version
        self._now_us = clock_us
        self._calls: list[Call] = []
        self._is_scheduled = False
        self._heads: dict[str, Head] = {}
        self._bells: dict[str, list[Callable[[], None]]] = {}
        self._open_by_client: dict[str, int] = {}
        self._leased: set[int] = set()
        self._due_in_memory: set[tuple[str, int]] = set()
        self._due = Due()
        self._long: dict[int, Life] = {}
        self._parked = 0
        self._depths = Depths()
        self._listeners: list[BlockListener] = []
        self._observers: list[Callable[[str, float], None]] = []
        self._receipt_observers: list[Callable[[str, float, int], None]] = []
        self._zstd = zstandard.ZstdCompressor(level=1)
        self._parked = 0
        self._silent = Cursor()
        self._parked_cursor = Cursor()
        self._commits = 0
        self._checkpoint_at = 0.0
        self.is_away = False
        self._away_reason = ""
        self._away_at_us = 0
        self._is_closing = False

    # -- opening ------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the file, migrate it, find out what is in it.  Raises: StoreAway, SettingsError."""
        self._loop = asyncio.get_running_loop()
        self._connection = connect(self.path)
        self.run, self.last_id, key = open_run(self._connection, self._version)
        #: Random octets that were made with the file: keyed hashes stay the same from run to run.
        self.key = key
        self._names = Names(self._connection)
        self._references = References(key)
        self._references.load(self._connection)
        self._seq = int(self._connection.execute("SELECT coalesce(max(seq), 0) FROM event_blocks").fetchone()[0])
        self._seq = max(self._seq, self._meta_int("blocks_until"))
        self._recover()

    def _recover(self) -> None:
        """Rebuild what memory must know: lanes, counts, recent references, parked reports."""
        self._recover_rows()
        final = ",".join(str(int(status)) for status in FINAL)
        sent = ",".join(str(int(status)) for status in (Status.SENT, Status.BUFFERED, Status.UNKNOWN))
        execute, name = self._connection.execute, self._names.name
        lanes = "SELECT queue, priority, lane, min(due_at_ms), max(due_at_ms) FROM queue GROUP BY queue, priority, lane"
        for queue, priority, lane, first_ms, last_ms in execute(lanes):
            if first_ms == 0:
                self._head(name(queue)).remember(priority, name(lane))
            if last_ms > 0:
                self._due.note(name(queue), (priority, name(lane)), 1)
        # An MO bears the operator that brought it, an MT bears one from when it was sent.
        counts = execute(
            f"SELECT client, count(*) FROM messages WHERE status NOT IN ({final})"
            f" AND (operator IS NULL OR status IN ({sent})) GROUP BY client"
        )
        self._open_by_client = {name(client): count for client, count in counts}
        self._parked = int(execute("SELECT count(*) FROM parked").fetchone()[0])
        waiting = execute(f"SELECT queue, id >> {SLICE_SHIFT} AS slice, count(*) FROM queue GROUP BY queue, slice")
        self._depths.load((name(queue), piece, count) for queue, piece, count in waiting)
        self._recover_references()

    def _recover_rows(self) -> None:
        """Messages that only memory queued get rows; of those marked `sending` nobody knows the outcome."""
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        never = ",".join(str(int(status)) for status in NEVER_SENT)
        execute(
            "INSERT OR IGNORE INTO queue (queue, priority, lane, due_at_ms, id)"
            f" SELECT queue, priority, lane, due_at_ms, id FROM messages WHERE status IN ({never})"
        )
        execute("COMMIT")
        query = f"SELECT queue, priority, lane, due_at_ms, id, body FROM messages WHERE status = {Status.SENDING:d}"
        name = self._names.name
        in_doubt = [
            Item(name(queue), priority, name(lane), due, each, message, 0, True)
            for queue, priority, lane, due, each, body in execute(query).fetchall()
            if (message := rows.message_or_none(body)) is not None
        ]
        if in_doubt:
            self._hold(in_doubt, "the gateway died between write and response")

    def _hold(self, items: list[Item], reason: str) -> None:
        events = EventBatch(self._now_us())
        for item in items:
            message: Message = item.content  # type: ignore[assignment]
            events.add(
                EventName.MT_HELD,
                item.id,
                message.client,
                item.queue.partition(":")[2],
                message.dest,
                message.source,
                message.reference,
                "",
                reason,
            )
        call = Call("settle", [Held(item, reason) for item in items], events, self._loop.create_future())
        ids = [item.id for item in items]
        self._leased.update(ids)
        _, block = self._commit([call])
        self._leased.difference_update(ids)
        if block is not None:
            self._seq = block.seq
        self._names.committed()

    def _recover_references(self) -> None:
        transaction = self._transaction()
        since = self._references.settled_until_us
        for piece in self._pieces("SELECT id FROM messages WHERE sent_at_us > ? ORDER BY sent_at_us", since):
            lives = transaction.lives(piece)
            for life in (lives[each] for each in piece):
                if life.parts is None and life.message is not None and life.message.parts == 1:
                    self._references.add(life.operator, life.operator_ref, life, 1, life.sent_at_us)
                    self._forget_content(life)
        # Of messages in parts also those whose last part has not left.
        for piece in self._pieces("SELECT DISTINCT id FROM parts WHERE sent_at_us > ?", since):
            for life in transaction.lives(piece).values():
                self._recover_long(life)

    def _pieces(self, query: str, since_us: int) -> Iterator[list[int]]:
        ids = [int(row[0]) for row in self._connection.execute(query, (since_us,))]
        for start in range(0, len(ids), 1000):
            yield ids[start : start + 1000]

    def _recover_long(self, life: Life) -> None:
        self._long[life.id] = life
        for part, reference, operator, at_us in self._connection.execute(rows.SENT_PARTS, (life.id,)):
            life.operator = self._names.name(operator)
            self._references.add(life.operator, str(reference), life, int(part), int(at_us))
        self._forget_content(life)

    def _forget_content(self, life: Life) -> None:
        if life.status in FINAL:
            life.message = None
            self._long.pop(life.id, None)

    def _meta_int(self, key: str) -> int:
        row = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return int(row[0]) if row else 0

    async def close(self) -> None:
        """Write what waits and close the file."""
        self._is_closing = True
        if self._calls:
            self._flush()
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    # -- verbs --------------------------------------------------------------------------------------

    async def accept(self, items: Sequence[Item], events: EventBatch) -> Sequence[Fault | None]:
        return await self._ask("accept", items, events)

    async def settle(self, settlements: Sequence[Settlement], events: EventBatch) -> Sequence[Fault | None]:
        return await self._ask("settle", settlements, events)

    async def report(self, reports: Sequence[Report], events: EventBatch) -> Sequence[Fault | None]:
        return await self._ask("report", reports, events)

    async def record(self, events: EventBatch) -> None:
        await self._ask("record", (), events)

    async def write(self, statement: str, values: Sequence[Sequence[object]]) -> None:
        """Execute one statement for each row of values within the group commit (copies, counters, meta)."""
        await self._ask("write", [[(statement, values)]], None)

    async def write_together(self, statements: Sequence[tuple[str, Sequence[Sequence[object]]]]) -> None:
        """Execute several statements within one group commit.  Raises: StoreAway."""
        await self._ask("write", [list(statements)], None)

    def oldest_block(self) -> int:
        """The first event block that the hot file still holds; 0 for none."""
        with self._reading():
            return int(self._connection.execute("SELECT coalesce(min(seq), 0) FROM event_blocks").fetchone()[0])

    def has_references(self, generation: int) -> bool:
        """Rows of this generation of references are left."""
        with self._reading():
            query = "SELECT 1 FROM refs WHERE generation = ? LIMIT 1"
            return self._connection.execute(query, (generation,)).fetchone() is not None

    def forget_generation(self, generation: int) -> None:
        """A generation of references is past retention and deleted."""
        self._references.forget_generation(generation)

    def copied(self, name: str) -> tuple[int, str] | None:
        with self._reading():
            return self._connection.execute(rows.COPIED, (name,)).fetchone()  # type: ignore[no-any-return]

    async def advance(self, name: str, seq: int, position: str, tally: Mapping[TallyKey, int] = NO_TALLY) -> None:
        # One item: were the group written piece by piece, offset and counts would still stay together.
        statements: list[tuple[str, Sequence[Sequence[object]]]] = [(rows.COPY, [(name, seq, position)])]
        if tally:
            statements.append((rows.COUNT, [(*key, number) for key, number in tally.items()]))
        await self._ask("write", [statements], None)

    async def lease(self, queue: str, limit: int) -> list[Item]:
        return self.lease_now(queue, limit)

    def lease_now(self, queue: str, limit: int) -> list[Item]:
        """Like `lease`, without a turn of the loop: a lease lives in memory here."""
        if self.is_away:
            return []
        if not self._due.is_empty and self._due.is_due(queue, self._now_us() // 1000):
            self._load_due(queue)
        head = self._heads.get(queue)
        if head is None or head.is_empty:
            return []
        items = head.take(limit)
        self._leased.update([item.id for item in items])
        return items

    async def release(self, items: Sequence[Item]) -> None:
        by_queue: dict[str, list[Item]] = {}
        for item in items:
            if item.id in self._leased:
                self._leased.discard(item.id)
                by_queue.setdefault(item.queue, []).append(item)
        for queue, given in by_queue.items():
            self._head(queue).give_back(given)
            self._ring(queue)

    async def find(self, message_id: int) -> Life | None:
        with self._reading():
            life = self._transaction().lives([message_id]).get(message_id)
        if life is not None:
            return life
        try:
            return await self._loop.run_in_executor(None, find_life, self.path.parent, message_id)
        except sqlite3.Error as error:
            raise StoreAway(f"history of {self.path.parent}: {error}") from error

    async def parts_sent(self, message_id: int) -> set[int]:
        """Which parts of a long message an operator has already taken."""
        found = rows.PARTS_OF.fetch(self._connection, [message_id])
        return {int(part) for _, part, _, _ in found}

    def mo_proved_until(self, operator: str) -> int:
        return self._meta_int(f"mo_proved:{operator}")

    def mo_unproved(self, operator: str) -> list[Message]:
        since, noted = self.mo_proved_until(operator), f"mo_unproved:{operator}"
        # An MT bears its operator too, from when it was sent.
        query = "SELECT id FROM messages WHERE id >= ? AND operator = ? AND sent_at_us = 0 ORDER BY id DESC LIMIT ?"
        found = self._connection.execute(query, (since, self._names.known(operator), MO_REMEMBERED))
        ids = {int(row[0]) for row in found}
        row = self._connection.execute("SELECT value FROM meta WHERE key = ?", (noted,)).fetchone()
        ids.update(array("q", row[0]) if row else ())
        lives = rows.LIVES.fetch(self._connection, sorted(ids))
        messages = sorted((rows.unpack_message(life[2]) for life in lives), key=lambda message: message.id)
        return [message for message in messages if message.direction is Direction.MO]

    async def prove_mo(self, operator: str, below_id: int, except_ids: Sequence[int] = ()) -> None:
        statement = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        unproved = array("q", except_ids).tobytes()
        await self.write(statement, [(f"mo_proved:{operator}", below_id), (f"mo_unproved:{operator}", unproved)])

    def mo_identities(self, operator: str, since_ms: int) -> list[tuple[bytes, int]]:
        query = "SELECT identity, at_ms FROM mo_identities WHERE operator = ? AND at_ms >= ? ORDER BY at_ms"
        return list(self._connection.execute(query, (self._names.known(operator), since_ms)))

    async def note_mo_identities(self, operator: str, identities: Sequence[tuple[bytes, int]]) -> None:
        # The operator has a number: its MO are written first.  See `_ORDER`.
        statement = "INSERT OR REPLACE INTO mo_identities SELECT number, ?, ? FROM names WHERE name = ?"
        await self.write(statement, [(identity, at_ms, operator) for identity, at_ms in identities])

    def listen(self, queue: str, bell: Callable[[], None]) -> None:
        self._bells.setdefault(queue, []).append(bell)

    def open_messages(self, client: str) -> int:
        return self._open_by_client.get(client, 0)

    def is_waiting(self, queue: str) -> bool:
        """Something may be leased from the queue."""
        head = self._heads.get(queue)
        return head is not None and not head.is_empty

    def on_block(self, listener: BlockListener) -> None:
        """Call `listener` after each commit with the block that it wrote."""
        self._listeners.append(listener)

    def on_call(self, observer: Callable[[str, float], None]) -> None:
        """Call `observer` after each commit, once for every verb in it, with the verb and the commit's seconds."""
        self._observers.append(observer)

    def on_receipts(self, observer: Callable[[str, float, int], None]) -> None:
        """Call `observer` after each commit that matched reports.

        Its arguments are an operator, the seconds from its yes to the first of its reports, and how many there were.
        """
        self._receipt_observers.append(observer)

    @property
    def parked_reports(self) -> int:
        """How many reports match nothing so far."""
        return self._parked

    # -- group commit -------------------------------------------------------------------------------

    def _ask(self, kind: str, items: Sequence[Any], events: EventBatch | None) -> asyncio.Future[list[Fault | None]]:
        done: asyncio.Future[list[Fault | None]] = self._loop.create_future()
        if self.is_away:
            # Only `try_again` finds out whether the store is back: a disk that is nearly full must not flap.
            done.set_exception(self._away_error())
            return done
        self._calls.append(Call(kind, items, events, done))
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._flush)
        return done

    def _flush(self) -> None:
        """Write everything that waits in one transaction, then tell everyone."""
        self._is_scheduled = False
        calls, self._calls = self._calls, []
        began = time.perf_counter()
        try:
            transaction, block = self._commit(calls)
        except POISON:
            self._isolate(calls)
        except sqlite3.Error as error:
            self._fail(calls, error)
        else:
            self._committed(calls, transaction, block)
        took = time.perf_counter() - began
        for verb in {call.kind for call in calls}:
            for observer in self._observers:
                observer(verb, took)
        if took > SLOW_CALL_S and not self.is_away:
            events = EventBatch(self._now_us())
            events.add(EventName.STORE_SLOW, detail=f"commit of {len(calls)} calls took {took * 1000:.0f} ms")
            self._ask("record", (), events).add_done_callback(_ignore)
        elif self._commits >= CHECKPOINT_COMMITS or (self._commits and began >= self._checkpoint_at):
            self._loop.call_soon(self._checkpoint)

    def _transaction(self) -> Transaction:
        return Transaction(
            self._connection,
            self._names,
            self._references,
            self._parked,
            self._long,
            lambda queue, priority, lane: self._head(queue).room(priority, lane),
            self._leased,
            self._now_us(),
        )

    def _commit(self, calls: Sequence[Call]) -> tuple[Transaction, Block | None]:
        """One transaction for these calls.  On any error nothing of it is left, on disk or in memory."""
        transaction = self._transaction()
        connection = self._connection
        has_spilled, block, is_ending = False, None, False
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._run_calls(transaction, calls)
            transaction.write()
            has_spilled = self._references.spill(connection, transaction.events.at_us)
            block = self._write_block(calls, transaction)
            if ARMED is not None:
                _reach(calls, is_before=True)
            is_ending = True
            connection.execute("COMMIT")
        except BaseException as error:
            if not (is_ending and isinstance(error, sqlite3.Error) and self._is_durable(block)):
                transaction.put_back()
                self._names.rolled_back()
                self._roll_back()
                raise
        if ARMED is not None:
            _reach(calls, is_before=False)
        if has_spilled:
            self._references.spilled()
        return transaction, block

    def _run_calls(self, transaction: Transaction, calls: Sequence[Call]) -> None:
        for kind in _ORDER:
            for call in calls:
                if call.kind != kind:
                    continue
                if kind == "accept":
                    transaction.accept(call.items)
                elif kind == "settle":
                    transaction.settle(call.items)
                elif kind == "report":
                    transaction.report(call.items)
                elif kind == "sweep":
                    for sweep in call.items:
                        sweep(transaction)
                elif kind == "write":
                    for statement, values in chain.from_iterable(call.items):
                        self._connection.executemany(statement, values)
            if kind == "settle":
                transaction.match_parked()

    def _write_block(self, calls: Sequence[Call], transaction: Transaction) -> Block | None:
        """The events of all calls as one row."""
        batches = [call.events for call in calls if call.events is not None]
        batches.append(transaction.events)
        ids = [each for batch in batches for each in batch.ids]
        if not ids:
            return None
        seq = self._seq + 1
        text = "".join(["".join(batch.lines) for batch in batches]).encode("utf-8", "backslashreplace")
        counts = count(batches)
        block = Block(seq, transaction.events.at_us, text, counts)
        self._connection.execute(
            _NEW_BLOCK,
            (
                seq,
                self.run,
                block.at_us,
                sum(counts.values()),
                array("q", ids).tobytes(),
                _pack([(*key, number) for key, number in counts.items()]),
                self._zstd.compress(text),
            ),
        )
        return block

    def _committed(self, calls: Sequence[Call], transaction: Transaction, block: Block | None) -> None:
        self._names.committed()
        self._commits += 1
        if block is not None:
            self._seq = block.seq
        rung = self._take_effect(transaction.effects)
        while len(self._long) > LONG_LIVES:
            del self._long[next(iter(self._long))]
        for call in calls:
            if not call.done.done():
                call.done.set_result([None] * len(call.items))
        for queue in rung:
            self._ring(queue)
        if block is not None:
            for listener in self._listeners:
                listener(block)

    def _take_effect(self, effects: Effects) -> set[str]:
        """Memory follows the disk: counts, leases, heads of queues."""
        counts = self._open_by_client
        for client in effects.opened:
            counts[client] = counts.get(client, 0) + 1
        for client in effects.closed:
            counts[client] = counts.get(client, 0) - 1
        self._parked += effects.parked
        for operator, (wait_us, reports) in effects.receipt_waits.items():
            for observer in self._receipt_observers:
                observer(operator, wait_us / 1_000_000, reports)
        self._depths.remove(effects.settled)
        self._depths.add(effects.queued)
        self._depths.add(effects.deferred)
        leased = self._leased
        for item in effects.settled:
            if item.id in leased:
                leased.discard(item.id)
            elif item.queue in self._heads:
                # Its reader gave it back before it said what became of it.
                self._heads[item.queue].discard({item.id})
            if item.due_at_ms:
                self._due_in_memory.discard((item.queue, item.id))
        rung: set[str] = set()
        for item in effects.queued:
            if item.due_at_ms:
                self._due.note_item(item)
                continue
            self._head(item.queue).push(item)
            rung.add(item.queue)
        for item in effects.deferred:
            self._due.note_item(item)
        return rung

    # -- failures -----------------------------------------------------------------------------------

    def _fail(self, calls: Sequence[Call], error: sqlite3.Error) -> None:
        """The disk does not take it: nobody hears yes.  Everyone may try again."""
        self._go_away(str(error))
        for call in calls:
            if not call.done.done():
                call.done.set_exception(self._away_error())

    def _go_away(self, reason: str) -> None:
        if not self.is_away:
            self.is_away, self._away_reason, self._away_at_us = True, reason, self._now_us()

    def _away_error(self) -> StoreAway:
        return StoreAway(f"store {self.path}: {self._away_reason}; nothing of the batch is stored")

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            # The next try opens the file again.
            self._go_away(str(error))

    def _is_durable(self, block: Block | None) -> bool:
        """COMMIT failed, and whether it holds is what the file says when it is opened again.

        What tells of no event is a note of our own that may be written twice.
        """
        for _ in range(REOPEN_TRIES):
            try:
                self._reopen()
                query = "SELECT count(*) FROM event_blocks WHERE seq = ? AND run = ?"
                row = (block.seq, self.run) if block is not None else (0, 0)
                return bool(self._connection.execute(query, row).fetchone()[0])
            except (sqlite3.Error, StoreAway):
                # Until the file can be read nobody can be answered, neither yes nor no.
                time.sleep(REOPEN_PAUSE_S)
        raise SystemExit(f"store {self.path}: cannot be opened to see whether a commit holds; start again")

    def _reopen(self) -> None:
        try:
            self._connection.close()
        except sqlite3.Error:
            pass
        self._connection = connect(self.path)
        self._names.reconnect(self._connection)

    def try_again(self) -> bool:
        """The store is away: find out whether the disk takes octets again.  True: it is back."""
        try:
            self._reopen()
            self._connection.execute(rows.PROBE, (PROBE_OCTETS,))
            self._connection.execute(rows.PROBE, (0,))
        except (sqlite3.Error, StoreAway) as error:
            self._away_reason = str(error)
            return False
        self.is_away = False
        for event, at_us in ((EventName.STORE_AWAY, self._away_at_us), (EventName.STORE_BACK, self._now_us())):
            events = EventBatch(at_us)
            events.add(event, detail=self._away_reason)
            self._ask("record", (), events).add_done_callback(_ignore)
        for queue in list(self._bells):
            self._ring(queue)
        return True

    def _isolate(self, calls: Sequence[Call]) -> None:
        """Something in the group cannot be stored: write call by call, then in halves, refuse it alone."""
        for number, call in enumerate(calls):
            try:
                faults = self._store_apart(call)
            except POISON as error:
                faults = [Fault(str(error))]
            except sqlite3.Error as error:
                return self._fail(calls[number:], error)
            if call.done.done():
                continue
            if len(faults) > len(call.items):
                call.done.set_exception(MisuseError(f"{call.kind}: {faults[0]}"))
            else:
                call.done.set_result(faults)
        return None

    def _store_apart(self, call: Call) -> list[Fault | None]:
        is_begun = False

        def attempt(piece: Sequence[Any], events: EventBatch | None) -> None:
            nonlocal is_begun
            if self.is_away:
                raise NotNow(self._away_reason)
            single = Call(call.kind, piece, events, self._loop.create_future())
            try:
                self._committed([single], *self._commit([single]))
            except POISON:
                if call.kind != "accept" or len(piece) != 1 or not self._is_stored(piece[0]):
                    raise
            except sqlite3.Error as error:
                if not is_begun:
                    raise
                self._go_away(str(error))
                raise NotNow(str(error)) from error
            is_begun = True

        if call.kind in ("write", "sweep"):
            attempt(call.items, None)
            return []
        faults = store_apart(call.items, call.events, attempt)
        self._tell_poisoned(call, faults)
        return faults

    def _is_stored(self, item: Item) -> bool:
        """The very message is there already: its node gives it a second time."""
        try:
            row = self._connection.execute("SELECT body FROM messages WHERE id = ?", (item.id,)).fetchone()
            return row is not None and row[0] == rows.pack(item.content)
        except POISON:
            return False

    def _tell_poisoned(self, call: Call, faults: Sequence[Fault | None]) -> None:
        events = EventBatch(self._now_us())
        for item, fault in zip(call.items, faults, strict=False):
            if fault is not None:
                number = id_of(item)
                known = number if -(1 << 63) <= number < 1 << 63 else 0
                events.add(EventName.ITEM_POISONED, known, detail=f"{call.kind}: {fault.what}")
        if events:
            self._ask("record", (), events).add_done_callback(_ignore)

    # -- due items, bells, upkeep -------------------------------------------------------------------

    def _head(self, queue: str) -> Head:
        head = self._heads.get(queue)
        if head is None:
            head = self._heads[queue] = Head(queue, lambda *lane: self._load_lane(queue, *lane))
        return head

    def _load_lane(self, queue: str, priority: int, lane: str, after_id: int, limit: int) -> Loaded:
        known, leased = self._names.known, self._leased
        values = (known(queue), priority, known(lane), after_id, limit)
        found = self._connection.execute(rows.NEXT_OF_LANE, values).fetchall()
        # What somebody holds is given back or settled by its holder.
        free = ((0, *row) for row in found if row[0] not in leased)
        return Loaded(
            self._items(queue, priority, lane, free), found[-1][0] if found else after_id, len(found) == limit
        )

    def _items(self, queue: str, priority: int, lane: str, found: Iterable[tuple[Any, ...]]) -> list[Item]:
        """Queue rows as items; what cannot be read stops nobody else: it is held for a person."""
        items: list[Item] = []
        for due_at_ms, each, attempts, packed, body in found:
            try:
                items.append(Item(queue, priority, lane, due_at_ms, each, _content(packed, body), attempts, True))
            except (msgspec.MsgspecError, MisuseError, *POISON):
                self._hold_unreadable(Unreadable(queue, priority, lane, due_at_ms, each, packed, format_exc()))
        return items

    def _hold_unreadable(self, row: Unreadable) -> None:
        """Until this is written nobody may lease the row."""
        self._leased.add(row.id)
        number = self._names.known
        lane = (number(row.queue), row.priority, number(row.lane))
        events = EventBatch(self._now_us())
        events.add(EventName.ITEM_POISONED, row.id, detail=f"{row.queue}: {row.reason.strip().splitlines()[-1]}")
        statements = [
            (rows.DEQUEUE, [(*lane, row.due_at_ms, row.id)]),
            (rows.HOLD, [(row.id, lane[0], events.at_us, row.reason, row.priority, lane[2], row.body)]),
            *([] if row.body else [(rows.MARK_HELD, [(row.id,)])]),
        ]
        done = self._ask("write", [statements], events)
        done.add_done_callback(lambda future: self._held_unreadable(future, row))

    def _held_unreadable(self, future: asyncio.Future[list[Fault | None]], row: Unreadable) -> None:
        if not future.cancelled() and future.exception() is not None:
            self._loop.call_later(LOOK_EVERY_S, self._hold_unreadable, row)
        elif not future.cancelled():
            self._leased.discard(row.id)
            self._depths.remove([row])

    def _load_due(self, queue: str) -> None:
        """Bring items whose moment has come to the front of their lanes, and note the next moment."""
        now_ms = self._now_us() // 1000
        for lane in self._due.lanes(queue, now_ms):
            self._due.looked(queue, lane, self._load_due_lane(queue, lane, now_ms))

    def _load_due_lane(self, queue: str, lane: LaneKey, now_ms: int) -> int | None:
        """Returns the next moment of the lane, None when nothing waits there any more."""
        priority, name = lane
        key = (self._names.known(queue), priority, self._names.known(name))
        found = self._connection.execute(rows.DUE_OF_LANE, (*key, now_ms, DUE_ITEMS)).fetchall()
        free = [row for row in found if (queue, row[1]) not in self._due_in_memory and row[1] not in self._leased]
        items = self._items(queue, priority, name, free)
        self._due_in_memory.update((queue, item.id) for item in items)
        self._head(queue).give_back(items)
        if len(found) == DUE_ITEMS:
            return now_ms + DUE_AGAIN_MS
        row = self._connection.execute(rows.NEXT_MOMENT, (*key, now_ms)).fetchone()
        return None if row[0] is None else int(row[0])

    def _ring(self, queue: str) -> None:
        for bell in self._bells.get(queue, ()):
            bell()

    async def keep_time(self, stopping: asyncio.Event) -> None:
        """Ring for items that become due, until asked to stop."""
        while not stopping.is_set():
            await asyncio.sleep(LOOK_EVERY_S)
            now_ms = self._now_us() // 1000
            for queue in self._due.queues(now_ms):
                self._ring(queue)
            if self.is_away:
                self.try_again()

    def _checkpoint(self) -> None:
        """Carry the log into the database file: small pieces, after the answers are written."""
        if self._is_scheduled or not self._commits:
            return
        self._commits = 0
        self._checkpoint_at = time.perf_counter() + CHECKPOINT_AFTER_S
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error:
            # The log keeps everything meanwhile; should it not grow any more either, the next commit says so.
            return

    # -- expiry -------------------------------------------------------------------------------------

    def expired(self, now_ms: int, limit: int = 500) -> list[Item]:
        """Lease messages whose named moment has passed and that nothing was sent of yet.

        The caller settles each as `Ended`; rows of messages that are gone or too far are forgotten, those of
        messages that are held or just being sent are looked at again a minute later.
        """
        if self.is_away:
            return []
        found = self._connection.execute(rows.PASSED_EXPIRIES, (now_ms, limit)).fetchall()
        waiting = self._waiting_rows([each for _, each, _ in found])
        over = [row for row in found if row[1] not in waiting]
        if over:
            later = [(now_ms + EXPIRY_AGAIN_MS, each) for _, each, status in over if status in _MAY_WAIT_AGAIN]
            forgotten = [(at_ms, each) for at_ms, each, _ in over]
            statements = [(rows.FORGET_EXPIRIES, forgotten), (rows.NEW_EXPIRY, later)]
            self._ask("write", [statements], None).add_done_callback(_ignore)
        return self._take_out([item for item in waiting.values() if item.id not in self._leased])

    def overdue(self, queue: str, before_ms: Callable[[str], int], is_over: Callable[[Item], bool]) -> list[Item]:
        """Lease messages of a queue that `is_over` says are worthless and of which nothing was sent.

        Only messages that came before `before_ms(lane)` are asked about.
        """
        if self.is_away:
            return []
        head, ids = self._head(queue), []
        for priority, lane in {*head.lanes(), *self._due.waiting_lanes(queue)}:
            before_id = first_id_at(before_ms(lane))
            key = (self._names.known(queue), priority, self._names.known(lane))
            ids += [each for (each,) in self._connection.execute(rows.OLD_OF_LANE, (*key, before_id, OVERDUE_ITEMS))]
            ids += [each for (each,) in self._connection.execute(rows.OLD_DUE_OF_LANE, (*key, before_id))]
            ids += [item.id for item in head.older_than(lane, before_id, OVERDUE_ITEMS)]
        waiting = self._waiting_rows(list(dict.fromkeys(ids))[:OVERDUE_ITEMS]) if ids else {}
        return self._take_out([item for item in waiting.values() if item.id not in self._leased and is_over(item)])

    async def mark_unknown(self, sent_before_us: Mapping[str, int]) -> None:
        """Messages of an operator that were sent before a moment and have no final receipt become `unknown`.

        One call looks at some of them and the next one goes on from there.  Raises: StoreAway.
        """
        await self._ask(
            "sweep", [partial(Transaction.mark_unknown, cursor=self._silent, sent_before_us=sent_before_us)], None
        )

    async def match_again(self) -> None:
        """Try parked reports again: none should find its part now.  Goes round like `mark_unknown`.

        Raises: StoreAway.
        """
        if self._parked:
            await self._ask("sweep", [partial(Transaction.match_again, cursor=self._parked_cursor)], None)

    async def resolve_held(
        self, ids: Sequence[int], *, is_resent: bool, instruction: int = 0, told: str = ""
    ) -> list[int]:
        """A person decides about held items: they go on in their queues, or they end as cancelled.

        Returns those that were held and could be read; the others are left alone.  The last `instruction` is not
        carried out again, but answered as before; `told` is what its event says.  Raises: StoreAway.
        """
        resolved: list[int] = []

        def decide(transaction: Transaction) -> None:
            act = partial(transaction.resolve_held, ids, is_resent=is_resent, resolved=resolved)
            if not instruction:
                return act()
            return once(self._connection, instruction, resolved, transaction.events, told, act)

        await self._ask("sweep", [decide], None)
        return resolved

    def _waiting_rows(self, ids: Sequence[int]) -> dict[int, Item]:
        """Of these messages, the ones of which nothing was sent: id → item."""
        never = ",".join(str(int(status)) for status in NEVER_SENT)
        marks = ",".join("?" * len(ids))
        query = (
            "SELECT m.id, m.queue, m.priority, m.lane, m.due_at_ms, coalesce(q.attempts, 0), q.id IS NOT NULL, m.body"
            " FROM messages m LEFT JOIN queue q ON"
            " q.queue = m.queue AND q.priority = m.priority AND q.lane = m.lane AND q.due_at_ms = m.due_at_ms"
            f" AND q.id = m.id WHERE m.id IN ({marks}) AND m.status IN ({never})"
        )
        name = self._names.name
        return {
            each: Item(name(queue), priority, name(lane), due, each, message, attempts, bool(has_row))
            for each, queue, priority, lane, due, attempts, has_row, body in self._connection.execute(query, list(ids))
            if (message := rows.message_or_none(body)) is not None
        }

    def _take_out(self, items: Sequence[Item]) -> list[Item]:
        by_queue: dict[str, set[int]] = {}
        for item in items:
            by_queue.setdefault(item.queue, set()).add(item.id)
        for queue, ids in by_queue.items():
            self._head(queue).discard(ids)
        self._leased.update(item.id for item in items)
        return list(items)

    # -- reading ------------------------------------------------------------------------------------

    def depths(self) -> list[QueueDepth]:
        """How much waits in each queue, leased items included; from memory, so a look costs nothing."""
        return self._depths.depths(self._now_us() // 1000)

    @property
    def held_messages(self) -> int:
        """How many messages wait for a person or a receipt, counted as far as `HELD_COUNTED`.  Raises: StoreAway."""
        query = "SELECT count(*) FROM (SELECT 1 FROM held LIMIT ?)"
        with self._reading():
            return int(self._connection.execute(query, (HELD_COUNTED,)).fetchone()[0])

    @property
    def last_block(self) -> int:
        """The number of the newest event block."""
        return self._seq

    def blocks_after(self, seq: int, limit: int = 100) -> list[Block]:
        """Event blocks that follow `seq`, in order (for copies that must catch up).  Raises: StoreAway."""
        query = "SELECT seq, at_us, counts, lines FROM event_blocks WHERE seq > ? ORDER BY seq LIMIT ?"
        unzip = zstandard.ZstdDecompressor().decompress
        with self._reading():
            return [
                Block(each, at_us, unzip(lines), {(a, b, c): n for a, b, c, n in msgspec.msgpack.decode(counts)})
                for each, at_us, counts, lines in self._connection.execute(query, (seq, limit))
            ]

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """While the store is away the file may not even be open."""
        try:
            yield
        except sqlite3.Error as error:
            raise StoreAway(f"store {self.path}: {error}") from error


def _content(packed: bytes | None, body: bytes | None) -> Content:
    """What a queue row holds: its own packed receipt, or else the message."""
    if packed is not None:
        return rows.unpack_receipt(packed)
    if body is None:
        raise MisuseError("a queue row without a message: the file was changed by something else")
    return rows.unpack_message(body)


def _reach(calls: Sequence[Call], *, is_before: bool) -> None:
    """Tests kill the process around the commits that they name."""
    when = "before" if is_before else "after"
    for call in calls:
        if call.kind == "accept":
            content = call.items[0].content
            kind = "accept_mt" if content.direction is Direction.MT else "accept_mo"
        elif call.kind == "settle":
            kind = "sending" if isinstance(call.items[0], Sending) else "settle"
        elif call.kind == "report":
            kind = "report"
        else:
            continue
        reach(CrashPoint(f"{when}_commit_{kind}"))


def _ignore(future: asyncio.Future[list[Fault | None]]) -> None:
    """The outcome was only for the log."""
    if not future.cancelled():
        future.exception()

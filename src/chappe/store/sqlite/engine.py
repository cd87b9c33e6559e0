"""The SQLite engine: the store of one box, in the loop's own thread.

Whatever nodes ask for during one turn of the loop is written by one transaction and one sync.
Every answer follows its commit.  All nodes live in this process, so a lease lives in memory.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from chappe.model.events import EventBatch
from chappe.model.message import Item, Message
from chappe.rules.opt_outs import OptOut
from chappe.store.credit import Balance, Drawn
from chappe.store.cursor import Cursor
from chappe.store.parked import Parked, Readings, Replayed
from chappe.store.port import (
    MAX_ID,
    NO_TALLY,
    Block,
    BlockListener,
    CallbacksOff,
    FailedCallback,
    Fault,
    Granted,
    Happening,
    Kept,
    Life,
    MoMemory,
    Once,
    Page,
    Picked,
    Place,
    QueueDepth,
    Report,
    Search,
    Settlement,
    StoreAway,
    TallyKey,
    Wish,
)
from chappe.store.sqlite import callbacks, crediting, keeping, opting, rows
from chappe.store.sqlite.asking import MAX_STORIES, Asking
from chappe.store.sqlite.committing import Committing
from chappe.store.sqlite.granting import Asked
from chappe.store.sqlite.group_commit import GroupCommit
from chappe.store.sqlite.looking import Looking
from chappe.store.sqlite.memory import Memory
from chappe.store.sqlite.mo_proofs import MoProofs
from chappe.store.sqlite.once import once
from chappe.store.sqlite.opening import open_run
from chappe.store.sqlite.picking import Picking
from chappe.store.sqlite.queues import Queues
from chappe.store.sqlite.reading import Reading
from chappe.store.sqlite.recovery import Recovery
from chappe.store.sqlite.references import References
from chappe.store.sqlite.search_process import FindMessages, TellStory
from chappe.store.sqlite.store_file import StoreFile
from chappe.store.sqlite.sweeping import Sweeping
from chappe.store.sqlite.transaction import Transaction
from chappe.store.sqlite.unreadable import Unreadable

#: How often the engine looks for items that have become due.
LOOK_EVERY_S: Final = 0.1


class SqliteStore:
    """The store of one box without anything to install.  See `store.port.Store`."""

    def __init__(
        self, path: Path, *, version: str, clock_us: Callable[[], int] = lambda: time.time_ns() // 1000
    ) -> None:
        self.path = path
        self._version = version
        self._now_us = clock_us
        file = self._file = StoreFile(path, clock_us)
        memory = self._memory = Memory()
        self._open_by_client = memory.open_by_client
        queues = self._queues = Queues(file, clock_us, lambda row: self._unreadable.hold(row))
        committing = self._committing = Committing(file, queues, memory, clock_us)
        group = self._group = GroupCommit(file, queues, memory, committing, clock_us)
        self._crediting = memory.crediting = crediting.Crediting(file)
        self._unreadable = Unreadable(file, group.ask, queues.leased, queues.depths, clock_us)
        self._picking = Picking(file, queues)
        self._sweeping = Sweeping(file, queues, group.ask)
        self._reading = Reading(file, lambda ids: committing.transaction().lives(ids))
        self._searches = Asking(path)
        self._stories = Asking(path, most=MAX_STORIES, most_of_client=MAX_STORIES)
        self._looking = Looking(file)
        self._mo_proofs = MoProofs(file, self.write)
        self._silence_cursor = Cursor()
        self._parked_cursor = Cursor()

    def open(self) -> None:
        """Open the file, migrate it, find out what is in it.  Raises: StoreAway, SettingsError."""
        self._group.open()
        self._file.open()
        memory, connection = self._memory, self._file.connection
        memory.run, self.last_id, key = open_run(connection, self._version)
        self.run = memory.run
        #: Random octets that were made with the file: keyed hashes stay the same from run to run.
        self.key = key
        self._file.load_names()
        memory.references = References(key)
        memory.references.load(connection)
        newest = int(connection.execute("SELECT coalesce(max(seq), 0) FROM event_blocks").fetchone()[0])
        memory.seq = max(newest, self._file.meta_int("blocks_until"))
        Recovery(self._file, self._queues, memory, self._committing, self._now_us).recover()

    @property
    def slot(self) -> int:
        """The slot of this run's ids."""
        return self.run

    @property
    def place(self) -> str:
        """Where the store is, for people."""
        return str(self.path)

    def sizes(self) -> tuple[int, int]:
        """Octets of the file and of its log."""
        return _octets(self.path), _octets(Path(f"{self.path}-wal"))

    async def close(self) -> None:
        """Write what waits and close the file."""
        await self._searches.close()
        await self._stories.close()
        self._group.write_rest()
        self._file.close()

    @property
    def is_away(self) -> bool:
        """The disk takes nothing: everyone hears no."""
        return self._file.is_away

    # -- verbs --------------------------------------------------------------------------------------

    async def accept(self, items: Sequence[Item], events: EventBatch) -> Sequence[Fault | None]:
        return await self._group.ask("accept", items, events)

    async def accept_once(self, batch: Sequence[Once], events: EventBatch) -> Sequence[Kept | Fault | None]:
        return await self._group.ask("once", batch, events)

    async def kept(self, keys: Sequence[bytes], now_ms: int) -> Mapping[bytes, Kept]:
        return self._reading.kept(keys, now_ms)

    async def forget_kept(self, now_ms: int) -> bool:
        if self._reading.has_kept_until(now_ms):
            await self.write(keeping.FORGET, [(now_ms, keeping.FORGET_ROWS)])
        return self._reading.has_kept_until(now_ms)

    async def settle(self, settlements: Sequence[Settlement], events: EventBatch) -> Sequence[Fault | None]:
        return await self._group.ask("settle", settlements, events)

    async def report(self, reports: Sequence[Report], events: EventBatch) -> Sequence[Fault | None]:
        return await self._group.ask("report", reports, events)

    async def grant(self, wishes: Sequence[Wish]) -> Sequence[Granted]:
        asked = [Asked(wish) for wish in wishes]
        faults = await self._group.ask("grant", asked, None)
        if any(fault is not None and fault.is_passing for fault in faults):
            raise StoreAway("the store went away in the midst of the wishes")
        unasked = [Granted.UNKNOWN if fault is not None else None for fault in faults]
        return [
            refused or each.granted or await self._reading.granted(each.wish)
            for each, refused in zip(asked, unasked, strict=True)
        ]

    async def record(self, events: EventBatch) -> None:
        await self._group.ask("record", (), events)

    async def write(self, statement: str, values: Sequence[Sequence[object]]) -> None:
        """Execute one statement for each row of values within the group commit (copies, counters, meta)."""
        await self._group.ask("write", [[(statement, values)]], None)

    def fetch(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        """Rows of one statement that reads, for small tables beside the messages.  Raises: StoreAway."""
        with self._file.reading():
            return self._file.connection.execute(statement, values).fetchall()

    async def write_together(self, statements: Sequence[tuple[str, Sequence[Sequence[object]]]]) -> None:
        """Execute several statements within one group commit.  Raises: StoreAway."""
        await self._group.ask("write", [list(statements)], None)

    async def lease(self, queue: str, limit: int) -> list[Item]:
        return self._queues.lease(queue, limit)

    def is_waiting(self, queue: str) -> bool:
        """Something may be leased from the queue."""
        return self._queues.is_waiting(queue)

    async def pick(self, queue: str, fits: Callable[[Item], bool], place: Place = (), limit: int = 2_000) -> Picked:
        return self._picking.pick(queue, fits, place, limit)

    async def release(self, items: Sequence[Item]) -> None:
        self._queues.release(items)

    async def advance(self, name: str, seq: int, position: str, tally: Mapping[TallyKey, int] = NO_TALLY) -> None:
        # One item: were the group written piece by piece, offset and counts would still stay together.
        statements: list[tuple[str, Sequence[Sequence[object]]]] = [(rows.COPY, [(name, seq, position)])]
        if tally:
            statements.append((rows.COUNT, [(*key, number) for key, number in tally.items()]))
        await self._group.ask("write", [statements], None)

    async def mark_unknown(self, sent_before_us: Mapping[str, int]) -> None:
        """Messages of an operator that were sent before a moment and have no final receipt become `unknown`.

        One call looks at some of them and the next one goes on from there.  Raises: StoreAway.
        """
        await self._group.ask(
            "sweep",
            [partial(Transaction.mark_unknown, cursor=self._silence_cursor, sent_before_us=sent_before_us)],
            None,
        )

    async def match_again(self) -> None:
        """Try parked reports again: none should find its part now.  Goes round like `mark_unknown`.

        Raises: StoreAway.
        """
        if self._memory.parked:
            await self._group.ask("sweep", [partial(Transaction.match_again, cursor=self._parked_cursor)], None)

    async def replay_parked(self, parked: Parked, readings: Readings) -> Replayed:
        made = [Replayed()]

        def act(transaction: Transaction) -> None:
            made[0] = transaction.replay_parked(parked, readings)

        await self._group.ask("sweep", [act], None)
        return made[0]

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
            return once(self._file.connection, instruction, resolved, transaction.events, told, act)

        await self._group.ask("sweep", [decide], None)
        return resolved

    async def replay_callbacks(
        self, ids: Sequence[int], *, client: str = "", instruction: int = 0, told: str = ""
    ) -> list[int]:
        replayed: list[int] = []

        def decide(transaction: Transaction) -> None:
            act = partial(transaction.replay_callbacks, ids, client=client, replayed=replayed)
            if not instruction:
                return act()
            return once(self._file.connection, instruction, replayed, transaction.events, told, act)

        await self._group.ask("sweep", [decide], None)
        return replayed

    async def failed_callbacks(
        self, client: str = "", *, before_id: int = MAX_ID, limit: int = 100
    ) -> list[FailedCallback]:
        return self._reading.failed_callbacks(client, before_id, limit)

    async def forget_failed_callbacks(self, before_id: int) -> bool:
        if not self._reading.has_failed_callbacks(before_id):
            return False
        await self._group.ask("sweep", [partial(Transaction.forget_failed_callbacks, before_id=before_id)], None)
        return self._reading.has_failed_callbacks(before_id)

    async def switch_callbacks_off(self, off: CallbacksOff, events: EventBatch) -> None:
        row = (off.client, off.url, off.at_us, off.reason)
        await self._group.ask("write", [[(callbacks.SWITCH_OFF, [row])]], events)

    async def switch_callbacks_on(self, client: str, events: EventBatch) -> bool:
        if all(off.client != client for off in self._reading.callbacks_off()):
            return False
        await self._group.ask("write", [[(callbacks.SWITCH_ON, [(client,)])]], events)
        return True

    async def callbacks_off(self) -> list[CallbacksOff]:
        return self._reading.callbacks_off()

    async def expired(self, now_ms: int, limit: int = 500) -> list[Item]:
        """Lease messages whose named moment has passed and that nothing was sent of yet.

        The caller settles each as `Ended`; rows of messages that are gone or too far are forgotten, those of
        messages that are held or just being sent are looked at again a minute later.
        """
        return self._sweeping.expired(now_ms, limit)

    async def overdue(self, queue: str, before_ms: Callable[[str], int], is_over: Callable[[Item], bool]) -> list[Item]:
        """Lease messages of a queue that `is_over` says are worthless and of which nothing was sent.

        Only messages that came before `before_ms(lane)` are asked about.
        """
        return self._sweeping.overdue(queue, before_ms, is_over)

    async def mo_identities_elsewhere(
        self, operator: str, identities: Sequence[bytes], since_ms: int
    ) -> Collection[bytes]:
        return ()

    async def prove_mo(self, operator: str, below_id: int, except_ids: Sequence[int] = ()) -> None:
        await self._mo_proofs.prove(operator, below_id, except_ids)

    async def note_mo_identities(self, operator: str, identities: Sequence[tuple[bytes, int]]) -> None:
        # The operator has a number: its MO are written first.  See `_ORDER`.
        await self._mo_proofs.note_identities(operator, identities)

    async def note_opt_outs(self, changes: Sequence[OptOut]) -> None:
        await self.write(opting.NOTE, opting.rows_of(changes))

    async def opt_outs(self, since_us: int) -> list[OptOut]:
        with self._file.reading():
            return opting.since(self._file.connection, since_us)

    async def open_credit(self, client: str, currency: str, opening: int) -> None:
        await self.write(crediting.OPEN, [(client, currency, opening)])

    async def draw_credit(self, client: str, currency: str, wish: int) -> Drawn:
        return self._crediting.draw((client, currency))

    def draw_credit_now(self, client: str, currency: str) -> int | None:
        return self._crediting.draw((client, currency)).units

    async def return_credit(self, client: str, currency: str, units: int) -> None:
        self._crediting.give_back((client, currency), units)

    async def called_back_credit(self) -> Sequence[Balance]:
        return self._crediting.called_back()

    async def balances(self) -> list[Balance]:
        return self._crediting.balances()

    async def add_credit(self, client: str, currency: str, units: int, *, instruction: int = 0, told: str = "") -> bool:
        changed: list[int] = []

        def decide(transaction: Transaction) -> None:
            connection, events = self._file.connection, transaction.events
            act = partial(crediting.add, connection, events, (client, currency), units, told=told, changed=changed)
            if not instruction:
                return act()
            return once(connection, instruction, changed, events, told, act)

        await self._group.ask("sweep", [decide], None)
        return bool(changed)

    def forget_generation(self, generation: int) -> None:
        """A generation of references is past retention and deleted."""
        self._memory.references.forget_generation(generation)

    # -- reading ------------------------------------------------------------------------------------

    async def find(self, message_id: int) -> Life | None:
        return await self._reading.find(message_id)

    async def waiting(self, client: str, source: str, dest: str, after_id: int, limit: int) -> list[Message]:
        return await self._looking.waiting(client, source, dest, after_id, limit)

    async def known_as(self, client: str, text: str, from_id: int, below_id: int) -> list[Life]:
        return await self._looking.known_as(client, text, from_id, below_id)

    async def search(self, search: Search) -> Page:
        answer = await self._searches.ask(FindMessages(search), search.client)
        return answer.page or Page([])

    async def story(self, message_id: int, ended_at_us: int = 0) -> list[Happening]:
        return (await self._stories.ask(TellStory(message_id, ended_at_us))).story or []

    async def parts_sent(self, message_id: int) -> set[int]:
        """Which parts of a long message an operator has already taken."""
        return self._reading.parts_sent(message_id)

    async def mo_memory(self, operator: str, since_ms: int) -> MoMemory:
        with self._file.reading():
            return self._mo_proofs.memory(operator, since_ms)

    def may_write(self) -> bool:
        """A lease lives in this process and never ends before it."""
        return True

    @property
    def pressure(self) -> int:
        """How many items wait in memory though their reader takes what it can.

        Who accepts more than is handed on sends every message through the disk once more, and makes it late.
        """
        return self._queues.pressure

    def look_anew(self, queue: str) -> None:
        """No other process reads here."""

    def open_messages(self, client: str) -> int:
        return self._open_by_client.get(client, 0)

    @property
    def parked_reports(self) -> int:
        """How many reports match nothing so far."""
        return self._memory.parked

    @property
    def held_messages(self) -> int:
        """How many messages wait for a person or a receipt, counted as far as `HELD_COUNTED`.  Raises: StoreAway."""
        return self._reading.held_messages()

    def depths(self) -> list[QueueDepth]:
        """How much waits in each queue, leased items included; from memory, so a look costs nothing."""
        return self._queues.depths.depths(self._now_us() // 1000)

    @property
    def last_block(self) -> int:
        """The number of the newest event block."""
        return self._memory.seq

    def oldest_block(self) -> int:
        """The first event block that the hot file still holds; 0 for none."""
        return self._reading.oldest_block()

    async def blocks_after(self, seq: int, limit: int = 100) -> list[Block]:
        """Event blocks that follow `seq`, in order (for copies that must catch up).  Raises: StoreAway."""
        return self._reading.blocks_after(seq, limit)

    async def copied(self, name: str) -> tuple[int, str] | None:
        return self._reading.copied(name)

    def has_references(self, generation: int) -> bool:
        """Rows of this generation of references are left."""
        return self._reading.has_references(generation)

    # -- bells and time -----------------------------------------------------------------------------

    def listen(self, queue: str, bell: Callable[[], None]) -> None:
        self._queues.listen(queue, bell)

    def unlisten(self, queue: str, bell: Callable[[], None]) -> None:
        self._queues.unlisten(queue, bell)

    def on_block(self, listener: BlockListener) -> None:
        """Call `listener` after each commit with the block that it wrote."""
        self._group.listeners.append(listener)

    def on_call(self, observer: Callable[[str, float], None]) -> None:
        """Call `observer` after each commit, once for every verb in it, with the verb and the commit's seconds."""
        self._group.observers.append(observer)

    def on_receipts(self, observer: Callable[[str, float, int], None]) -> None:
        """Call `observer` after each commit that matched reports.

        Its arguments are an operator, the seconds from its yes to the first of its reports, and how many there were.
        """
        self._group.receipt_observers.append(observer)

    async def keep_time(self, stopping: asyncio.Event) -> None:
        """Ring for items that become due, until asked to stop."""
        while not stopping.is_set():
            await asyncio.sleep(LOOK_EVERY_S)
            self._queues.ring_due()
            if self.is_away:
                self.try_again()

    def try_again(self) -> bool:
        """The store is away: find out whether the disk takes octets again.  True: it is back."""
        return self._group.try_again()


def _octets(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0

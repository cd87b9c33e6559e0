"""The PostgreSQL engine: one store for many processes on many boxes.

Whatever nodes of this process ask for while a transaction is on its way is written by the next one.  Leases name our
run; who is silent for too long loses them.  What must be answered at once is answered from memory that follows our own
commits exactly and those of others within a second.
"""

import asyncio
import os
from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from itertools import count
from typing import Any, Final

from chappe.model.errors import SettingsError
from chappe.model.events import EventBatch, EventName
from chappe.model.lifecycle import Status
from chappe.model.message import Item, Message
from chappe.rules.opt_outs import OptOut
from chappe.store.credit import Balance, Drawn
from chappe.store.cursor import Cursor
from chappe.store.port import (
    MAX_ID,
    NO_TALLY,
    Block,
    BlockListener,
    CallbacksOff,
    Cancel,
    FailedCallback,
    Fault,
    Granted,
    Happening,
    Held,
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
from chappe.store.postgres import crediting, opting, resolving
from chappe.store.postgres.bells import Bells
from chappe.store.postgres.clock import DatabaseClock
from chappe.store.postgres.counts import Counts, fold_own
from chappe.store.postgres.granting import Asked
from chappe.store.postgres.group_commit import TRIES, GroupCommit
from chappe.store.postgres.hashing import Hashing
from chappe.store.postgres.lanes import LaneKey
from chappe.store.postgres.names import Names
from chappe.store.postgres.opening import LOCK_CLASS, Session, check_no_pooler, check_server, migrate
from chappe.store.postgres.queues import Queues
from chappe.store.postgres.reaching import AGAIN, AWAY, shown
from chappe.store.postgres.reading import Reading
from chappe.store.postgres.runs import BEAT_S, Run
from chappe.store.postgres.searching import Searching
from chappe.store.postgres.sweeping import Sweeping
from chappe.store.postgres.transaction import Transaction
from chappe.store.postgres.unreadable import Unreadable
from chappe.store.postgres.writes import Kind

#: How often the engine looks for items that have become due, and for those that no bell told of.
LOOK_EVERY_S: Final = 0.1
LOOK_AT_OTHERS_S: Final = 0.25
#: How often everything is looked at, also what lies below the marks.
LOOK_EVERYWHERE_S: Final = 30.0
#: How often what others have counted is read, and after how many such looks what we have is folded.
COUNT_EVERY_S: Final = 1.0
FOLD_LOOKS: Final = 2
#: Pause between two tries to reach the database.
AWAY_PAUSE_S: Final = 0.1
#: Rows that one call deletes.
FORGET_ROWS: Final = 500

_KEY: Final = "INSERT INTO meta VALUES ('reference_key', $1) ON CONFLICT DO NOTHING"
_READ_KEY: Final = "SELECT value FROM meta WHERE key = 'reference_key'"
_COPY: Final = (
    "INSERT INTO copies (writer, name, seq, position) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (writer, name) DO UPDATE SET seq = excluded.seq, position = excluded.position"
)
_COUNT: Final = (
    "INSERT INTO counters AS c (minute, event, client, operator, writer, count) VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT (minute, event, client, operator, writer) DO UPDATE SET count = c.count + excluded.count"
)
_PROVE: Final = (
    "INSERT INTO mo_proofs (operator, writer, proved, unproved) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (operator, writer) DO UPDATE SET proved = excluded.proved, unproved = excluded.unproved"
)
_IDENTIFY: Final = (
    "INSERT INTO mo_identities (operator, identity, at_ms) VALUES ($1, $2, $3)"
    " ON CONFLICT (operator, identity) DO UPDATE SET at_ms = excluded.at_ms"
)
_FORGET_KEPT: Final = (
    "DELETE FROM kept WHERE key IN (SELECT key FROM kept WHERE until_ms <= $1 ORDER BY until_ms LIMIT $2"
    " FOR UPDATE SKIP LOCKED)"
)
_HAS_KEPT: Final = "SELECT EXISTS (SELECT 1 FROM kept WHERE until_ms <= $1)"


class PostgresStore:
    """The store of many boxes.  See `store.port.Store`."""

    def __init__(
        self,
        dsn: str,
        *,
        version: str,
        box: str = "box1",
        node: str = "all",
        allow_single_copy: bool = False,
        clock_us: Callable[[], int] | None = None,
    ) -> None:
        """`box` and `node` name this process over its restarts; `clock_us` stands for the database's clock in tests."""
        self._dsn = dsn
        self._allow_single_copy = allow_single_copy
        self.clock = DatabaseClock()
        self._now_us = clock_us or self.clock.now_us
        names = self._names = Names()
        run = self._run = Run(box, node, version, self.clock)
        self._sessions = {
            each: Session(dsn, f"{box}/{node} {each}")
            for each in ("control", "main", "reports", "leases", "reads", "search", "shares")
        }
        self._counts = Counts(names)
        self._cursors = (Cursor(), Cursor())
        self._controlled: Any = None
        self._group = GroupCommit(
            self._sessions["main"], self._sessions["reports"], names, run, self._now_us, self._follow
        )
        self._unreadable = Unreadable(self._group.ask, self._now_us)
        self._queues = Queues(self._sessions["leases"], names, self._now_us, self._unreadable.hold)
        self._bells = Bells(self._sessions["control"], self._queues.rung, self._queues.look_everywhere)
        self._queues.tell_others = lambda queue: self._bells.ring(queue, None)
        self._reading = Reading(self._sessions["reads"], names, run)
        self._searching = Searching(self._sessions["search"], names)
        self._crediting = crediting.Crediting(self.lend, lambda: run.number)
        self._sweeping = Sweeping(self._sessions["reads"], names, self._queues)

    # -- life -----------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Reach the database, migrate it, begin a run, free what dead runs held.  Raises: StoreAway, SettingsError."""
        try:
            control = await self._sessions["control"].get()
            await check_server(control, self._dsn, allow_single_copy=self._allow_single_copy)
            await check_no_pooler(control, await self._sessions["main"].get(), self._dsn)
            await migrate(control)
            await self._names.learn(control, [""])
            await self._run.begin(control, self._names)
            self._controlled = control
            await control.execute(_KEY, os.urandom(16))
            #: Random octets that were made with the store: keyed hashes stay the same from run to run.
            self.key = bytes(await control.fetchval(_READ_KEY))
            await self._counts.look(control, self._run.number)
        except AWAY as error:
            raise StoreAway(f"{shown(self._dsn)}: {error}") from error
        self._group.hashing = Hashing(self.key)
        self._group.seq = self._run.last_seq
        self._queues.run = self._run.number
        self._group.open()
        await self._begin_with_burials()

    @property
    def run(self) -> int:
        """The number of this run."""
        return self._run.number

    @property
    def writer(self) -> int:
        """The number of this node's name, the same over its restarts."""
        return self._run.writer

    @property
    def slot(self) -> int:
        """The slot of this run's ids: nobody alive has the same."""
        return self._run.slot

    @property
    def last_id(self) -> int:
        """The greatest id that was known at the start."""
        return self._run.last_id

    @property
    def is_away(self) -> bool:
        """The database takes nothing: everyone hears no."""
        return self._group.is_away or self._run.is_fenced

    @property
    def is_fenced(self) -> bool:
        """Another process ended this run, since it was silent for too long: only a new start helps."""
        return self._run.is_fenced

    @property
    def place(self) -> str:
        """Where the store is, for people."""
        return shown(self._dsn)

    def sizes(self) -> tuple[int, int]:
        """The database is on another machine, or as if it were."""
        return 0, 0

    def may_write(self) -> bool:
        return self._run.may_write()

    def session(self, name: str) -> Session:
        """A further connection, for whoever works beside the verbs."""
        return Session(self._dsn, f"{self._run.box}/{self._run.node} {name}")

    def clock_us(self) -> int:
        """The database's time."""
        return self._now_us()

    def tell(self, state: bytes) -> None:
        """What the next heartbeat says of this node to whoever asks for the state of all boxes."""
        self._run.told = state

    async def close(self) -> None:
        """Write what waits, end the run, give everything back."""
        await self._group.close()
        try:
            if not self._run.is_fenced:
                await self._leave()
        except (StoreAway, SettingsError, *AGAIN, *AWAY):
            # Its heartbeat will be missed.
            pass
        for session in self._sessions.values():
            await session.close()

    async def _leave(self) -> None:
        """What is leased goes to others at once, and they are told; but for what bears the mark, which is held."""
        marked = self._group.marked
        await self.release([item for item in self._queues.held() if item.id not in marked])
        async with self._sessions["control"].lend() as control:
            await self._run.end(control, has_nothing=not marked and self._queues.is_certain)
        await self._bells.ring_last()

    def drop(self) -> None:
        """Lose everything at once, as a process does that is killed."""
        self._group.stop()
        for session in self._sessions.values():
            session.drop()

    # -- verbs --------------------------------------------------------------------------------------

    async def accept(self, items: Sequence[Item], events: EventBatch) -> Sequence[Fault | None]:
        return await self._group.ask("accept", items, events)

    async def accept_once(self, batch: Sequence[Once], events: EventBatch) -> Sequence[Kept | Fault | None]:
        return await self._group.ask("once", batch, events)

    async def kept(self, keys: Sequence[bytes], now_ms: int) -> Mapping[bytes, Kept]:
        return await self._reading.kept(keys, now_ms)

    async def forget_kept(self, now_ms: int) -> bool:
        async def forget(transaction: Transaction) -> None:
            await transaction.connection.execute(_FORGET_KEPT, now_ms, FORGET_ROWS)
            left.append(await transaction.connection.fetchval(_HAS_KEPT, now_ms))

        left: list[bool] = []
        await self._group.ask("sweep", [forget], None)
        return left[-1]

    async def settle(self, settlements: Sequence[Settlement], events: EventBatch) -> Sequence[Fault | None]:
        return await self._group.ask("settle", settlements, events)

    async def report(self, reports: Sequence[Report], events: EventBatch) -> Sequence[Fault | None]:
        return await self._group.ask("report", reports, events)

    async def grant(self, wishes: Sequence[Wish]) -> Sequence[Granted]:
        asked = [Asked(wish) for wish in wishes]
        await self._group.ask("grant", asked, None)
        return [each.granted or await self._granted_in_history(each.wish) for each in asked]

    async def _granted_in_history(self, wish: Wish) -> Granted:
        """The hot tables know no such message: it has ended and moved, or there is none."""
        life = await self.find(wish.id)
        if life is None or life.message is None or life.message.client != wish.client:
            return Granted.UNKNOWN
        is_cancelled = isinstance(wish, Cancel) and life.status is Status.CANCELLED
        return Granted.ALREADY if is_cancelled else Granted.TOO_LATE

    async def record(self, events: EventBatch) -> None:
        await self._group.ask("record", (), events)

    async def lease(self, queue: str, limit: int) -> list[Item]:
        return [] if self.is_away else await self._queues.lease(queue, limit)

    async def pick(self, queue: str, fits: Callable[[Item], bool], place: Place = (), limit: int = 2_000) -> Picked:
        return Picked([], place) if self.is_away else await self._queues.pick(queue, fits, place, limit)

    async def release(self, items: Sequence[Item]) -> None:
        if items:
            await self._queues.release(items)

    async def advance(self, name: str, seq: int, position: str, tally: Mapping[TallyKey, int] = NO_TALLY) -> None:
        writer = self._run.writer
        statements: list[tuple[str, Sequence[Sequence[object]]]] = [(_COPY, [(writer, name, seq, position)])]
        if tally:
            rows = [(m, e, c.encode(), o.encode(), writer, count) for (m, e, c, o), count in sorted(tally.items())]
            statements.append((_COUNT, rows))
        await self._group.ask("write", [statements], None)

    async def mark_unknown(self, sent_before_us: Mapping[str, int]) -> None:
        """Messages of an operator that were sent before a moment and have no final receipt become `unknown`.

        One call looks at some of them and the next one goes on from there.  Raises: StoreAway.
        """
        sweep = partial(Transaction.mark_unknown, cursor=self._cursors[0], sent_before_us=dict(sent_before_us))
        await self._group.ask("sweep", [sweep], None)

    async def match_again(self) -> None:
        """Try parked reports again: none should find its part now.  Goes round like `mark_unknown`.

        Raises: StoreAway.
        """
        if self.parked_reports:
            await self._group.ask("sweep", [partial(Transaction.match_again, cursor=self._cursors[1])], None)

    async def resolve_held(
        self, ids: Sequence[int], *, is_resent: bool, instruction: int = 0, told: str = ""
    ) -> list[int]:
        """A person decides about held items: they go on in their queues, or they end as cancelled.

        Returns those that were held and could be read; the others are left alone.  The last `instruction` is not
        carried out again, but answered as before; `told` is what its event says.  Raises: StoreAway.
        """
        resolved: list[int] = []

        async def decide(transaction: Transaction) -> None:
            act = partial(transaction.resolving.resolve, ids, is_resent=is_resent, resolved=resolved)
            await self._once(transaction, instruction, resolved, told, act)

        await self._group.ask("sweep", [decide], None)
        return resolved

    async def replay_callbacks(
        self, ids: Sequence[int], *, client: str = "", instruction: int = 0, told: str = ""
    ) -> list[int]:
        replayed: list[int] = []

        async def decide(transaction: Transaction) -> None:
            act = partial(transaction.resolving.replay, ids, client=client, replayed=replayed)
            await self._once(transaction, instruction, replayed, told, act)

        await self._group.ask("sweep", [decide], None)
        return replayed

    async def _once(
        self, transaction: Transaction, instruction: int, changed: list[int], told: str, act: Callable[[], Any]
    ) -> None:
        if not instruction:
            await act()
        else:
            await resolving.once(transaction.connection, instruction, changed, transaction.writes, told, act)

    async def open_credit(self, client: str, currency: str, opening: int) -> None:
        await self._crediting.open((client, currency), opening)

    async def draw_credit(self, client: str, currency: str, wish: int) -> Drawn:
        return Drawn(0) if self.is_away else await self._crediting.draw((client, currency), wish)

    def draw_credit_now(self, client: str, currency: str) -> int | None:
        return None

    async def return_credit(self, client: str, currency: str, units: int) -> None:
        await self._crediting.give_back((client, currency), units)

    async def called_back_credit(self) -> Sequence[Balance]:
        return await self._crediting.called_back()

    async def balances(self) -> list[Balance]:
        return await self._crediting.balances()

    async def add_credit(self, client: str, currency: str, units: int, *, instruction: int = 0, told: str = "") -> bool:
        changed: list[int] = []

        async def decide(transaction: Transaction) -> None:
            key, events = (client, currency), transaction.writes.events
            act = partial(crediting.add, transaction.connection, events, key, units, told=told, changed=changed)
            await self._once(transaction, instruction, changed, told, act)

        await self._group.ask("sweep", [decide], None)
        return bool(changed)

    async def failed_callbacks(
        self, client: str = "", *, before_id: int = MAX_ID, limit: int = 100
    ) -> list[FailedCallback]:
        return await self._reading.failed_callbacks(client, before_id, limit)

    async def forget_failed_callbacks(self, before_id: int) -> bool:
        if not await self._reading.has_failed_callbacks(before_id):
            return False

        async def forget(transaction: Transaction) -> None:
            await transaction.resolving.forget_failed(before_id)

        await self._group.ask("sweep", [forget], None)
        return await self._reading.has_failed_callbacks(before_id)

    async def switch_callbacks_off(self, off: CallbacksOff, events: EventBatch) -> None:
        row = (off.client.encode(), off.url.encode(), off.at_us, off.reason.encode())
        await self._group.ask("write", [[(resolving.SWITCH_OFF, [row])]], events)

    async def switch_callbacks_on(self, client: str, events: EventBatch) -> bool:
        if all(off.client != client for off in await self._reading.callbacks_off()):
            return False
        await self._group.ask("write", [[(resolving.SWITCH_ON, [(client.encode(),)])]], events)
        return True

    async def callbacks_off(self) -> list[CallbacksOff]:
        return await self._reading.callbacks_off()

    async def expired(self, now_ms: int, limit: int = 500) -> list[Item]:
        """Lease messages whose named moment has passed and that nothing was sent of yet.  Raises: StoreAway.

        The caller settles each as `Ended`; rows of messages that are gone or too far are forgotten, those of
        messages that are held or just being sent are looked at again a minute later.
        """
        return [] if self.is_away else await self._sweeping.expired(now_ms, limit)

    async def overdue(self, queue: str, before_ms: Callable[[str], int], is_over: Callable[[Item], bool]) -> list[Item]:
        """Lease messages of a queue that `is_over` says are worthless and of which nothing was sent.

        Only messages that came before `before_ms(lane)` are asked about.  Raises: StoreAway.
        """
        return [] if self.is_away else await self._sweeping.overdue(queue, before_ms, is_over)

    async def prove_mo(self, operator: str, below_id: int, except_ids: Sequence[int] = ()) -> None:
        async def prove(transaction: Transaction) -> None:
            unproved = array("q", except_ids).tobytes()
            values = (transaction.names.number(operator), self._run.writer, below_id, unproved)
            await transaction.connection.execute(_PROVE, *values)

        await self._group.ask("sweep", [prove], None)

    async def note_mo_identities(self, operator: str, identities: Sequence[tuple[bytes, int]]) -> None:
        async def note(transaction: Transaction) -> None:
            number = transaction.names.number(operator)
            rows = [(number, identity, at_ms) for identity, at_ms in sorted(identities)]
            await transaction.connection.executemany(_IDENTIFY, rows)

        await self._group.ask("sweep", [note], None)

    async def note_opt_outs(self, changes: Sequence[OptOut]) -> None:
        await self._group.ask("write", [[(opting.NOTE, opting.rows_of(changes))]], None)

    async def opt_outs(self, since_us: int) -> list[OptOut]:
        return await self._reading.opt_outs(since_us)

    # -- reading ------------------------------------------------------------------------------------

    async def find(self, message_id: int) -> Life | None:
        return await self._reading.find(message_id)

    async def waiting(self, client: str, source: str, dest: str, after_id: int, limit: int) -> list[Message]:
        return await self._reading.waiting(client, source, dest, after_id, limit)

    async def known_as(self, client: str, text: str, from_id: int, below_id: int) -> list[Life]:
        return await self._reading.known_as(client, text, from_id, below_id)

    async def search(self, search: Search) -> Page:
        return await self._searching.search(search)

    async def story(self, message_id: int, ended_at_us: int = 0) -> list[Happening]:
        return await self._searching.story(message_id, ended_at_us)

    async def parts_sent(self, message_id: int) -> set[int]:
        return await self._reading.parts_sent(message_id)

    async def mo_identities_elsewhere(
        self, operator: str, identities: Sequence[bytes], since_ms: int
    ) -> Collection[bytes]:
        return await self._reading.identities_among(operator, identities, since_ms)

    async def mo_memory(self, operator: str, since_ms: int) -> MoMemory:
        return await self._reading.mo_memory(operator, since_ms)

    @property
    def pressure(self) -> int:
        """Nothing waits in memory: accepted messages lie in the database until a reader leases them."""
        return 0

    def open_messages(self, client: str) -> int:
        return self._counts.number(Kind.OPEN, client)

    @property
    def parked_reports(self) -> int:
        """How many reports match nothing so far, over all boxes."""
        return self._counts.number(Kind.PARKED)

    @property
    def held_messages(self) -> int:
        """How many messages wait for a person or a receipt, over all boxes."""
        return self._counts.number(Kind.HELD)

    def depths(self) -> list[QueueDepth]:
        """How much waits in each queue over all boxes, leased items included."""
        return self._counts.depths(self._now_us() // 1000)

    @property
    def last_block(self) -> int:
        """The number of this node's newest event block."""
        return self._group.seq

    async def oldest_block(self) -> int:
        """The first event block of this node that the hot tables still hold; 0 for none."""
        return await self._reading.oldest_block()

    async def blocks_after(self, seq: int, limit: int = 100) -> list[Block]:
        return await self._reading.blocks_after(seq, limit)

    async def copied(self, name: str) -> tuple[int, str] | None:
        return await self._reading.copied(name)

    def lend(self) -> AbstractAsyncContextManager[Any]:
        """A connection for a short while, for whoever keeps tables of its own.  Raises: StoreAway."""
        return self._sessions["shares"].lend()

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

    def _follow(self, transaction: Transaction) -> None:
        """Counts and queues are what a commit made of them; readers here and elsewhere are woken."""
        self._counts.add(transaction.counted)
        self._queues.left(transaction.effects.left)
        now_ms = self._now_us() // 1000
        places_by_queue: dict[str, dict[LaneKey, int]] = {}
        rung = set()
        for queue, priority, lane, place in transaction.effects.queued:
            if self._queues.laid(queue, (priority, lane), place, now_ms):
                rung.add(queue)
            if place <= now_ms:
                places = places_by_queue.setdefault(queue, {})
                places[priority, lane] = min(place, places.get((priority, lane), place))
        for queue in rung | places_by_queue.keys():
            self._queues.ring(queue)
        for queue, places in places_by_queue.items():
            self._bells.ring(queue, places)

    async def keep_time(self, stopping: asyncio.Event) -> None:
        """Live in the database, hear bells, look for what no bell told of, until asked to stop."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._group.watch(), name="store workers"),
                group.create_task(self._beat_forever(), name="store heartbeat"),
                group.create_task(self._bells.run(), name="store bells"),
                group.create_task(self._look_forever(), name="store look"),
                group.create_task(self._bury_forever(), name="store burials"),
                group.create_task(self._count_forever(), name="store counts"),
            ]
            await stopping.wait()
            for task in tasks:
                task.cancel()

    async def _beat_forever(self) -> None:
        while True:
            try:
                async with asyncio.timeout(BEAT_S * 3):
                    await self._beat()
            except (StoreAway, SettingsError, TimeoutError) as error:
                self._sessions["control"].drop()
                self._group.go_away(f"{shown(self._dsn)}: {error or type(error).__name__}")
            else:
                if self._run.is_fenced:
                    self._group.go_away("this run was silent for too long and another process ended it")
                    return
                if self._group.is_away:
                    self._group.come_back()
                    self._queues.look_everywhere()
            await asyncio.sleep(AWAY_PAUSE_S if self._group.is_away else BEAT_S)

    async def _beat(self) -> None:
        async with self._sessions["control"].lend() as control:
            if control is not self._controlled:
                # It may be another server: it must keep what it confirms, and our place must still be ours.
                await check_server(control, self._dsn, allow_single_copy=self._allow_single_copy)
                lock = f"SELECT pg_try_advisory_lock({LOCK_CLASS}, $1)"
                if not await control.fetchval(lock, self._run.writer):
                    raise StoreAway("another session holds this node's place")
                self._controlled = control
            await self._run.beat(control, [session.pid for session in self._sessions.values()])

    async def _bury_forever(self) -> None:
        """Apart from the heartbeat: among millions of waiting messages a dead run's are not found at once."""
        while True:
            await asyncio.sleep(BEAT_S)
            if not self.is_away:
                with suppress(StoreAway, SettingsError, *AGAIN):
                    await self._bury()

    async def _begin_with_burials(self) -> None:
        """What the life before this one had is free before anybody here reads.  Raises: StoreAway."""
        for _ in range(TRIES):
            with suppress(*AGAIN):
                return await self._bury()
        raise StoreAway("other transactions stand in the way of burying dead runs again and again")

    async def _bury(self) -> None:
        """Free what dead runs held; what bears their mark is held, since nobody knows its outcome."""
        async with self._sessions["shares"].lend() as connection:
            doubtful, freed, is_any = await self._run.bury(connection, self._names)
            if is_any:
                await self._counts.look(connection, self._run.number)
        for queue in freed:
            self._queues.look_everywhere(queue)
            self._bells.ring(queue, None)
        if doubtful:
            self._queues.keep(doubtful)
            self._group.marked.update(item.id for item in doubtful)
            await self._hold(doubtful, "its node died between write and response")

    async def _hold(self, items: Sequence[Item], reason: str) -> None:
        events = EventBatch(self._now_us())
        for item in items:
            message = item.content
            assert isinstance(message, Message)
            told = (message.client, item.queue.partition(":")[2], message.dest, message.source, message.reference)
            events.add(EventName.MT_HELD, item.id, *told, "", reason)
        await self.settle([Held(item, reason) for item in items], events)

    async def _look_forever(self) -> None:
        loop = asyncio.get_running_loop()
        others_at, everywhere_at = loop.time(), loop.time() + LOOK_EVERYWHERE_S
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self.is_away:
                continue
            self._queues.ring_due()
            if loop.time() >= everywhere_at:
                everywhere_at = loop.time() + LOOK_EVERYWHERE_S
                self._queues.look_everywhere()
            if loop.time() >= others_at:
                others_at = loop.time() + LOOK_AT_OTHERS_S
                try:
                    await self._queues.look()
                except StoreAway:
                    continue

    async def _count_forever(self) -> None:
        for looks in count(1):
            await asyncio.sleep(COUNT_EVERY_S)
            with suppress(StoreAway, SettingsError, *AGAIN):
                async with self._sessions["reads"].lend() as connection:
                    await self._counts.look(connection, self._run.number)
                    if looks % FOLD_LOOKS == 0:
                        await fold_own(connection, self._run.number, self._run.writer, self._group.seq)

    def try_again(self) -> bool:
        """Whether the database is back; the heartbeat finds out."""
        return not self.is_away

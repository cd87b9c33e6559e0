"""Group commit: whatever is asked for while a transaction is on its way is written by the next one.

Reports travel apart from everything else, so that neither waits for the other: a part's answer and its report find
each other in the database, whichever comes first.  Every answer follows its commit; when the answer to a COMMIT is
lost, the database is asked whether it holds before anyone hears anything.
"""

import asyncio
import time
from array import array
from collections.abc import Callable, Sequence
from typing import Any, Final

import asyncpg
import msgspec
import zstandard

from chappe.crash import ARMED
from chappe.model.errors import MisuseError
from chappe.model.events import EventBatch, EventName, count, text_of
from chappe.store.calls import Call, ignore, reach_commit
from chappe.store.port import SLOW_CALL_S, Block, BlockListener, Fault, StoreAway
from chappe.store.postgres import statements as sql
from chappe.store.postgres.accepting import POISON
from chappe.store.postgres.doubt import Doubt, roll_back
from chappe.store.postgres.gathering import ids_in, names_in, some
from chappe.store.postgres.hashing import Hashing
from chappe.store.postgres.names import Names, UnknownName
from chappe.store.postgres.opening import Session
from chappe.store.postgres.reaching import AGAIN, AWAY
from chappe.store.postgres.runs import Run
from chappe.store.postgres.transaction import Transaction

#: Tries of a transaction that another one's locks undid.
TRIES: Final = 20

_NOTES: Final = ("record", "sweep", "write")
#: What the database finds wrong with a row itself.
_BAD_ROW: Final = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, *POISON)

_pack = msgspec.msgpack.Encoder().encode


class Lane:
    """The calls that wait for one connection."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.calls: list[Call] = []
        self.has_calls = asyncio.Event()


class GroupCommit:
    """Gathers calls, has them written, tells everyone."""

    def __init__(
        self,
        main: Session,
        reports: Session,
        names: Names,
        run: Run,
        now_us: Callable[[], int],
        follow: Callable[[Transaction], None],
    ) -> None:
        """`follow` does in memory what a committed transaction changed."""
        self._lanes = (Lane(main), Lane(reports))
        self._names = names
        self._run = run
        self.now_us = now_us
        self._follow = follow
        self.hashing = Hashing(b"")
        self.marked: set[int] = set()
        self.seq = 0
        self.away_reason = ""
        self.away_at_us = 0
        self._zstd = zstandard.ZstdCompressor(level=1)
        #: Blocks are numbered in the order of their commits: one transaction at a time ends.
        self._numbering = asyncio.Lock()
        self._doubt = Doubt(run, self.go_away, self.come_back)
        self._workers: list[asyncio.Task[None]] = []
        self.listeners: list[BlockListener] = []
        self.observers: list[Callable[[str, float], None]] = []
        self.receipt_observers: list[Callable[[str, float, int], None]] = []

    def open(self) -> None:
        """Work in the loop that runs."""
        loop = asyncio.get_running_loop()
        names = ("store", "store reports")
        self._workers = [
            loop.create_task(self._work(lane), name=name) for lane, name in zip(self._lanes, names, strict=True)
        ]

    async def close(self) -> None:
        """Write what waits, then stop."""
        while any(lane.calls for lane in self._lanes) and not self.away_reason:
            await asyncio.sleep(0.005)
        async with self._numbering:
            self.stop()

    async def watch(self) -> None:
        """Raise what ended a worker, if ever something does: without it nothing would be answered any more."""
        ended, _ = await asyncio.wait(self._workers, return_when=asyncio.FIRST_COMPLETED)
        for worker in ended:
            worker.result()

    def stop(self) -> None:
        """Stop at once."""
        for worker in self._workers:
            worker.cancel()
        self._workers = []

    @property
    def is_away(self) -> bool:
        """The database takes nothing now."""
        return bool(self.away_reason)

    def ask(self, kind: str, items: Sequence[Any], events: EventBatch | None) -> asyncio.Future[list[Any]]:
        """Have a next transaction write it; done once it is committed.  The future raises: StoreAway, MisuseError."""
        done: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        if self.away_reason:
            done.set_exception(self.away_error())
            return done
        lane = self._lanes[kind == "report"]
        lane.calls.append(Call(kind, items, events, done))
        lane.has_calls.set()
        return done

    def away_error(self) -> StoreAway:
        """What everyone hears who asks meanwhile."""
        return StoreAway(f"{self.away_reason}; nothing of the batch is stored")

    def go_away(self, reason: str) -> None:
        """The database takes nothing: everyone hears no until `come_back`."""
        if not self.away_reason:
            self.away_at_us = self.now_us()
        self.away_reason = reason or "the database is away"

    def come_back(self) -> None:
        """It takes something again."""
        if not self.away_reason:
            return
        reason, self.away_reason = self.away_reason, ""
        for event, at_us in ((EventName.STORE_AWAY, self.away_at_us), (EventName.STORE_BACK, self.now_us())):
            events = EventBatch(at_us)
            events.add(event, detail=reason)
            self.ask("record", (), events).add_done_callback(ignore)

    # -- groups ---------------------------------------------------------------------------------------

    async def _work(self, lane: Lane) -> None:
        while True:
            await lane.has_calls.wait()
            calls, lane.calls = some(lane.calls)
            if not lane.calls:
                lane.has_calls.clear()
            began = time.perf_counter()
            await self._write(lane, calls)
            took = time.perf_counter() - began
            for verb in {call.kind for call in calls}:
                for observer in self.observers:
                    observer(verb, took)
            if took > SLOW_CALL_S and not self.away_reason:
                events = EventBatch(self.now_us())
                events.add(EventName.STORE_SLOW, detail=f"commit of {len(calls)} calls took {took * 1000:.0f} ms")
                self.ask("record", (), events).add_done_callback(ignore)

    async def _write(self, lane: Lane, calls: Sequence[Call]) -> None:
        """Write these calls together; where one of them cannot be, each alone."""
        try:
            await self._commit(lane, calls)
        except StoreAway as error:
            self.go_away(str(error))
            self._fail(calls)
        except _BAD_ROW as error:
            if len(calls) > 1:
                for call in calls:
                    await self._write(lane, [call])
            else:
                await self._write_apart(lane, calls[0], error)
        except asyncpg.PostgresError as error:
            self.go_away(f"{type(error).__name__}: {error}")
            self._fail(calls)

    async def _write_apart(self, lane: Lane, call: Call, error: Exception) -> None:
        """Something in this call cannot be stored, and nobody saw it before the database did: find it by halves."""
        if len(call.items) < 2 or call.kind in ("write", "sweep"):
            if call.items and call.kind not in ("write", "sweep", "grant"):
                return self._tell(call, [Fault(f"{type(error).__name__}: {error}")] * len(call.items))
            if not call.done.done():
                call.done.set_exception(MisuseError(f"{call.kind}: {type(error).__name__}: {error}"))
            return None
        middle, outcomes = len(call.items) // 2, list[Any]()
        for piece in (call.items[:middle], call.items[middle:]):
            ids = ids_in(piece)
            own = None if call.events is None else call.events.only(lambda each: each in ids)  # noqa: B023
            half = Call(call.kind, piece, own, asyncio.get_running_loop().create_future())
            await self._write(lane, [half])
            if half.done.exception() is not None:
                return self._fail([call])
            outcomes += half.done.result()
        return self._tell(call, outcomes)

    def _fail(self, calls: Sequence[Call]) -> None:
        for call in calls:
            if not call.done.done():
                call.done.set_exception(self.away_error())

    def _tell(self, call: Call, outcomes: list[Any]) -> None:
        if not call.done.done():
            call.done.set_result(outcomes)

    async def _commit(self, lane: Lane, calls: Sequence[Call]) -> None:
        """One transaction for these calls, tried again where that may help.  Raises: StoreAway, one of _BAD_ROW."""
        lost = 0
        for _ in range(TRIES):
            connection = await lane.session.get()
            try:
                return await self._try(lane, connection, calls)
            except UnknownName as error:
                await self._learn(connection, calls, error.name)
            except AGAIN:
                continue
            except AWAY as error:
                lane.session.drop()
                lost += 1
                if lost > 1:
                    raise StoreAway(f"{type(error).__name__}: {error}") from error
        raise StoreAway("other transactions stand in the way of this one again and again")

    async def _learn(self, connection: Any, calls: Sequence[Call], name: str) -> None:
        try:
            await self._names.learn(connection, {name, *names_in(calls)})
        except AWAY:
            connection.terminate()

    async def _try(self, lane: Lane, connection: Any, calls: Sequence[Call]) -> None:
        transaction = Transaction(connection, self._names, self.hashing, self._run.number, self.marked, self.now_us())
        await connection.execute("BEGIN")
        try:
            await transaction.write(calls)
        except BaseException:
            await roll_back(connection)
            raise
        async with self._numbering:
            block, is_ending = None, False
            try:
                block = await self._write_block(connection, calls, transaction)
                if ARMED is not None:
                    reach_commit(calls, is_before=True)
                is_ending = True
                await connection.execute("COMMIT")
            except BaseException as error:
                if is_ending and isinstance(error, AWAY) and block is not None:
                    connection.terminate()
                    if not await self._doubt.is_durable(lane.session, block.seq, error):
                        raise
                else:
                    await roll_back(connection)
                    raise
            if ARMED is not None:
                reach_commit(calls, is_before=False)
            self._committed(calls, transaction, block)

    def _committed(self, calls: Sequence[Call], transaction: Transaction, block: Block | None) -> None:
        if block is not None:
            self.seq = block.seq
        effects = transaction.effects
        self.marked.update(effects.marked)
        self.marked.difference_update(effects.unmarked)
        for operator, (wait_us, reports) in effects.receipt_waits.items():
            for observer in self.receipt_observers:
                observer(operator, wait_us / 1_000_000, reports)
        for call in calls:
            self._tell(call, list(call.outcomes or ()))
        self._follow(transaction)
        if block is not None:
            for listener in self.listeners:
                listener(block)

    async def _write_block(self, connection: Any, calls: Sequence[Call], transaction: Transaction) -> Block | None:
        """The events of all calls as one row; its number also tells whether a COMMIT holds.

        Notes of our own that tell of nothing may be written twice, and have none.
        """
        batches = transaction.batches(calls)
        ids = array("q", [each for batch in batches for each in batch.ids])
        changes = transaction.counted
        if not ids and not changes and all(call.kind in _NOTES for call in calls):
            return None
        text = text_of(batches)
        counts = count(batches)
        block = Block(self.seq + 1, transaction.writes.events.at_us, text, counts)
        counted = [(kind, self._names.number(name), n) for (kind, name), n in changes.items()]
        await connection.execute(
            sql.BLOCK,
            self._run.writer,
            block.seq,
            self._run.number,
            block.at_us,
            sum(counts.values()),
            ids.tobytes(),
            _pack([(*key, number) for key, number in counts.items()]),
            self._zstd.compress(text),
            *([list(column) for column in zip(*sorted(counted), strict=True)] or ([], [], [])),
        )
        return block

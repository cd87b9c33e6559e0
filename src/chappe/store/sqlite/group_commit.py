"""Group commit: whatever is asked for during one turn of the loop is written by one transaction and one sync.

Every answer follows its commit.  While the disk takes nothing everyone hears no, and may try again.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any

from chappe.model.events import EventBatch, EventName
from chappe.store.calls import Call, ignore
from chappe.store.port import SLOW_CALL_S, Block, BlockListener
from chappe.store.sqlite.checkpoints import Checkpoints
from chappe.store.sqlite.committing import Committing
from chappe.store.sqlite.isolation import POISON
from chappe.store.sqlite.memory import Memory
from chappe.store.sqlite.poisoned import PoisonedGroup
from chappe.store.sqlite.queues import Queues
from chappe.store.sqlite.store_file import StoreFile
from chappe.store.sqlite.transaction import Transaction


class GroupCommit:
    """Gathers calls, has them written, tells everyone."""

    def __init__(
        self, file: StoreFile, queues: Queues, memory: Memory, committing: Committing, now_us: Callable[[], int]
    ) -> None:
        self._file = file
        self._queues = queues
        self._memory = memory
        self._committing = committing
        self._now_us = now_us
        self._poisoned = PoisonedGroup(file, self._commit_alone, self._fail, self.ask, now_us)
        self._loop: asyncio.AbstractEventLoop
        self._calls: list[Call] = []
        self._is_scheduled = False
        self._checkpoints = Checkpoints(file.path, lambda: file.connection)
        self.listeners: list[BlockListener] = []
        self.observers: list[Callable[[str, float], None]] = []
        self.receipt_observers: list[Callable[[str, float, int], None]] = []

    def open(self) -> None:
        """Work in the loop that runs."""
        self._loop = asyncio.get_running_loop()

    def ask(self, kind: str, items: Sequence[Any], events: EventBatch | None) -> asyncio.Future[list[Any]]:
        """Have the next group write it; done once it is on disk.  The future raises: StoreAway, MisuseError."""
        done: asyncio.Future[list[Any]] = self._loop.create_future()
        if self._file.is_away:
            # Only `try_again` finds out whether the store is back: a disk that is nearly full must not flap.
            done.set_exception(self._file.away_error())
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
            transaction, block = self._committing.commit(calls)
        except POISON:
            self._poisoned.write(calls)
        except sqlite3.Error as error:
            self._fail(calls, error)
        else:
            self._committed(calls, transaction, block)
        took = time.perf_counter() - began
        for verb in {call.kind for call in calls}:
            for observer in self.observers:
                observer(verb, took)
        if took > SLOW_CALL_S and not self._file.is_away:
            events = EventBatch(self._now_us())
            events.add(EventName.STORE_SLOW, detail=f"commit of {len(calls)} calls took {took * 1000:.0f} ms")
            self.ask("record", (), events).add_done_callback(ignore)

    def _committed(self, calls: Sequence[Call], transaction: Transaction, block: Block | None) -> None:
        self._file.names.committed()
        self._checkpoints.wrote(sum([len(call.items) for call in calls]) + 1)
        if block is not None:
            self._memory.seq = block.seq
        self._memory.follow(transaction.effects)
        for operator, (wait_us, reports) in transaction.effects.receipt_waits.items():
            for observer in self.receipt_observers:
                observer(operator, wait_us / 1_000_000, reports)
        rung = self._queues.follow(transaction.effects)
        self._memory.trim()
        for call in calls:
            if not call.done.done():
                call.done.set_result([None] * len(call.items) if call.outcomes is None else list(call.outcomes))
        for queue in rung:
            self._queues.ring(queue)
        if block is not None:
            for listener in self.listeners:
                listener(block)

    def _fail(self, calls: Sequence[Call], error: sqlite3.Error) -> None:
        """The disk does not take it: nobody hears yes.  Everyone may try again."""
        self._file.go_away(str(error))
        for call in calls:
            if not call.done.done():
                call.done.set_exception(self._file.away_error())

    def try_again(self) -> bool:
        """The store is away: find out whether the disk takes octets again.  True: it is back."""
        if not self._file.is_back():
            return False
        for event, at_us in ((EventName.STORE_AWAY, self._file.away_at_us), (EventName.STORE_BACK, self._now_us())):
            events = EventBatch(at_us)
            events.add(event, detail=self._file.away_reason)
            self.ask("record", (), events).add_done_callback(ignore)
        self._queues.ring_all()
        return True

    def write_rest(self) -> None:
        """The store closes: write what waits now."""
        if self._calls:
            self._flush()
        self._checkpoints.close()

    def _commit_alone(self, call: Call) -> None:
        self._committed([call], *self._committing.commit([call]))

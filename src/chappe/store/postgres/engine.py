"""The PostgreSQL engine: one store for many processes on many boxes.

Whatever nodes of this process ask for while a transaction is on its way is written by the next one.  Leases name our
run; who is silent for too long loses them.  What must be answered at once is answered from memory that follows our own
commits exactly and those of others within a second.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from chappe.model.errors import SettingsError
from chappe.store.cursor import Cursor
from chappe.store.port import BlockListener, StoreAway
from chappe.store.postgres.bells import Bells
from chappe.store.postgres.clock import DatabaseClock
from chappe.store.postgres.counts import Counts
from chappe.store.postgres.crediting import Crediting
from chappe.store.postgres.credits import Credits
from chappe.store.postgres.group_commit import GroupCommit
from chappe.store.postgres.hashing import Hashing
from chappe.store.postgres.lanes import LaneKey
from chappe.store.postgres.names import Names
from chappe.store.postgres.opening import Session, check_no_pooler, check_server, migrate
from chappe.store.postgres.questions import Questions
from chappe.store.postgres.queues import Queues
from chappe.store.postgres.reaching import AGAIN, AWAY, shown
from chappe.store.postgres.reading import Reading
from chappe.store.postgres.runs import Run
from chappe.store.postgres.searching import Searching
from chappe.store.postgres.sweeping import Sweeping
from chappe.store.postgres.transaction import Transaction
from chappe.store.postgres.unreadable import Unreadable
from chappe.store.postgres.upkeep import Upkeep
from chappe.store.postgres.verbs import Verbs

_KEY: Final = "INSERT INTO meta VALUES ('reference_key', $1) ON CONFLICT DO NOTHING"
_READ_KEY: Final = "SELECT value FROM meta WHERE key = 'reference_key'"


class PostgresStore(Verbs, Credits, Questions):
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
        self._group = GroupCommit(
            self._sessions["main"], self._sessions["reports"], names, run, self._now_us, self._follow
        )
        self._unreadable = Unreadable(self._group.ask, self._now_us)
        self._queues = Queues(self._sessions["leases"], names, self._now_us, self._unreadable.hold)
        self._bells = Bells(self._sessions["control"], self._queues.rung, self._queues.look_everywhere)
        self._queues.tell_others = lambda queue: self._bells.ring(queue, None)
        self._reading = Reading(self._sessions["reads"], names, run)
        self._searching = Searching(self._sessions["search"], names)
        self._crediting = Crediting(self.lend, lambda: run.number)
        self._sweeping = Sweeping(self._sessions["reads"], names, self._queues)
        self._upkeep = Upkeep(
            dsn,
            self._sessions,
            names,
            run,
            self._counts,
            self._group,
            self._queues,
            self._bells,
            allow_single_copy=allow_single_copy,
        )

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
            self._upkeep.controlled = control
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
        await self._upkeep.begin_with_burials()

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

    def look_anew(self, queue: str) -> None:
        self._queues.look_everywhere(queue)

    def drop(self) -> None:
        """Lose everything at once, as a process does that is killed."""
        self._group.stop()
        for session in self._sessions.values():
            session.drop()

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
        await self._upkeep.run(stopping)

    def try_again(self) -> bool:
        """Whether the database is back; the heartbeat finds out."""
        return not self.is_away

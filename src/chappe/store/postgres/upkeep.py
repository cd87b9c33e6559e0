"""What a process does in the database without being asked: heartbeat, bells, looks, burials of the dead, counts.

It must never know which verbs nodes call.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, Final

from chappe.model.errors import SettingsError
from chappe.model.events import EventBatch, EventName
from chappe.model.message import Item, Message
from chappe.store.port import Held, StoreAway
from chappe.store.postgres.bells import Bells
from chappe.store.postgres.counts import Counts, fold_own
from chappe.store.postgres.group_commit import TRIES, GroupCommit
from chappe.store.postgres.names import Names
from chappe.store.postgres.opening import LOCK_CLASS, Session, check_server
from chappe.store.postgres.queues import Queues
from chappe.store.postgres.reaching import AGAIN, shown
from chappe.store.postgres.runs import BEAT_S, Run

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


class Upkeep:
    """Keeps one process alive in the database, and what it knows of others fresh."""

    def __init__(
        self,
        dsn: str,
        sessions: Mapping[str, Session],
        names: Names,
        run: Run,
        counts: Counts,
        group: GroupCommit,
        queues: Queues,
        bells: Bells,
        *,
        allow_single_copy: bool,
    ) -> None:
        """`group` has what memory cannot hold written; `queues` and `bells` hear what became free."""
        self._dsn = dsn
        self._allow_single_copy = allow_single_copy
        self._sessions = sessions
        self._names = names
        self._run = run
        self._counts = counts
        self._group = group
        self._queues = queues
        self._bells = bells
        #: The connection whose server was looked at, and that holds our place.
        self.controlled: Any = None

    @property
    def _is_away(self) -> bool:
        return self._group.is_away or self._run.is_fenced

    async def run(self, stopping: asyncio.Event) -> None:
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
            if control is not self.controlled:
                # It may be another server: it must keep what it confirms, and our place must still be ours.
                await check_server(control, self._dsn, allow_single_copy=self._allow_single_copy)
                lock = f"SELECT pg_try_advisory_lock({LOCK_CLASS}, $1)"
                if not await control.fetchval(lock, self._run.writer):
                    raise StoreAway("another session holds this node's place")
                self.controlled = control
            await self._run.beat(control, [session.pid for session in self._sessions.values()])

    async def _bury_forever(self) -> None:
        """Apart from the heartbeat: among millions of waiting messages a dead run's are not found at once."""
        while True:
            await asyncio.sleep(BEAT_S)
            if not self._is_away:
                with suppress(StoreAway, SettingsError, *AGAIN):
                    await self.bury()

    async def begin_with_burials(self) -> None:
        """What the life before this one had is free before anybody here reads.  Raises: StoreAway."""
        for _ in range(TRIES):
            with suppress(*AGAIN):
                return await self.bury()
        raise StoreAway("other transactions stand in the way of burying dead runs again and again")

    async def bury(self) -> None:
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
        events = EventBatch(self._group.now_us())
        for item in items:
            message = item.content
            assert isinstance(message, Message)
            told = (message.client, item.queue.partition(":")[2], message.dest, message.source, message.reference)
            events.add(EventName.MT_HELD, item.id, *told, "", reason)
        await self._group.ask("settle", [Held(item, reason) for item in items], events)

    async def _look_forever(self) -> None:
        loop = asyncio.get_running_loop()
        others_at, everywhere_at = loop.time(), loop.time() + LOOK_EVERYWHERE_S
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._is_away:
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

"""All processes of a box: started, kept, shown, drained.

It must never know what a node does, nor open the store: a fault in either must not reach it.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from chappe.box.keeper import Keeper, Limits
from chappe.box.plan import Process
from chappe.observe.health import Health, Phase
from chappe.runtime.clock import Clock
from chappe.runtime.throttle import Throttle

#: Starts a second that all processes of a box share once each has been started.
STARTS_PER_S: Final = 1.0
#: How often the health of the box is judged from its processes.
LOOK_EVERY_S: Final = 0.25


class Supervisor:
    """Keeps the processes of one box running."""

    def __init__(
        self,
        processes: Sequence[Process],
        command: Callable[[Process], Sequence[str]],
        limits: Limits,
        clock: Clock,
        health: Health,
        planned: Callable[[], Sequence[Process] | None] = lambda: None,
    ) -> None:
        """`planned()` is what should run now; None: nobody knows better than at the start."""
        self._budget = Throttle(STARTS_PER_S, clock.monotonic(), burst_s=len(processes) + 2.0)
        self._health = health
        self._clock = clock
        self._command = command
        self._limits = limits
        self._planned = planned
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._leaving: set[str] = set()
        self.keepers: dict[str, Keeper] = {each.name: self._keeper_of(each) for each in processes}
        health.watch_store(self._is_store_away)

    def _is_store_away(self) -> bool:
        return any(keeper.beat.is_store_away for keeper in self.keepers.values() if keeper.beat is not None)

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep all running until `stopping` is set, then drain all at once."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for name, keeper in self.keepers.items():
                self._keep(name, keeper)
            looking = group.create_task(self._look(), name="box health")
            await stopping.wait()
            looking.cancel()
            self._health.phase = Phase.DRAINING
            await asyncio.gather(*(keeper.drain() for keeper in self.keepers.values()))
            for task in self._tasks.values():
                task.cancel()

    def _keeper_of(self, process: Process) -> Keeper:
        return Keeper(process, self._command, self._limits, self._clock, self._budget)

    def _keep(self, name: str, keeper: Keeper) -> None:
        assert self._group is not None
        self._tasks[name] = self._group.create_task(keeper.run(), name=f"box keep {name}")

    def follow(self) -> None:
        """Start what the configuration has added, and drain what it has taken away."""
        planned = self._planned()
        if planned is None or self._group is None:
            return
        wanted = {each.name: each for each in planned}
        for name, process in wanted.items():
            if name not in self.keepers:
                self.keepers[name] = self._keeper_of(process)
                self._keep(name, self.keepers[name])
        for name in [each for each in self.keepers if each not in wanted and each not in self._leaving]:
            self._leaving.add(name)
            self._group.create_task(self._let_go(name), name=f"box let go {name}")

    async def _let_go(self, name: str) -> None:
        await self.keepers[name].drain()
        self._tasks.pop(name).cancel()
        del self.keepers[name]
        self._leaving.discard(name)

    async def _look(self) -> None:
        while True:
            self.follow()
            self.judge()
            await asyncio.sleep(LOOK_EVERY_S)

    def judge(self) -> None:
        """The box takes traffic when every process that is not drained on purpose does."""
        states = {keeper.state for keeper in self.keepers.values()} - {"drained", "draining"}
        if self._health.phase is not Phase.DRAINING:
            self._health.phase = Phase.RUNNING if states == {"running"} else Phase.STARTING

    def hang_up(self) -> None:
        """Pass on a SIGHUP: certificates are to be read anew."""
        for keeper in self.keepers.values():
            keeper.hang_up()

    def kill(self) -> None:
        """Whoever asks twice wants out now."""
        for keeper in self.keepers.values():
            keeper.kill()

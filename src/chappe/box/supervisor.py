"""All processes of a box: started, kept, shown, drained.

It must never know what a node does, nor open the store: a fault in either must not reach it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
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
    ) -> None:
        budget = Throttle(STARTS_PER_S, clock.monotonic(), burst_s=len(processes) + 2.0)
        self._health = health
        self._clock = clock
        self.keepers: Mapping[str, Keeper] = {
            each.name: Keeper(each, command, limits, clock, budget) for each in processes
        }
        health.watch_store(self._is_store_away)

    def _is_store_away(self) -> bool:
        return any(keeper.beat.is_store_away for keeper in self.keepers.values() if keeper.beat is not None)

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep all running until `stopping` is set, then drain all at once."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(keeper.run(), name=f"box keep {name}") for name, keeper in self.keepers.items()]
            tasks.append(group.create_task(self._look(), name="box health"))
            await stopping.wait()
            self._health.phase = Phase.DRAINING
            await asyncio.gather(*(keeper.drain() for keeper in self.keepers.values()))
            for task in tasks:
                task.cancel()

    async def _look(self) -> None:
        while True:
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

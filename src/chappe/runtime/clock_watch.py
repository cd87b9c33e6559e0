"""Notices that the machine's clock was set, and tells of it: ours goes on, and a person decides which one is right.

It must never set a clock, nor follow one.
"""

import asyncio
from typing import Final

from chappe.model.events import EventName
from chappe.runtime.clock import SystemClock
from chappe.runtime.node import Notes

LOOK_EVERY_S: Final = 10.0


class ClockWatch:
    """Looks at the machine's clock every ten seconds."""

    def __init__(self, clock: SystemClock, notes: Notes) -> None:
        self._clock = clock
        self._notes = notes
        self._told_s = 0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look()
            await self._notes.write()

    def look(self) -> None:
        """Look once; what was told before is not told again."""
        set_by_s = round(self._clock.set_by_s)
        if set_by_s != self._told_s:
            self._told_s = set_by_s
            self._notes.add(EventName.CLOCK_SET, detail=f"{set_by_s:+d} s")

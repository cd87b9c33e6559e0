"""Looks into the queues' index: which lanes have something, from which place on, and when the next moment comes.

What is dead stays in the index as long as somebody sees it; each look costs no more than what came since the last one.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from chappe.store.heads import SHARES
from chappe.store.postgres import lease_statements as leases
from chappe.store.postgres.lanes import LaneKey, Lanes
from chappe.store.postgres.names import Names
from chappe.store.postgres.writes import columns

#: How far below its newest moment a lane is looked at for what others laid there late.
NEAR_MS: Final = 5_000
#: Queues whose items tell one thing after the other of a message.  Several processes lay them, each with its own bells:
#: whoever finds the later one must find the earlier one, too, though it came to its place late and has not rung yet.
IN_ORDER: Final = "callback:"
LATE_MS: Final = 1_000
#: Nothing is laid so long ago that is not there yet: no transaction takes as long.
SETTLED_MS: Final = 60_000
#: How long floors are believed all the same.
FLOORS_HOLD_S: Final = 600.0
#: How often that is done: each such look meets all that was taken since then, dead rows included.
DEEP_LOOK_S: Final = 1.0
#: A look into the database takes at most this share of the time.
LOOK_SHARE: Final = 0.05


class Reader:
    """What is known of one queue."""

    __slots__ = ("deep_at", "floors_until", "forgotten", "is_known", "lanes", "look_again_at", "number")

    def __init__(self, queue: str) -> None:
        self.lanes = Lanes(LATE_MS if queue.startswith(IN_ORDER) else 0)
        self.number: int | None = None
        #: Its lanes have been looked for.
        self.is_known = False
        self.look_again_at = 0.0
        self.deep_at = 0.0
        self.floors_until = 0.0
        #: How often all of it was to be looked at.
        self.forgotten = 0

    def forget(self) -> None:
        """Something may lie anywhere: all of it is to be looked at, also when somebody is just looking."""
        self.is_known = False
        self.forgotten += 1


class Looking:
    """Looks for the readers of one process."""

    def __init__(self, names: Names, now_us: Callable[[], int]) -> None:
        self._names = names
        self._now_us = now_us

    @property
    def _now_ms(self) -> int:
        return self._now_us() // 1000

    async def look(self, connection: Any, queue: str, reader: Reader) -> None:
        """Find out which lanes have something.  Costs one look into the index for each lane and each gap."""
        began, lanes = time.monotonic(), reader.lanes
        if reader.number is None:
            await self._names.look(connection, [queue])
            reader.number = self._names.known(queue)
            if reader.number is None:
                return
        forgotten, is_deep = reader.forgotten, began >= reader.deep_at or not reader.is_known
        if is_deep:
            reader.deep_at = began + DEEP_LOOK_S
        if lanes.keys():
            if not reader.is_known:
                await self._look_below(connection, reader, began)
            await self._look_beside(connection, reader.number, lanes, is_deep=is_deep)
        else:
            for priority, lane, place in await connection.fetch(
                leases.EVERY_LANE, reader.number, [*range(len(SHARES))]
            ):
                lanes.found((priority, lane), place, self._now_ms)
        lanes.forget_idle()
        reader.look_again_at = began + (time.monotonic() - began) / LOOK_SHARE
        # Whoever forgot them while they were looked at wants them to be looked at again.
        reader.is_known = reader.forgotten == forgotten

    async def _look_beside(self, connection: Any, queue: int, lanes: Lanes, *, is_deep: bool) -> None:
        """What lies at the marks of known lanes, or somewhat below them, and in the gaps between them."""
        now_ms = self._now_ms
        marks = lanes.marks(now_ms - NEAR_MS if is_deep else None)
        if marks:
            for priority, lane, place in await connection.fetch(leases.FIRST_OF_LANES, queue, *columns(marks)):
                lanes.found((priority, lane), place, now_ms)
        gaps = lanes.gaps()
        while gaps:
            found = await connection.fetch(leases.LANES_BETWEEN, queue, *columns(gaps))
            for priority, lane, place in found:
                lanes.found((priority, lane), place, now_ms)
            gaps = [(priority, lane, _next_known(lanes, priority, lane)) for priority, lane, _ in found]

    async def _look_below(self, connection: Any, reader: Reader, now: float) -> None:
        """Something may lie below the marks.  What is dead for ever is not looked at again, but now and then."""
        lanes = reader.lanes
        if now >= reader.floors_until:
            lanes.forget_floors()
            reader.floors_until = now + FLOORS_HOLD_S
        known = lanes.floors()
        if known:
            rows = await connection.fetch(leases.FLOORS_OF_LANES, reader.number, *columns(known))
            firsts = {(priority, lane): place for priority, lane, place in rows}
            lanes.raise_floors(firsts, self._now_ms - SETTLED_MS, self._now_ms)

    async def look_for_moments(self, connection: Any, queue: int, lanes: Lanes, keys: Sequence[LaneKey]) -> None:
        """Lanes whose items wait for a moment: when does the next one come?"""
        lanes.may_wait.difference_update(keys)
        rows = [(*key, self._now_ms + 1) for key in keys]
        for priority, lane, place in await connection.fetch(leases.FIRST_OF_LANES, queue, *columns(rows)):
            lanes.found((priority, lane), place, self._now_ms)


def _next_known(lanes: Lanes, priority: int, lane: int) -> int:
    known = lanes.keys()
    return min((other for each, other in known if each == priority and other > lane), default=1 << 31)

"""Who is next in a queue, fairly: which lanes are asked for how many items, and from which mark on.

Knows no SQL and no clock.  A lane's mark lies below everything in it that nobody holds; what is dead below it is not
looked at again.
"""

import heapq
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final, NamedTuple

from chappe.store.heads import SHARES

#: (priority, number of the lane)
LaneKey = tuple[int, int]
#: Lanes without items that are remembered: what is forgotten is found again by a look into the gaps.
IDLE_LANES: Final = 5_000


class Share(NamedTuple):
    """How many items one lane is asked for, from where on."""

    priority: int
    lane: int
    mark: int
    share: int


class Lanes:
    """The lanes of one queue."""

    def __init__(self, late_ms: int = 0) -> None:
        """What is laid so late, below what was taken meanwhile, is found by any lease, not only once its bell rings."""
        self._late_ms = late_ms
        self._mark_by_lane: dict[LaneKey, int] = {}
        #: Lanes that may have something now, in the order of their turns.
        self._ready: tuple[dict[LaneKey, None], ...] = ({}, {}, {})
        #: Moments at which lanes become ready.
        self._later: list[tuple[int, LaneKey]] = []
        self._moment_by_lane: dict[LaneKey, int] = {}
        #: Below these places of lanes nothing lives, whoever holds it.
        self._floor_by_lane: dict[LaneKey, int] = {}
        #: The least place that was laid in a lane since it was asked last.
        self._fresh: dict[LaneKey, int] = {}
        #: Lanes in which something may wait for a moment that nobody noted here.
        self.may_wait: set[LaneKey] = set()
        self._turn = [0, 0, 0]

    def laid(self, key: LaneKey, place: int, now_ms: int) -> None:
        """Something in the lane is due from `place` on."""
        mark = self._mark_by_lane.get(key)
        if mark is None or place < mark:
            self._mark_by_lane[key] = place
        if place <= now_ms:
            self._ready[key[0]][key] = None
            self._fresh[key] = min(place, self._fresh.get(key, place))
        else:
            self.may_wait.add(key)
            if place < self._moment_by_lane.get(key, place + 1):
                self._moment_by_lane[key] = place
                heapq.heappush(self._later, (place, key))

    def found(self, key: LaneKey, place: int, now_ms: int) -> None:
        """A look found this as the first of its lane; others may follow at moments that nobody noted."""
        self.laid(key, place, now_ms)
        self.may_wait.add(key)

    def is_ready(self, now_ms: int) -> bool:
        """Some lane may have something."""
        self._wake(now_ms)
        return any(self._ready)

    def _wake(self, now_ms: int) -> None:
        while self._later and self._later[0][0] <= now_ms:
            place, key = heapq.heappop(self._later)
            if self._moment_by_lane.get(key) == place:
                del self._moment_by_lane[key]
            self._ready[key[0]][key] = None

    def allot(self, limit: int, now_ms: int) -> list[Share]:
        """Whom to ask for how many: classes by share, lanes of a class in turn; none when nobody has anything."""
        self._wake(now_ms)
        shares: list[Share] = []
        for priority, quota in enumerate(self._quotas(limit)):
            ring = self._ready[priority]
            if not quota:
                continue
            keys = list(ring)[:quota]
            each, more = divmod(quota, len(keys))
            for number, key in enumerate(keys):
                # Its next turn comes after those of all others.
                del ring[key]
                ring[key] = None
                self._fresh.pop(key, None)
                shares.append(Share(*key, self._mark_by_lane[key], each + (number < more)))
        return shares

    def _quotas(self, limit: int) -> list[int]:
        waiting = [priority for priority, ring in enumerate(self._ready) if ring]
        quotas = [0, 0, 0]
        if len(waiting) < 2:
            for priority in waiting:
                quotas[priority] = limit
            return quotas
        left = limit
        while left:
            open_ones = [priority for priority in waiting if self._turn[priority] < SHARES[priority]]
            if not open_ones:
                self._turn = [0, 0, 0]
                continue
            step = min(left, SHARES[open_ones[0]] - self._turn[open_ones[0]])
            quotas[open_ones[0]] += step
            self._turn[open_ones[0]] += step
            left -= step
        return quotas

    def took(self, share: Share, count: int, last_place: int) -> bool:
        """A lane gave `count` items, the last of them from `last_place`.  True: it has nothing more that is due."""
        key = (share.priority, share.lane)
        # What was laid while the answer was on its way may not be in it, and lie below the last that is.
        fresh = self._fresh.get(key)
        if count:
            mark = last_place - self._late_ms
            self._mark_by_lane[key] = mark if fresh is None else min(mark, fresh)
        if count < share.share and fresh is None:
            self._ready[key[0]].pop(key, None)
            return True
        return False

    def floors(self) -> list[tuple[int, int, int]]:
        """(priority, lane, floor) of all lanes that are known."""
        return [(*key, self._floor_by_lane.get(key, 0)) for key in self._mark_by_lane]

    def forget_floors(self) -> None:
        """All of each lane is looked at once more."""
        self._floor_by_lane.clear()

    def raise_floors(self, first_by_lane: Mapping[LaneKey, int], highest: int, now_ms: int) -> None:
        """The first places from the floors on at which something lives, leased or not.

        No floor is above `highest`: what was laid since then may not be there yet.
        """
        for key in list(self._mark_by_lane):
            first = first_by_lane.get(key)
            self._floor_by_lane[key] = highest if first is None else min(first, highest)
            if first is not None:
                self.laid(key, first, now_ms)

    def keys(self) -> list[LaneKey]:
        """The lanes that are known."""
        return list(self._mark_by_lane)

    def marks(self, lowest: int | None = None) -> list[tuple[int, int, int]]:
        """(priority, lane, mark) of lanes that have nothing as far as is known; not above `lowest`, if it is given."""
        return [
            (*key, mark if lowest is None else min(mark, lowest))
            for key, mark in self._mark_by_lane.items()
            if key not in self._ready[key[0]]
        ]

    def gaps(self) -> list[tuple[int, int, int]]:
        """(priority, lane after which, lane before which) where lanes may be that are not known."""
        found = []
        for priority in range(len(SHARES)):
            known = sorted(lane for each, lane in self._mark_by_lane if each == priority)
            bounds = [0, *known, 1 << 31]
            found += [(priority, after, before) for after, before in pairwise(bounds)]
        return found

    def forget_idle(self) -> None:
        """Lanes that have been without items for long leave memory."""
        if len(self._mark_by_lane) <= IDLE_LANES:
            return
        for key in self._idle():
            if len(self._mark_by_lane) <= IDLE_LANES:
                return
            del self._mark_by_lane[key]
            self._fresh.pop(key, None)
            self._floor_by_lane.pop(key, None)

    def _idle(self) -> Iterable[LaneKey]:
        waiting = self.may_wait.union(self._moment_by_lane)
        return [key for key in self._mark_by_lane if key not in self._ready[key[0]] and key not in waiting]

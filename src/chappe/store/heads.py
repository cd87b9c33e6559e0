"""The head of a queue in memory: who is next, fairly, and what must still be read from disk.

Nothing here is the only copy of anything: every item also lies in the store.  Knows no SQL; the
engine pushes what it has committed and loads what a lane asks for.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from operator import attrgetter
from typing import Final, NamedTuple

from chappe.model.message import Item

#: Shares of high, normal and bulk while all three have something waiting.  Bulk keeps 5 %
#: under endless high; what a class does not use goes to the next.
SHARES: Final = (16, 3, 1)

#: Items kept in memory per lane and per queue, about 1 KiB each; what is beyond stays on disk only.  A client that
#: fills a window of 1,000 has two or three times as many under way: with less memory every message would be written to
#: the queue's table and read again, at a seventh of its whole cost.
LANE_ITEMS: Final = 4_000
HEAD_ITEMS: Final = 16_000

#: Items that a refill brings at least, however many lanes share the memory of a queue, and at most: a look at the
#: disk holds everybody up.
REFILL_ITEMS: Final = 50
LOAD_ITEMS: Final = 1_000

LaneKey = tuple[int, str]

_id_of: Final = attrgetter("id")


class Loaded(NamedTuple):
    """What a lane has on disk beyond its mark: the free items, the last id looked at, and whether more may follow."""

    items: list[Item]
    mark: int
    has_more: bool


Load = Callable[[int, str, int, int], Loaded]


class Lane:
    """One client's items of one priority, in order."""

    __slots__ = ("has_more", "is_waiting", "items", "key", "mark")

    def __init__(self, key: LaneKey, *, has_more: bool = False) -> None:
        self.key = key
        self.items: deque[Item] = deque()
        #: The store holds items of this lane beyond `mark` which are not in memory.
        self.has_more = has_more
        #: The greatest id that has been in memory.
        self.mark = 0
        #: It stands in the ring of its priority.
        self.is_waiting = False


class Head:
    """The next items of one queue, taken lane by lane in turn, priorities by share."""

    def __init__(self, queue: str, load: Load) -> None:
        """`load(priority, lane, after_id, limit)` reads a lane's further items that wait for no moment."""
        self.queue = queue
        self._load = load
        self._lanes: dict[LaneKey, Lane] = {}
        self._rings: tuple[deque[Lane], ...] = (deque(), deque(), deque())
        self._in_memory = 0
        self._turn = [0, 0, 0]

    def push(self, priority: int, lane_name: str, items: Sequence[Item]) -> None:
        """Committed items of one lane join its end, or wait on disk if memory has enough of it."""
        key = (priority, lane_name)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key)
            if len(items) == 1 and self._in_memory < HEAD_ITEMS:
                # The first of a client or a handset: of a thousand clients nearly every message is that.
                item = items[0]
                lane.items.append(item)
                lane.mark = item.id
                lane.is_waiting = True
                self._in_memory += 1
                self._rings[priority].append(lane)
                return
            # A lane that is not known has nothing on disk but these items and what readers hold.
            lane.mark = items[0].id - 1
        count, standing = len(items), lane.items
        in_memory = self._in_memory + count
        if lane.has_more or in_memory > HEAD_ITEMS or len(standing) + count > LANE_ITEMS:
            for item in items:
                self._push_one(lane, item)
            return
        newest = items[0].id if count == 1 else max(map(_id_of, items))
        if newest > lane.mark:
            lane.mark = newest
        standing.extend(items)
        self._in_memory = in_memory
        if not lane.is_waiting:
            lane.is_waiting = True
            self._rings[priority].append(lane)

    def _push_one(self, lane: Lane, item: Item) -> None:
        if item.id > lane.mark:
            if item.has_row and (lane.has_more or len(lane.items) >= LANE_ITEMS or self._in_memory >= HEAD_ITEMS):
                lane.has_more = True
                self._stand(lane)
                return
            lane.mark = item.id
        lane.items.append(item)
        self._in_memory += 1
        self._stand(lane)

    def room(self, priority: int, lane_name: str) -> int:
        """How many new items of a lane memory will keep; what is beyond must have a row in the store."""
        lane = self._lanes.get((priority, lane_name))
        free = HEAD_ITEMS - self._in_memory
        if lane is None:
            return min(free, LANE_ITEMS)
        return 0 if lane.has_more else min(free, LANE_ITEMS - len(lane.items))

    def lanes(self) -> list[LaneKey]:
        """The lanes that hold something here or are known to hold something on disk."""
        return list(self._lanes)

    def older_than(self, lane_name: str, before_id: int, limit: int) -> list[Item]:
        """Items of a lane, whatever their priority, that memory holds and that are older than an id."""
        found: list[Item] = []
        for (_, name), lane in self._lanes.items():
            if name == lane_name:
                found += [item for item in islice(lane.items, limit) if item.id < before_id]
        return found[:limit]

    def items(self) -> list[Item]:
        """What memory holds, lane by lane."""
        return [item for lane in self._lanes.values() for item in lane.items]

    def give_back(self, items: Iterable[Item]) -> None:
        """Leased items return to their lanes, each before what is younger than itself."""
        given_by_lane: dict[LaneKey, list[Item]] = {}
        for item in items:
            given_by_lane.setdefault((item.priority, item.lane), []).append(item)
        for key, given in given_by_lane.items():
            given.sort(key=_id_of)
            lane = self._lanes.get(key)
            if lane is None:
                lane = self._lanes[key] = Lane(key)
                lane.mark = given[-1].id
            elif lane.has_more:
                # What lies beyond the mark comes from disk when it is its turn.
                given = [each for each in given if each.id <= lane.mark or each.due_at_ms or not each.has_row]
            else:
                lane.mark = max(lane.mark, *(each.id for each in given if not each.due_at_ms), 0)
            if not given:
                continue
            if lane.items and lane.items[0].id < given[-1].id:
                lane.items = deque(sorted([*lane.items, *given], key=_id_of))
            else:
                lane.items.extendleft(reversed(given))
            self._in_memory += len(given)
            self._stand(lane)

    def remember(self, priority: int, lane_name: str) -> None:
        """The store holds items of this lane (found at start)."""
        lane = self._lanes[(priority, lane_name)] = Lane((priority, lane_name), has_more=True)
        self._stand(lane)

    def discard(self, ids: set[int]) -> set[int]:
        """Take these items out; return those that really lay here (nobody holds them)."""
        found: set[int] = set()
        for lane in self._lanes.values():
            kept = [item for item in lane.items if item.id not in ids]
            if len(kept) != len(lane.items):
                found.update(item.id for item in lane.items if item.id in ids)
                self._in_memory -= len(lane.items) - len(kept)
                lane.items = deque(kept)
        return found

    @property
    def waiting(self) -> int:
        """How many items wait here in memory."""
        return self._in_memory

    @property
    def is_empty(self) -> bool:
        """Nothing waits here, neither in memory nor known to be on disk."""
        high, normal, bulk = self._rings
        return not (normal or high or bulk)

    def take(self, limit: int) -> list[Item]:
        """Take up to `limit` items."""
        if not self._rings[0] and not self._rings[2]:
            return self._take_alone(1, limit)
        waiting = [priority for priority, ring in enumerate(self._rings) if ring]
        if len(waiting) == 1:
            return self._take_alone(waiting[0], limit)
        taken: list[Item] = []
        while len(taken) < limit:
            priority = self._next_priority()
            if priority is None:
                break
            ring = self._rings[priority]
            share = max(1, (limit - len(taken)) // max(1, len(ring)))
            if self._spare_classes(priority):
                share = min(share, SHARES[priority] - self._turn[priority])
            got = self._take_from(ring, share)
            self._turn[priority] += len(got)
            taken += got
        return taken

    def _take_alone(self, priority: int, limit: int) -> list[Item]:
        """The same while only one priority waits: it needs no shares, however many lanes there are."""
        ring, lanes = self._rings[priority], self._lanes
        taken: list[Item] = []
        while ring and len(taken) < limit:
            lane = ring[0]
            if lane.has_more or len(lane.items) != 1:
                taken += self._take_from(ring, (limit - len(taken)) // len(ring) or 1)
                continue
            # One item is all that most lanes hold: of a thousand clients, and of handsets that are told something.
            ring.popleft()
            lane.is_waiting = False
            taken.append(lane.items.pop())
            self._in_memory -= 1
            del lanes[lane.key]
        self._turn[priority] += len(taken)
        return taken

    def _spare_classes(self, priority: int) -> bool:
        return any(ring for other, ring in enumerate(self._rings) if other != priority)

    def _next_priority(self) -> int | None:
        """The highest priority whose share of this round is not used up."""
        waiting = [priority for priority, ring in enumerate(self._rings) if ring]
        if not waiting:
            return None
        for priority in waiting:
            if self._turn[priority] < SHARES[priority]:
                return priority
        self._turn = [0, 0, 0]
        return waiting[0]

    def _take_from(self, ring: deque[Lane], share: int) -> list[Item]:
        """Take `share` items of the lane whose turn it is and put the lane behind the others."""
        lane = ring.popleft()
        lane.is_waiting = False
        if not lane.items and lane.has_more:
            self._refill(lane)
        items = lane.items
        if share >= len(items):
            got = list(items)
            items.clear()
        else:
            got = [items.popleft() for _ in range(share)]
        self._in_memory -= len(got)
        if items or lane.has_more:
            self._stand(lane)
        else:
            # A lane without items costs nothing, however many clients or handsets there have been,
            # but its mark must outlive commits that are still on their way.
            del self._lanes[lane.key]
        return got

    def _refill(self, lane: Lane) -> None:
        priority, name = lane.key
        fair = HEAD_ITEMS // (len(self._rings[priority]) + 1)
        loaded = self._load(priority, name, lane.mark, max(REFILL_ITEMS, min(LOAD_ITEMS, fair)))
        lane.items.extend(loaded.items)
        self._in_memory += len(loaded.items)
        lane.mark, lane.has_more = max(lane.mark, loaded.mark), loaded.has_more

    def _stand(self, lane: Lane) -> None:
        if not lane.is_waiting:
            lane.is_waiting = True
            self._rings[lane.key[0]].append(lane)

"""Which lanes hold items that wait for a moment, and when the next moment comes.

Follows what the engine has committed.  It must never know SQL, nor what the items are.
"""

from chappe.model.message import Item

LaneKey = tuple[int, str]


class Due:
    """The next moment of each lane, in Unix ms.  A moment may come too early, never too late."""

    __slots__ = ("_moment_by_lane", "_next_by_queue")

    def __init__(self) -> None:
        self._moment_by_lane: dict[str, dict[LaneKey, int]] = {}
        self._next_by_queue: dict[str, int] = {}

    def note(self, queue: str, lane: LaneKey, due_at_ms: int) -> None:
        """An item of this lane waits until `due_at_ms`."""
        moments = self._moment_by_lane.setdefault(queue, {})
        known = moments.get(lane)
        if known is None or due_at_ms < known:
            moments[lane] = due_at_ms
            self._next_by_queue[queue] = min(due_at_ms, self._next_by_queue.get(queue, due_at_ms))

    def note_item(self, item: Item) -> None:
        """This item lies in its queue and waits."""
        self.note(item.queue, (item.priority, item.lane), item.due_at_ms)

    def looked(self, queue: str, lane: LaneKey, next_ms: int | None) -> None:
        """All items of the lane that were due have been taken; the next one is due at `next_ms`, None for never."""
        moments = self._moment_by_lane.get(queue, {})
        if next_ms is None:
            moments.pop(lane, None)
        else:
            moments[lane] = next_ms
        if moments:
            self._next_by_queue[queue] = min(moments.values())
        else:
            self._moment_by_lane.pop(queue, None)
            self._next_by_queue.pop(queue, None)

    @property
    def is_empty(self) -> bool:
        """Nothing waits for a moment anywhere."""
        return not self._next_by_queue

    def is_due(self, queue: str, now_ms: int) -> bool:
        """Something in the queue may be due."""
        moment = self._next_by_queue.get(queue)
        return moment is not None and moment <= now_ms

    def queues(self, now_ms: int) -> list[str]:
        """The queues where something may be due."""
        return [queue for queue, moment in self._next_by_queue.items() if moment <= now_ms]

    def lanes(self, queue: str, now_ms: int) -> list[LaneKey]:
        """The lanes of a queue where something may be due."""
        return [lane for lane, moment in self._moment_by_lane.get(queue, {}).items() if moment <= now_ms]

    def waiting_lanes(self, queue: str) -> list[LaneKey]:
        """All lanes of a queue in which something waits for a moment."""
        return list(self._moment_by_lane.get(queue, {}))

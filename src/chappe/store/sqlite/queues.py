"""The queues as their readers meet them: heads in memory, leases, moments, bells.

Nothing here is the only copy of anything.  What rows hold is read when a head asks for it.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from traceback import format_exc
from typing import Any, Final

import msgspec

from chappe.model.errors import MisuseError
from chappe.model.message import Item
from chappe.store.due import Due
from chappe.store.heads import Head, LaneKey, Loaded
from chappe.store.sqlite import rows
from chappe.store.sqlite.depths import Depths
from chappe.store.sqlite.isolation import POISON
from chappe.store.sqlite.store_file import StoreFile
from chappe.store.sqlite.unreadable import UnreadableRow
from chappe.store.sqlite.writes import Effects

#: Due items that one look brings into memory, per lane.
DUE_ITEMS: Final = 500
#: What a reader leaves waiting presses as far as it may take that within so many leases like its last one: what waits
#: for a slow reader, or for none, is no reason to accept less.
PRESSING_TURNS: Final = 8
#: Where an item lies; neighbours of a batch mostly share it.
_place: Final = attrgetter("queue", "priority", "lane", "due_at_ms")
#: Pause before a lane with more due items than one look brings is looked at again.
DUE_AGAIN_MS: Final = 500


class Queues:
    """All queues of a store."""

    def __init__(
        self, file: StoreFile, now_us: Callable[[], int], hold_unreadable: Callable[[UnreadableRow], None]
    ) -> None:
        self._file = file
        self._now_us = now_us
        self._hold = hold_unreadable
        self._heads: dict[str, Head] = {}
        self._bells: dict[str, list[Callable[[], None]]] = {}
        self._due_in_memory: set[tuple[str, int]] = set()
        self._due = Due()
        #: Ids that somebody holds.
        #: None stands for what cannot be read.
        self.leased: dict[int, Item | None] = {}
        self.depths = Depths()
        #: The most items that a reader left waiting in memory when it leased before the last commits.
        self.pressure = self._pressing = 0

    def head(self, queue: str) -> Head:
        """The head of a queue, made when nobody asked for it before."""
        head = self._heads.get(queue)
        if head is None:
            head = self._heads[queue] = Head(queue, lambda *lane: self._load_lane(queue, *lane))
        return head

    def _load_lane(self, queue: str, priority: int, lane: str, after_id: int, limit: int) -> Loaded:
        known, leased = self._file.names.known, self.leased
        values = (known(queue), priority, known(lane), after_id, limit)
        found = self._file.connection.execute(rows.NEXT_OF_LANE, values).fetchall()
        # What somebody holds is given back or settled by its holder.
        free = ((0, *row) for row in found if row[0] not in leased)
        return Loaded(
            self._items(queue, priority, lane, free), found[-1][0] if found else after_id, len(found) == limit
        )

    def _items(self, queue: str, priority: int, lane: str, found: Iterable[tuple[Any, ...]]) -> list[Item]:
        """Queue rows as items; what cannot be read stops nobody else: it is held for a person."""
        items: list[Item] = []
        for due_at_ms, each, attempts, packed, body in found:
            try:
                items.append(
                    Item(queue, priority, lane, due_at_ms, each, rows.content_of(packed, body), attempts, True)
                )
            except (msgspec.MsgspecError, MisuseError, *POISON):
                self._hold(UnreadableRow(queue, priority, lane, due_at_ms, each, packed, format_exc()))
        return items

    def _load_due(self, queue: str) -> None:
        """Bring items whose moment has come to the front of their lanes, and note the next moment."""
        now_ms = self._now_us() // 1000
        for lane in self._due.lanes(queue, now_ms):
            self._due.looked(queue, lane, self._load_due_lane(queue, lane, now_ms))

    def _load_due_lane(self, queue: str, lane: LaneKey, now_ms: int) -> int | None:
        """Returns the next moment of the lane, None when nothing waits there any more."""
        priority, name = lane
        key = (self._file.names.known(queue), priority, self._file.names.known(name))
        found = self._file.connection.execute(rows.DUE_OF_LANE, (*key, now_ms, DUE_ITEMS)).fetchall()
        free = [row for row in found if (queue, row[1]) not in self._due_in_memory and row[1] not in self.leased]
        items = self._items(queue, priority, name, free)
        self._due_in_memory.update((queue, item.id) for item in items)
        self.head(queue).give_back(items)
        if len(found) == DUE_ITEMS:
            return now_ms + DUE_AGAIN_MS
        row = self._file.connection.execute(rows.NEXT_MOMENT, (*key, now_ms)).fetchone()
        return None if row[0] is None else int(row[0])

    def ring(self, queue: str) -> None:
        """Wake who reads the queue."""
        for bell in self._bells.get(queue, ()):
            bell()

    def take_out(self, items: Sequence[Item]) -> list[Item]:
        """Lease items wherever they stand in their queues."""
        by_queue: dict[str, set[int]] = {}
        for item in items:
            by_queue.setdefault(item.queue, set()).add(item.id)
        for queue, ids in by_queue.items():
            self.head(queue).discard(ids)
        self.leased.update((item.id, item) for item in items)
        return list(items)

    def lease(self, queue: str, limit: int) -> list[Item]:
        """Take items from the head of a queue; none while the store is away."""
        if self._file.is_away:
            return []
        if not self._due.is_empty and self._due.is_due(queue, self._now_us() // 1000):
            self._load_due(queue)
        head = self._heads.get(queue)
        if head is None or head.is_empty:
            return []
        items = head.take(limit)
        self.leased.update([(item.id, item) for item in items])
        self._pressing = max(self._pressing, min(head.waiting, PRESSING_TURNS * len(items)))
        return items

    def release(self, items: Sequence[Item]) -> None:
        """Leased items go back to the heads of their queues."""
        by_queue: dict[str, list[Item]] = {}
        for item in items:
            if item.id in self.leased:
                del self.leased[item.id]
                if item.due_at_ms and not self._is_in_memory(item):
                    continue
                by_queue.setdefault(item.queue, []).append(item)
        for queue, given in by_queue.items():
            self.head(queue).give_back(given)
            self.ring(queue)

    def _is_in_memory(self, item: Item) -> bool:
        """Its moment has come, and it goes to the head of its queue; else it waits on disk for that."""
        if item.due_at_ms > self._now_us() // 1000:
            self._due.note_item(item)
            return False
        self._due_in_memory.add((item.queue, item.id))
        return True

    def listen(self, queue: str, bell: Callable[[], None]) -> None:
        """Call `bell` whenever something may be leased from the queue."""
        self._bells.setdefault(queue, []).append(bell)

    def unlisten(self, queue: str, bell: Callable[[], None]) -> None:
        """Call it no more."""
        self._bells[queue].remove(bell)

    def is_waiting(self, queue: str) -> bool:
        """Something may be leased from the queue."""
        head = self._heads.get(queue)
        if head is not None and not head.is_empty:
            return True
        return not self._due.is_empty and self._due.is_due(queue, self._now_us() // 1000)

    def lanes(self, queue: str) -> set[LaneKey]:
        """All lanes of a queue in which something waits."""
        return {*self.head(queue).lanes(), *self._due.waiting_lanes(queue)}

    def note_due(self, queue: str, lane: LaneKey, due_at_ms: int) -> None:
        """Something in this lane waits until `due_at_ms`."""
        self._due.note(queue, lane, due_at_ms)

    def ring_due(self) -> None:
        """Wake who reads queues in which something has become due."""
        for queue in self._due.queues(self._now_us() // 1000):
            self.ring(queue)

    def ring_all(self) -> None:
        """Wake everyone."""
        for queue in list(self._bells):
            self.ring(queue)

    def follow(self, effects: Effects) -> set[str]:
        """Leases and heads are what a commit made of them.  Returns the queues whose readers are to be woken."""
        # What was laid in and left again counts first as one more: less than nothing cannot be counted.
        self.depths.add(effects.queued)
        self.depths.add(effects.deferred)
        # A reader that waits for its window now will read on soon; one that has stopped presses no more after a while.
        self.pressure, self._pressing = max(self._pressing, self.pressure * 3 // 4), 0
        self.depths.remove(effects.settled)
        self._forget_settled(effects.settled)
        self._replace(effects.replaced)
        rung: set[str] = set()
        queued = effects.queued
        if effects.withdrawn:
            queued = [item for item in queued if (item.queue, item.id) not in effects.withdrawn]
        for (queue, priority, lane, due_at_ms), items in groupby(queued, _place):
            if due_at_ms:
                self._due.note(queue, (priority, lane), due_at_ms)
                continue
            self.head(queue).push(priority, lane, list(items))
            rung.add(queue)
        for item in effects.deferred:
            self._due.note_item(item)
        return rung

    def _replace(self, items: Sequence[Item]) -> None:
        """What stands in memory is another message now; what does not is read as what it is."""
        for item in items:
            head = self._heads.get(item.queue)
            if head is not None and head.discard({item.id}):
                head.give_back([item])

    def _forget_settled(self, items: Sequence[Item]) -> None:
        forget = self.leased.pop
        free: dict[str, set[int]] = {}
        for item in [item for item in items if forget(item.id, False) is False]:
            # Its reader gave it back before it said what became of it, or its client cancelled it.
            free.setdefault(item.queue, set()).add(item.id)
        for queue, ids in free.items():
            if queue in self._heads:
                self._heads[queue].discard(ids)
        if self._due_in_memory:
            self._due_in_memory.difference_update([(item.queue, item.id) for item in items if item.due_at_ms])

"""Items that crash their reader: each is tried again by itself, and laid aside with the traceback the third time.

A crash may have had another cause than the item (memory, a node that was just starting).  Counts live in memory: a
restart begins anew.  What ends the whole process is counted by `in_hand`, and only laid aside here.
"""

from collections.abc import Callable
from typing import Final

from chappe.model.events import EventBatch, EventName
from chappe.model.message import Item, Message
from chappe.runtime.batching import Gathered
from chappe.runtime.clock import Clock
from chappe.runtime.in_hand import InHand
from chappe.runtime.node import persist
from chappe.runtime.supervisor import Crash
from chappe.store.port import Deferred, Held, Settlement, Store

#: An item is held when it has crashed its reader so often.
CRASHES: Final = 3
#: Pauses after the first crash and after the second one.
PAUSES_MS: Final = (500, 2_000)
#: Items whose crashes are remembered, the newest ones.
REMEMBERED: Final = 10_000


class CrashCount:
    """How often each item has crashed its reader."""

    def __init__(self) -> None:
        self._count_by_item: dict[tuple[str, int], int] = {}

    def crashed(self, item: Item) -> int:
        """Once more; returns how often it was by now."""
        key = (item.queue, item.id)
        count = self._count_by_item.pop(key, 0) + 1
        if count < CRASHES:
            self._count_by_item[key] = count
            if len(self._count_by_item) > REMEMBERED:
                del self._count_by_item[next(iter(self._count_by_item))]
        return count


class CrashDesk:
    """Decides about the crashes of one node's items and writes it down."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        is_begun: Callable[[Item], bool] = lambda _: False,
        behind: Callable[[Item, int], int] = lambda _, due_at_ms: due_at_ms,
        ended: Callable[[Item], None] = lambda _: None,
        hand: InHand | None = None,
    ) -> None:
        """`is_begun(item)`: its reader may have done something with it that must not be done twice: it is held at once.

        `behind(item, due_at_ms)` says when it may be tried again, and keeps what follows behind it; `ended(item)`
        lets that go on.  `hand` knows what has ended whole processes.
        """
        self._store = store
        self._clock = clock
        self._is_begun = is_begun
        self._behind = behind
        self._ended = ended
        self._hand = hand
        self._counts = CrashCount()
        self._crashes: Gathered[Crash] = Gathered()
        #: Takes a crash in.
        self.add = self._crashes.add

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            found = await self._crashes.take()
            events = EventBatch(self._clock.utc_us())
            settlements = [self._settle(crash, events) for crash in found]
            await persist(self._store, settlements, events)
            for crash in found:
                if crash.is_proved and self._hand is not None:
                    self._hand.forget(crash.item)

    def _settle(self, crash: Crash, events: EventBatch) -> Settlement:
        item = crash.item
        content = item.content
        message_id = content.id if isinstance(content, Message) else content.message_id
        count = self._counts.crashed(item)
        if count < CRASHES and not crash.is_proved and not self._is_begun(item):
            told = f"{item.queue}: crash {count} of {CRASHES}: {crash.summary}"
            events.add(EventName.ITEM_POISONED, message_id, content.client, detail=told)
            due_at_ms = self._behind(item, events.at_us // 1000 + PAUSES_MS[count - 1])
            return Deferred(item, due_at_ms, was_tried=False)
        self._ended(item)
        events.add(EventName.ITEM_POISONED, message_id, content.client, detail=f"{item.queue}: held: {crash.summary}")
        return Held(item, crash.traceback)

"""Order per client and handset on the way to an operator: what follows a refused message waits behind it.

`rules.order` judges; here messages are laid back.  It must never know why a message was refused.
"""

from collections.abc import Hashable, Sequence

from chappe.model.events import EventBatch
from chappe.model.message import Item
from chappe.rules.order import HandsetOrder
from chappe.runtime.clock import Clock
from chappe.runtime.node import persist
from chappe.store.port import Deferred, Settlement, Store


class MessageOrder:
    """The order of one operator's messages."""

    __slots__ = ("_clock", "_order", "_store", "lines")

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._order = HandsetOrder()
        #: While it is empty nothing was refused, and nobody need ask.
        self.lines = self._order.lines

    def refused(self, item: Item, due_at_ms: int) -> int:
        """It is to be tried again at `due_at_ms`.  Returns when it may be, behind its elders."""
        return self._order.refused(_key(item), item.id, due_at_ms)

    def answered(self, item: Item) -> None:
        """It was taken, has ended or went elsewhere."""
        self._order.answered(_key(item), item.id, self._clock.utc_us() // 1000)

    async def may_leave(self, items: Sequence[Item]) -> list[Item]:
        """Lay back what must wait behind another message; return the rest."""
        now_ms = self._clock.utc_us() // 1000
        ready: list[Item] = []
        waiting: list[Settlement] = []
        for item in sorted(items, key=lambda each: each.id):
            until_ms = self._order.wait_until(_key(item), item.id, now_ms)
            if until_ms:
                waiting.append(Deferred(item, until_ms, was_tried=False))
            else:
                ready.append(item)
        if not waiting:
            return list(items)
        await persist(self._store, waiting, EventBatch(self._clock.utc_us()))
        left = {item.id for item in ready}
        return [item for item in items if item.id in left]


def _key(item: Item) -> Hashable:
    # Messages of another priority overtake on purpose.
    return item.priority, item.content.client, item.content.dest

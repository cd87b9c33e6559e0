"""The rerouter: messages for an operator that is gone from the settings go where the routes now say.

Reads `operator:NAME` of operators that nobody serves; writes `operator:NAME` of others.  What no route takes stays,
is shown, and ends by its validity.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from chappe.model.events import EventBatch, EventName
from chappe.model.message import Item, Message
from chappe.rules.decide import Routes
from chappe.runtime.clock import Clock
from chappe.runtime.node import persist
from chappe.store.port import Deferred, Moved, Place, QueueDepth, Settlement, Store, StoreAway

REROUTE_EVERY_S: Final = 5.0
#: Pause between two looks of one round: others must have their turn.
REROUTE_AGAIN_S: Final = 0.05


class Rerouter:
    """Empties the queues of operators that are gone."""

    def __init__(
        self,
        store: Store,
        routes: Callable[[], Routes],
        clock: Clock,
        *,
        depths: Callable[[], list[QueueDepth]],
        is_gone: Callable[[str], bool],
        is_up: Callable[[str], bool],
    ) -> None:
        """`is_gone(operator)`: the settings do not name it; `is_up(operator)`: it can be sent to now."""
        self._store = store
        self._mt_routes = routes
        self._clock = clock
        self._depths = depths
        self._is_gone = is_gone
        self._is_up = is_up

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(REROUTE_EVERY_S)

    async def look(self) -> None:
        """One round over all queues of operators that are gone."""
        for depth in self._depths():
            kind, _, operator = depth.queue.partition(":")
            if kind == "operator" and depth.messages and self._is_gone(operator):
                await self._empty(depth.queue, operator)

    async def _empty(self, queue: str, operator: str) -> None:
        place: Place = ()
        while True:
            try:
                picked = await self._store.pick(queue, self._has_route, place)
            except StoreAway:
                return
            if picked.items:
                await self._move(operator, picked.items)
            place = picked.place
            if not place:
                return
            await asyncio.sleep(REROUTE_AGAIN_S)

    async def _move(self, operator: str, items: list[Item]) -> None:
        events = EventBatch(self._clock.utc_us())
        settlements: list[Settlement] = []
        for item in items:
            message = item.content
            other = self._other(item)
            if not isinstance(message, Message) or not other or await self._has_begun(message):
                # Parts never change operator after the first was accepted: it ends by its validity, where it is.
                settlements.append(Deferred(item, item.due_at_ms, was_tried=False))
                continue
            told = (message.client, operator, message.dest, message.source, message.reference, "")
            events.add(EventName.MT_MOVED, item.id, *told, f"operator gone from the settings; to {other}")
            settlements.append(Moved(item, f"operator:{other}", item.due_at_ms))
        await persist(self._store, settlements, events)

    def _has_route(self, item: Item) -> bool:
        return bool(self._other(item))

    def _other(self, item: Item) -> str:
        """The operator that would get the message if it came now, one that is up before the others."""
        message = item.content
        if not isinstance(message, Message):
            return ""
        operators = [
            name
            for name in self._mt_routes().operators_of(message, self._clock.utc_us() // 1000)
            if not self._is_gone(name)
        ]
        return next((name for name in operators if self._is_up(name)), operators[0] if operators else "")

    async def _has_begun(self, message: Message) -> bool:
        try:
            return message.parts > 1 and bool(await self._store.parts_sent(message.id))
        except StoreAway:
            # While nobody can tell, it stays.
            return True

"""Failover: while no link of an operator can send, its messages go to the next operator of their route."""

import asyncio
from collections.abc import Callable
from typing import Final

from chappe.model.events import EventBatch, EventName
from chappe.model.message import Item, Message
from chappe.operators.telling import tell
from chappe.rules.decide import Routes, other_operators
from chappe.runtime.clock import Clock
from chappe.runtime.node import persist
from chappe.store.port import Moved, Place, Settlement, Store, StoreAway

#: No link could send for so long: messages with another operator on their route go there.
FAILOVER_AFTER_S: Final = 10.0
FAILOVER_EVERY_S: Final = 5.0
#: Pause before the next look when the last one did not see all that waits.
FAILOVER_AGAIN_S: Final = 0.05


class Failover:
    """Reads `operator:NAME`; writes the queues of other operators."""

    def __init__(
        self,
        operator: str,
        store: Store,
        routes: Callable[[], Routes],
        clock: Clock,
        *,
        down_since: Callable[[], float | None],
        is_draining: Callable[[], bool],
        is_up: Callable[[str], bool],
    ) -> None:
        """`down_since()` is the monotonic second since which no link could send, None while one can.

        `is_up(operator)` says whether another operator can be sent to.
        """
        self._name = operator
        self._queue = f"operator:{operator}"
        self._store = store
        self._mt_routes = routes
        self._clock = clock
        self._down_since = down_since
        self._is_draining = is_draining
        self._is_up = is_up

    async def run(self) -> None:
        """While no link can send, messages whose route names another operator go there."""
        place: Place = ()
        while True:
            await asyncio.sleep(FAILOVER_AGAIN_S if place else FAILOVER_EVERY_S)
            since = self._down_since()
            if since is None or self._is_draining() or self._clock.monotonic() - since < FAILOVER_AFTER_S:
                place = ()
                continue
            place = await self._look(place)

    async def _look(self, place: Place) -> Place:
        """Move some of those that have another operator; the others stay where they are, and hide nobody."""
        now_ms = self._clock.utc_us() // 1000
        try:
            picked = await self._store.pick(self._queue, lambda item: self._goes_elsewhere(item, now_ms), place)
        except StoreAway:
            return place
        events = EventBatch(self._clock.utc_us())
        moved: list[Settlement] = []
        kept: list[Item] = []
        for item in picked.items:
            other = self._other_operator(item)
            if other is None or await self._has_begun(item):
                kept.append(item)
            else:
                tell(events, EventName.MT_MOVED, self._name, item, f"no link; to {other}")
                moved.append(Moved(item, f"operator:{other}"))
        await self._store.release(kept)
        if moved:
            await persist(self._store, moved, events)
        return picked.place

    def _goes_elsewhere(self, item: Item, now_ms: int) -> bool:
        return item.due_at_ms <= now_ms and self._other_operator(item) is not None

    def _other_operator(self, item: Item) -> str | None:
        message = item.content
        if not isinstance(message, Message):
            return None
        operators = self._mt_routes().operators_of(message, self._clock.utc_us() // 1000)
        return next((name for name in other_operators(operators, self._name) if self._is_up(name)), None)

    async def _has_begun(self, item: Item) -> bool:
        """Parts never change operator after the first was accepted; while nobody can tell, they stay."""
        message = item.content
        try:
            return isinstance(message, Message) and message.parts > 1 and bool(await self._store.parts_sent(item.id))
        except StoreAway:
            return True

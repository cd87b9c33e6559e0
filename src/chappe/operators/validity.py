"""Validity: our clock ends what an operator was never sent in time."""

from collections.abc import Callable, Sequence

from chappe.model.events import EventBatch, EventName
from chappe.model.ids import first_id_at, made_at_ms
from chappe.model.lifecycle import Status
from chappe.model.message import Item, Message
from chappe.operators.telling import tell
from chappe.rules.expiry import expires_at_ms
from chappe.runtime.clock import Clock
from chappe.runtime.node import persist
from chappe.store.endings import end
from chappe.store.port import Settlement, Store


class Validity:
    """Looks at messages before they leave."""

    def __init__(
        self,
        operator: str,
        store: Store,
        clock: Clock,
        validity_s: Callable[[str], float],
        shortest_validity_s: float,
        max_validity_s: float,
    ) -> None:
        """`validity_s(client)` is the validity of a message that names none, at least `shortest_validity_s`."""
        self._name = operator
        self._store = store
        self._clock = clock
        self._validity_s = validity_s
        self.change(shortest_validity_s, max_validity_s)

    def change(self, shortest_validity_s: float, max_validity_s: float) -> None:
        """Other bounds from now on."""
        self._max_validity_s = max_validity_s
        # Younger messages that name no moment need no look.
        self._surely_valid_ms = int(min(shortest_validity_s, max_validity_s) * 1000)

    async def still_valid(self, items: Sequence[Item]) -> Sequence[Item]:
        """End what has outlived its validity; return the rest."""
        now_ms = self._clock.utc_us() // 1000
        fresh_from = first_id_at(now_ms - self._surely_valid_ms)
        if all(item.id > fresh_from and not item.content.expires_at_ms for item in items):  # type: ignore[union-attr]
            return items
        late = [item for item in items if self._expires_at_ms(item) <= now_ms]
        if late:
            await self._end(late)
            ended = {item.id for item in late}
            return [item for item in items if item.id not in ended]
        return items

    def _expires_at_ms(self, item: Item) -> int:
        message = item.content
        assert isinstance(message, Message)
        return expires_at_ms(
            message,
            born_ms=made_at_ms(item.id),
            validity_s=self._validity_s(message.client),
            max_validity_s=self._max_validity_s,
        )

    async def _end(self, items: Sequence[Item]) -> None:
        """Our clock ends what was never sent, and tells its client."""
        events = EventBatch(self._clock.utc_us())
        settlements: list[Settlement] = []
        for item in items:
            tell(events, EventName.MT_EXPIRED, self._name, item)
            settlements.append(end(item, Status.EXPIRED, "000", events.at_us, self._name))
        await persist(self._store, settlements, events)

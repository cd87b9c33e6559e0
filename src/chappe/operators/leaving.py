"""What may no longer leave though it was accepted: its handset opted out meanwhile, or it only goes on with a circle.

It ends before it is written, and its client is told.  It must never know a protocol, nor a link.
"""

from collections.abc import Sequence

from chappe.model.address import international
from chappe.model.events import EventBatch, EventName
from chappe.model.lifecycle import Status
from chappe.model.message import Item, Message
from chappe.operators.handset_order import MessageOrder
from chappe.operators.telling import tell
from chappe.rules.failure import LOOP, OPTED_OUT
from chappe.rules.loops import Loops
from chappe.rules.opt_outs import OptOuts
from chappe.runtime.clock import Clock
from chappe.runtime.node import persist
from chappe.store.endings import end
from chappe.store.port import Settlement, Store


class Leaving:
    """Looks at what was leased, before anything of it is written."""

    def __init__(
        self, operator: str, store: Store, clock: Clock, order: MessageOrder, opt_outs: OptOuts, loops: Loops
    ) -> None:
        self._operator = operator
        self._store = store
        self._clock = clock
        self._order = order
        self._opt_outs = opt_outs
        self._loops = loops
        self._stops = opt_outs.stops

    def has_news(self) -> bool:
        """Somebody has opted out since this was last asked."""
        seen, self._stops = self._stops, self._opt_outs.stops
        return seen != self._stops

    def is_silenced(self, item: Item) -> bool:
        """Its handset wants to hear no more."""
        message = item.content
        assert isinstance(message, Message)
        return self._opt_outs.find(message.dest, message.source, message.client, message_id=item.id) is not None

    async def may_leave(self, items: Sequence[Item]) -> Sequence[Item]:
        """End what may not; return the rest.  A message of which parts have left goes on.  Raises: StoreAway."""
        found = ((item.id, self._why_not(item)) for item in items)
        stopped = {message_id: why_not for message_id, why_not in found if why_not is not None}
        for item in items:
            if item.id in stopped and item.content.parts > 1 and await self._store.parts_sent(item.id):
                del stopped[item.id]
        if not stopped:
            return items
        events = EventBatch(self._clock.utc_us())
        settlements: list[Settlement] = []
        for item in items:
            if item.id in stopped:
                error, why = stopped[item.id]
                self._order.answered(item)
                tell(events, EventName.MT_FAILED, self._operator, item, why)
                settlements.append(end(item, Status.REJECTED, error, events.at_us, self._operator))
        await persist(self._store, settlements, events)
        return [item for item in items if item.id not in stopped]

    def _why_not(self, item: Item) -> tuple[str, str] | None:
        message = item.content
        if not isinstance(message, Message):
            return None
        out = self._opt_outs.find(message.dest, message.source, message.client, message_id=item.id)
        if out is not None:
            return OPTED_OUT, f"opted out: list {out.list}, {out.word!r} in message {out.message_id}"
        if self._loops:
            pair = (international(message.source), international(message.dest))
            if self._loops.is_circle(*pair, self._clock.monotonic()):
                return LOOP, "a circle: too many answers between this number and this handset"
        return None

"""Dropping: what waits in a queue that nobody reads any more ends, because a person says so.

It must never touch a queue that has a reader.
"""

from collections.abc import Callable

from chappe.instructions.outcome import Outcome
from chappe.model.events import EventBatch, EventName
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message
from chappe.runtime.clock import Clock
from chappe.runtime.node import persist
from chappe.store.endings import end
from chappe.store.port import Delivered, Ended, Place, Settlement, Store


class QueueDrop:
    """Ends everything in a queue, piece by piece: asked again after a death it goes on with what is left."""

    def __init__(self, store: Store, clock: Clock, why_unread: Callable[[str], str]) -> None:
        """`why_unread(queue)` is empty when somebody reads the queue."""
        self._store = store
        self._clock = clock
        self._why_unread = why_unread

    async def drop(self, queue: str, told: str) -> Outcome:
        """Carry it out; `told` is what the events say of it.  Raises: StoreAway."""
        if not self._why_unread(queue):
            return Outcome(fault=f"{queue} has a reader in the settings: nothing of it is dropped")
        dropped = 0
        place: Place = ()
        while True:
            picked = await self._store.pick(queue, lambda _: True, place)
            events = EventBatch(self._clock.utc_us())
            settlements = [_end(item, events, told) for item in picked.items]
            if settlements:
                await persist(self._store, settlements, events)
            dropped += len(settlements)
            place = picked.place
            if not place:
                break
        events = EventBatch(self._clock.utc_us())
        events.add(EventName.INSTRUCTION_DONE, detail=f"{told}: {queue} {dropped}")
        await self._store.record(events)
        return Outcome(count=dropped)


def _end(item: Item, events: EventBatch, told: str) -> Settlement:
    """A final state with its event; a client that is still there hears of its message's end."""
    content = item.content
    if not isinstance(content, Message):
        columns = (content.message_id, content.client, content.operator, content.source, content.dest)
        events.add(EventName.DR_REFUSED, *columns, content.reference, "", told)
        return Delivered(item, events.at_us)
    is_mt = content.direction is Direction.MT
    operator = item.queue.partition(":")[2] if is_mt else content.operator
    columns = (content.id, content.client, operator, content.handset, content.number)
    events.add(EventName.MT_CANCELLED if is_mt else EventName.MO_REFUSED, *columns, content.reference, "", told)
    if is_mt:
        return end(item, Status.CANCELLED, "000", events.at_us, operator)
    return Ended(item, Status.CANCELLED, "000", events.at_us)

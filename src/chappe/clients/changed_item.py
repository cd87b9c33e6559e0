"""A message that is not stored quite as it came, or not where it would go by itself: what is told of that.

It is stored like any other item; the store must never know the difference.
"""

from chappe.model.events import EventBatch, EventName
from chappe.model.message import Item, Message
from chappe.wire.http.messages import Change


class ChangedItem(Item, frozen=True, gc=False):
    """An item with more to tell than any other."""

    #: What transliteration changed; its answer says it.
    changes: tuple[Change, ...] = ()
    #: What was decided about it, for its event.
    told: str = ""


def tell_routed(events: EventBatch, item: Item) -> None:
    """Note what was decided about a message, if anything was."""
    if not isinstance(item, ChangedItem) or not item.told:
        return
    message = item.content
    assert isinstance(message, Message)
    operator = item.queue.partition(":")[2]
    told = (message.client, operator, message.dest, message.source, message.reference)
    events.add(EventName.MT_ROUTED, item.id, *told, detail=item.told)

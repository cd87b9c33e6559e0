"""What an operator node tells of a message: in every event, and to its client when it is sent."""

from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker
from chappe.model.message import Item, Message
from chappe.rules.match import wants_sending
from chappe.store.endings import sending_told


def tell(events: EventBatch, event: EventName, operator: str, item: Item, detail: str = "") -> None:
    """Something has happened to a message on its way to an operator."""
    message = item.content
    assert isinstance(message, Message)
    events.add(event, item.id, message.client, operator, message.dest, message.source, message.reference, "", detail)


def told_of_sending(message: Message, ids: IdMaker, at_us: int, operator: str, reference: str) -> Item | None:
    """What the client is told of its message's sending, if it asked to hear of that."""
    if not message.is_called_back or not wants_sending(message):
        return None
    return sending_told(message, ids.next(at_us // 1000), at_us, operator, reference)

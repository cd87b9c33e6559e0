"""What every event of an operator node tells of a message."""

from chappe.model.events import EventBatch, EventName
from chappe.model.message import Item, Message


def tell(events: EventBatch, event: EventName, operator: str, item: Item, detail: str = "") -> None:
    """Something has happened to a message on its way to an operator."""
    message = item.content
    assert isinstance(message, Message)
    events.add(event, item.id, message.client, operator, message.dest, message.source, message.reference, "", detail)

"""What a node itself tells a client of its message: its end by our own word or an operator's refusal, its sending.

Nodes of several places use it; it must never know why a message ends.
"""

from chappe.model.ids import made_at_ms
from chappe.model.lifecycle import Status
from chappe.model.message import Item, Message
from chappe.rules.match import receipt_item, receipt_of, wants_told
from chappe.store.port import Ended


def end(item: Item, status: Status, error: str, at_us: int, operator: str) -> Ended:
    """End a message in a final status; `error` is the code for its client, three characters."""
    message = item.content
    assert isinstance(message, Message)
    receipt = None
    if wants_told(message, status, was_sent=False):
        told = receipt_of(
            message,
            status,
            error=error,
            submitted_at_ms=made_at_ms(item.id),
            done_at_ms=at_us // 1000,
            operator=operator,
            was_sent=False,
        )
        receipt = receipt_item(message, told, item.id)
    return Ended(item, status, error, at_us, receipt, operator)


def sending_told(message: Message, number: int, at_us: int, operator: str, reference: str) -> Item:
    """The receipt that says that an operator has taken a whole message; `number` is an id of its own."""
    at_ms = at_us // 1000
    told = receipt_of(
        message,
        Status.SENT,
        error="000",
        submitted_at_ms=at_ms,
        done_at_ms=at_ms,
        operator=operator,
        operator_reference=reference,
    )
    return receipt_item(message, told, number)

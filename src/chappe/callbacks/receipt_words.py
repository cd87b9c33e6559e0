"""What an operator says of a message, written anew from what is known.  SMPP 3.4 appendix B."""

from collections.abc import Mapping
from typing import Final

from chappe.model.lifecycle import Status
from chappe.model.message import Receipt
from chappe.wire.http.jasmin import minute_of
from chappe.wire.smpp import receipt_text
from chappe.wire.smpp.constants import MessageState

STATE_BY_STATUS: Final[Mapping[Status, MessageState]] = {
    Status.SENT: MessageState.ENROUTE,
    Status.BUFFERED: MessageState.ENROUTE,
    Status.DELIVERED: MessageState.DELIVERED,
    Status.FAILED: MessageState.UNDELIVERABLE,
    Status.EXPIRED: MessageState.EXPIRED,
    Status.REJECTED: MessageState.REJECTED,
    Status.CANCELLED: MessageState.DELETED,
    Status.UNKNOWN: MessageState.UNKNOWN,
}


def words_of(receipt: Receipt) -> bytes:
    """The text of a receipt."""
    state = STATE_BY_STATUS[receipt.status]
    return receipt_text.format(
        receipt.operator_reference,
        1,
        int(state is MessageState.DELIVERED),
        minute_of(receipt.submitted_at_ms),
        minute_of(receipt.told_at_ms),
        state,
        receipt.error,
        receipt.text,
    )

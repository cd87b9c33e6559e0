"""Where rules meet messages at doors at which clients stay: what is asked of one, and how a refusal is told.

It must never know a session, nor a protocol's numbers; the nodes have both.
"""

import msgspec

from chappe.clients.refusals import Refusals
from chappe.model.address import Address
from chappe.model.errors import PeerError
from chappe.model.message import Message
from chappe.rules.admit import Asked, Policy, Reason, Refused


def asked_of(message: Message) -> Asked:
    """What rules ask about a message."""
    return Asked(message.dest, message.source, message.client, tags=message.tags, message=message)


def as_sender(message: Message, source: Address | None) -> Message:
    """A message with the sender that a rule puts in the place of its own."""
    if source is None:
        return message
    return msgspec.structs.replace(message, source_ton=source.ton, source_npi=source.npi, source=source.digits)


def check_text(message: Message, policy: Policy, now_ms: int, refusals: Refusals) -> None:
    """A message whose text was replaced is judged like a new one; its sender stays.  Raises: PeerError."""
    judged = policy.admit(asked_of(message), now_ms)
    if isinstance(judged, Refused) and judged.reason in (Reason.BLOCKED, Reason.OPTED_OUT):
        raise refusal_of(judged, message, refusals)


def refusal_of(refused: Refused, message: Message, refusals: Refusals) -> PeerError:
    """What a client is told of a message that rules keep out."""
    match refused.reason:
        case Reason.NO_ROUTE:
            return PeerError(f"no route to {message.dest!r}", status=refusals.no_route)
        case Reason.SENDER_REFUSED:
            return PeerError(refused.detail, status=refusals.bad_sender)
        case Reason.BLOCKED | Reason.OPTED_OUT:
            return PeerError(refused.detail, status=refusals.kept_out)

"""Where rules meet posted messages: what is asked of one, and which problem a refusal is.

It must never read a clock, nor know where a message goes.
"""

from typing import Final

from chappe.clients.door_message import DoorMessage
from chappe.rules.admit import Asked, Reason, Refused
from chappe.text import udh
from chappe.text.encoding import Encoding, data_coding_of
from chappe.text.reading import read
from chappe.wire.http.messages import NewMessage
from chappe.wire.http.problems import Code, FieldError, Refusal

_CODE_BY_REASON: Final = {
    Reason.NO_ROUTE: (Code.NO_ROUTE, "/to"),
    Reason.SENDER_REFUSED: (Code.SENDER_REFUSED, "/from"),
    Reason.BLOCKED: (Code.BLOCKED, ""),
    Reason.OPTED_OUT: (Code.OPTED_OUT, "/to"),
}


def asked_of(new: NewMessage, to: str, source: str, client: str) -> Asked:
    """What rules ask about a posted message."""
    return Asked(to, source, client, _text_of(new), new.tags or ())


def refusal_of(refused: Refused) -> Refusal | None:
    """What a client is told of a message that rules keep out; which rule it was, is for administrators.

    None for a message without a route: whoever knows its number writes that.
    """
    if refused.reason is Reason.NO_ROUTE:
        return None
    code, pointer = _CODE_BY_REASON[refused.reason]
    why = refused.detail.partition(": ")[2] or refused.detail
    return Refusal(code, why, (FieldError(pointer, why),) if pointer else ())


def _text_of(new: NewMessage) -> str:
    """What rules read: the text, or what octets say in the alphabet that they name."""
    if new.text is not None:
        return new.text
    octets = new.octets if isinstance(new, DoorMessage) else None
    if octets is None:
        octets = _unhex(new.binary or "")
    header = _unhex(new.udh or "")
    data_coding = data_coding_of(Encoding.BINARY) if new.data_coding is None else new.data_coding
    return read(header + octets, data_coding, has_udh=bool(header) and not udh.parse(header).is_malformed)


def _unhex(digits: str) -> bytes:
    """Octets; none for what another judge refuses."""
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return b""

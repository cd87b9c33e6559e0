"""What a delivery report changes: judged from what the part was and what the operator says now."""

from enum import Enum
from zlib import crc32

from chappe.model.lifecycle import FINAL, Status, may_move
from chappe.model.message import Item, Message, Receipt
from chappe.rules import asked

#: SMPP 3.4 §5.2.17, bits 1-0 and 4 of registered_delivery.
RECEIPT_MASK = 0x03
ALWAYS = 0x01
FAILURE_ONLY = 0x02
SUCCESS_ONLY = 0x03
INTERMEDIATE = 0x10


class Verdict(Enum):
    """What to do with a report that has found its part."""

    MOVE = "move"
    REPEATED = "repeated"
    CONTRADICTED = "contradicted"


# A member of an enumeration costs as much to name as a call; this one is named for each report.
_MOVE = Verdict.MOVE


def judge(was: Status, reported: Status) -> Verdict:
    """The first final state wins; whatever comes after it is only told."""
    if may_move(was, reported) and was is not reported:
        return _MOVE
    if was is reported or (was in FINAL and reported not in FINAL):
        return Verdict.REPEATED
    return Verdict.CONTRADICTED if was in FINAL else Verdict.REPEATED


def wants_receipt(registered_delivery: int, status: Status) -> bool:
    """Say whether the sender asked to hear of this status.  SMPP 3.4 §5.2.17, 5.0 §4.7.21."""
    if status not in FINAL:
        return bool(registered_delivery & INTERMEDIATE)
    wanted = registered_delivery & RECEIPT_MASK
    if wanted == FAILURE_ONLY:
        return status is not Status.DELIVERED
    return wanted == ALWAYS or (wanted == SUCCESS_ONLY and status is Status.DELIVERED)


def wants_told(message: Message, status: Status, *, was_sent: bool = True) -> bool:
    """Say whether a message's client is to hear of a status; `was_sent`: an operator had taken it."""
    if not wants_receipt(message.registered_delivery, status):
        return False
    return not message.callback_url or asked.wants(message.callback_url, status, was_sent=was_sent)


def wants_sending(message: Message) -> bool:
    """Say whether the client asked to hear that its message was sent: SMPP has no word for that."""
    return message.is_called_back and wants_told(message, Status.SENT)


def receipt_of(
    message: Message,
    status: Status,
    *,
    error: str,
    submitted_at_ms: int,
    done_at_ms: int,
    operator: str,
    network_error: bytes = b"",
    was_sent: bool = True,
    operator_reference: str = "",
    happened_at_ms: int = 0,
) -> Receipt:
    """Make what the client is told: it goes back the way the message came."""
    return Receipt(
        message.id,
        message.client,
        status,
        error,
        submitted_at_ms,
        done_at_ms,
        message.dest_ton,
        message.dest_npi,
        message.dest,
        message.source_ton,
        message.source_npi,
        message.source,
        _beginning(message),
        message.service_type,
        message.reference,
        operator,
        network_error,
        message.data_coding,
        _user_message_reference(message),
        message.parts,
        message.callback_url,
        message.known_as,
        was_sent,
        operator_reference,
        happened_at_ms,
    )


#: Callbacks to URLs that messages name have lanes of their own, so that a dead one holds up none of the others.
URL_LANES = 16


def receipt_item(message: Message, receipt: Receipt, number: int) -> Item:
    """Lay a receipt where its message's client hears of it; `number` orders the receipts of one queue."""
    if not message.is_called_back:
        return Item(f"client:{message.client}", 0, "", 0, number, receipt, 0, True)
    url = message.callback_url
    lane = f"url-{crc32(host_of(url).encode()) % URL_LANES}" if url else ""
    return Item(f"callback:{message.client}", 0, lane, 0, number, receipt, 0, True)


def host_of(url: str) -> str:
    """Scheme, host and port: what is up or down as one."""
    return "/".join(asked.asked_of(url).url.split("/", 3)[:3]).lower()


#: Octets of the text that a receipt repeats, SMPP 3.4 appendix B.
_TEXT_OCTETS = 20
_USER_MESSAGE_REFERENCE = 0x0204


def _beginning(message: Message) -> bytes:
    """The first octets of the text, unless it is binary or begins with a header."""
    if message.data_coding not in (0, 1, 3) or message.esm_class & 0x40:
        return b""
    return message.octets[:_TEXT_OCTETS]


def _user_message_reference(message: Message) -> bytes:
    for tag, value in message.tlvs:
        if tag == _USER_MESSAGE_REFERENCE:
            return value
    return b""

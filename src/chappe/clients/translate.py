"""Where a client's SMPP meets the model: submit_sm and data_sm in, deliver_sm out.

The only place on the client side that knows both.  It reads no clock and no store.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from chappe.clients.refusals import Refusals
from chappe.model.errors import PeerError
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Message, Receipt
from chappe.wire.smpp import receipt_text, times
from chappe.wire.smpp.constants import MessageState
from chappe.wire.smpp.pdus import AlertNotification, DataSm, DeliverSm, ReplaceSm, SubmitSm
from chappe.wire.smpp.statuses import CommandStatus
from chappe.wire.smpp.tlvs import Tag

#: Message types that an ESME may submit: ordinary, delivery and user acknowledgement.  SMPP 3.4 §5.2.12.
_TYPE_MASK: Final = 0x3C
_SUBMITTED_TYPES: Final = frozenset({0x00, 0x08, 0x10})
_UDHI: Final = 0x40
#: esm_class of a receipt and of an intermediate notification toward the ESME.
_RECEIPT_ESM: Final = 0x04
_NOTIFICATION_ESM: Final = 0x20

#: Longest address of submit_sm and deliver_sm, and longest text of short_message; what is longer needs data_sm, or
#: travels as message_payload.
_ADDRESS_OCTETS: Final = 20
_SHORT_MESSAGE_OCTETS: Final = 254

_DECIMAL_FORMS: Final = frozenset({"decimal", "short"})
_HEX: Final = re.compile(r"[0-9A-Fa-f]{1,16}")

#: A validity that ends later than this is as good as none.
_FURTHEST: Final = timedelta(days=365 * 5)

# A member of an enumeration costs as much to name as a call; these are named for each message.
_MT: Final = Direction.MT
_ENROUTE: Final = MessageState.ENROUTE
_DELIVERED: Final = MessageState.DELIVERED

SMPP_REFUSALS: Final = Refusals(
    no_recipient=CommandStatus.ESME_RINVDSTADR,
    no_route=CommandStatus.ESME_RINVDSTADR,
    bad_sender=CommandStatus.ESME_RINVSRCADR,
    kept_out=CommandStatus.ESME_RSUBMITFAIL,
    malformed=CommandStatus.ESME_RINVESMCLASS,
    too_long=CommandStatus.ESME_RINVMSGLEN,
    no_credit=CommandStatus.ESME_RSUBMITFAIL,
    credit_later=CommandStatus.ESME_RTHROTTLED,
)

STATE_BY_STATUS: Final = {
    Status.ACCEPTED: MessageState.ENROUTE,
    Status.SCHEDULED: MessageState.ENROUTE,
    Status.QUEUED: MessageState.ENROUTE,
    Status.SENDING: MessageState.ENROUTE,
    Status.SENT: MessageState.ENROUTE,
    Status.BUFFERED: MessageState.ENROUTE,
    Status.HELD: MessageState.ENROUTE,
    Status.DELIVERED: MessageState.DELIVERED,
    Status.FAILED: MessageState.UNDELIVERABLE,
    Status.EXPIRED: MessageState.EXPIRED,
    Status.REJECTED: MessageState.REJECTED,
    Status.CANCELLED: MessageState.DELETED,
    Status.UNKNOWN: MessageState.UNKNOWN,
}


def message_of_submit(pdu: SubmitSm, message_id: int, client: str, now_ms: int) -> Message:
    """Read a submit_sm.  Raises: PeerError with the status to answer."""
    octets, tlvs = pdu.short_message, pdu.tlvs
    if tlvs:
        octets, tlvs = take_payload(octets, tlvs)
    if pdu.esm_class:
        check_class(pdu.esm_class, octets)
    if pdu.replace_if_present_flag:
        raise PeerError("no message is replaced on the way in", status=CommandStatus.ESME_RINVREPFLAG)
    if pdu.sm_default_msg_id:
        raise PeerError("there are no predefined messages", status=CommandStatus.ESME_RINVDFTMSGID)
    expires_at_ms = 0
    if pdu.validity_period:
        expires_at_ms = moment_of(pdu.validity_period, now_ms, CommandStatus.ESME_RINVEXPIRY)
    return Message(
        message_id,
        _MT,
        client,
        "",
        pdu.source_addr_ton,
        pdu.source_addr_npi,
        pdu.source_addr,
        pdu.dest_addr_ton,
        pdu.dest_addr_npi,
        pdu.destination_addr,
        octets,
        pdu.data_coding,
        pdu.esm_class,
        pdu.protocol_id,
        pdu.priority_flag,
        pdu.registered_delivery,
        pdu.service_type,
        _reference(tlvs) if tlvs else "",
        tlvs,
        expires_at_ms,
        send_at_ms=due_at_ms(pdu, now_ms) if pdu.schedule_delivery_time else 0,
    )


def due_at_ms(pdu: SubmitSm | ReplaceSm, now_ms: int) -> int:
    """When a submit_sm is to leave; 0 is at once, and so is a moment that has passed.  Raises: PeerError."""
    if not pdu.schedule_delivery_time:
        return 0
    due = moment_of(pdu.schedule_delivery_time, now_ms, CommandStatus.ESME_RINVSCHED)
    if not due:
        # At once would be the opposite of what is asked for.
        raise PeerError("schedule_delivery_time is too far away", status=CommandStatus.ESME_RINVSCHED)
    return due if due > now_ms else 0


def message_of_data(pdu: DataSm, message_id: int, client: str) -> Message:
    """Read a data_sm: its text is in message_payload.  Raises: PeerError with the status to answer."""
    octets, tlvs = take_payload(b"", pdu.tlvs)
    if pdu.esm_class:
        check_class(pdu.esm_class, octets)
    # Operators are fed by submit_sm, whose addresses are shorter than those of data_sm.
    if len(pdu.source_addr) > _ADDRESS_OCTETS:
        raise PeerError("source_addr is longer than submit_sm carries", status=CommandStatus.ESME_RINVSRCADR)
    if len(pdu.destination_addr) > _ADDRESS_OCTETS:
        raise PeerError("destination_addr is longer than submit_sm carries", status=CommandStatus.ESME_RINVDSTADR)
    return Message(
        message_id,
        _MT,
        client,
        "",
        pdu.source_addr_ton,
        pdu.source_addr_npi,
        pdu.source_addr,
        pdu.dest_addr_ton,
        pdu.dest_addr_npi,
        pdu.destination_addr,
        octets,
        pdu.data_coding,
        pdu.esm_class,
        0,
        0,
        pdu.registered_delivery,
        pdu.service_type,
        _reference(tlvs),
        tlvs,
    )


def take_payload(octets: bytes, tlvs: tuple[tuple[int, bytes], ...]) -> tuple[bytes, tuple[tuple[int, bytes], ...]]:
    """The text, from short_message or message_payload, never both.  SMPP 3.4 §5.3.2.32."""
    payload = [value for tag, value in tlvs if tag == Tag.MESSAGE_PAYLOAD]
    if not payload:
        return octets, tlvs
    if octets or len(payload) > 1:
        raise PeerError("both short_message and message_payload are filled", status=CommandStatus.ESME_ROPTPARNOTALLWD)
    return payload[0], tuple(each for each in tlvs if each[0] != Tag.MESSAGE_PAYLOAD)


def check_class(esm_class: int, octets: bytes) -> None:
    """The type must be one for submitting, and UDHI promises a header within the text.  3GPP TS 23.040 §9.2.3.24."""
    if esm_class & _TYPE_MASK not in _SUBMITTED_TYPES:
        raise PeerError("esm_class has a type that is not for submitting", status=CommandStatus.ESME_RINVESMCLASS)
    if esm_class & _UDHI and (not octets or octets[0] >= len(octets)):
        raise PeerError("esm_class says UDHI, the text has no whole header", status=CommandStatus.ESME_RINVESMCLASS)


def moment_of(text: str, now_ms: int, status: CommandStatus) -> int:
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    try:
        moment = times.parse(text, now)
    except (ValueError, OverflowError) as error:
        raise PeerError(f"time {text!r}: {error}", status=status) from error
    if moment is None or moment - now > _FURTHEST:
        return 0
    return int(moment.timestamp() * 1000)


def _reference(tlvs: tuple[tuple[int, bytes], ...]) -> str:
    """user_message_reference is the client's own name for the message."""
    for tag, value in tlvs:
        if tag == Tag.USER_MESSAGE_REFERENCE:
            return str(int.from_bytes(value, "big"))
    return ""


def wire_id(message_id: int, id_form: str) -> str:
    """A message id as a client can digest it: `decimal`, `hex` or `text`; a `short` one only the message itself has."""
    if id_form in _DECIMAL_FORMS:
        return str(message_id)
    # A letter in front: nobody takes it for a number and drops its zeros.
    return f"{message_id:x}" if id_form == "hex" else f"m{message_id:x}"


def ids_meant(text: str, id_form: str) -> list[int]:
    """The message ids that a client may mean: a decimal one, or one in its own form; none for anything else."""
    found = [int(text)] if text.isdecimal() and text.isascii() else []
    digits = text.removeprefix("m") if id_form == "text" else text
    if id_form == "hex" or digits != text:
        found += [int(digits, 16)] if _HEX.fullmatch(digits) else []
    return [each for each in dict.fromkeys(found) if each < 1 << 63]


_minute_text: dict[int, str] = {}


def _date(unix_ms: int) -> str:
    """YYMMDDhhmm, UTC; the same minute is written once."""
    minute = unix_ms // 60_000
    text = _minute_text.get(minute)
    if text is None:
        if len(_minute_text) > 5_000:
            _minute_text.clear()
        text = _minute_text[minute] = f"{datetime.fromtimestamp(minute * 60, UTC):%y%m%d%H%M}"
    return text


def deliver_of_receipt(receipt: Receipt, id_form: str) -> DeliverSm:
    """Tell a client what became of its message.  SMPP 3.4 §2.11 and appendix B."""
    status = receipt.status
    state = STATE_BY_STATUS[status]
    message_id = receipt.known_as or wire_id(receipt.message_id, id_form)
    text = receipt_text.format(
        message_id,
        1,
        1 if state is _DELIVERED else 0,
        _date(receipt.submitted_at_ms),
        _date(receipt.told_at_ms),
        state,
        receipt.error,
        receipt.text,
    )
    tlvs: tuple[tuple[int, bytes], ...] = (
        (0x001E, message_id.encode("latin-1") + b"\0"),
        (0x0427, state.to_bytes(1, "big")),
    )
    if receipt.network_error:
        tlvs += ((0x0423, receipt.network_error),)
    if receipt.user_message_reference:
        tlvs += ((0x0204, receipt.user_message_reference),)
    return DeliverSm(
        receipt.service_type,
        receipt.source_ton,
        receipt.source_npi,
        receipt.source,
        receipt.dest_ton,
        receipt.dest_npi,
        receipt.dest,
        _NOTIFICATION_ESM if state is _ENROUTE else _RECEIPT_ESM,
        short_message=text,
        tlvs=tlvs,
    )


def alert_of_message(message: Message) -> AlertNotification:
    """Tell a client that a handset can be reached again.  SMPP 3.4 §4.12.1."""
    return AlertNotification(
        message.source_ton,
        message.source_npi,
        message.source,
        message.dest_ton,
        message.dest_npi,
        message.dest,
        message.tlvs,
    )


def deliver_of_message(message: Message) -> DeliverSm | DataSm:
    """Hand an MO to a client as its operator brought it; data_sm alone carries long addresses."""
    octets, tlvs = message.octets, message.tlvs
    if len(message.source) > _ADDRESS_OCTETS or len(message.dest) > _ADDRESS_OCTETS:
        return DataSm(
            message.service_type,
            message.source_ton,
            message.source_npi,
            message.source,
            message.dest_ton,
            message.dest_npi,
            message.dest,
            message.esm_class,
            message.registered_delivery,
            message.data_coding,
            (*tlvs, (int(Tag.MESSAGE_PAYLOAD), octets)),
        )
    if len(octets) > _SHORT_MESSAGE_OCTETS:
        octets, tlvs = b"", (*tlvs, (int(Tag.MESSAGE_PAYLOAD), octets))
    return DeliverSm(
        message.service_type,
        message.source_ton,
        message.source_npi,
        message.source,
        message.dest_ton,
        message.dest_npi,
        message.dest,
        message.esm_class,
        message.protocol_id,
        message.priority_flag,
        registered_delivery=message.registered_delivery,
        data_coding=message.data_coding,
        short_message=octets,
        tlvs=tlvs,
    )

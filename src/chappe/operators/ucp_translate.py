"""Where an operator's UCP meets the model: operation 51 out, 53 and 52 (or 01 and 30) in.

Texts in alphabets that UCP does not have become GSM 7 bit or UCS-2.  It reads no clock and no store.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Final

from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Message
from chappe.operators.client_parts import renamed
from chappe.operators.dialect import UnsendableError
from chappe.operators.shape import UDHI, Wire, segments_of
from chappe.rules.dedup import content_of
from chappe.rules.done_dates import read_done
from chappe.store.port import Report
from chappe.text import gsm7
from chappe.wire.ucp import times, user_data, xser
from chappe.wire.ucp.addresses import Originator, read_originator, write_originator, write_recipient
from chappe.wire.ucp.alphabets import fitting
from chappe.wire.ucp.constants import PID_TCP_IP, DeliveryStatus, MessageType
from chappe.wire.ucp.errors import FieldError
from chappe.wire.ucp.operations import (
    CallInput,
    DeliverNotification,
    DeliverShortMessage,
    ShortMessage,
    SmsMessageTransfer,
    SubmitShortMessage,
)
from chappe.wire.ucp.user_data import UserData

_ALPHANUMERIC: Final = 5
_INTERNATIONAL: Final = 1
#: Of registered_delivery: the client wants to hear of buffering, too.  SMPP 3.4 §5.2.17.
_INTERMEDIATE: Final = 0x10
_REPLY_PATH: Final = 0x80
#: NT: delivered and not delivered, whatever the client asked for; with buffered.  EMI-UCP 4.x §4.4.
_NT: Final = "3"
_NT_BUFFERED: Final = "7"
_MINUTE_MS: Final = 60_000
#: The digits of a moment to the second.
_SECOND: Final = 12

_STATUS_BY_DST: Final[Mapping[str, tuple[Status, str]]] = {
    DeliveryStatus.DELIVERED: (Status.DELIVERED, "delivered"),
    DeliveryStatus.BUFFERED: (Status.BUFFERED, "buffered"),
    DeliveryStatus.NOT_DELIVERED: (Status.FAILED, "not delivered"),
}


# -- out ----------------------------------------------------------------------------------------------------------


def submit_of(message: Message, wire: Wire) -> SubmitShortMessage:
    """The operation for a message that leaves in one part.  Raises: UnsendableError."""
    octets, esm_class = message.octets, message.esm_class
    if message.tlvs:
        octets, esm_class, _ = renamed(octets, esm_class, message.tlvs, message.data_coding, wire.split)
    return _submit(message, wire, octets, has_udh=bool(esm_class & UDHI))


def submits_of(message: Message, wire: Wire) -> list[SubmitShortMessage]:
    """The operations of a message, in order; one for each of its parts.  Raises: UnsendableError."""
    if message.parts == 1:
        return [submit_of(message, wire)]
    segments, _ = segments_of(message, wire.split)
    return [_submit(message, wire, segment.octets, has_udh=segment.has_udh) for segment in segments]


def _submit(message: Message, wire: Wire, octets: bytes, *, has_udh: bool) -> SubmitShortMessage:
    try:
        sender = _sender_of(message, wire)
        written = user_data.write(fitting(UserData(octets, message.data_coding, has_udh), wire.default_encoding))
        return SubmitShortMessage(
            adc=_recipient_of(message, wire),
            oadc=sender.oadc,
            nrq="1",
            nadc=wire.ucp.notify_to,
            nt=_NT_BUFFERED if message.registered_delivery & _INTERMEDIATE else _NT,
            npid=PID_TCP_IP if wire.ucp.notify_to else "",
            vp=_validity_of(message, wire),
            rpid=f"{message.protocol_id:04}" if message.protocol_id else "",
            mt=written.mt,
            nb=written.nb,
            msg=written.msg,
            mcls=written.mcls,
            rpi="1" if message.esm_class & _REPLY_PATH else "",
            otoa=sender.otoa,
            xser=xser.write(written.services) + _charge_of(message, wire),
        )
    except FieldError as error:
        raise UnsendableError(f"UCP cannot carry it: {error}") from None


def _charge_of(message: Message, wire: Wire) -> str:
    """The services of XSer by which the message is charged, in hexadecimal."""
    return wire.vendor.charge_of(message).xser if wire.vendor is not None else ""


def _recipient_of(message: Message, wire: Wire) -> str:
    digits = write_recipient(message.dest)
    ton = message.dest_ton if wire.dest_ton is None else wire.dest_ton
    is_international = ton == _INTERNATIONAL or message.dest.startswith("+")
    return wire.ucp.recipient_prefix + digits if is_international and not digits.startswith("00") else digits


def _sender_of(message: Message, wire: Wire) -> Originator:
    ton = message.source_ton if wire.source_ton is None else wire.source_ton
    npi = message.source_npi if wire.source_npi is None else wire.source_npi
    if not message.source.removeprefix("+").isdecimal() and message.source:
        # Clients do not always say that it is a name.
        ton = _ALPHANUMERIC
    return write_originator(ton, npi, message.source)


def _validity_of(message: Message, wire: Wire) -> str:
    """VP, the minute after which the SMSC gives up: never before the client would."""
    if not message.expires_at_ms:
        return ""
    minute_ms = -(-message.expires_at_ms // _MINUTE_MS) * _MINUTE_MS
    return times.write_minute(datetime.fromtimestamp(minute_ms / 1000, UTC), wire.ucp.zone)


# -- in -----------------------------------------------------------------------------------------------------------


def report_of(operation: DeliverNotification, report_id: int, operator: str, wire: Wire, now_ms: int) -> Report:
    """Read a notification.  One that names no message has no references: it will be parked."""
    status, word = _STATUS_BY_DST.get(operation.dst, (Status.UNKNOWN, "?"))
    return Report(
        report_id,
        operator,
        _references(operation.oadc, operation.scts),
        operation.oadc,
        status,
        word,
        operation.rsn or "000",
        now_ms,
        b"",
        wire.holds_all,
        _done_at(operation.dscts, wire.zone, now_ms) if wire.zone is not None else 0,
    )


def _done_at(dscts: str, zone: tzinfo, now_ms: int) -> int:
    """DSCTS, DDMMYYHHmmss, in milliseconds; 0 when it says nothing."""
    return read_done(dscts[4:6] + dscts[2:4] + dscts[:2] + dscts[6:], zone, now_ms) if len(dscts) == _SECOND else 0


def _references(recipient: str, scts: str) -> tuple[str, ...]:
    """How the result of the submit may have named it: SMSCs write the recipient with and without its prefix."""
    if not recipient or not scts:
        return ()
    bare = recipient.removeprefix("00")
    return tuple(dict.fromkeys(f"{each}:{scts}" for each in (recipient, bare, f"00{bare}")))


def mo_of(
    operation: DeliverShortMessage | SmsMessageTransfer | CallInput, message_id: int, operator: str
) -> tuple[Message, bytes | None]:
    """Read an MO, and its identity: when the SMSC got it, together with all that it says.  Raises: OperationError."""
    if isinstance(operation, ShortMessage):
        ton, npi, source = read_originator(operation.oadc, operation.otoa)
        data = user_data.read(operation)
        protocol_id = int(operation.rpid or "0") & 0xFF
    else:
        ton, npi, source = read_originator(operation.oadc, "")
        data, protocol_id = UserData(_text_of(operation)), 0
    message = Message(
        message_id,
        Direction.MO,
        "",
        operator,
        ton,
        npi,
        source,
        0,
        1 if operation.adc else 0,
        operation.adc,
        data.octets,
        data.data_coding,
        UDHI if data.has_udh else 0,
        protocol_id,
    )
    scts = operation.scts if isinstance(operation, ShortMessage) else ""
    # Two parts of one text come in the same second: the timestamp alone is no identity.
    return message, scts.encode() + content_of(message) if scts else None


def _text_of(operation: SmsMessageTransfer | CallInput) -> bytes:
    if isinstance(operation, SmsMessageTransfer):
        return bytes.fromhex(operation.amsg)
    if operation.mt == MessageType.NUMERIC:
        return gsm7.encode(operation.msg)
    try:
        return bytes.fromhex(operation.msg)
    except ValueError:
        # Pagers' messages were sent as they are by some.
        return operation.msg.encode("latin-1", "replace")

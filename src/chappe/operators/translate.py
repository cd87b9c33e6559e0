"""Where an operator's SMPP meets the model: submit_sm out, receipts and MO in.

The only place on the operator side that knows both.  It reads no clock and no store.
"""

from datetime import UTC, datetime
from typing import Final

from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Message
from chappe.operators.client_parts import renamed
from chappe.operators.shape import UDHI, Wire, segments_of
from chappe.rules.done_dates import read_done
from chappe.store.port import Report
from chappe.text.encoding import encoding_of
from chappe.text.segments import Segment, SplitMethod, room_of_one
from chappe.wire.smpp import receipt_text, times
from chappe.wire.smpp.pdus import AlertNotification, DataSm, DeliverSm, SubmitSm
from chappe.wire.smpp.tlvs import Tag

_END_OF_CENTURY_S: Final = datetime(2099, 12, 31, tzinfo=UTC).timestamp()

STATUS_BY_STATE: Final = {
    0: Status.BUFFERED,
    1: Status.BUFFERED,
    2: Status.DELIVERED,
    3: Status.EXPIRED,
    4: Status.CANCELLED,
    5: Status.FAILED,
    6: Status.BUFFERED,
    7: Status.UNKNOWN,
    8: Status.REJECTED,
    9: Status.FAILED,
}

_TYPE_MASK: Final = 0x3C
#: Message types that tell of another message: MC receipt, intermediate notification.  SMPP 3.4 §5.2.12.
_TELLING: Final = frozenset({0x04, 0x20})
_SHORT_MESSAGE_OCTETS: Final = 254
#: What we always want to hear: success and failure, whatever the client asked for.
_ASK_RECEIPT: Final = 0x01
#: Bits of registered_delivery that are the client's: acknowledgements of the handset, intermediate notifications.
_CLIENTS_BITS: Final = 0xFC
_PAYLOAD: Final = int(Tag.MESSAGE_PAYLOAD)
# A member of an enumeration costs as much to name as a call; these are named for each message.
_UNSPLIT: Final = SplitMethod.NONE
_BY_TLVS: Final = SplitMethod.SAR
_UNKNOWN: Final = Status.UNKNOWN


def submits_of(message: Message, wire: Wire) -> list[SubmitSm]:
    """The PDUs of a message, in order; one for each of its parts."""
    if message.parts == 1:
        return [submit_of(message, wire)]
    segments, method = segments_of(message, wire.split)
    return [
        _submit(
            message,
            wire,
            segment.octets,
            message.esm_class | (UDHI if segment.has_udh else 0),
            message.tlvs + _sar(segment) if method is SplitMethod.SAR else message.tlvs,
        )
        for segment in segments
    ]


def submit_of(message: Message, wire: Wire) -> SubmitSm:
    """The PDU of a message that leaves in one part."""
    octets, esm_class, tlvs = message.octets, message.esm_class, message.tlvs
    if tlvs or (esm_class and wire.split is _BY_TLVS):
        octets, esm_class, tlvs = renamed(octets, esm_class, tlvs, message.data_coding, wire.split)
    if wire.split is _UNSPLIT and octets and len(octets) > room_of_one(encoding_of(message.data_coding)):
        # More than one radio message, and the SMSC is the one that cuts: short_message is not for that.
        octets, tlvs = b"", (*tlvs, (_PAYLOAD, octets))
    return _submit(message, wire, octets, esm_class, tlvs)


def _validity_period(expires_at_ms: int) -> str:
    """Until when the operator may try; SMPP's two digits of the year end in 2099."""
    return times.format_absolute(datetime.fromtimestamp(min(expires_at_ms / 1000, _END_OF_CENTURY_S), UTC))


def _sar(segment: Segment) -> tuple[tuple[int, bytes], ...]:
    reference, total, number = segment.reference, segment.total, segment.number
    return (
        (int(Tag.SAR_MSG_REF_NUM), reference.to_bytes(2, "big")),
        (int(Tag.SAR_TOTAL_SEGMENTS), bytes((total,))),
        (int(Tag.SAR_SEGMENT_SEQNUM), bytes((number,))),
    )


def _submit(
    message: Message,
    wire: Wire,
    octets: bytes,
    esm_class: int,
    tlvs: tuple[tuple[int, bytes], ...],
) -> SubmitSm:
    if len(octets) > _SHORT_MESSAGE_OCTETS:
        octets, tlvs = b"", (*tlvs, (_PAYLOAD, octets))
    return SubmitSm(
        message.service_type,
        message.source_ton if wire.source_ton is None else wire.source_ton,
        message.source_npi if wire.source_npi is None else wire.source_npi,
        message.source,
        message.dest_ton if wire.dest_ton is None else wire.dest_ton,
        message.dest_npi if wire.dest_npi is None else wire.dest_npi,
        message.dest,
        esm_class,
        message.protocol_id,
        message.priority_flag,
        "",
        _validity_period(message.expires_at_ms) if message.expires_at_ms else "",
        _ASK_RECEIPT | (message.registered_delivery & _CLIENTS_BITS),
        0,
        message.data_coding,
        0,
        octets,
        tlvs,
    )


def is_report(pdu: DeliverSm | DataSm) -> bool:
    """Say whether a delivery tells of another message instead of being one."""
    if pdu.esm_class & _TYPE_MASK in _TELLING:
        return True
    # Some SMSCs leave esm_class 0 and only name the message in a TLV.
    return any(tag == Tag.RECEIPTED_MESSAGE_ID for tag, _ in pdu.tlvs)


def report_of(pdu: DeliverSm | DataSm, report_id: int, operator: str, wire: Wire, now_ms: int) -> Report:
    """Read a receipt, in whatever form.  One that names no message has no references: it will be parked."""
    octets = pdu.short_message if isinstance(pdu, DeliverSm) else b""
    receipt = receipt_text.parse(octets, pdu.data_coding, pdu.tlvs)
    return report_from(receipt, pdu, report_id, operator, wire, now_ms)


def report_from(
    receipt: receipt_text.Receipt | None,
    pdu: DeliverSm | DataSm,
    report_id: int,
    operator: str,
    wire: Wire,
    now_ms: int,
) -> Report:
    """The report of a receipt that has been read; None was no receipt after all."""
    if receipt is None or (receipt.id is None and receipt.alternative_id is None):
        word = "?" if receipt is None else receipt.stat
        return Report(report_id, operator, (), pdu.source_addr, Status.UNKNOWN, word, "", now_ms)
    return Report(
        report_id,
        operator,
        _references(receipt.id, receipt.alternative_id, wire),
        pdu.source_addr,
        STATUS_BY_STATE.get(receipt.state, _UNKNOWN),
        receipt.stat,
        receipt.err or "000",
        now_ms,
        receipt.network_error_code or b"",
        wire.holds_all,
        read_done(receipt.done_date, wire.zone, now_ms) if wire.zone is not None else 0,
    )


def _references(first: str | None, second: str | None, wire: Wire) -> tuple[str, ...]:
    """All forms under which the part may be known, the exact ones first."""
    if second is None and wire.id_base == "exact" and not (wire.id_ignores_case or wire.id_ignores_zeros):
        return (first,) if first is not None else ()
    written = [each for each in (first, second) if each is not None]
    forms = dict.fromkeys(written)
    for each in written:
        forms.update(
            dict.fromkeys(
                receipt_text.id_candidates(
                    each, wire.id_base, ignores_case=wire.id_ignores_case, ignores_zeros=wire.id_ignores_zeros
                )
            )
        )
    return tuple(forms)


def mo_of(pdu: DeliverSm | DataSm, message_id: int, operator: str, client: str) -> Message:
    """Read an MO, octet for octet."""
    if isinstance(pdu, DeliverSm):
        octets, protocol_id, priority_flag = pdu.short_message, pdu.protocol_id, pdu.priority_flag
    else:
        octets, protocol_id, priority_flag = b"", 0, 0
    tlvs = pdu.tlvs
    if tlvs and not octets:
        for tag, value in tlvs:
            if tag == _PAYLOAD:
                octets = value
                tlvs = tuple(each for each in tlvs if each[0] != _PAYLOAD)
                break
    return Message(
        message_id,
        Direction.MO,
        client,
        operator,
        pdu.source_addr_ton,
        pdu.source_addr_npi,
        pdu.source_addr,
        pdu.dest_addr_ton,
        pdu.dest_addr_npi,
        pdu.destination_addr,
        octets,
        pdu.data_coding,
        pdu.esm_class,
        protocol_id,
        priority_flag,
        pdu.registered_delivery,
        pdu.service_type,
        "",
        tlvs,
    )


def alert_of(pdu: AlertNotification, message_id: int, operator: str, client: str) -> Message:
    """Read an alert: its handset can be reached again.  SMPP 3.4 §4.12.1."""
    return Message(
        message_id,
        Direction.MO,
        client,
        operator,
        pdu.source_addr_ton,
        pdu.source_addr_npi,
        pdu.source_addr,
        pdu.esme_addr_ton,
        pdu.esme_addr_npi,
        pdu.esme_addr,
        b"",
        tlvs=pdu.tlvs,
        is_alert=True,
    )


def identity_of(pdu: DeliverSm | DataSm, wire: Wire) -> bytes | None:
    """The operator's own identity of an MO, where its profile says that there is one."""
    if wire.mo_identity_tag is None:
        return None
    return next((value for tag, value in pdu.tlvs if tag == wire.mo_identity_tag), None)

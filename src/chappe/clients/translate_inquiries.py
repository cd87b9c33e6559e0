"""Where a client's questions about its messages meet the model: query_sm, cancel_sm and replace_sm.

It reads no clock and no store.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from chappe.clients.translate import STATE_BY_STATUS, check_class, due_at_ms, moment_of, take_payload
from chappe.model.errors import PeerError
from chappe.model.lifecycle import FINAL, Status, status_of_parts
from chappe.model.message import Message
from chappe.store.port import Granted, Life
from chappe.wire.smpp import times
from chappe.wire.smpp.constants import VERSION_5_0, MessageState
from chappe.wire.smpp.pdus import CancelSm, QuerySmResp, ReplaceSm
from chappe.wire.smpp.statuses import CommandStatus

#: error_code of query_sm_resp has one octet.
_MAX_ERROR: Final = 0xFF

CANCEL_STATUS: Final = {
    Granted.DONE: CommandStatus.ESME_ROK,
    Granted.ALREADY: CommandStatus.ESME_ROK,
    Granted.TOO_LATE: CommandStatus.ESME_RCANCELFAIL,
    Granted.UNKNOWN: CommandStatus.ESME_RINVMSGID,
}
REPLACE_STATUS: Final = CANCEL_STATUS | {Granted.TOO_LATE: CommandStatus.ESME_RREPLACEFAIL}


def query_resp_of(message_id: str, lives: Sequence[Life], peer_version: int) -> QuerySmResp:
    """What became of a message, or of several that were handed in at once: the least advanced speaks.  SMPP 3.4 §4.8.2.

    `message_id` is written as it was asked.
    """
    status = status_of_parts([life.status for life in lives])
    said = next(life for life in lives if life.status is status)
    at_us, final_date = max(life.final_at_us for life in lives), ""
    if status in FINAL and at_us:
        final_date = times.format_absolute(datetime.fromtimestamp(at_us / 1_000_000, UTC))
    state = STATE_BY_STATUS[status]
    if status is Status.SCHEDULED and peer_version >= VERSION_5_0:
        state = MessageState.SCHEDULED
    return QuerySmResp(message_id, final_date, state, _error_code(said.error))


def _error_code(error: str) -> int:
    """An operator's error as one octet; 0 where it has none or does not fit."""
    number = int(error) if error.isascii() and error.isdecimal() else 0
    return number if number <= _MAX_ERROR else 0


def check_source(source_addr: str, message: Message) -> None:
    """Who names a source must name that of the message; many clients name none.  Raises: PeerError."""
    if source_addr and source_addr != message.source:
        raise PeerError("source_addr is not that of the message", status=CommandStatus.ESME_RINVSRCADR)


def is_meant(pdu: CancelSm, message: Message) -> bool:
    """Say whether a cancel_sm without an id means a message between its addresses.  SMPP 3.4 §4.9.1."""
    return not pdu.service_type or pdu.service_type == message.service_type


def replacement_of(pdu: ReplaceSm, message: Message, now_ms: int) -> Message:
    """The message that is to leave instead; times that are not named stay.  SMPP 3.4 §4.10.1.  Raises: PeerError."""
    if pdu.sm_default_msg_id:
        raise PeerError("there are no predefined messages", status=CommandStatus.ESME_RINVDFTMSGID)
    octets, _ = take_payload(pdu.short_message, pdu.tlvs)
    check_class(message.esm_class, octets)
    expires_at_ms = message.expires_at_ms
    if pdu.validity_period:
        expires_at_ms = moment_of(pdu.validity_period, now_ms, CommandStatus.ESME_RINVEXPIRY)
    return msgspec.structs.replace(
        message,
        octets=octets,
        registered_delivery=pdu.registered_delivery,
        expires_at_ms=expires_at_ms,
        send_at_ms=due_at_ms(pdu, now_ms) if pdu.schedule_delivery_time else message.send_at_ms,
        parts=1,
    )

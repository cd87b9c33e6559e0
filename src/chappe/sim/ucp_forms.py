"""Between UCP and what a simulated SMSC thinks in: submits as SMPP has them, deliveries as operations 52 and 53.

It must never know a link or a ledger, and it shares only the wire with the gateway that it is a test for.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Final

from chappe.sim.faults import ReceiptForm
from chappe.sim.outbox import Delivery
from chappe.sim.receipts import ReceiptText
from chappe.wire.smpp.constants import EsmClass, Npi, RegisteredDelivery, Ton
from chappe.wire.smpp.pdus import DeliverSm, SubmitSm
from chappe.wire.smpp.statuses import CommandStatus
from chappe.wire.ucp import times, user_data, xser
from chappe.wire.ucp.addresses import read_originator, write_originator
from chappe.wire.ucp.codec import Nack
from chappe.wire.ucp.constants import DeliveryStatus, ErrorCode, MessageType
from chappe.wire.ucp.operations import (
    CallInput,
    DeliverNotification,
    DeliverShortMessage,
    Operation,
    SmsMessageTransfer,
    SubmitShortMessage,
)

#: What an operator over UCP says where one over SMPP says this; what is not here is a system error.
_CODES: Final[Mapping[int, ErrorCode]] = {
    CommandStatus.ESME_RTHROTTLED: ErrorCode.OPERATION_NOT_ALLOWED,
    CommandStatus.ESME_RMSGQFUL: ErrorCode.SYSTEM_ERROR,
    CommandStatus.ESME_RINVDSTADR: ErrorCode.ADC_INVALID,
    CommandStatus.ESME_RINVSYSID: ErrorCode.AUTHENTICATION_FAILURE,
    CommandStatus.ESME_RINVPASWD: ErrorCode.AUTHENTICATION_FAILURE,
    CommandStatus.ESME_RBINDFAIL: ErrorCode.AUTHENTICATION_FAILURE,
    CommandStatus.ESME_RINVCMDID: ErrorCode.OPERATION_NOT_SUPPORTED,
    CommandStatus.ESME_RINVMSGLEN: ErrorCode.MESSAGE_TOO_LONG,
}

_DST_BY_STAT: Final[Mapping[str, DeliveryStatus]] = {
    "DELIVRD": DeliveryStatus.DELIVERED,
    "ENROUTE": DeliveryStatus.BUFFERED,
    "ACCEPTD": DeliveryStatus.BUFFERED,
    "SCHEDULED": DeliveryStatus.BUFFERED,
}
#: Rsn: delivery failed, absent subscriber, network time-out.  §6.
_RSN_BY_STAT: Final[Mapping[str, str]] = {"DELIVRD": "000", "ENROUTE": "107", "EXPIRED": "010"}
_FAILED: Final = "108"

#: Bits of NT.  §4.4.
_NT_DELIVERED: Final = 1
_NT_NOT_DELIVERED: Final = 2
_NT_BUFFERED: Final = 4


def code_of(command_status: int) -> int:
    """The error code for a status; a small number that names none passes for a code itself, so scripts may say it."""
    code = _CODES.get(command_status)
    if code is not None:
        return code
    return command_status if 0 < command_status < 0x64 else ErrorCode.SYSTEM_ERROR


def submit_of(operation: Operation) -> SubmitSm | None:
    """The message in an operation; None when it carries none that is taken here.

    Raises: OperationError: its text or its originator cannot be read.
    """
    if isinstance(operation, SubmitShortMessage):
        return _submit_of_short_message(operation)
    if isinstance(operation, SmsMessageTransfer):
        wanted = _wanted(operation.nrq, "")
        return _submit(1 if operation.oadc else 0, operation.oadc, operation.adc, bytes.fromhex(operation.amsg), wanted)
    if isinstance(operation, CallInput):
        is_hex = operation.mt == MessageType.ALPHANUMERIC
        octets = bytes.fromhex(operation.msg) if is_hex else operation.msg.encode("latin-1")
        return _submit(1 if operation.oadc else 0, operation.oadc, operation.adc, octets, 0)
    return None


def _submit_of_short_message(operation: SubmitShortMessage) -> SubmitSm:
    ton, npi, source = read_originator(operation.oadc, operation.otoa)
    data = user_data.read(operation)
    return SubmitSm(
        source_addr_ton=ton,
        source_addr_npi=npi,
        source_addr=source,
        dest_addr_ton=Ton.INTERNATIONAL,
        dest_addr_npi=Npi.E164,
        destination_addr=operation.adc,
        esm_class=EsmClass.UDHI if data.has_udh else 0,
        registered_delivery=_wanted(operation.nrq, operation.nt),
        validity_period=operation.vp,
        data_coding=data.data_coding,
        short_message=data.octets,
    )


def _submit(ton: int, source: str, destination: str, octets: bytes, wanted: int) -> SubmitSm:
    return SubmitSm(
        source_addr_ton=ton,
        source_addr_npi=ton,
        source_addr=source,
        dest_addr_ton=Ton.INTERNATIONAL,
        dest_addr_npi=Npi.E164,
        destination_addr=destination,
        registered_delivery=wanted,
        short_message=octets,
    )


def _wanted(nrq: str, nt: str) -> int:
    """The bits of registered_delivery that NRq and NT mean; NT counts as 3 when it says nothing."""
    if nrq != "1":
        return 0
    told = int(nt or "3") or 3
    wanted = RegisteredDelivery.INTERMEDIATE_NOTIFICATION if told & _NT_BUFFERED else 0
    if told & _NT_DELIVERED and told & _NT_NOT_DELIVERED:
        return wanted | RegisteredDelivery.RECEIPT_ALWAYS
    if told & _NT_DELIVERED:
        return wanted | RegisteredDelivery.RECEIPT_ON_SUCCESS
    return wanted | RegisteredDelivery.RECEIPT_ON_FAILURE if told & _NT_NOT_DELIVERED else wanted


def operation_of(delivery: Delivery, zone: tzinfo = UTC) -> Operation:
    """The operation that carries a delivery: 53 for a receipt, 52 for an MO."""
    if delivery.receipt is not None:
        return _notification_of(delivery, delivery.receipt, zone)
    pdu = delivery.pdu
    sender = write_originator(pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr)
    data = user_data.UserData(pdu.short_message, pdu.data_coding, bool(pdu.esm_class & EsmClass.UDHI))
    written = user_data.write(data)
    return DeliverShortMessage(
        adc=pdu.destination_addr,
        oadc=sender.oadc,
        otoa=sender.otoa,
        rpid="0000",
        # The same in each copy: it is when the SMSC got the message.
        scts=times.write_second(datetime.fromtimestamp(delivery.made_at_s, UTC), zone),
        mt=written.mt,
        nb=written.nb,
        msg=written.msg,
        mcls=written.mcls,
        xser=xser.write(written.services),
    )


def _notification_of(delivery: Delivery, receipt: ReceiptText, zone: tzinfo) -> DeliverNotification:
    recipient, _, scts = receipt.message_id.partition(":")
    dst: str = _DST_BY_STAT.get(receipt.stat, DeliveryStatus.NOT_DELIVERED)
    rsn = _RSN_BY_STAT.get(receipt.stat, _FAILED)
    if delivery.form in (ReceiptForm.NO_ID, ReceiptForm.EMPTY):
        scts = ""
    if delivery.form in (ReceiptForm.NO_STAT, ReceiptForm.EMPTY, ReceiptForm.CUT_SHORT):
        dst = rsn = ""
    text = f"Message for {recipient}, with identification {scts} has been {receipt.stat}"
    is_name = delivery.pdu.dest_addr_ton == Ton.ALPHANUMERIC
    return DeliverNotification(
        # AdC has no room for a name.
        adc="" if is_name else delivery.pdu.destination_addr,
        oadc=recipient,
        scts=scts,
        dst=dst,
        rsn=rsn,
        dscts=times.write_second(datetime.fromtimestamp(delivery.made_at_s, UTC), zone),
        mt=MessageType.ALPHANUMERIC,
        msg=("" if delivery.form is ReceiptForm.EMPTY else text).encode("latin-1", "replace").hex().upper(),
    )


# -- the client's side --------------------------------------------------------------------------------------------

#: What a client in SMPP's words makes of error codes; what is not here is itself.
_STATUS_BY_CODE: Final[Mapping[int, CommandStatus]] = {
    ErrorCode.OPERATION_NOT_ALLOWED: CommandStatus.ESME_RTHROTTLED,
    ErrorCode.SYSTEM_ERROR: CommandStatus.ESME_RTHROTTLED,
    ErrorCode.ADC_INVALID: CommandStatus.ESME_RINVDSTADR,
    ErrorCode.MESSAGE_TOO_LONG: CommandStatus.ESME_RINVMSGLEN,
}
_STAT_BY_DST: Final[Mapping[str, str]] = {
    DeliveryStatus.DELIVERED: "DELIVRD",
    DeliveryStatus.BUFFERED: "ENROUTE",
    DeliveryStatus.NOT_DELIVERED: "UNDELIV",
}


def status_of(nack: Nack) -> int:
    """The status for an error code, of which two say: later."""
    return int(_STATUS_BY_CODE.get(nack.ec, nack.ec or CommandStatus.ESME_RSUBMITFAIL))


def submission_of(pdu: SubmitSm) -> SubmitShortMessage:
    """The operation 51 that a submit_sm stands for."""
    sender = write_originator(pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr)
    written = user_data.write(
        user_data.UserData(pdu.short_message, pdu.data_coding, bool(pdu.esm_class & EsmClass.UDHI))
    )
    wanted = pdu.registered_delivery
    return SubmitShortMessage(
        adc=pdu.destination_addr,
        oadc=sender.oadc,
        otoa=sender.otoa,
        nrq="1" if wanted else "",
        nt=("7" if wanted & RegisteredDelivery.INTERMEDIATE_NOTIFICATION else "3") if wanted else "",
        mt=written.mt,
        nb=written.nb,
        msg=written.msg,
        mcls=written.mcls,
        xser=xser.write(written.services),
    )


def delivery_of(operation: Operation) -> DeliverSm | None:
    """The deliver_sm that an operation 52 or 53 stands for; None for any other."""
    if isinstance(operation, DeliverNotification):
        stat = _STAT_BY_DST.get(operation.dst, "UNKNOWN")
        text = f"id:{operation.oadc}:{operation.scts} sub:001 dlvrd:001 stat:{stat} err:{operation.rsn} "
        is_final = operation.dst != DeliveryStatus.BUFFERED
        kind = EsmClass.TYPE_DELIVERY_RECEIPT if is_final else EsmClass.TYPE_INTERMEDIATE_NOTIFICATION
        return DeliverSm(
            source_addr=operation.oadc, destination_addr=operation.adc, esm_class=kind, short_message=text.encode()
        )
    if isinstance(operation, DeliverShortMessage):
        ton, npi, source = read_originator(operation.oadc, operation.otoa)
        data = user_data.read(operation)
        return DeliverSm(
            source_addr_ton=ton,
            source_addr_npi=npi,
            source_addr=source,
            destination_addr=operation.adc,
            esm_class=EsmClass.UDHI if data.has_udh else 0,
            data_coding=data.data_coding,
            short_message=data.octets,
        )
    return None

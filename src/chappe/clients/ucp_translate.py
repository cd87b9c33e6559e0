"""Where a client's UCP meets the model: operations 51, 30, 03 and 01 in, 52 and 53 out.

The only place on the client side that knows both.  It reads no clock and no store.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Final

from chappe.clients.account import Account
from chappe.clients.refusals import Refusals
from chappe.model.errors import PeerError
from chappe.model.ids import made_at_ms
from chappe.model.lifecycle import FINAL, Direction, Status
from chappe.model.message import Message, Receipt
from chappe.rules.failure import failure_of
from chappe.text import gsm7
from chappe.text.encoding import Encoding
from chappe.wire.ucp import times, user_data, xser
from chappe.wire.ucp.addresses import read_originator, write_originator, write_recipient
from chappe.wire.ucp.alphabets import fitting
from chappe.wire.ucp.constants import PID_TCP_IP, DeliveryStatus, ErrorCode, MessageType, XserType
from chappe.wire.ucp.operations import (
    CallInput,
    CallInputWithSupplementaryServices,
    DeliverNotification,
    DeliverShortMessage,
    MultipleAddressCallInput,
    Operation,
    ShortMessage,
    SmsMessageTransfer,
)
from chappe.wire.ucp.user_data import MAX_AMSG, MAX_TMSG, UserData

UCP_REFUSALS: Final = Refusals(
    no_recipient=ErrorCode.ADC_INVALID,
    no_route=ErrorCode.ADC_INVALID,
    bad_sender=ErrorCode.OPERATION_NOT_ALLOWED,
    kept_out=ErrorCode.CALL_BARRING_ACTIVE,
    malformed=ErrorCode.SYNTAX_ERROR,
    too_long=ErrorCode.MESSAGE_TOO_LONG,
    no_credit=ErrorCode.OPERATION_NOT_ALLOWED,
    credit_later=ErrorCode.OPERATION_NOT_ALLOWED,
)

#: Operations that carry one message.
Submit = ShortMessage | SmsMessageTransfer | CallInput | CallInputWithSupplementaryServices

#: Bits of esm_class.  SMPP 3.4 §5.2.12.
_UDHI: Final = 0x40
_REPLY_PATH: Final = 0x80
_ALPHANUMERIC: Final = 5
_MAX_ADC: Final = 16

#: NRq and NT as registered_delivery has them: NT is a sum of 1 delivered, 2 not delivered, 4 buffered, and 0 is 3.
#: EMI-UCP 4.x §4.4; SMPP 3.4 §5.2.17.
_WANTED_BY_NT: Final[Mapping[str, int]] = {
    "": 0x01,
    "0": 0x01,
    "1": 0x03,
    "2": 0x02,
    "3": 0x01,
    "4": 0x10,
    "5": 0x13,
    "6": 0x12,
    "7": 0x11,
}
#: Extra services that have a counterpart among the optional parameters of SMPP.
_TAG_BY_SERVICE: Final[Mapping[int, int]] = {XserType.PRIVACY: 0x0201, XserType.BILLING: 0x060B}
_SERVICE_BY_TAG: Final = {tag: service for service, tag in _TAG_BY_SERVICE.items()}

#: In front of NAdC, where notifications go, in a message's `callback_url`.
_NOTIFY: Final = "nadc:"

_NO_ERROR: Final = "000"
_FAILED: Final = "108"
#: Rsn for what a failure is called elsewhere.  §6.
_RSN_BY_FAILURE: Final[Mapping[str, str]] = {
    "unknown_subscriber": "101",
    "subscriber_absent": "107",
    "roaming_not_allowed": "102",
    "subscriber_barred": "103",
    "service_not_provisioned": "117",
    "equipment_barred": "114",
    "not_supported": "106",
    "system_failure": "118",
    "expired": "010",
    "invalid_destination": "206",
    "invalid_validity": "201",
}
#: Numbers that only Rsn has: an operator over UCP said them.
_RSN_ITSELF: Final = frozenset(f"{each:03}" for each in (*range(100, 128), *range(200, 209)))

_WORD_BY_DST: Final[Mapping[str, str]] = {
    DeliveryStatus.DELIVERED: "has been delivered",
    DeliveryStatus.BUFFERED: "is buffered",
    DeliveryStatus.NOT_DELIVERED: "has not been delivered",
}

_SECONDS: dict[int, str] = {}


def scts_of(second: int) -> str:
    """The second of a message's name, UTC: an hour that comes twice in autumn names nothing twice."""
    text = _SECONDS.get(second)
    if text is None:
        if len(_SECONDS) > 1_000:
            _SECONDS.clear()
        text = _SECONDS[second] = times.write_second(datetime.fromtimestamp(second, UTC), UTC)
    return text


def second_of(scts: str) -> int:
    """The second of a name.  Raises: OperationError."""
    return int(times.read(scts, UTC).timestamp())


# -- in -----------------------------------------------------------------------------------------------------------


def message_of(
    operation: Submit, message_id: int, client: str, now_ms: int, *, known_as: str, zone: tzinfo = UTC
) -> Message:
    """Read a message.  Raises: PeerError with the error code to answer."""
    if isinstance(operation, ShortMessage):
        return _of_short_message(operation, message_id, client, now_ms, known_as, zone)
    wanted, expires_at_ms, send_at_ms, priority, notify_to = 0, 0, 0, 0, ""
    if isinstance(operation, SmsMessageTransfer):
        octets = bytes.fromhex(operation.amsg)
        wanted, notify_to = _wanted(operation.nrq, ""), operation.nad
        expires_at_ms = _expiry(operation.vp, now_ms, zone)
        send_at_ms = _due(operation.dd, operation.ddt, now_ms, zone)
    else:
        octets = _text_of(operation.mt, operation.msg)
        if isinstance(operation, CallInputWithSupplementaryServices):
            _check_services(operation)
            send_at_ms = _due(operation.dd, operation.ddt, now_ms, zone)
            priority = 1 if operation.pr == "1" else 0
    ton, npi, dest = recipient_of(operation.adc)
    source = operation.oadc
    return Message(
        message_id,
        Direction.MT,
        client,
        "",
        0,
        1 if source else 0,
        source,
        ton,
        npi,
        dest,
        octets,
        priority_flag=priority,
        registered_delivery=wanted,
        expires_at_ms=expires_at_ms,
        send_at_ms=send_at_ms,
        callback_url=_NOTIFY + notify_to if notify_to else "",
        known_as=known_as,
    )


def _of_short_message(
    operation: ShortMessage, message_id: int, client: str, now_ms: int, known_as: str, zone: tzinfo
) -> Message:
    ton, npi, dest = recipient_of(operation.adc)
    source_ton, source_npi, source = read_originator(operation.oadc, operation.otoa)
    data = user_data.read(operation)
    esm_class = _UDHI if data.has_udh else 0
    if operation.rpi == "1":
        esm_class |= _REPLY_PATH
    if data.has_udh and data.octets[0] >= len(data.octets):
        raise PeerError("XSer has no whole header", status=ErrorCode.SYNTAX_ERROR)
    return Message(
        message_id,
        Direction.MT,
        client,
        "",
        source_ton,
        source_npi,
        source,
        ton,
        npi,
        dest,
        data.octets,
        data.data_coding,
        esm_class,
        int(operation.rpid) & 0xFF if operation.rpid else 0,
        int(operation.pr) & 3 if operation.pr else 0,
        _wanted(operation.nrq, operation.nt),
        "",
        "",
        _tlvs_of(operation.xser) if operation.xser else (),
        _expiry(operation.vp, now_ms, zone) if operation.vp else 0,
        send_at_ms=_due(operation.dd, operation.ddt, now_ms, zone) if operation.dd else 0,
        callback_url=_NOTIFY + operation.nadc if operation.nadc else "",
        known_as=known_as,
    )


def each_of(operation: MultipleAddressCallInput) -> list[CallInput]:
    """The operations that one for several recipients stands for.  §4.1."""
    rest = (operation.oadc, operation.oac, operation.mt, operation.msg)
    return [CallInput(recipient, *rest) for recipient in operation.rads]


def recipient_of(adc: str) -> tuple[int, int, str]:
    """Type of number, numbering plan and digits of AdC; `00` in front says that it is international."""
    if adc.startswith("00"):
        return 1, 1, adc[2:]
    return 0, 1, adc


def _wanted(nrq: str, nt: str) -> int:
    """The bits of registered_delivery.  Raises: OperationError."""
    if nrq != "1":
        return 0
    wanted = _WANTED_BY_NT.get(nt)
    if wanted is None:
        raise PeerError(f"NT {nt} is no sum of 1, 2 and 4", status=ErrorCode.SYNTAX_ERROR)
    return wanted


def _expiry(vp: str, now_ms: int, zone: tzinfo) -> int:
    """The end of its validity in Unix ms; 0 when it names none.  Raises: PeerError."""
    if not vp:
        return 0
    # The whole minute that it names still counts.
    ends_at_ms = _moment_ms(vp, zone) + 59_999
    if ends_at_ms <= now_ms:
        raise PeerError(f"VP {vp} is past", status=ErrorCode.TIME_PERIOD_NOT_VALID)
    return ends_at_ms


def _due(dd: str, ddt: str, now_ms: int, zone: tzinfo) -> int:
    """When it is to leave, in Unix ms; 0 is at once, and so is a moment that has passed.  Raises: PeerError."""
    if dd != "1":
        return 0
    if not ddt:
        raise PeerError("DD without DDT", status=ErrorCode.SYNTAX_ERROR)
    due = _moment_ms(ddt, zone)
    return due if due > now_ms else 0


# Many messages name the same few minutes.
@lru_cache(maxsize=4096)
def _moment_ms(digits: str, zone: tzinfo) -> int:
    return int(times.read(digits, zone).timestamp() * 1000)


def _tlvs_of(digits: str) -> tuple[tuple[int, bytes], ...]:
    """Services that other protocols have, too; those of a UDH and a scheme are in the text."""
    services = xser.read(digits)
    return tuple((_TAG_BY_SERVICE[kind], data) for kind, data in services if kind in _TAG_BY_SERVICE)


def _text_of(mt: str, msg: str) -> bytes:
    """The septets of an old call input.  Raises: PeerError."""
    if mt == MessageType.NUMERIC:
        return _septets(msg)
    if mt != MessageType.ALPHANUMERIC:
        raise PeerError(f"MT {mt}", status=ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED)
    try:
        octets = bytes.fromhex(msg)
    except ValueError:
        raise PeerError("AMsg is not hexadecimal", status=ErrorCode.SYNTAX_ERROR) from None
    if len(msg) > MAX_AMSG:
        raise PeerError(f"AMsg of {len(msg)} digits; at most {MAX_AMSG}", status=ErrorCode.MESSAGE_TOO_LONG)
    return octets


def _septets(digits: str) -> bytes:
    try:
        return gsm7.encode(digits)
    except gsm7.NotInAlphabet as error:
        raise PeerError(f"NMsg: {error}", status=ErrorCode.INVALID_CHARACTER_SET) from None


def _check_services(operation: CallInputWithSupplementaryServices) -> None:
    """What pagers had and handsets have not.  Raises: PeerError."""
    if operation.gas:
        raise PeerError("there are no group addresses", status=ErrorCode.GA_NOT_VALID)
    for wanted, code in (
        (operation.rp, ErrorCode.REPETITION_NOT_ALLOWED),
        (operation.um, ErrorCode.URGENT_MESSAGE_NOT_ALLOWED),
        (operation.rc, ErrorCode.REVERSE_CHARGING_NOT_ALLOWED),
    ):
        if wanted == "1":
            raise PeerError("a service of pagers", status=code)


# -- out ----------------------------------------------------------------------------------------------------------


def notification_of(receipt: Receipt, account: Account) -> DeliverNotification:
    """Tell a client what became of its message.  §4.5."""
    recipient, scts = _name_of(receipt.known_as, receipt.source, receipt.message_id)
    dst, rsn = told_of(receipt.status, receipt.error, was_sent=receipt.was_sent, reference=receipt.operator_reference)
    if receipt.callback_url.startswith(_NOTIFY):
        adc = receipt.callback_url[len(_NOTIFY) :]
    else:
        adc = adc_of(receipt.dest_ton, receipt.dest)
    dscts, said = _done(receipt.told_at_ms // 1000, account.zone)
    text = f"Message for {recipient}, with identification {scts} {_WORD_BY_DST[dst]} on {said}."
    return DeliverNotification(
        adc=adc,
        oadc=recipient,
        scts=scts,
        dst=dst,
        rsn=rsn,
        dscts=dscts,
        mt=_AMSG,
        msg=text.encode("ascii").hex().upper(),
    )


# A member of an enumeration costs as much to name as a call.
_AMSG: Final = MessageType.ALPHANUMERIC.value


@lru_cache(maxsize=256)
def _done(second: int, zone: tzinfo) -> tuple[str, str]:
    """A second as DSCTS and for people: receipts of one second are many."""
    moment = datetime.fromtimestamp(second, UTC)
    return times.write_second(moment, zone), f"{moment.astimezone(zone):%Y-%m-%d at %H:%M:%S}"


def told_of(status: Status, error: str, *, was_sent: bool = True, reference: str = "") -> tuple[str, str]:
    """Dst and Rsn for what became of a message.  §6."""
    if status is Status.DELIVERED:
        return DeliveryStatus.DELIVERED.value, _NO_ERROR
    if status not in FINAL:
        return DeliveryStatus.BUFFERED.value, error if error in _RSN_ITSELF else _NO_ERROR
    if error in _RSN_ITSELF and was_sent:
        return DeliveryStatus.NOT_DELIVERED.value, error
    failure = failure_of(status, error, was_sent=was_sent, reference=reference)
    return DeliveryStatus.NOT_DELIVERED.value, _RSN_BY_FAILURE.get(failure.code if failure else "", _FAILED)


def adc_of(ton: int, address: str) -> str:
    """AdC for a client's sender; a name has no room there."""
    digits = address.removeprefix("+")
    fits = ton != _ALPHANUMERIC and digits.isascii() and digits.isdecimal() and len(digits) <= _MAX_ADC
    return digits if fits else ""


def _name_of(known_as: str, recipient: str, message_id: int) -> tuple[str, str]:
    """Recipient and second; what came by another door is named by when it came."""
    named, colon, scts = known_as.partition(":")
    if colon:
        return named, scts
    return adc_of(0, recipient), scts_of(made_at_ms(message_id) // 1000)


def delivery_of(message: Message, account: Account, default: Encoding) -> DeliverShortMessage:
    """Hand an MO to a client; `default` is what data_coding 0 means to its operator.  Raises: FieldError."""
    sender = write_originator(message.source_ton, message.source_npi, message.source)
    data = UserData(message.octets, message.data_coding, bool(message.esm_class & _UDHI))
    written = user_data.write(fitting(data, default, most_septets=MAX_AMSG // 2, most_octets=MAX_TMSG // 2))
    services = [(_SERVICE_BY_TAG[tag], value) for tag, value in message.tlvs if tag in _SERVICE_BY_TAG]
    got_at = datetime.fromtimestamp(made_at_ms(message.id) // 1000, UTC)
    return DeliverShortMessage(
        adc=write_recipient(message.dest),
        oadc=sender.oadc,
        rpid=f"{message.protocol_id:04}",
        scts=times.write_second(got_at, account.zone),
        mt=written.mt,
        nb=written.nb,
        msg=written.msg,
        mcls=written.mcls,
        rpi="1" if message.esm_class & _REPLY_PATH else "",
        otoa=sender.otoa,
        xser=xser.write([*written.services, *services]),
    )


def found(kind: type[Operation], message: Message, status: Status, error: str, done_at_us: int) -> Operation:
    """What an inquiry (57) or a deletion (58) says of one message.  §4.6."""
    recipient, scts = _name_of(message.known_as, message.dest, message.id)
    dst, rsn = told_of(status, error)
    moment = datetime.fromtimestamp(done_at_us // 1_000_000, UTC) if done_at_us else None
    fields = {
        "adc": adc_of(message.source_ton, message.source),
        "oadc": recipient,
        "npid": PID_TCP_IP,
        "scts": scts,
        "dst": dst,
        "rsn": rsn,
        "dscts": times.write_second(moment, UTC) if moment else "",
        "mt": _AMSG,
        "msg": f"{recipient}:{scts} is {status.word}".encode("ascii", "replace").hex().upper(),
    }
    return kind(**fields)

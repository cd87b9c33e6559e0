"""Every operation of UCP, each a declaration: field order is wire order.  EMI-UCP 4.x §4 and §5.

All values are text as it stands on the wire; an empty one was left out.  What a text, an address or a moment means is
read in `user_data`, `addresses` and `times`.
"""

from functools import cache
from typing import Annotated, Any, ClassVar, get_type_hints

import msgspec

from chappe.wire.ucp.constants import Ot
from chappe.wire.ucp.fields import Counted, Field, address, characters, digits, hexadecimal

Adc = Annotated[str, digits(16)]
#: Digits, or a packed name in hexadecimal where OTOA says so.  §4.3.
Oadc = Annotated[str, address(22)]
Code = Annotated[str, digits(1)]
Ac = Annotated[str, characters(16, is_secret=True)]
Pid = Annotated[str, digits(4)]
Moment = Annotated[str, digits(10)]
Timestamp = Annotated[str, digits(12)]
#: NMsg, AMsg or TMsg: digits, hexadecimal septets or octets, as MT says.  The longest is TMsg.
Msg = Annotated[str, hexadecimal(1400)]
MsgOfCall = Annotated[str, characters(1400)]


class Operation(msgspec.Struct, frozen=True, gc=False):
    """One operation; its class is its type.  Secrets never print."""

    ot: ClassVar[Ot]

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({said})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The fields that say something."""
        return [
            (name, "***" if isinstance(field, Field) and field.is_secret else value)
            for name, field in fields_of(type(self))
            if (value := getattr(self, name))
        ]


@cache
def fields_of(operation: type[Operation]) -> tuple[tuple[str, Field | Counted], ...]:
    """The declared fields of an operation, in wire order."""
    hints = get_type_hints(operation, include_extras=True)
    return tuple((name, hints[name].__metadata__[0]) for name in operation.__struct_fields__)


class CallInput(Operation, frozen=True, gc=False):
    """Send one message, as pagers had it.  §4.1."""

    ot = Ot.CALL_INPUT

    adc: Adc = ""
    oadc: Annotated[str, digits(16)] = ""
    oac: Ac = ""
    mt: Code = ""
    msg: MsgOfCall = ""


class MultipleAddressCallInput(Operation, frozen=True, gc=False):
    """Send one message to several.  §4.1."""

    ot = Ot.MULTIPLE_ADDRESS_CALL_INPUT

    rads: Annotated[tuple[str, ...], Counted(digits(16), 2)] = ()
    oadc: Annotated[str, digits(16)] = ""
    oac: Ac = ""
    mt: Code = ""
    msg: MsgOfCall = ""


class CallInputWithSupplementaryServices(Operation, frozen=True, gc=False):
    """Send one message with repetition, priority, urgency, deferring.  §4.1."""

    ot = Ot.CALL_INPUT_WITH_SUPPLEMENTARY_SERVICES

    adc: Adc = ""
    oadc: Annotated[str, digits(16)] = ""
    oac: Ac = ""
    gas: Annotated[tuple[str, ...], Counted(digits(16), 2)] = ()
    rp: Code = ""
    lrp: Ac = ""
    pr: Code = ""
    lpr: Ac = ""
    um: Code = ""
    lum: Ac = ""
    rc: Code = ""
    lrc: Ac = ""
    dd: Code = ""
    ddt: Moment = ""
    mt: Code = ""
    msg: MsgOfCall = ""


class SmsMessageTransfer(Operation, frozen=True, gc=False):
    """Send one message, always alphanumeric.  §4.2."""

    ot = Ot.SMS_MESSAGE_TRANSFER

    adc: Adc = ""
    oadc: Annotated[str, digits(16)] = ""
    ac: Ac = ""
    nrq: Code = ""
    nad: Annotated[str, digits(16)] = ""
    npid: Pid = ""
    dd: Code = ""
    ddt: Moment = ""
    vp: Moment = ""
    amsg: Annotated[str, hexadecimal(640)] = ""


class Alert(Operation, frozen=True, gc=False):
    """Ask for a sign of life; the SMSC tells how many messages wait.  §4.2."""

    ot = Ot.ALERT

    #: Kannel writes the name by which it has signed on.
    adc: Annotated[str, characters(16)] = ""
    pid: Pid = ""


class ShortMessage(Operation, frozen=True, gc=False):
    """The 33 fields that operations 51 to 58 share.  §4.3."""

    adc: Adc = ""
    oadc: Oadc = ""
    ac: Ac = ""
    nrq: Code = ""
    nadc: Annotated[str, digits(16)] = ""
    nt: Code = ""
    npid: Pid = ""
    lrq: Code = ""
    lrad: Annotated[str, digits(16)] = ""
    lpid: Pid = ""
    dd: Code = ""
    ddt: Moment = ""
    vp: Moment = ""
    rpid: Pid = ""
    scts: Timestamp = ""
    dst: Code = ""
    rsn: Annotated[str, digits(3)] = ""
    dscts: Timestamp = ""
    mt: Code = ""
    nb: Annotated[str, digits(4)] = ""
    msg: Msg = ""
    mms: Code = ""
    pr: Code = ""
    dcs: Code = ""
    mcls: Code = ""
    rpi: Code = ""
    cpg: Annotated[str, characters(4)] = ""
    rply: Annotated[str, characters(5)] = ""
    otoa: Annotated[str, digits(4)] = ""
    hplmn: Annotated[str, characters(16)] = ""
    xser: Annotated[str, hexadecimal(400)] = ""
    res4: Annotated[str, characters(16)] = ""
    res5: Annotated[str, characters(16)] = ""


class SubmitShortMessage(ShortMessage, frozen=True, gc=False):
    """Send one message.  §4.4."""

    ot = Ot.SUBMIT_SHORT_MESSAGE


class DeliverShortMessage(ShortMessage, frozen=True, gc=False):
    """An MO, from the SMSC.  §4.4."""

    ot = Ot.DELIVER_SHORT_MESSAGE


class DeliverNotification(ShortMessage, frozen=True, gc=False):
    """What became of a message, from the SMSC.  §4.5."""

    ot = Ot.DELIVER_NOTIFICATION


class ModifyMessage(ShortMessage, frozen=True, gc=False):
    """Replace a message that waits in the SMSC.  §4.6."""

    ot = Ot.MODIFY_MESSAGE


class InquiryMessage(ShortMessage, frozen=True, gc=False):
    """Ask what became of a message.  §4.6."""

    ot = Ot.INQUIRY_MESSAGE


class DeleteMessage(ShortMessage, frozen=True, gc=False):
    """Take back a message that waits in the SMSC.  §4.6."""

    ot = Ot.DELETE_MESSAGE


class InquiryResponse(ShortMessage, frozen=True, gc=False):
    """What an inquiry found, from the SMSC.  §4.6."""

    ot = Ot.INQUIRY_RESPONSE


class DeleteResponse(ShortMessage, frozen=True, gc=False):
    """What a deletion did, from the SMSC.  §4.6."""

    ot = Ot.DELETE_RESPONSE


class SessionManagement(Operation, frozen=True, gc=False):
    """Sign on, or change the password.  §5.1."""

    ot = Ot.SESSION_MANAGEMENT

    oadc: Annotated[str, characters(16)] = ""
    oton: Code = ""
    onpi: Code = ""
    styp: Code = ""
    #: The password, each character as two hexadecimal digits.
    pwd: Annotated[str, hexadecimal(32, is_secret=True)] = ""
    npwd: Annotated[str, hexadecimal(32, is_secret=True)] = ""
    vers: Annotated[str, digits(4)] = ""
    ladc: Annotated[str, digits(16)] = ""
    lton: Code = ""
    lnpi: Code = ""
    opid: Annotated[str, digits(2)] = ""
    res1: Annotated[str, characters(16)] = ""


class ListManagement(Operation, frozen=True, gc=False):
    """Add to, remove from or verify the lists of permitted numbers.  §5.2."""

    ot = Ot.LIST_MANAGEMENT

    oadc: Annotated[str, characters(16)] = ""
    oton: Code = ""
    onpi: Code = ""
    styp: Code = ""
    pwd: Annotated[str, hexadecimal(32, is_secret=True)] = ""
    npwd: Annotated[str, hexadecimal(32, is_secret=True)] = ""
    vers: Annotated[str, digits(4)] = ""
    ladc: Annotated[str, digits(16)] = ""
    lton: Code = ""
    lnpi: Code = ""
    res1: Annotated[str, characters(16)] = ""
    res2: Annotated[str, characters(16)] = ""


OPERATIONS: tuple[type[Operation], ...] = (
    CallInput,
    MultipleAddressCallInput,
    CallInputWithSupplementaryServices,
    SmsMessageTransfer,
    Alert,
    SubmitShortMessage,
    DeliverShortMessage,
    DeliverNotification,
    ModifyMessage,
    InquiryMessage,
    DeleteMessage,
    InquiryResponse,
    DeleteResponse,
    SessionManagement,
    ListManagement,
)

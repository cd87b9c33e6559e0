"""A message's user data as MT, NB, Msg, MCLs, DCs and XSer say it, and back.  EMI-UCP 4.x §4.3; 3GPP TS 23.038 §4.

User data here is what SMPP and the model have: octets with the UDH in front where there is one, GSM 7 bit as unpacked
septets, and a data_coding.  This file must never know who sends it.
"""

from typing import Final

import msgspec

from chappe.text import gsm7, udh
from chappe.text.encoding import Encoding, encoding_of
from chappe.wire.ucp import xser
from chappe.wire.ucp.constants import ErrorCode, MessageType, XserType
from chappe.wire.ucp.errors import FieldError, OperationError
from chappe.wire.ucp.operations import ShortMessage
from chappe.wire.ucp.xser import Service

#: Hexadecimal digits of AMsg and of TMsg.
MAX_AMSG: Final = 640
MAX_TMSG: Final = 1_400
_MAX_NB: Final = 9_999

_BINARY_DCS: Final = 0x04
#: Data coding schemes that carry a message class in their lowest bits.
_CLASS_7_BIT: Final = 0xF0
_CLASS_8_BIT: Final = 0xF4
_IS_CLASS: Final = 0xF0


class UserData(msgspec.Struct, frozen=True, gc=False):
    """Octets, their data_coding, and whether a UDH stands in front."""

    octets: bytes
    data_coding: int = 0
    has_udh: bool = False


class Written(msgspec.Struct, frozen=True, gc=False):
    """The fields of an operation that carry user data; `services` go into XSer, with others if there are any."""

    mt: str
    msg: str
    nb: str = ""
    mcls: str = ""
    services: tuple[Service, ...] = ()


def write(data: UserData) -> Written:
    """Write user data: GSM 7 bit alphanumeric, all else transparent with its scheme in XSer.

    Raises:
        FieldError: it is longer than the fields are, holds an octet that is no septet, or is in an alphabet that no
            data coding scheme names (Latin-1 and others that only SMPP knows).
    """
    header, octets = _part(data)
    services: tuple[Service, ...] = ((XserType.UDH, header),) if header else ()
    scheme = _scheme_of(data.data_coding)
    if encoding_of(scheme) is Encoding.GSM7:
        if octets and max(octets) > 0x7F:
            raise FieldError("GSM 7 bit text holds an octet above 7F")
        return _alphanumeric(octets, scheme, services)
    if len(octets) * 2 > MAX_TMSG:
        raise FieldError(f"TMsg of {len(octets) * 2} hexadecimal digits; at most {MAX_TMSG}")
    services += ((XserType.DCS, bytes((scheme,))),)
    mcls = str(scheme & 0b11) if scheme & _IS_CLASS == _IS_CLASS else ""
    return Written(MessageType.TRANSPARENT, octets.hex().upper(), f"{min(len(octets) * 8, _MAX_NB):04}", mcls, services)


def _alphanumeric(octets: bytes, scheme: int, services: tuple[Service, ...]) -> Written:
    if len(octets) * 2 > MAX_AMSG:
        raise FieldError(f"AMsg of {len(octets) * 2} hexadecimal digits; at most {MAX_AMSG}")
    has_class = scheme & _IS_CLASS == _IS_CLASS
    if scheme and not has_class:
        services += ((XserType.DCS, bytes((scheme,))),)
    mcls = str(scheme & 0b11) if has_class else ""
    return Written(MessageType.ALPHANUMERIC, octets.hex().upper(), "", mcls, services)


def _part(data: UserData) -> tuple[bytes, bytes]:
    """The UDH with its length octet, and what follows."""
    if not data.has_udh:
        return b"", data.octets
    _, text = udh.strip(data.octets)
    return data.octets[: len(data.octets) - len(text)], text


def _scheme_of(data_coding: int) -> int:
    """The GSM data coding scheme for a data_coding of SMPP; below 0x10 they agree on 00, 04 and 08 alone."""
    if data_coding >= 0x10 or data_coding in (0x00, _BINARY_DCS, 0x08):
        return data_coding
    if data_coding == 0x02:  # octets, unspecified: SMPP has two numbers for the same
        return _BINARY_DCS
    raise FieldError(f"data_coding {data_coding:#04x} has no counterpart among the GSM data coding schemes")


def read(message: ShortMessage) -> UserData:
    """Read the user data of an operation 51 to 58.

    Raises:
        OperationError: MT is unknown, or Msg is not what MT promises.
    """
    services = xser.read(message.xser)
    header = xser.find(services, XserType.UDH) or b""
    named = xser.find(services, XserType.DCS)
    octets = _octets(message)
    if named:
        data_coding = named[0]
    elif message.mt == MessageType.TRANSPARENT:
        data_coding = _CLASS_8_BIT | int(message.mcls) & 0b11 if message.mcls else _BINARY_DCS
    else:
        data_coding = _CLASS_7_BIT | int(message.mcls) & 0b11 if message.mcls else 0
    return UserData(header + octets, data_coding, bool(header))


def _octets(message: ShortMessage) -> bytes:
    match message.mt:
        case MessageType.NUMERIC:
            if not message.msg.isdecimal() and message.msg:
                raise OperationError("NMsg is not decimal digits", status=ErrorCode.SYNTAX_ERROR)
            return gsm7.encode(message.msg)
        case MessageType.ALPHANUMERIC | MessageType.TRANSPARENT:
            return bytes.fromhex(message.msg)
        case "":
            if message.msg:
                raise OperationError("Msg without MT", status=ErrorCode.SYNTAX_ERROR)
            return b""
        case _:
            raise OperationError(f"MT {message.mt}", status=ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED)

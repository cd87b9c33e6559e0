"""Addresses: digits, or a name packed into OAdC.  EMI-UCP 4.x §4.3; 3GPP TS 23.040 §9.1.2.5.

Type of number and numbering plan are SMPP's numbers, which the model has.  This file must never know whose they are.
"""

from functools import lru_cache
from typing import Final

import msgspec

from chappe.text import gsm7
from chappe.wire.ucp.constants import OTOA_ALPHANUMERIC, OTOA_INTERNATIONAL, ErrorCode
from chappe.wire.ucp.errors import FieldError, OperationError

_INTERNATIONAL: Final = 1
_E164: Final = 1
_ALPHANUMERIC: Final = 5
_MAX_DIGITS: Final = 16
_MAX_OADC: Final = 22
_MAX_NAME_SEPTETS: Final = 11


class Originator(msgspec.Struct, frozen=True, gc=False):
    """OAdC and OTOA."""

    oadc: str
    otoa: str = ""


# A client's senders are few, and each comes with thousands of messages.
@lru_cache(maxsize=4096)
def write_originator(ton: int, npi: int, address: str) -> Originator:
    """Return a sender's fields.  Raises: FieldError: a name or number that they do not hold."""
    if ton == _ALPHANUMERIC:
        return Originator(pack_name(address), OTOA_ALPHANUMERIC)
    digits = address.removeprefix("+")
    if digits and (not digits.isascii() or not digits.isdecimal()):
        raise FieldError("OAdC is neither digits nor marked as a name")
    if len(digits) > _MAX_OADC:
        raise FieldError(f"OAdC of {len(digits)} digits; at most {_MAX_OADC}")
    is_international = (ton == _INTERNATIONAL and npi == _E164) or address.startswith("+")
    return Originator(digits, OTOA_INTERNATIONAL if is_international and digits else "")


def read_originator(oadc: str, otoa: str) -> tuple[int, int, str]:
    """Return (type of number, numbering plan, address) of a sender.  Raises: OperationError."""
    if otoa == OTOA_ALPHANUMERIC:
        return _ALPHANUMERIC, 0, unpack_name(oadc)
    if oadc and not oadc.isdecimal():
        raise OperationError("OAdC is not digits, and OTOA names no alphabet", status=ErrorCode.SYNTAX_ERROR)
    if otoa == OTOA_INTERNATIONAL:
        return _INTERNATIONAL, _E164, oadc
    return 0, _E164 if oadc else 0, oadc


def write_recipient(address: str) -> str:
    """Return AdC: digits without a plus.  Raises: FieldError."""
    digits = address.removeprefix("+")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > _MAX_DIGITS:
        raise FieldError(f"AdC is not 1 to {_MAX_DIGITS} digits")
    return digits


def pack_name(name: str) -> str:
    """Return a name as its useful semi-octets and its packed septets, hexadecimal.  Raises: FieldError."""
    try:
        septets = gsm7.encode(name)
    except gsm7.NotInAlphabet as error:
        raise FieldError(f"a sender's name: {error}") from None
    if not 0 < len(septets) <= _MAX_NAME_SEPTETS:
        raise FieldError(f"a sender's name of {len(septets)} septets; 1 to {_MAX_NAME_SEPTETS} fit")
    semi_octets = (7 * len(septets) + 3) // 4
    return f"{semi_octets:02X}{gsm7.pack(septets).hex().upper()}"


@lru_cache(maxsize=4096)
def unpack_name(digits: str) -> str:
    """Return a packed name.  Raises: OperationError."""
    if len(digits) < 2 or len(digits) % 2:
        raise OperationError("a packed name has an even number of hexadecimal digits", status=ErrorCode.SYNTAX_ERROR)
    octets = bytes.fromhex(digits)
    count = 4 * octets[0] // 7
    if count * 7 > (len(octets) - 1) * 8:
        raise OperationError("a packed name is shorter than it says", status=ErrorCode.SYNTAX_ERROR)
    return gsm7.decode(gsm7.unpack(octets[1:], count))

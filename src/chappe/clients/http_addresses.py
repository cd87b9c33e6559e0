"""Addresses as HTTP clients write them: numbers, short codes, names.

It must never know a country's numbering plan.
"""

import re
from functools import lru_cache
from typing import Final

from chappe.model.address import Address
from chappe.text import gsm7
from chappe.wire.http.problems import FieldError

#: SMPP 3.4 §5.2.5 and §5.2.6: the kinds of address that HTTP clients write.
_INTERNATIONAL: Final = (1, 1)
_UNKNOWN: Final = (0, 0)
_ALPHANUMERIC: Final = (5, 0)

_NO_SOURCE: Final = Address(*_UNKNOWN, "")

#: E.164 numbers have at most 15 digits; shorter ones than this are short codes.
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_DIGITS: Final = re.compile(r"[0-9]{3,15}")
_SHORT_CODE_DIGITS: Final = 6
#: `+` and 15 digits: longer than any name.
_LONGEST_SOURCE: Final = 16
#: 3GPP TS 23.040 §9.1.2.5: an alphanumeric address holds 11 septets.
_NAME_SEPTETS: Final = 11

_is_e164: Final = _E164.fullmatch


def destination_of(text: str, errors: list[FieldError]) -> Address:
    """A handset; where it is none, `errors` says so."""
    if _is_e164(text):
        return Address(1, 1, text[1:])
    if _DIGITS.fullmatch(text):
        return _number(text)
    errors.append(
        FieldError("/to", "expected a number as in +37120000001 (E.164), or a short code of 3 digits or more")
    )
    return Address(*_UNKNOWN, "")


def _number(digits: str) -> Address:
    """Digits alone: a number of a country unless they are few, or begin with a zero."""
    is_short = len(digits) <= _SHORT_CODE_DIGITS or digits[0] == "0"
    return Address(*(_UNKNOWN if is_short else _INTERNATIONAL), digits)


def source_of(text: str | None, errors: list[FieldError]) -> Address:
    """A sender: a number, a short code, a name; without one the operator puts its own."""
    if text is None:
        return _NO_SOURCE
    address = _read_source(text) if len(text) <= _LONGEST_SOURCE else None
    if address is None:
        errors.append(
            FieldError("/from", "expected a number, a short code (3 digits or more), or a name: 11 GSM characters")
        )
        return _NO_SOURCE
    return address


# A client's senders are few, and each comes with thousands of messages.
@lru_cache(maxsize=4096)
def _read_source(text: str) -> Address | None:
    if _DIGITS.fullmatch(text):
        return _number(text)
    if _E164.fullmatch(text):
        return Address(*_INTERNATIONAL, text[1:])
    return Address(*_ALPHANUMERIC, text) if _is_name(text) else None


def _is_name(text: str) -> bool:
    """A name that every SMSC can write: printable, of the GSM alphabet and of Latin-1, and no lone number."""
    if not text.isprintable() or not text.strip() or text.lstrip("+").isdecimal() or max(text) > "\xff":
        return False
    return gsm7.fits(text) and gsm7.septets(text) <= _NAME_SEPTETS

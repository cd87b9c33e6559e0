"""Addresses of handsets and services: their normal form, when two name one handset, and patterns over them.

An operator may write a handset's number nationally in one PDU and internationally in the next, so receipts are
matched by `same_handset` and indexed by `handset_key`; the two always agree.  This file must never know which
country's numbering plan is spoken, nor how a protocol carries an address.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final
from zlib import crc32

import msgspec

#: Shortest number that is compared by its tail.  Anything shorter is a short code, where every digit counts.
TAIL_DIGITS: Final = 7

#: What people write between digits.
_SEPARATORS: Final = str.maketrans("", "", " -().\u00a0")

#: Keys of short codes start here, above every key that is made of `TAIL_DIGITS` digits.
_SHORT_CODE_STEP: Final = 10**TAIL_DIGITS

#: Keys of alphanumeric addresses start here, above every key of a short code.
_ALPHANUMERIC_KEYS: Final = 1 << 32


class Address(msgspec.Struct, frozen=True, gc=False):
    """Who sends or receives.  `ton` and `npi` are numbered as in SMPP 3.4 §5.2.5 and §5.2.6.

    `digits` is the address as it was written; it holds letters where `ton` is 5 (alphanumeric).
    """

    ton: int
    npi: int
    digits: str


def international(text: str) -> str:
    """Return the normal form of a number: digits alone, without `+`, `00` or separators.

    A leading `00` is an international prefix only where at least `TAIL_DIGITS` digits follow it, so that a short
    code keeps its zeros.  What is no number (an alphanumeric sender) comes back without outer blanks.
    """
    if text.isdecimal() and text.isascii() and text[:2] != "00":
        return text
    digits = _digits_of(text)
    if digits is None:
        return text.strip()
    if digits.startswith("00") and len(digits) >= TAIL_DIGITS + 2:
        return digits[2:]
    return digits


def same_handset(one: str, other: str) -> bool:
    """Say whether two addresses can be the same handset, written nationally, internationally or alike.

    Of two numbers one must be the tail of the other, leading zeros aside; below `TAIL_DIGITS` digits they must be
    equal.  Alphanumeric addresses are equal but for case.
    """
    if one == other:
        return True
    digits, other_digits = _digits_of(one), _digits_of(other)
    if digits is None or other_digits is None:
        return digits is other_digits and _fold(one) == _fold(other)
    digits, other_digits = _significant(digits), _significant(other_digits)
    if min(len(digits), len(other_digits)) < TAIL_DIGITS:
        return digits == other_digits
    return digits.endswith(other_digits) or other_digits.endswith(digits)


def handset_key(address: str) -> int:
    """Return a small number that is equal for all forms of one handset: an index key, not an identity.

    Whenever `same_handset(a, b)` holds the keys of both are equal; the reverse is not promised, as only the last
    `TAIL_DIGITS` digits count.  The key is below 2**33 and the same in every process and release.
    """
    if address.isdecimal() and address.isascii() and address[0] != "0" and len(address) >= TAIL_DIGITS:
        return int(address[-TAIL_DIGITS:])
    digits = _digits_of(address)
    if digits is None:
        return _ALPHANUMERIC_KEYS + crc32(_fold(address).encode("utf-8", "surrogatepass"))
    digits = _significant(digits)
    if len(digits) >= TAIL_DIGITS:
        return int(digits[-TAIL_DIGITS:])
    return len(digits) * _SHORT_CODE_STEP + int(digits)


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Compile a pattern of a route, in which `*` stands for any run of characters, also none.

    A number in it is brought to its normal form, so `+44*` and `44*` are one.  The predicate expects an address
    in the normal form of `international`; letters match in either case.

    Raises:
        ValueError: the pattern is empty.
    """
    if not pattern.strip():
        raise ValueError('a pattern must not be empty: write "*" for every address')
    head, *rest = (_fold(piece) for piece in _normal_pattern(pattern).split("*"))
    matches = _matcher(head, rest)
    if pattern.casefold() == pattern.upper():  # no letters: spare every comparison the folding
        return matches
    return lambda address: matches(_fold(address))


def exact_form(pattern: str) -> str | None:
    """The one address that a pattern without `*` fits, as `folded` gives it; None where it has a star."""
    return None if "*" in pattern else _fold(_normal_pattern(pattern))


# A client's senders are few, and each comes with thousands of messages.
@lru_cache(maxsize=4096)
def folded(address: str) -> str:
    """An address in the form in which equal ones are equal text: normal form, case and outer blanks aside."""
    return _fold(international(address))


def _matcher(head: str, rest: list[str]) -> Callable[[str], bool]:
    """Choose the cheapest predicate: routes are asked for every message."""
    if not rest:
        return lambda address: address == head
    if rest == [""]:
        return (lambda address: address.startswith(head)) if head else (lambda address: True)
    found = re.compile(".*".join(map(re.escape, (head, *rest))), re.DOTALL).fullmatch
    return lambda address: found(address) is not None


def _normal_pattern(pattern: str) -> str:
    """Strip the international prefix of a pattern for numbers; leave one for names alone."""
    pattern = pattern.strip()
    digits = pattern.translate(_SEPARATORS).removeprefix("+")
    if not re.fullmatch(r"[0-9*]+", digits):
        return pattern
    # With a star the length is unknown: 00 is then the international prefix, unless nothing but the star follows.
    is_long = len(digits) >= TAIL_DIGITS + 2 or "*" in digits[3:]
    return digits[2:] if digits.startswith("00") and is_long else digits


def _digits_of(text: str) -> str | None:
    """Return the digits of a number as people write it, or None for what is no number."""
    digits = text.strip().translate(_SEPARATORS).removeprefix("+")
    # isdecimal alone would let other scripts' digits pass, isdigit also superscripts.
    return digits if digits.isdecimal() and digits.isascii() else None


def _significant(digits: str) -> str:
    """Drop trunk and international prefixes made of zeros; a lone zero stays a number."""
    return digits.lstrip("0") or "0"


def _fold(text: str) -> str:
    """Bring an alphanumeric address to the form in which case and outer blanks do not count."""
    return text.strip().casefold()

"""What the fields of UCP may hold.  An operation's declaration names one of these for each of its fields.

Every field is text on the wire and may be empty.  This file must never know which operation a field belongs to.
"""

from dataclasses import dataclass
from typing import Final

#: Printable characters of Latin-1 but the one that parts fields.
_PRINTABLE: Final = r"[ -.0-~\x80-\xff]"
_PAIR: Final = "(?:[0-9A-Fa-f]{2})"


@dataclass(frozen=True, slots=True)
class Field:
    """A `pattern` without groups or anchors that a value must match, and how to say what that is.

    Its quantifiers are possessive: what a peer writes can be matched in one way only, so no value takes long to refuse.
    """

    pattern: str
    expected: str
    #: Never shown in logs.
    is_secret: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """A list of values, behind their number in as many digits as `count_digits` at most."""

    field: Field
    count_digits: int


def digits(most: int) -> Field:
    """Decimal digits, or nothing."""
    return Field(f"[0-9]{{0,{most}}}+", f"at most {most} digits")


def hexadecimal(most: int, *, is_secret: bool = False) -> Field:
    """Pairs of hexadecimal digits, or nothing; `most` counts digits."""
    tens, rest = divmod(most // 2, 10)
    pattern = f"{_PAIR}{{0,{rest}}}+"
    if tens:
        # A text is hundreds of pairs: ten of them at a step take half the time.
        ten = "[0-9A-Fa-f]{20}"
        pattern = f"(?:(?:{ten}){{{tens}}}{pattern}|(?:{ten}){{0,{tens - 1}}}+{_PAIR}{{0,9}}+)"
    return Field(pattern, f"at most {most} hexadecimal digits, in pairs", is_secret)


def characters(most: int, *, is_secret: bool = False) -> Field:
    """Printable characters without `/`, or nothing."""
    return Field(f"{_PRINTABLE}{{0,{most}}}+", f"at most {most} printable characters without /", is_secret)


def address(most: int) -> Field:
    """Digits of a number, or a packed name in hexadecimal, or nothing."""
    return Field(f"[0-9A-Fa-f]{{0,{most}}}+", f"at most {most} digits, or a name in hexadecimal")

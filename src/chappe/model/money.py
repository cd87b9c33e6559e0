"""Money, and parts where a client has bought so many of those: whole numbers of the smallest unit, never floats.

It must never know who owes what to whom.
"""

from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

#: Digits behind the point that an amount of money may have.
DECIMALS: Final = 6
_UNITS: Final = 10**DECIMALS
#: Beyond, no row could hold a sum of a few of them.
_MOST: Final = 10**16


class Price(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a message costs: millionths of a currency, or parts where `currency` is empty."""

    units: int
    currency: str = ""


def units_of(text: str, currency: str) -> int:
    """Read an amount as in "12.50", or so many parts.  Raises: ValueError, which says what was expected."""
    try:
        amount = Decimal(text)
        units = amount * _UNITS if currency else amount
        # Its size first: a million digits would take a minute to write out.
        if amount.is_finite() and abs(units) <= _MOST and units == int(units):
            return int(units)
    except (InvalidOperation, OverflowError):
        pass
    wanted = f"an amount as in 12.50, with at most {DECIMALS} decimals" if currency else "a whole number of parts"
    raise ValueError(f"{text!r}: expected {wanted}")


def text_of(units: int, currency: str) -> str:
    """Write an amount: money with two decimals at least, parts as they are."""
    if not currency:
        return str(units)
    whole, rest = divmod(abs(units), _UNITS)
    decimals = f"{rest:0{DECIMALS}d}".rstrip("0").ljust(2, "0")
    return f"{'-' if units < 0 else ''}{whole}.{decimals}"


def told(units: int, currency: str) -> str:
    """The same with what it is an amount of: "12.50 EUR", "3 parts"."""
    return f"{text_of(units, currency)} {currency or ('part' if abs(units) == 1 else 'parts')}"

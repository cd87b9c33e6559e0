"""What a rule asks of a message before it holds: numbers, sender, client, words, network, tags, time.

Routes, sender rules, blocks and prices ask for the same things, so that who can read one can read all.  Conditions are
compiled once to an index in `rules.index`; it must never know what a rule does once it holds.
"""

import re
from collections.abc import Callable
from enum import Enum
from typing import Final

import msgspec

from chappe.model.address import TAIL_DIGITS, compile_pattern, international
from chappe.rules.hours import Hours


class Facts(msgspec.Struct, gc=False):
    """What only some rules ask for, gathered when there are such."""

    at_ms: int = 0
    text: str = ""
    tags: tuple[str, ...] = ()
    #: MCC and MNC of the handset's network, empty where nobody knows.
    network: str = ""


NO_FACTS: Final = Facts()


class SenderKind(Enum):
    """What a sender is, going by its form."""

    ALPHANUMERIC = "alphanumeric"
    SHORT_CODE = "shortcode"
    NUMBER = "number"
    NONE = "none"


class Conditions(msgspec.Struct, frozen=True):
    """All must hold.  What is empty, or a star alone, asks for nothing."""

    #: A number, a pattern with stars, or a range `FIRST-LAST`.
    to: str = "*"
    source: str = "*"
    client: str = ""
    operator: str = ""
    #: The first word of the text, in any case.
    keyword: str = ""
    #: MCC, or MCC and MNC: one of them.
    networks: tuple[str, ...] = ()
    #: A pattern with stars over the whole text, in any case.
    text: str = ""
    #: One of them.
    tags: tuple[str, ...] = ()
    hours: Hours | None = None
    kinds: tuple[SenderKind, ...] = ()
    #: Unix ms from which it holds no longer; 0 for never.
    until_ms: int = 0

    @property
    def asks_more(self) -> bool:
        """It asks for something that is gathered only for such rules."""
        return bool(self.networks or self.text or self.tags or self.hours is not None or self.until_ms)


Fits = Callable[[str, str, Facts], bool]

_RANGE: Final = re.compile(r"\+?(\d{3,15})-\+?(\d{3,15})")
#: Digits and a star at the end: whoever has the prefix fits.  Leading 00 are no digits of the number.
_PREFIX_ONLY: Final = re.compile(r"\+?(?!00)\d*\*")
_LITERAL: Final = re.compile(r"\+?(?!00)(\d*)\*?")


def range_of(pattern: str) -> tuple[str, str] | None:
    """The first and the last number of a range; None for what is none.

    Raises:
        ValueError: its ends are not of one length and in order.
    """
    found = _RANGE.fullmatch(pattern)
    if found is None:
        return None
    first, last = found.groups()
    if len(first) != len(last) or first > last:
        raise ValueError(f"range {pattern!r} must go from a number to a greater one of as many digits")
    return first, last


def prefix_of(pattern: str) -> str:
    """The digits that every number of a pattern begins with."""
    ends = range_of(pattern)
    if ends is not None:
        first, last = ends
        same = next((at for at, (one, other) in enumerate(zip(first, last, strict=True)) if one != other), len(first))
        return first[:same]
    literal = _LITERAL.fullmatch(pattern)
    return international(literal[1]) if literal and literal[1] else ""


def number_test(pattern: str) -> Callable[[str], bool] | None:
    """What numbers in normal form are asked beyond the prefix; None where that decides."""
    ends = range_of(pattern)
    if ends is None:
        return None if _PREFIX_ONLY.fullmatch(pattern) else compile_pattern(pattern)
    first, last = ends
    return lambda number: len(number) == len(first) and first <= number <= last


def text_test(pattern: str) -> Callable[[str], bool]:
    """A pattern over a text: pieces in their order, `*` between them, in any case; work grows with the text alone."""
    head, *rest = pattern.casefold().split("*")

    def fits(text: str) -> bool:
        text = text.casefold()
        if not rest:
            return text == head
        tail = rest[-1]
        if not (text.startswith(head) and text.endswith(tail) and len(text) >= len(head) + len(tail)):
            return False
        at, end = len(head), len(text) - len(tail)
        for piece in rest[:-1]:
            at = text.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return True

    return fits


def kind_of(source: str) -> SenderKind:
    """What a sender is."""
    number = international(source)
    if not number:
        return SenderKind.NONE
    if not (number.isdecimal() and number.isascii()):
        return SenderKind.ALPHANUMERIC
    return SenderKind.SHORT_CODE if len(number) < TAIL_DIGITS else SenderKind.NUMBER


def questions_of(conditions: Conditions, *, has_source: bool) -> list[tuple[str, Fits]]:
    """What is asked beyond an index, each with what it is about; `has_source`: the sender is asked here too."""
    tests: list[tuple[str, Fits]] = []
    fits_to = number_test(conditions.to)
    if fits_to is not None:
        tests.append(("to", lambda number, source, facts: fits_to(number)))
    if has_source and conditions.source != "*":
        fits_source = compile_pattern(conditions.source)
        tests.append(("from", lambda number, source, facts: fits_source(international(source))))
    if conditions.kinds:
        kinds = frozenset(conditions.kinds)
        tests.append(("sender's kind", lambda number, source, facts: kind_of(source) in kinds))
    if conditions.networks:
        networks = conditions.networks
        tests.append(
            ("network", lambda number, source, facts: bool(facts.network) and facts.network.startswith(networks))
        )
    if conditions.text:
        fits_text = text_test(conditions.text)
        tests.append(("text", lambda number, source, facts: fits_text(facts.text)))
    if conditions.tags:
        tags = frozenset(conditions.tags)
        tests.append(("tags", lambda number, source, facts: not tags.isdisjoint(facts.tags)))
    if conditions.hours is not None:
        hours = conditions.hours
        tests.append(("time", lambda number, source, facts: hours.hold(facts.at_ms)))
    if conditions.until_ms:
        until_ms = conditions.until_ms
        tests.append(("until", lambda number, source, facts: facts.at_ms < until_ms))
    return tests

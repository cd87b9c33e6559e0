"""GSM 7 bit with national language tables: which are in force, text to septets and back.  3GPP TS 23.038 §6.2.1.2.

Two information elements name the tables: 25 the one that stands for the basic table, 24 the one behind escapes.  This
file must never know how a message is cut, nor who can read which table.
"""

from codecs import charmap_encode
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Final

import msgspec

from chappe.text import gsm7
from chappe.text.national_tables import LOCKING, SINGLE, Language
from chappe.text.udh import NATIONAL_LOCKING_SHIFT, NATIONAL_SINGLE_SHIFT, Element, Udh

#: A place in a table where there is nothing.
_NOTHING: Final = "\ufffd"


class Shift(msgspec.Struct, frozen=True, gc=False):
    """Which tables a message is written with; None stands for the default ones."""

    locking: Language | None = None
    single: Language | None = None

    @property
    def elements(self) -> tuple[Element, ...]:
        """What the UDH of every part must hold; nothing for the default tables."""
        named = ((NATIONAL_SINGLE_SHIFT, self.single), (NATIONAL_LOCKING_SHIFT, self.locking))
        return tuple(Element(iei, bytes((language,))) for iei, language in named if language is not None)


DEFAULT: Final = Shift()


class _Tables:
    """The two tables of a shift, made ready for both ways."""

    def __init__(self, shift: Shift) -> None:
        basic = gsm7.BASIC if shift.locking is None else LOCKING[shift.locking]
        behind = gsm7.EXTENSION if shift.single is None else SINGLE[shift.single]
        #: What an octet shows; those above 0x7F are no septets.
        self.shown = basic + _NOTHING * 128
        self.behind = behind
        self.by_code_point = _septets_by_code_point(basic, behind)


def _septets_by_code_point(basic: str, behind: Mapping[int, str]) -> Mapping[int, bytes]:
    """The shortest way to write each character; of two equal ones the lower code."""
    written: dict[int, bytes] = {}
    for code, character in enumerate(basic):
        if code != gsm7.ESCAPE and character != _NOTHING:
            written.setdefault(ord(character), bytes((code,)))
    for code, character in sorted(behind.items()):
        written.setdefault(ord(character), bytes((gsm7.ESCAPE, code)))
    return written


@cache
def _tables(shift: Shift) -> _Tables:
    return _Tables(shift)


def encode(text: str, shift: Shift) -> bytes:
    """Return the septets of `text`, one an octet; characters behind the escape take two.

    Raises:
        NotInAlphabet: a character is in neither table.
    """
    try:
        return charmap_encode(text, "strict", _tables(shift).by_code_point)[0]
    except UnicodeEncodeError as error:
        raise gsm7.NotInAlphabet(text[error.start], error.start) from None


def decode(octets: bytes, shift: Shift) -> str:
    """Return the text of unpacked septets.  Never fails.

    Behind an escape a code with nothing shows its character of the other table (§6.2.1.1); what is in neither, and an
    octet above 0x7F, shows U+FFFD.
    """
    tables = _tables(shift)
    codes = iter(octets)
    return "".join(
        tables.shown[code] if code != gsm7.ESCAPE else _shown_behind(next(codes, gsm7.ESCAPE), tables) for code in codes
    )


def _shown_behind(code: int, tables: _Tables) -> str:
    """1B 1B is reserved for one more table and shows a space; so does a lone 1B at the end.  §6.2.1.1."""
    return " " if code == gsm7.ESCAPE else tables.behind.get(code) or tables.shown[code]


def shift_of(udh: Udh) -> Shift:
    """Return the tables that a header names; a language that is not known counts as the default one.  §6.2.1.2.4."""
    locking = _language(udh.find(NATIONAL_LOCKING_SHIFT))
    return Shift(locking if locking in LOCKING else None, _language(udh.find(NATIONAL_SINGLE_SHIFT)))


def shifts_for(text: str, languages: Iterable[Language]) -> Iterator[tuple[Shift, bytes]]:
    """Every use of these languages' tables that can write the whole text, with its septets."""
    for language in languages:
        shifts = [Shift(single=language)]
        if language in LOCKING:
            shifts += [Shift(locking=language), Shift(locking=language, single=language)]
        for shift in shifts:
            try:
                yield shift, encode(text, shift)
            except gsm7.NotInAlphabet:
                continue


def _language(data: bytes | None) -> Language | None:
    if data is None or len(data) != 1 or not Language.TURKISH <= data[0] <= Language.URDU:
        return None
    return Language(data[0])

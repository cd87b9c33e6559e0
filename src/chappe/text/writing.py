"""How a text is best written: the alphabet and the national tables that take the fewest parts.  3GPP TS 23.038 §6.2.1.

This file must never know who asks, nor whether a peer can read national tables: which languages may be used comes in.
"""

from collections.abc import Collection, Iterator
from typing import Final

import msgspec

from chappe.text import gsm7, national, ucs2
from chappe.text.encoding import Encoding
from chappe.text.national import DEFAULT, Shift
from chappe.text.national_tables import Language
from chappe.text.segments import SplitMethod, count_parts
from chappe.text.udh import Element

#: All languages that have tables.
EVERY_LANGUAGE: Final = frozenset(Language)


class Written(msgspec.Struct, frozen=True, gc=False):
    """A text as user data: `octets` behind no UDH yet; that of every part must hold the elements of `shift`."""

    encoding: Encoding
    octets: bytes
    parts: int
    shift: Shift = DEFAULT


def write(
    text: str,
    *,
    languages: Collection[Language] = (),
    method: SplitMethod = SplitMethod.UDH8,
    elements: tuple[Element, ...] = (),
) -> Written:
    """Write a text in as few parts as can be, and among equals in the way that most handsets read.

    What the default tables can write is written with them.  Else it is UCS2, unless the tables of one of `languages`
    save a part: old handsets show the wrong letters for a table that they do not know.

    Raises:
        ValueError: `elements` leave no room for text.
    """
    if gsm7.fits(text):
        octets = gsm7.encode(text)
        return Written(Encoding.GSM7, octets, count_parts(octets, Encoding.GSM7, method=method, elements=elements))
    octets = ucs2.encode(text)
    in_ucs2 = Written(Encoding.UCS2, octets, count_parts(octets, Encoding.UCS2, method=method, elements=elements))
    # min() keeps the first of equals: UCS2 before tables, one table before two.
    return min((in_ucs2, *_nationally(text, languages, method, elements)), key=lambda written: written.parts)


def _nationally(
    text: str, languages: Collection[Language], method: SplitMethod, elements: tuple[Element, ...]
) -> Iterator[Written]:
    """The text in the tables of each language that has all its characters."""
    for shift, octets in national.shifts_for(text, sorted(languages)):
        parts = count_parts(octets, Encoding.GSM7, method=method, elements=(*shift.elements, *elements))
        yield Written(Encoding.GSM7, octets, parts, shift)

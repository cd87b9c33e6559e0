"""The user data header: information elements in front of a message's text.  3GPP TS 23.040 §9.2.3.24.

A header says by itself where it ends; that a message begins with one is told by UDHI, outside.  This file must
never know the alphabet of what follows, nor which parts belong together.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

CONCATENATION_8: Final = 0x00
CONCATENATION_16: Final = 0x08
PORTS_8: Final = 0x04
PORTS_16: Final = 0x05
NATIONAL_SINGLE_SHIFT: Final = 0x24
NATIONAL_LOCKING_SHIFT: Final = 0x25

#: How many octets the reference of a concatenation has; total and number follow, one octet each.
_REFERENCE_OCTETS: Final = {CONCATENATION_8: 1, CONCATENATION_16: 2}

#: UDHL and IEDL are one octet each.
_MAX_OCTETS: Final = 255


class Element(msgspec.Struct, frozen=True, gc=False):
    """One information element: its identifier (IEI) and its data."""

    iei: int
    data: bytes


class Concatenation(msgspec.Struct, frozen=True, gc=False):
    """Says that a message is part `number` of `total`, counted from 1.  Elements 00 and 08."""

    reference: int
    total: int
    number: int
    is_16_bit: bool


class Ports(msgspec.Struct, frozen=True, gc=False):
    """Application ports, as WAP push and vCards use them.  Elements 04 and 05."""

    destination: int
    source: int


class Udh(msgspec.Struct, frozen=True, gc=False):
    """A header that was read.  One that is malformed has no elements, and `is_malformed` says so."""

    elements: tuple[Element, ...] = ()
    is_malformed: bool = False

    def find(self, iei: int) -> bytes | None:
        """Return the data of an element, the last one where it is repeated, or None."""
        return next((element.data for element in reversed(self.elements) if element.iei == iei), None)

    @property
    def concatenation(self) -> Concatenation | None:
        """The last readable concatenation; one with total 0, number 0 or number above total is ignored."""
        for element in reversed(self.elements):
            if (reading := _read_concatenation(element)) is not None:
                return reading
        return None

    @property
    def ports(self) -> Ports | None:
        """The last readable pair of ports."""
        for element in reversed(self.elements):
            if (reading := _read_ports(element)) is not None:
                return reading
        return None


def parse(octets: bytes) -> Udh:
    """Read the header at the beginning of user data.  Never fails.

    Where an element is longer than the header the whole header is ignored, as the specification asks.
    """
    return strip(octets)[0]


def strip(octets: bytes) -> tuple[Udh, bytes]:
    """Part user data into its header and the octets behind it.  Never fails.

    Where the header is longer than the user data there is none: some senders set UDHI on a bare text, and then all
    octets are returned as the text.
    """
    if not octets:
        return Udh(is_malformed=True), b""
    end = 1 + octets[0]
    if end > len(octets):
        return Udh(is_malformed=True), octets
    elements = _read_elements(octets, end)
    if elements is None:
        return Udh(is_malformed=True), octets[end:]
    return Udh(elements), octets[end:]


def build(elements: Iterable[Element]) -> bytes:
    """Write a header, its length octet first; no elements make no header.

    Raises:
        ValueError: an element or the header is above 255 octets.
    """
    body = b"".join(bytes((element.iei, len(element.data))) + element.data for element in elements)
    if len(body) > _MAX_OCTETS:
        raise ValueError(f"a user data header holds {_MAX_OCTETS} octets, not {len(body)}")
    return bytes((len(body),)) + body if body else b""


def concatenation_8(reference: int, total: int, number: int) -> Element:
    """Make element 00, which all handsets know.  The lowest 8 bits of the reference count."""
    return Element(CONCATENATION_8, bytes((reference & 0xFF, total, number)))


def concatenation_16(reference: int, total: int, number: int) -> Element:
    """Make element 08, whose references repeat later.  The lowest 16 bits of the reference count."""
    return Element(CONCATENATION_16, bytes((reference >> 8 & 0xFF, reference & 0xFF, total, number)))


def _read_elements(octets: bytes, end: int) -> tuple[Element, ...] | None:
    """Read the elements of a header that ends before `end`; None if they do not fill it exactly."""
    elements = []
    at = 1
    while at < end:
        data_at = at + 2
        if data_at > end or data_at + octets[at + 1] > end:
            return None
        next_at = data_at + octets[at + 1]
        elements.append(Element(octets[at], octets[data_at:next_at]))
        at = next_at
    return tuple(elements)


def _read_concatenation(element: Element) -> Concatenation | None:
    data = element.data
    reference_octets = _REFERENCE_OCTETS.get(element.iei)
    if reference_octets is None or len(data) != reference_octets + 2:
        return None
    total, number = data[-2:]
    if not 0 < number <= total:
        return None
    return Concatenation(int.from_bytes(data[:-2], "big"), total, number, element.iei == CONCATENATION_16)


def _read_ports(element: Element) -> Ports | None:
    data = element.data
    if element.iei == PORTS_16 and len(data) == 4:
        return Ports(int.from_bytes(data[:2], "big"), int.from_bytes(data[2:], "big"))
    if element.iei == PORTS_8 and len(data) == 2:
        return Ports(data[0], data[1])
    return None

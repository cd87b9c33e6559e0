"""Cuts long user data into parts that fit a radio message.  3GPP TS 23.040 §9.2.3.16, §9.2.3.24.

User data is cut as octets, after its encoding.  This file must never know how the parts are sent, nor where their
reference number comes from.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Final

import msgspec

from chappe.text import gsm7, udh
from chappe.text.encoding import Encoding
from chappe.text.udh import Element

#: What one radio message carries: 140 octets, or 160 packed septets.
MAX_OCTETS: Final = 140
MAX_SEPTETS: Final = 160

#: The part number is one octet in every method.
MAX_PARTS: Final = 255


class SplitMethod(Enum):
    """How the parts of a long message name each other."""

    UDH8 = "udh8"  # element 00
    UDH16 = "udh16"  # element 08
    SAR = "sar"  # the sar_* TLVs; the radio still needs the room of element 00
    NONE = "none"  # not cut: the peer takes it whole and cuts it itself


class TooManyParts(ValueError):
    """The user data needs more `parts` than a part number can count."""

    def __init__(self, parts: int) -> None:
        super().__init__(f"the message needs {parts} parts; at most {MAX_PARTS} can be numbered")
        self.parts = parts


class Segment(msgspec.Struct, frozen=True, gc=False):
    """One part, `number` of `total` counted from 1.

    `octets` is the user data to send, its UDH in front where `has_udh`; GSM7 behind it stays unpacked, without fill
    bits.  `reference` is common to the parts, cut to the bits that the method has, and 0 where there is one part.
    """

    number: int
    total: int
    octets: bytes
    has_udh: bool
    reference: int


def split(
    octets: bytes,
    encoding: Encoding,
    *,
    method: SplitMethod = SplitMethod.UDH8,
    reference: int = 0,
    elements: Sequence[Element] = (),
) -> list[Segment]:
    """Cut user data (without UDH) into as few parts as hold it, never inside an escape or surrogate pair.

    `elements` are repeated in the UDH of every part, as ports must be.  Empty user data is one empty part.

    Raises:
        TooManyParts: more than 255 parts would be needed.
        ValueError: `elements` leave no room for text.
    """
    header = udh.build(elements) if elements else b""
    if method is SplitMethod.NONE or len(octets) <= _room(encoding, len(header)):
        return [Segment(1, 1, header + octets, bool(header), 0)]
    pieces = _cut(octets, encoding, _room_of_part(encoding, method, header))
    total = len(pieces)
    if total > MAX_PARTS:
        raise TooManyParts(total)
    reference &= 0xFF if method is SplitMethod.UDH8 else 0xFFFF
    segments = []
    for number, piece in enumerate(pieces, start=1):
        header = _header(method, reference, total, number, elements)
        segments.append(Segment(number, total, header + piece, bool(header), reference))
    return segments


def count_parts(
    octets: bytes, encoding: Encoding, *, method: SplitMethod = SplitMethod.UDH8, elements: Sequence[Element] = ()
) -> int:
    """Return how many parts `split` would make; it may be more than can be sent.

    Raises:
        ValueError: `elements` leave no room for text.
    """
    header = udh.build(elements) if elements else b""
    if method is SplitMethod.NONE or len(octets) <= _room(encoding, len(header)):
        return 1
    return len(_cut(octets, encoding, _room_of_part(encoding, method, header)))


def room_of_one(encoding: Encoding) -> int:
    """Return how many octets (GSM7: unpacked septets) one message holds without UDH."""
    return _room(encoding, 0)


def room_of_part(encoding: Encoding, method: SplitMethod = SplitMethod.UDH8) -> int:
    """Return how many octets (GSM7: unpacked septets) each part of a long message holds."""
    return _room_of_part(encoding, method, b"")


def room(
    encoding: Encoding, parts: int, *, method: SplitMethod = SplitMethod.UDH8, elements: Sequence[Element] = ()
) -> int:
    """Return how many octets (GSM7: unpacked septets) each part of a message with these `elements` holds."""
    header = udh.build(elements) if elements else b""
    return _room(encoding, len(header)) if parts == 1 else _room_of_part(encoding, method, header)


def _room(encoding: Encoding, header_octets: int) -> int:
    """Return how many octets of text fit behind a UDH."""
    if encoding is Encoding.GSM7:
        return MAX_SEPTETS - (header_octets * 8 + 6) // 7
    room = MAX_OCTETS - header_octets
    return room & ~1 if encoding is Encoding.UCS2 else room


def _room_of_part(encoding: Encoding, method: SplitMethod, header: bytes) -> int:
    """Return the room of a part whose UDH holds `header` and the concatenation."""
    concatenation = udh.concatenation_16 if method is SplitMethod.UDH16 else udh.concatenation_8
    room = _room(encoding, (len(header) or 1) + 2 + len(concatenation(0, 1, 1).data))
    if room < 2:  # not even an escape or surrogate pair
        raise ValueError(f"{len(header)} octets of user data header leave no room for text in a part")
    return room


def _header(method: SplitMethod, reference: int, total: int, number: int, elements: Sequence[Element]) -> bytes:
    """Write the UDH of one part."""
    match method:
        case SplitMethod.UDH8:
            return udh.build([udh.concatenation_8(reference, total, number), *elements])
        case SplitMethod.UDH16:
            return udh.build([udh.concatenation_16(reference, total, number), *elements])
        case SplitMethod.SAR | SplitMethod.NONE:
            return udh.build(elements)


def _cut(octets: bytes, encoding: Encoding, room: int) -> list[bytes]:
    """Cut text into pieces of at most `room` octets."""
    pieces = []
    start = 0
    while len(octets) - start > room:
        end = start + room
        if encoding is Encoding.GSM7 and _ends_in_escape(octets, start, end):
            end -= 1
        elif encoding is Encoding.UCS2 and _is_inside_pair(octets, end):
            end -= 2
        pieces.append(octets[start:end])
        start = end
    pieces.append(octets[start:])
    return pieces


def _ends_in_escape(octets: bytes, start: int, end: int) -> bool:
    """Say whether a cut at `end` parts an escape from its code.  Escapes pair up: 1B 1B is a whole pair."""
    piece = octets[start:end]
    escapes = len(piece) - len(piece.rstrip(bytes((gsm7.ESCAPE,))))
    return escapes % 2 == 1


def _is_inside_pair(octets: bytes, end: int) -> bool:
    """Say whether a cut at `end` parts the high half of a surrogate pair from the low one."""
    return octets[end - 2] & 0xFC == 0xD8 and octets[end] & 0xFC == 0xDC

"""Finds the tag that names a message in its octets, and which part of a long message these octets are.

It must never know a ledger, a PDU or a link.  The tag is the word behind the first ` #`, else the first word; so
`VOTE 5 #m17` is tagged `m17` and can still be routed by its keyword.
"""

import msgspec

#: Information elements of concatenation: octets of the reference for each.  3GPP TS 23.040 §9.2.3.24.1 and .8.
_REFERENCE_OCTETS_BY_ELEMENT = {0x00: 1, 0x08: 2}


class Part(msgspec.Struct, frozen=True, gc=False):
    """Which part of a long message; a whole message is part 1 of 1 with reference 0."""

    reference: int = 0
    total: int = 1
    number: int = 1


WHOLE = Part()


def tag_of(octets: bytes, data_coding: int = 0) -> str:
    """The tag in a text without UDH; octets that are no text give a tag too, but perhaps not a pretty one."""
    if data_coding == 8:
        octets = octets.decode("utf-16-be", "replace").encode("latin-1", "replace")
    marker = octets.find(b" #")
    if marker >= 0:
        octets = octets[marker + 2 :]
    return octets.partition(b" ")[0].decode("latin-1")


def split_header(octets: bytes) -> tuple[Part, bytes]:
    """Part the user data header from the text; an unsound header is taken for text.  3GPP TS 23.040 §9.2.3.24."""
    length = octets[0] + 1 if octets else 0
    if not octets or length > len(octets):
        return WHOLE, octets
    return _part_of(octets[1:length]), octets[length:]


def _part_of(elements: bytes) -> Part:
    at = 0
    while at + 2 <= len(elements):
        element, size = elements[at], elements[at + 1]
        reference_octets = _REFERENCE_OCTETS_BY_ELEMENT.get(element)
        value = elements[at + 2 : at + 2 + size]
        if reference_octets and len(value) == reference_octets + 2:
            return Part(int.from_bytes(value[:reference_octets]), value[-2], value[-1])
        at += 2 + size
    return WHOLE

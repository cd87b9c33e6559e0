"""Finds the tag that names a message in its octets, and which part of a long message these octets are.

It must never know a ledger or a link.  The tag is the word behind the first ` #`, else the first word; so `VOTE 5 #m17`
is tagged `m17` and can still be routed by its keyword.
"""

from typing import Final

import msgspec

from chappe.wire.smpp.constants import EsmClass
from chappe.wire.smpp.pdus import DataSm, DeliverSm, SubmitSm
from chappe.wire.smpp.tlvs import Tag, find

#: Information elements of concatenation: octets of the reference for each.  3GPP TS 23.040 §9.2.3.24.1 and .8.
_REFERENCE_OCTETS_BY_ELEMENT: Final = {0x00: 1, 0x08: 2}

#: Long messages whose later parts may still come: the tag is in the first part only.
_OPEN_LONG_MESSAGES: Final = 10_000


class Part(msgspec.Struct, frozen=True, gc=False):
    """Which part of a long message; a whole message is part 1 of 1 with reference 0."""

    reference: int = 0
    total: int = 1
    number: int = 1


WHOLE: Final = Part()


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What a PDU carries; `octets` are without their header for a part of a long message, else with it."""

    tag: str
    part: Part
    octets: bytes

    @property
    def part_detail(self) -> str:
        """What a ledger says about the part: nothing for a whole message."""
        return "" if self.part is WHOLE else f" part={self.part.number}/{self.part.total}"


class TagReader:
    """Reads PDUs; remembers the tags of long messages, whose parts come in order."""

    def __init__(self) -> None:
        self._tag_by_long_message: dict[tuple[str, str, int, int], str] = {}

    def read(self, pdu: SubmitSm | DeliverSm | DataSm) -> Reading:
        """The tag, the part and the octets; sar_* TLVs name parts as a header does.  SMPP 3.4 §5.3.2.22."""
        octets = octets_of(pdu)
        if pdu.tlvs and (part := _sar_part(pdu.tlvs)) is not WHOLE:
            return Reading(self._tag_of_part(pdu, part, octets), part, octets)
        if not pdu.esm_class & EsmClass.UDHI:
            return Reading(tag_of(octets, pdu.data_coding), WHOLE, octets)
        part, text = split_header(octets)
        if part is WHOLE:
            return Reading(tag_of(text, pdu.data_coding), WHOLE, octets)
        return Reading(self._tag_of_part(pdu, part, text), part, text)

    def _tag_of_part(self, pdu: SubmitSm | DeliverSm | DataSm, part: Part, text: bytes) -> str:
        key = (pdu.source_addr, pdu.destination_addr, part.reference, part.total)
        if part.number == 1:
            while len(self._tag_by_long_message) >= _OPEN_LONG_MESSAGES:
                self._tag_by_long_message.pop(next(iter(self._tag_by_long_message)))
            self._tag_by_long_message[key] = tag_of(text, pdu.data_coding)
        return self._tag_by_long_message.get(key, "")


def octets_of(pdu: SubmitSm | DeliverSm | DataSm) -> bytes:
    """The text of a message with its header, from short_message or message_payload."""
    octets = b"" if isinstance(pdu, DataSm) else pdu.short_message
    return octets or find(pdu.tlvs, Tag.MESSAGE_PAYLOAD) or b""


def tag_of(octets: bytes, data_coding: int = 0) -> str:
    """The tag in a text without header; octets that are no text give a tag too, but perhaps not a pretty one."""
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
            return Part(int.from_bytes(value[:reference_octets], "big"), value[-2], value[-1])
        at += 2 + size
    return WHOLE


def _sar_part(tlvs: tuple[tuple[int, bytes], ...]) -> Part:
    reference = find(tlvs, Tag.SAR_MSG_REF_NUM)
    total, number = find(tlvs, Tag.SAR_TOTAL_SEGMENTS), find(tlvs, Tag.SAR_SEGMENT_SEQNUM)
    if not reference or not total or not number:
        return WHOLE
    return Part(int.from_bytes(reference, "big"), total[0], number[0])

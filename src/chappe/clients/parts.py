"""In how many parts a client's message leaves.

It must never know by which door the message came; the statuses of its refusals come in.
"""

from typing import Final

import msgspec

from chappe.clients.refusals import Refusals
from chappe.model.errors import PeerError
from chappe.model.message import Message
from chappe.text import udh
from chappe.text.encoding import encoding_of
from chappe.text.segments import MAX_OCTETS, MAX_PARTS, SplitMethod, count_parts
from chappe.wire.smpp.tlvs import Tag

#: The bit of esm_class that says that user data begins with a header.  SMPP 3.4 §5.2.12.
UDHI: Final = 0x40
#: What makes a message a part of a longer one that its sender has cut.
_SAR_TAGS: Final = frozenset({Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM})
#: No more octets than this are one part in every alphabet.
ONE_PART_OCTETS: Final = MAX_OCTETS


def in_parts(message: Message, split: SplitMethod, refusals: Refusals) -> Message:
    """A message with the number of parts that its operator's way of cutting makes.

    What its sender has cut already stays as it is.  Raises: PeerError with one of `refusals`.
    """
    octets = message.octets
    elements: tuple[udh.Element, ...] = ()
    if any(tag in _SAR_TAGS for tag, _ in message.tlvs):
        return message
    if message.esm_class & UDHI:
        header, octets = udh.strip(octets)
        if header.is_malformed or header.concatenation is not None:
            return message
        elements = header.elements
    try:
        parts = count_parts(octets, encoding_of(message.data_coding), method=split, elements=elements)
    except ValueError as error:
        raise PeerError(str(error), status=refusals.malformed) from error
    if parts > MAX_PARTS:
        raise PeerError(f"the text makes {parts} parts", status=refusals.too_long)
    return message if parts == message.parts else msgspec.structs.replace(message, parts=parts)

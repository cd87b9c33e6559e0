"""Parts that a client has cut itself: named as their operator's profile names parts, where that can be done.

UDH and the sar_ TLVs say the same in two places.  What cannot be said the other way stays as it came.
3GPP TS 23.040 §9.2.3.24, SMPP 3.4 §5.3.2.22 to §5.3.2.24.
"""

from typing import Final

from chappe.text import udh
from chappe.text.encoding import encoding_of
from chappe.text.segments import SplitMethod, count_parts
from chappe.wire.smpp.fields import Tlvs
from chappe.wire.smpp.tlvs import Tag, integer_of, integer_tlv, without

_UDHI: Final = 0x40
_SAR_TAGS: Final = (Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM)
#: Whatever names parts in the header.
_CONCATENATIONS: Final = frozenset({udh.CONCATENATION_8, udh.CONCATENATION_16})

#: Octets, esm_class and TLVs of a part.
Part = tuple[bytes, int, Tlvs]


def renamed(octets: bytes, esm_class: int, tlvs: Tlvs, data_coding: int, split: SplitMethod) -> Part:
    """A part as a profile wants it; what is no part, or cannot be changed, is returned as it is."""
    if split in (SplitMethod.UDH8, SplitMethod.UDH16):
        return _by_header(octets, esm_class, tlvs, data_coding, split)
    if split is SplitMethod.SAR and esm_class & _UDHI:
        return _by_tlvs(octets, esm_class, tlvs)
    return octets, esm_class, tlvs


def _by_header(octets: bytes, esm_class: int, tlvs: Tlvs, data_coding: int, split: SplitMethod) -> Part:
    as_it_is = octets, esm_class, tlvs
    reference, total, number = (integer_of(tlvs, tag) for tag in _SAR_TAGS)
    if reference is None or total is None or number is None or not 1 <= number <= total:
        return as_it_is
    text = octets
    elements: tuple[udh.Element, ...] = ()
    if esm_class & _UDHI:
        header, text = udh.strip(octets)
        if header.is_malformed or header.concatenation is not None:
            return as_it_is
        elements = header.elements
    name = udh.concatenation_16 if split is SplitMethod.UDH16 else udh.concatenation_8
    try:
        elements = (name(reference, total, number), *elements)
        if count_parts(text, encoding_of(data_coding), elements=elements) > 1:
            # The header has no room beside so much text.
            return as_it_is
        return udh.build(elements) + text, esm_class | _UDHI, without(tlvs, _SAR_TAGS)
    except ValueError:
        return as_it_is


def _by_tlvs(octets: bytes, esm_class: int, tlvs: Tlvs) -> Part:
    header, text = udh.strip(octets)
    found = header.concatenation
    if found is None or any(tag in _SAR_TAGS for tag, _ in tlvs):
        return octets, esm_class, tlvs
    rest = [element for element in header.elements if element.iei not in _CONCATENATIONS]
    values = (found.reference, found.total, found.number)
    sar = tuple(integer_tlv(tag, value) for tag, value in zip(_SAR_TAGS, values, strict=True))
    return udh.build(rest) + text, esm_class if rest else esm_class & ~_UDHI, (*tlvs, *sar)

"""PDUs to test with: those written by hand in `vectors/`, and any that the declarations allow."""

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from chappe.wire.smpp import codec, pdus
from chappe.wire.smpp.declaration import COMPOSITES, PDUS
from chappe.wire.smpp.fields import Composites, CString, Field, Integer, OctetString
from chappe.wire.smpp.tlvs import TLVS

assert codec.DECODERS, "importing the codec declares every PDU"


@dataclass(frozen=True)
class Vector:
    name: str
    octets: bytes
    sequence_number: int
    command_status: int
    pdu: Any
    #: The response may lack its body; written again it would have one.
    is_short_form: bool


def vectors() -> list[Vector]:
    listed = json.loads((Path(__file__).parent / "vectors" / "pdus.json").read_text())["vectors"]
    return [
        Vector(
            f"{entry['name']} ({entry['section']})",
            b"".join(map(_octets, entry["octets"])),
            entry["sequence_number"],
            entry["command_status"],
            _value({entry["pdu"]: entry["fields"]}),
            entry.get("is_short_form", False),
        )
        for entry in listed
    ]


def _octets(piece: str) -> bytes:
    """`01 'abc' 00` as octets."""
    parts = re.findall(r"'([^']*)'|([0-9A-F ]+)", piece)
    return b"".join(text.encode("latin-1") if text else bytes.fromhex(digits) for text, digits in parts)


def _value(written: dict[str, Any]) -> Any:
    [(name, fields)] = written.items()
    return getattr(pdus, name)(**{field: _field_value(field, value) for field, value in fields.items()})


def _field_value(name: str, value: Any) -> Any:
    if name == "short_message":
        return bytes.fromhex(value)
    if name == "tlvs":
        return tuple((int(tag, 16), bytes.fromhex(octets)) for tag, octets in value)
    return tuple(map(_value, value)) if isinstance(value, list) else value


#: Every character that a C-octet string may have.
OCTET_CHARACTERS = st.characters(min_codepoint=0x01, max_codepoint=0xFF)


def any_tlv() -> st.SearchStrategy[tuple[int, bytes]]:
    known = st.sampled_from(sorted(TLVS)).flatmap(
        lambda tag: st.tuples(
            st.just(tag), st.binary(min_size=TLVS[tag].min_octets, max_size=min(TLVS[tag].max_octets, 300))
        )
    )
    unknown = st.tuples(st.integers(0, 0xFFFF).filter(lambda tag: tag not in TLVS), st.binary(max_size=20))
    return known | unknown


def any_value(field: Field) -> st.SearchStrategy[Any]:
    if isinstance(field, CString):
        text = st.text(OCTET_CHARACTERS, max_size=field.max_octets - 1)
        return st.just("") | st.text(OCTET_CHARACTERS, min_size=16, max_size=16) if field.is_time else text
    if isinstance(field, Integer):
        return st.integers(0, 256**field.octets - 1)
    if isinstance(field, OctetString):
        return st.binary(max_size=field.max_octets)
    if isinstance(field, Composites):
        entries = st.one_of([any_struct(COMPOSITES[shape]) for shape in field.shapes.values()])
        return st.lists(entries, max_size=4).map(tuple)
    return st.lists(any_tlv(), max_size=3).map(tuple)


def any_struct(declared: Any) -> st.SearchStrategy[Any]:
    return st.builds(declared.struct, *[any_value(field) for _, field in declared.fields])


def any_pdu(*command_ids: int) -> st.SearchStrategy[Any]:
    """Any PDU, or any of those named."""
    return st.one_of([any_struct(PDUS[command_id]) for command_id in command_ids or sorted(PDUS)])


def cut(octets: bytes, places: set[int]) -> list[bytes]:
    """The octets in pieces, cut where TCP might."""
    edges = [0, *sorted(place for place in places if place < len(octets)), len(octets)]
    return [octets[start:end] for start, end in pairwise(edges)]

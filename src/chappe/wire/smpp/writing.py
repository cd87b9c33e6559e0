"""What the compiled encoders call: TLVs, lists of composites, and the words for what does not fit.

It must never know a single PDU, and it never repeats a value in an error: that may be a password.
"""

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any

from chappe.wire.smpp.errors import FieldError
from chappe.wire.smpp.fields import Composites, CString, Field, Integer, OctetString, Tlvs

_pack_tlv_header = Struct(">HH").pack

#: Writes one composite.
WriteComposite = Callable[[Any], bytes]


def write_tlvs(tlvs: Tlvs) -> bytes:
    """The TLVs in their order.

    Raises:
        FieldError: a tag or a length does not fit two octets.
    """
    pieces = []
    for tag, value in tlvs:
        if not 0 <= tag <= 0xFFFF or len(value) > 0xFFFF:
            raise FieldError(f"TLV {tag:04X} of {len(value)} octets: neither tag nor length may exceed {0xFFFF}")
        pieces.append(_pack_tlv_header(tag, len(value)))
        pieces.append(value)
    return b"".join(pieces)


def list_writer(writers: Mapping[type, tuple[bytes, WriteComposite]]) -> Callable[[tuple[Any, ...]], bytes]:
    """A writer of all the composites; `writers` has the flag (or nothing) and the writer for each struct."""

    def write(values: tuple[Any, ...]) -> bytes:
        pieces = []
        for value in values:
            flag, writer = writers[type(value)]
            pieces.append(flag)
            pieces.append(writer(value))
        return b"".join(pieces)

    return write


def misfit(pdu: Any, fields: tuple[tuple[str, Field], ...]) -> FieldError:
    """The error for a PDU that does not fit the wire, once the first field that does not is found."""
    for name, field in fields:
        problem = _problem_of(field, getattr(pdu, name))
        if problem:
            return FieldError(f"{type(pdu).__name__}.{name} {problem}")
    return FieldError(f"{type(pdu).__name__} does not fit the wire")


def _problem_of(field: Field, value: Any) -> str | None:
    if isinstance(field, CString):
        return _problem_of_text(field, value)
    if isinstance(field, Integer):
        fits = isinstance(value, int) and 0 <= value < 1 << 8 * field.octets
        return None if fits else f"is no integer of {field.octets} octets"
    if isinstance(field, OctetString) and len(value) > field.max_octets:
        return f"has {len(value)} octets, more than {field.max_octets}"
    if isinstance(field, Composites) and len(value) > field.max_count:
        return f"has {len(value)} entries, more than {field.max_count}"
    return None


def _problem_of_text(field: CString, value: str) -> str | None:
    octets = len(value) + 1
    if field.is_time and octets not in (1, field.max_octets):
        return f"has {octets} octets, but a time has 1 or {field.max_octets}"
    if octets > field.max_octets:
        return f"has {octets} octets, more than {field.max_octets}"
    if not all("\x01" <= character <= "\xff" for character in value):
        return "has a character that is not one octet of 01-FF"
    return None

"""What the compiled decoders call: TLVs, lists of composites, and the words for what is wrong.

It must never know a single PDU: the fields come from the declarations.
"""

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any

from chappe.wire.smpp.errors import PduError
from chappe.wire.smpp.fields import STATUS_BY_FIELD, CString, Field, Integer, OctetString, Tlvs
from chappe.wire.smpp.statuses import CommandStatus
from chappe.wire.smpp.tlvs import LIMITS

#: Tag and length of a TLV, apart and in one.
_unpack_tlv_header = Struct(">HH").unpack_from
_unpack_tlv_head = Struct(">I").unpack_from

#: Tag and length, in one, of every TLV that is known and short: one look instead of two comparisons.
_SOUND_HEADS = frozenset(
    tag << 16 | length for tag, (least, most) in LIMITS.items() for length in range(least, min(most, 255) + 1)
)

#: Reads one composite: (body, the same octets as latin-1 text, where it starts) to (value, where it ends).
ReadComposite = Callable[[bytes, str, int], tuple[Any, int]]


def read_tlvs(body: bytes, at: int) -> Tlvs:
    """The TLVs from `at` to the end of a request's body, in wire order, unknown ones too.

    Raises:
        PduError: a TLV reaches beyond the body (C0), or a known one has a length it cannot have (C2).
    """
    tlvs = []
    size = len(body)
    while size - at >= 4:
        (head,) = _unpack_tlv_head(body, at)
        at += 4
        end = at + (head & 0xFFFF)
        if head not in _SOUND_HEADS or end > size:
            _check_tlv(head >> 16, head & 0xFFFF, size - at)
        tlvs.append((head >> 16, body[at:end]))
        at = end
    if at != size:
        raise PduError(f"{size - at} octets behind the TLVs", status=CommandStatus.ESME_RINVOPTPARSTREAM)
    return tuple(tlvs)


def _check_tlv(tag: int, length: int, left: int) -> None:
    if length > left:
        raise PduError(f"TLV {tag:04X} reaches beyond the body", status=CommandStatus.ESME_RINVOPTPARSTREAM)
    least, most = LIMITS.get(tag, (0, length))
    if not least <= length <= most:
        raise PduError(f"TLV {tag:04X} has {length} octets", status=CommandStatus.ESME_RINVPARLEN)


def read_tlvs_kindly(body: bytes, at: int) -> Tlvs:
    """The TLVs of a response as far as they can be read: nobody can be told that the rest is broken."""
    tlvs = []
    size = len(body)
    while at + 4 <= size:
        tag, length = _unpack_tlv_header(body, at)
        at += 4
        end = at + length
        if end > size:
            break
        tlvs.append((tag, body[at:end]))
        at = end
    return tuple(tlvs)


def list_reader(
    name: str, readers: Mapping[int | None, ReadComposite]
) -> Callable[[bytes, str, int, int], tuple[tuple[Any, ...], int]]:
    """A reader of `count` composites; where `readers` has flags, each composite starts with its own."""
    unflagged = readers.get(None)

    def read(body: bytes, text: str, at: int, count: int) -> tuple[tuple[Any, ...], int]:
        values = []
        for _ in range(count):
            reader = unflagged
            if reader is None:
                reader = readers.get(body[at])
                at += 1
            if reader is None:
                raise PduError(f"{name} has a flag {body[at - 1]}", status=CommandStatus.ESME_RINVDESTFLAG)
            value, at = reader(body, text, at)
            values.append(value)
        return tuple(values), at

    return read


def too_long(name: str, field: CString, octets: int) -> PduError:
    """The error for a string whose NUL comes too late; `octets` counts that NUL."""
    if field.is_time:
        what = f"{name} has {octets} octets, but a time has 1 or {field.max_octets}"
    else:
        what = f"{name} has {octets} octets, more than {field.max_octets}"
    return PduError(what, status=_status_of(name))


def message_too_long(name: str, octets: int, left: int) -> PduError:
    """The error for a length field that promises more than the body has."""
    return PduError(f"{name} says {octets}, but {left} octets are left", status=CommandStatus.ESME_RINVMSGLEN)


def cut_short(fields: tuple[tuple[str, Field], ...], body: bytes) -> PduError:
    """The error for a body that ended inside a field, which is found by walking them again."""
    at = 0
    for name, field in fields:
        if isinstance(field, CString):
            end = body.find(0, at)
            if end < 0 and len(body) - at >= field.max_octets:
                return too_long(name, field, len(body) - at)
            at = end + 1
            is_whole = end >= 0
        elif isinstance(field, Integer):
            at += field.octets
            is_whole = at <= len(body)
        elif isinstance(field, OctetString) and at < len(body):
            at += 1 + body[at]
            is_whole = at <= len(body)
        else:
            # A list is not walked: its own end says enough about where the body ended.
            is_whole = False
        if not is_whole:
            break
    return PduError(f"the body of {len(body)} octets ends too early, at {name}", status=CommandStatus.ESME_RINVCMDLEN)


def _status_of(name: str) -> CommandStatus:
    return STATUS_BY_FIELD.get(name, CommandStatus.ESME_RINVCMDLEN)

"""The words in which a PDU is declared: strings, integers, octets, lists, and the TLVs at its end.

A class under `@pdu` lists its fields in wire order; this file holds what may stand on the right of the `=`.
It must never know a single PDU, nor how fields become octets.
"""

from dataclasses import dataclass
from typing import Any, Final

from chappe.wire.smpp.statuses import CommandStatus

#: Raw TLVs of one PDU in wire order: (tag, value), unknown ones too.
Tlvs = tuple[tuple[int, bytes], ...]

#: What the specification says to a field that is too long; for others it has no word but ESME_RINVCMDLEN.
STATUS_BY_FIELD: Final[dict[str, CommandStatus]] = {
    "system_id": CommandStatus.ESME_RINVSYSID,
    "password": CommandStatus.ESME_RINVPASWD,
    "system_type": CommandStatus.ESME_RINVSYSTYP,
    "service_type": CommandStatus.ESME_RINVSERTYP,
    "source_addr": CommandStatus.ESME_RINVSRCADR,
    "destination_addr": CommandStatus.ESME_RINVDSTADR,
    "esme_addr": CommandStatus.ESME_RINVDSTADR,
    "message_id": CommandStatus.ESME_RINVMSGID,
    "schedule_delivery_time": CommandStatus.ESME_RINVSCHED,
    "validity_period": CommandStatus.ESME_RINVEXPIRY,
    "dl_name": CommandStatus.ESME_RINVDLNAME,
    "short_message": CommandStatus.ESME_RINVMSGLEN,
    "dest_address": CommandStatus.ESME_RINVNUMDESTS,
}


@dataclass(frozen=True, slots=True)
class CString:
    """A C-octet string: text in latin-1 (one character an octet, 01-FF) with a closing NUL.  SMPP 3.4 §3.1."""

    max_octets: int
    default: str | None = None
    is_secret: bool = False
    is_time: bool = False


@dataclass(frozen=True, slots=True)
class Integer:
    """An unsigned big-endian integer of 1 or 4 octets.  SMPP 3.4 §3.1."""

    octets: int
    default: int | None = None


@dataclass(frozen=True, slots=True)
class OctetString:
    """Octets behind one octet that tells how many; that length is no field of the PDU, it follows from the value."""

    length_field: str
    max_octets: int
    default: bytes | None = None


@dataclass(frozen=True, slots=True)
class Composites:
    """Values of several fields each, behind one octet that tells how many.

    `shapes` has one class under `@composite` if all are alike, else one per leading flag octet.
    """

    count_field: str
    max_count: int
    shapes: dict[int | None, type]
    default: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class TlvStream:
    """Whatever follows the last mandatory field.  SMPP 3.4 §3.2.4."""

    default: Tlvs = ()


Field = CString | Integer | OctetString | Composites | TlvStream


# The functions below return declarations and say that they return values: in a class body each stands where the
# field's default would, and a type checker must take it for one.


def c_string(*, max_octets: int, default: str | None = None, secret: bool = False) -> Any:
    """Declare a C-octet string of at most `max_octets` with its NUL; a `secret` never prints."""
    return CString(max_octets, default, is_secret=secret)


def time_string(*, default: str | None = None) -> Any:
    """Declare a time: empty or 16 characters, and the NUL.  SMPP 3.4 §7.1.1."""
    return CString(17, default, is_time=True)


def integer(*, octets: int, default: int | None = None) -> Any:
    """Declare an unsigned integer of `octets` octets."""
    return Integer(octets, None if default is None else int(default))


def octet_string(*, length_field: str, max_octets: int, default: bytes | None = None) -> Any:
    """Declare octets whose number stands before them in `length_field`."""
    return OctetString(length_field, max_octets, default)


def composites(
    *, count_field: str, max_count: int, shapes: dict[int | None, type], default: tuple[Any, ...] | None = None
) -> Any:
    """Declare a list of composite values whose number stands before them in `count_field`."""
    return Composites(count_field, max_count, shapes, default)


def tlv_stream(*, default: Tlvs = ()) -> Any:
    """Declare that TLVs may follow."""
    return TlvStream(default)

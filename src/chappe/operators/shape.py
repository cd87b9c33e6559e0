"""How an operator wants its messages, and what of that no protocol changes: cutting and reading."""

from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Final

import msgspec

from chappe.model.errors import MisuseError
from chappe.model.message import Message
from chappe.text import udh
from chappe.text.encoding import Encoding, encoding_of
from chappe.text.reading import read
from chappe.text.segments import Segment, SplitMethod, split
from chappe.wire.webapi.api import Api
from chappe.wire.webapi.proofs import ProofRule

if TYPE_CHECKING:
    from chappe.operators.vendor import Vendor

#: The bit of esm_class that says that user data begins with a header.  SMPP 3.4 §5.2.12.
UDHI: Final = 0x40
#: The golden part of 2**64: multiples of it lie far from each other.
_STIR: Final = 0x9E37_79B9_7F4A_7C15


class UcpShape(msgspec.Struct, frozen=True):
    """What only UCP needs to know."""

    #: Before the digits of an international recipient: `00` where the SMSC wants it.
    recipient_prefix: str = ""
    #: NAdC: where notifications go; empty is where the message comes from.
    notify_to: str = ""
    #: The time that the SMSC lives in.
    zone: tzinfo = UTC


class HttpShape(msgspec.Struct, frozen=True):
    """What only HTTP needs to know: an API, and one operator's values for it."""

    api: Api
    values: Mapping[str, str] = {}
    #: What the operator's calls must bring, and the URL that it calls, without path.
    callers: ProofRule | None = None
    public_url: str = ""


class Wire(msgspec.Struct, frozen=True):
    """How one operator wants its PDUs and writes its ids; from its settings and profile."""

    source_ton: int | None = None
    source_npi: int | None = None
    dest_ton: int | None = None
    dest_npi: int | None = None
    split: SplitMethod = SplitMethod.UDH8
    #: How what bears data_coding 0 is to be read.
    default_encoding: Encoding = Encoding.GSM7
    id_base: str = "exact"
    id_ignores_case: bool = False
    id_ignores_zeros: bool = False
    mo_identity_tag: int | None = None
    #: The time in which its receipts are dated; None when nobody knows it: then their dates count for nothing.
    zone: tzinfo | None = None
    #: All of its traffic is held when the outcome is unknown.
    holds_all: bool = False
    ucp: UcpShape = UcpShape()
    http: HttpShape | None = None
    #: What its vendor wants otherwise than the specification has it.
    vendor: "Vendor | None" = None


def segments_of(message: Message, method: SplitMethod) -> tuple[list[Segment], SplitMethod]:
    """Cut a message into exactly as many parts as its door counted.

    The door counted by the split of the route's first operator.  One that the message was moved to may cut at other
    places; then a method is taken that makes the same number, as the store keeps a state for each part.
    """
    octets = message.octets
    elements: tuple[udh.Element, ...] = ()
    if message.esm_class & UDHI:
        header, octets = udh.strip(octets)
        elements = header.elements
    encoding = encoding_of(message.data_coding)
    for each in (method, SplitMethod.UDH8, SplitMethod.UDH16):
        segments = split(octets, encoding, method=each, reference=_reference_of(message.id), elements=elements)
        if len(segments) == message.parts:
            return segments, each
    raise MisuseError(f"message {message.id} was counted as {message.parts} parts and makes {len(segments)}")


def _reference_of(message_id: int) -> int:
    """Sixteen bits by which handsets tell the parts of one text from those of another, the same whenever they leave.

    The lowest bits of ids are hardly ever other than 0, so all bits are stirred into these.
    """
    return (message_id * _STIR & 0xFFFF_FFFF_FFFF_FFFF) >> 48


def text_of(message: Message, wire: Wire) -> str:
    """What an MO says, for keywords; empty when it is binary."""
    has_udh = bool(message.esm_class & UDHI)
    return read(message.octets, message.data_coding, has_udh=has_udh, default=wire.default_encoding)

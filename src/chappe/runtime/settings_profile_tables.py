"""Tables of a profile: how numbers are written, TLVs of the vendor's own, and how charges are told.

It must never know an operator.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from msgspec import Meta, field

from chappe.runtime.settings_table import Octet, Table
from chappe.wire.smpp.named_tlvs import NamedTlv, TlvType


class NumberForm(Enum):
    """How an international number is written."""

    PLAIN = "plain"
    PLUS = "plus"
    ZEROS = "zeros"


Plan = Annotated[tuple[Octet, Octet], Meta(extra={"expected": "TON and NPI, as in [5, 0]"})]


class Numbers(Table, frozen=True, kw_only=True):
    """SMPP: TON and NPI by the kind of number, and how numbers are written.  What `[[operators]]` says beats it."""

    alphanumeric: Annotated[Plan | None, Meta(description="TON and NPI of a sender that is a name.")] = None
    short: Annotated[Plan | None, Meta(description="TON and NPI of a sender that is a short number.")] = None
    international: Annotated[Plan | None, Meta(description="TON and NPI of any other sender.")] = None
    recipient: Annotated[Plan | None, Meta(description="TON and NPI of recipients.")] = None
    short_digits: Annotated[int, Meta(ge=0, le=20, description="A number of so many digits at most is short.")] = 6
    sender_form: Annotated[
        NumberForm, Meta(description="Senders that are international: digits alone, with `+`, or with `00`.")
    ] = NumberForm.PLAIN
    recipient_form: Annotated[NumberForm, Meta(description="The same of recipients.")] = NumberForm.PLAIN


class VendorTlv(Table, frozen=True, kw_only=True):
    """A TLV of the vendor's own, by a name of ours."""

    tag: Annotated[int, Meta(ge=1, le=0xFFFF, description="Its tag, as in 0x1501.")]
    type: Annotated[TlvType, Meta(description="What its octets are.")] = TlvType.STRING
    octets: Annotated[int, Meta(ge=1, le=8, description="Of an integer: how many.")] = 1
    value: Annotated[
        str | None, Meta(description="What every message bears; unset: only those whose billing says so.")
    ] = None

    @property
    def named(self) -> NamedTlv:
        """What writes its values."""
        return NamedTlv(self.tag, self.type, self.octets)


class Billing(Table, frozen=True, kw_only=True):
    """How one kind of charge is told to the operator.  Its name is a client's service_type, or one of its tags."""

    service_type: Annotated[
        str | None,
        Meta(
            extra={"expected": "at most 5 characters (SMPP 3.4 §5.2.11)"},
            description="SMPP: service_type, instead of the client's.",
        ),
    ] = None
    tlvs: Annotated[
        dict[str, str],
        Meta(extra={"expected": "a table of strings by names of tlvs"}, description="SMPP: values of named TLVs."),
    ] = field(default_factory=dict)
    xser: Annotated[
        str,
        Meta(
            pattern=r"^(?:[0-9A-Fa-f]{2})*$",
            extra={"expected": "pairs of hexadecimal digits"},
            description="UCP: services of XSer, as in `0C0401020304`.",
        ),
    ] = ""
    http: Annotated[
        dict[str, str],
        Meta(extra={"expected": "a table of strings"}, description="HTTP: values by the names that templates ask for."),
    ] = field(default_factory=dict)

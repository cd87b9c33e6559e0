"""What one vendor's SMSC wants otherwise than the specification has it: numbers, alphabets, TLVs and billing.

It works on PDUs that are already made, and only where a profile says anything of the kind: others do not pass here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeVar, cast

import msgspec

from chappe.model.message import Message
from chappe.operators.dialect import Dialect, UnsendableError
from chappe.operators.shape import UDHI, Wire
from chappe.text import gsm7, udh
from chappe.text.encoding import Encoding, encoding_of
from chappe.wire.smpp import receipt_text
from chappe.wire.smpp.named_tlvs import NamedTlv
from chappe.wire.smpp.pdus import DataSm, DeliverSm, SubmitSm
from chappe.wire.smpp.receipt_text import Receipt

#: TON and NPI of one kind of number.
Plan = tuple[int, int]

_ALPHANUMERIC: Final = 5
#: Septets that fill a whole number of octets: the last of them may be spare bits.
_ROUND: Final = 8


class NumberForm(Enum):
    """How an international number is written."""

    PLAIN = "plain"
    PLUS = "plus"
    ZEROS = "zeros"


@dataclass(frozen=True, slots=True)
class Charge:
    """How one kind of charge is told to the operator."""

    service_type: str | None = None
    tlvs: tuple[tuple[int, bytes], ...] = ()
    xser: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


_FREE: Final = Charge()


@dataclass(frozen=True, slots=True)
class Numbering:
    """TON and NPI by the kind of number, and how international ones are written."""

    alphanumeric: Plan | None = None
    short: Plan | None = None
    international: Plan | None = None
    recipient: Plan | None = None
    short_digits: int = 6
    sender_form: NumberForm = NumberForm.PLAIN
    recipient_form: NumberForm = NumberForm.PLAIN

    def plan_of(self, source: str) -> Plan | None:
        """The plan of a sender."""
        digits = source.removeprefix("+")
        if not digits.isdecimal():
            return self.alphanumeric
        return self.short if len(digits) <= self.short_digits else self.international

    def written(self, number: str, form: NumberForm) -> str:
        """A number in its form; names and short numbers stay."""
        digits = number.removeprefix("+")
        if not digits.isdecimal() or len(digits) <= self.short_digits:
            return number
        return {NumberForm.PLAIN: "", NumberForm.PLUS: "+", NumberForm.ZEROS: "00"}[form] + digits


@dataclass(frozen=True, slots=True)
class Vendor:
    """Everything of the kind that one profile says."""

    numbering: Numbering | None = None
    is_packed: bool = False
    #: data_coding as we mean it → as the SMSC means it.
    codings: Mapping[int, int] = field(default_factory=dict)
    #: A client's service_type or tag → how that is charged.
    charges: Mapping[str, Charge] = field(default_factory=dict)
    #: TLVs that every submit bears.
    tlvs: tuple[tuple[int, bytes], ...] = ()
    #: TLVs that messages may name, by name.
    named: Mapping[str, NamedTlv] = field(default_factory=dict)
    receipt_pattern: re.Pattern[str] | None = None
    #: The other direction.
    codings_back: Mapping[int, int] = field(default_factory=dict)

    def charge_of(self, message: Message) -> Charge:
        """What a message's service_type, or the first of its tags that is known, stands for."""
        charges = self.charges
        if not charges:
            return _FREE
        found = charges.get(message.service_type) if message.service_type else None
        return found or next((charges[tag] for tag in message.tags if tag in charges), _FREE)


AnyPdu = TypeVar("AnyPdu")


def changed(pdu: AnyPdu, changes: Mapping[str, object]) -> AnyPdu:
    """A PDU with other values in some of its fields."""
    # PDUs are declared as dataclasses, and are structs.
    replaced: AnyPdu = msgspec.structs.replace(cast(Any, pdu), **changes) if changes else pdu
    return replaced


def adapting(dialect: Dialect) -> Dialect:
    """The same protocol, for an operator whose profile has a vendor's wishes."""

    def one(message: Message, wire: Wire) -> SubmitSm:
        return adapted(dialect.submit_of(message, wire), message, wire)

    def several(message: Message, wire: Wire) -> list[SubmitSm]:
        return [adapted(pdu, message, wire) for pdu in dialect.submits_of(message, wire)]

    return Dialect(one, several, dialect.status_name, dialect.error_of, dialect.unwritable_status)


def adapted(pdu: SubmitSm, message: Message, wire: Wire) -> SubmitSm:
    """A submit as the vendor wants it.  Raises: UnsendableError."""
    vendor = wire.vendor
    assert vendor is not None
    changes: dict[str, object] = _numbers(pdu, wire, vendor.numbering) if vendor.numbering is not None else {}
    if vendor.is_packed and encoding_of(pdu.data_coding, wire.default_encoding) is Encoding.GSM7:
        changes["short_message"] = _packed(pdu)
    coding = vendor.codings.get(pdu.data_coding)
    if coding is not None:
        changes["data_coding"] = coding
    charge = vendor.charge_of(message)
    if charge.service_type is not None:
        changes["service_type"] = charge.service_type
    if vendor.tlvs or charge.tlvs or message.named_values:
        # Who pays for a message says so last.
        own = {**dict(vendor.tlvs), **dict(_named(message, vendor)), **dict(charge.tlvs)}
        changes["tlvs"] = (*(each for each in pdu.tlvs if each[0] not in own), *own.items())
    return changed(pdu, changes)


def _named(message: Message, vendor: Vendor) -> Iterator[tuple[int, bytes]]:
    """The TLVs that a message has values for; those that the vendor has not are left out."""
    for name, value in message.named_values:
        tlv = vendor.named.get(name)
        if tlv is not None:
            yield tlv.write_loosely(value)


def _numbers(pdu: SubmitSm, wire: Wire, numbering: Numbering) -> dict[str, object]:
    """What an operator's own table says of TON and NPI beats its profile."""
    changes: dict[str, object] = {}
    plan = numbering.plan_of(pdu.source_addr)
    if plan is not None and pdu.source_addr:
        if wire.source_ton is None:
            changes["source_addr_ton"] = plan[0]
        if wire.source_npi is None:
            changes["source_addr_npi"] = plan[1]
    if numbering.recipient is not None:
        if wire.dest_ton is None:
            changes["dest_addr_ton"] = numbering.recipient[0]
        if wire.dest_npi is None:
            changes["dest_addr_npi"] = numbering.recipient[1]
    changes["source_addr"] = numbering.written(pdu.source_addr, numbering.sender_form)
    changes["destination_addr"] = numbering.written(pdu.destination_addr, numbering.recipient_form)
    return changes


def _packed(pdu: SubmitSm) -> bytes:
    """Septets behind their header, packed as they are on the air.  Raises: UnsendableError."""
    octets, header = pdu.short_message, b""
    if pdu.esm_class & UDHI:
        text = udh.strip(octets)[1]
        header, octets = octets[: len(octets) - len(text)], text
    try:
        return header + gsm7.pack(octets, gsm7.fill_bits_after(len(header)) if header else 0)
    except ValueError as error:
        raise UnsendableError(f"its text is no GSM 7 bit: {error}") from None


AnyDelivery = DeliverSm | DataSm


def read_back(pdu: AnyDelivery, wire: Wire) -> AnyDelivery:
    """A delivery as the specification has it."""
    vendor = wire.vendor
    assert vendor is not None
    changes: dict[str, object] = {}
    coding = vendor.codings_back.get(pdu.data_coding, pdu.data_coding)
    if coding != pdu.data_coding:
        changes["data_coding"] = coding
    if vendor.is_packed and isinstance(pdu, DeliverSm) and encoding_of(coding, wire.default_encoding) is Encoding.GSM7:
        changes["short_message"] = _unpacked(pdu)
    return changed(pdu, changes)


def _unpacked(pdu: DeliverSm) -> bytes:
    octets, header = pdu.short_message, b""
    if pdu.esm_class & UDHI:
        text = udh.strip(octets)[1]
        header, octets = octets[: len(octets) - len(text)], text
    septets = gsm7.unpack(octets, None, gsm7.fill_bits_after(len(header)) if header else 0)
    # Seven spare bits read as `@`: a text that really ends so is rarer than one of 8n - 1 characters.
    return header + (septets[:-1] if len(septets) % _ROUND == 0 and septets[-1:] == b"\0" else septets)


def receipt_of(pdu: AnyDelivery, wire: Wire) -> Receipt | None:
    """A receipt by the vendor's own pattern, or as everybody writes it."""
    octets = pdu.short_message if isinstance(pdu, DeliverSm) else b""
    pattern = wire.vendor.receipt_pattern if wire.vendor is not None else None
    found = pattern.search(octets.decode("latin-1")) if pattern is not None else None
    if found is None:
        return receipt_text.parse(octets, pdu.data_coding, pdu.tlvs)
    groups = found.groupdict()
    stat = (groups.get("stat") or "").upper()
    return Receipt(
        groups["id"],
        None,
        receipt_text.state_of(stat),
        stat,
        groups.get("err"),
        None,
        groups.get("done"),
        None,
        None,
        None,
    )

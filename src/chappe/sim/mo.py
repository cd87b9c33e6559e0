"""The MO messages of a simulated SMSC: made when there is room for them, never all at once.

It must never know a link; time comes in as `now`.
"""

from chappe.sim.ledger import Kind
from chappe.sim.options import MoOptions
from chappe.sim.outbox import ANYONE, Delivery
from chappe.sim.pace import Pace
from chappe.sim.tags import TagReader
from chappe.wire.smpp.constants import Npi, Ton
from chappe.wire.smpp.pdus import DeliverSm


class MoSource:
    """Makes MO messages one after the other; each has its own handset and tag."""

    def __init__(self, options: MoOptions, now: float) -> None:
        self.remaining = options.count
        self._options = options
        self._pace = Pace(options.rate, now)
        self._made = 0

    def take(self, now: float, room: int) -> list[Delivery]:
        """The messages that are due at `now`, at most `room`."""
        granted = self._pace.grant(now, min(room, self.remaining))
        self.remaining -= granted
        return [self._make() for _ in range(granted)]

    def burst(self, count: int) -> list[Delivery]:
        """So many more at once, beyond the rate."""
        return [self._make() for _ in range(count)]

    def deadline(self) -> float | None:
        """When the next message is due; None when there is none, or no rate to wait for."""
        return self._pace.deadline() if self.remaining else None

    def _make(self) -> Delivery:
        number, options = self._made, self._options
        self._made += 1
        source = str(int(options.source) + number % 1_000_000) if options.source.isdigit() else options.source
        tag = f"{options.tag_prefix}{number + 1}"
        text = f"{options.text.replace('{n}', str(number + 1))} #{tag}"
        tlvs = ((options.identity_tag, tag.encode()),) if options.identity_tag else ()
        return delivery_of(source, options.destination, text.encode("latin-1", "replace"), tag=tag, tlvs=tlvs)


def delivery_of(
    source: str,
    destination: str,
    short_message: bytes,
    *,
    tag: str = "",
    data_coding: int = 0,
    esm_class: int = 0,
    tlvs: tuple[tuple[int, bytes], ...] = (),
) -> Delivery:
    """One MO message for whichever link may receive; the tag is read from the text unless given."""
    pdu = DeliverSm(
        source_addr_ton=Ton.INTERNATIONAL,
        source_addr_npi=Npi.E164,
        source_addr=source,
        dest_addr_npi=Npi.E164,
        destination_addr=destination,
        esm_class=esm_class,
        data_coding=data_coding,
        short_message=short_message,
        tlvs=tlvs,
    )
    reading = TagReader().read(pdu)
    detail = f"dcs={data_coding}{reading.part_detail} octets={reading.octets.hex()}"
    return Delivery(Kind.MO, ANYONE, tag or reading.tag, "", detail, pdu)

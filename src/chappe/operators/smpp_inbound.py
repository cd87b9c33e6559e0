"""What an operator over SMPP hands to us: deliver_sm and data_sm, read here and answered here."""

from collections.abc import Sequence
from typing import Any, Final

from chappe.net.smpp_peer import SmppPeer
from chappe.operators.inbound import Arrival, Inbound
from chappe.operators.link import Link
from chappe.operators.shape import Wire
from chappe.operators.translate import alert_of, identity_of, is_report, mo_of, report_from, report_of
from chappe.operators.vendor import read_back, receipt_of
from chappe.store.port import Report
from chappe.wire.smpp.facts import Request
from chappe.wire.smpp.pdus import AlertNotification, DataSm, DataSmResp, DeliverSm, DeliverSmResp, Pdu
from chappe.wire.smpp.statuses import CommandStatus

_YES: Final[dict[type, Pdu]] = {DeliverSm: DeliverSmResp(), DataSm: DataSmResp()}


class SmppInbound(Inbound):
    """Reports and MO of one operator."""

    permanent_status = CommandStatus.ESME_RX_P_APPN

    def __init__(self, *terms: Any) -> None:
        super().__init__(*terms)
        self.has_identities = self._wire.mo_identity_tag is not None
        self._has_vendor = self._wire.vendor is not None

    def change(self, wire: Wire, retry_status: int, redelivery_ms: int) -> None:
        """Read by other terms from the next delivery on."""
        super().change(wire, retry_status, redelivery_ms)
        self.has_identities = wire.mo_identity_tag is not None
        self._has_vendor = wire.vendor is not None

    def take(self, link: Link, peer: SmppPeer, requests: Sequence[Request]) -> None:
        """Deliveries of the operator; answered after their commit."""
        now_ms = self._clock.utc_us() // 1000
        reports: list[tuple[Arrival, Report]] = []
        for request, new_id in zip(requests, self._ids.take(len(requests), now_ms), strict=True):
            pdu: Any = request.pdu
            number = request.sequence_number
            kind = type(pdu)
            if kind is not DeliverSm and kind is not DataSm:
                if kind is AlertNotification:
                    self.take_alert(alert_of(pdu, new_id, self._operator, ""))
                else:
                    peer.session.respond_error(number, CommandStatus.ESME_RINVCMDID, kind)
                continue
            arrival = Arrival(link, peer, number, kind)
            if self._has_vendor:
                self._take_of_vendor(arrival, pdu, new_id, now_ms, reports)
            elif is_report(pdu):
                reports.append((arrival, report_of(pdu, new_id, self._operator, self._wire, now_ms)))
            else:
                self.take_mo(arrival, mo_of(pdu, new_id, self._operator, ""), identity_of(pdu, self._wire))
        self.take_reports(reports)

    def _take_of_vendor(
        self, arrival: Arrival, pdu: Any, new_id: int, now_ms: int, reports: list[tuple[Arrival, Report]]
    ) -> None:
        """A delivery that its vendor writes otherwise."""
        pdu = read_back(pdu, self._wire)
        if is_report(pdu):
            receipt = receipt_of(pdu, self._wire)
            reports.append((arrival, report_from(receipt, pdu, new_id, self._operator, self._wire, now_ms)))
        else:
            self.take_mo(arrival, mo_of(pdu, new_id, self._operator, ""), identity_of(pdu, self._wire))

    def say_yes(self, arrival: Arrival) -> None:
        """With the response that belongs to the request."""
        arrival.peer.session.respond(arrival.number, _YES[arrival.kind])

    def say_no(self, arrival: Arrival, status: int) -> None:
        """With a command_status."""
        arrival.peer.session.respond_error(arrival.number, status, arrival.kind)

"""What an operator over UCP hands to us: notifications (53) and MO (52; 01 and 30 of old SMSCs)."""

from collections.abc import Sequence
from typing import Any

from chappe.model.events import EventName
from chappe.net.ucp_peer import UcpPeer
from chappe.operators.inbound import Arrival, Inbound
from chappe.operators.link import Link
from chappe.operators.ucp_translate import mo_of, report_of
from chappe.runtime.node import Notes
from chappe.store.port import Report
from chappe.wire.ucp.codec import Ack, Nack, Result
from chappe.wire.ucp.constants import ErrorCode
from chappe.wire.ucp.errors import OperationError
from chappe.wire.ucp.facts import Request
from chappe.wire.ucp.operations import (
    CallInput,
    DeliverNotification,
    DeliverShortMessage,
    Operation,
    SmsMessageTransfer,
)

_YES = Ack()


class UcpInbound(Inbound):
    """Reports and MO of one operator."""

    has_identities = True
    permanent_status = ErrorCode.SYNTAX_ERROR

    def __init__(self, *terms: Any, notes: Notes) -> None:
        super().__init__(*terms)
        self._notes = notes

    def take(self, link: Link, peer: UcpPeer, requests: Sequence[Request]) -> None:
        """Operations of the SMSC; answered after their commit."""
        now_ms = self._clock.utc_us() // 1000
        reports: list[tuple[Arrival, Report]] = []
        for request, new_id in zip(requests, self._ids.take(len(requests), now_ms), strict=True):
            operation = request.operation
            arrival = Arrival(link, peer, request.trn, type(operation))
            if isinstance(operation, DeliverNotification):
                reports.append((arrival, report_of(operation, new_id, self._operator, self._wire, now_ms)))
            elif isinstance(operation, DeliverShortMessage | SmsMessageTransfer | CallInput):
                self._take_operation(arrival, operation, new_id)
            else:
                self.say_no(arrival, ErrorCode.OPERATION_NOT_ALLOWED)
        self.take_reports(reports)

    def _take_operation(
        self, arrival: Arrival, operation: DeliverShortMessage | SmsMessageTransfer | CallInput, new_id: int
    ) -> None:
        try:
            message, identity = mo_of(operation, new_id, self._operator)
        except OperationError as error:
            self._notes.add(EventName.PDU_REFUSED, operator=self._operator, detail=f"{arrival.peer.name} {error}")
            self.say_no(arrival, error.status)
            return
        self.take_mo(arrival, message, identity)

    def say_yes(self, arrival: Arrival) -> None:
        """With an empty A."""
        self._respond(arrival, _YES)

    def say_no(self, arrival: Arrival, status: int) -> None:
        """With an error code."""
        self._respond(arrival, Nack(status))

    def _respond(self, arrival: Arrival, result: Result) -> None:
        operation: type[Operation] = arrival.kind
        arrival.peer.session.respond(arrival.number, operation.ot, result)

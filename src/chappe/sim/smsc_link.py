"""One connection to a simulated SMSC: the message centre's side of a session.

It must never know what messages mean: requests go to the desk of the simulator, deliveries come from its outbox.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chappe.sim.faults import NO_FAULT
from chappe.sim.outbox import Delivery
from chappe.sim.smpp_link import SmppLink
from chappe.wire.smpp.facts import BindRequest, Request, Response, Unanswered
from chappe.wire.smpp.session import Role, Session
from chappe.wire.smpp.timers import Timers

if TYPE_CHECKING:
    from chappe.sim.smsc import SmscSimulator


class SmscLink(SmppLink):
    """Speaks SMPP as the message centre."""

    def __init__(self, smsc: "SmscSimulator", number: int) -> None:
        self._smsc = smsc
        super().__init__(smsc, number)

    def smpp_session(self, now: float) -> Session:
        """A session of the message centre, as the options want it."""
        options = self._smsc.options
        return Session(
            Role.MC,
            now=now,
            timers=Timers(enquire_link_s=options.enquire_link_s, response_s=options.response_s),
            window_pdus=options.receipt_window_pdus,
            system_id=options.system_id or "smsc",
        )

    def smpp_handlers(self) -> Mapping[type, Callable[[Any, float], None]]:
        """Who deals with which fact."""
        return {
            BindRequest: self._on_bind,
            Request: self._on_request,
            Response: self._on_response,
            Unanswered: self._on_unanswered,
        }

    def deliver(self, delivery: Delivery) -> None:
        """Send one delivery."""
        self._smsc.delivering(self, delivery)
        self.request(delivery.pdu, self._smsc.now(), delivery)

    def accept_bind(self, request: BindRequest) -> None:
        """Answer a bind with yes; from now on the link counts."""
        self.session.accept_bind(request.sequence_number)
        self.system_id = request.pdu.system_id
        self.is_ready = True

    def refuse_bind(self, request: BindRequest, command_status: int) -> None:
        """Answer a bind with no; the session ends with the answer."""
        self.session.refuse_bind(request.sequence_number, command_status)

    def _on_bind(self, fact: BindRequest, now: float) -> None:
        self._smsc.judge_bind(self, fact, fact.pdu.system_id, fact.pdu.password, now)

    def _on_request(self, fact: Request, now: float) -> None:
        action = self._smsc.desk.receive(self, fact.sequence_number, fact.pdu, now)
        if action is not NO_FAULT:
            self._smsc.enact(action, self, now)

    def _on_response(self, fact: Response, now: float) -> None:
        if isinstance(fact.context, Delivery):
            self._smsc.delivered(self, fact.context, fact.command_status, now)

    def _on_unanswered(self, fact: Unanswered, now: float) -> None:
        if isinstance(fact.context, Delivery):
            self._smsc.outbox.put_back([fact.context])

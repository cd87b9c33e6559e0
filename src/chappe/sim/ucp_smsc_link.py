"""One connection to a simulated SMSC over UCP: the message centre's side of a session.

It must never know what messages mean: submits go to the desk of the simulator, deliveries come from its outbox.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from chappe.sim.faults import NO_FAULT
from chappe.sim.link import Link
from chappe.sim.outbox import Delivery
from chappe.sim.ucp_forms import code_of, operation_of, submit_of
from chappe.wire.ucp.codec import Ack, Nack
from chappe.wire.ucp.constants import ErrorCode
from chappe.wire.ucp.errors import OperationError
from chappe.wire.ucp.facts import Over, Request, Response, SignOnRequest, Unanswered
from chappe.wire.ucp.session import Role, Session, Timers

if TYPE_CHECKING:
    from chappe.sim.smsc import SmscSimulator

#: An operation's number at the desk is its type times this, and its TRN.
_TRNS: Final = 100


class UcpSmscLink(Link):
    """Speaks UCP as the message centre."""

    def __init__(self, smsc: "SmscSimulator", number: int) -> None:
        self._smsc = smsc
        self._zone = ZoneInfo(smsc.options.time_zone)
        self.session: Session
        super().__init__(smsc, number)

    def new_session(self, now: float) -> Session:
        """A session of the message centre, as the options want it."""
        options = self._smsc.options
        timers = Timers(alert_s=options.enquire_link_s, response_s=options.response_s)
        self.session = Session(Role.SMSC, now=now, timers=timers, window=options.receipt_window_pdus)
        return self.session

    def handlers(self) -> Mapping[type, Callable[[Any, float], None]]:
        """Who deals with which fact."""
        return {
            SignOnRequest: self._on_sign_on,
            Request: self._on_request,
            Response: self._on_response,
            Unanswered: self._on_unanswered,
            Over: self._on_over,
        }

    def deliver(self, delivery: Delivery) -> None:
        """Send one delivery."""
        self._smsc.delivering(self, delivery)
        self.session.request(operation_of(delivery, self._zone), self._smsc.now(), delivery)
        self._smsc.soil(self)

    def respond(self, sequence_number: int, pdu: Any) -> None:
        """Answer a submit with yes; the message's name stands in SM."""
        ot, trn = divmod(sequence_number, _TRNS)
        self.session.respond(trn, ot, Ack(pdu.message_id))
        self._smsc.soil(self)

    def refuse(self, sequence_number: int, command_status: int) -> None:
        """Answer with no."""
        ot, trn = divmod(sequence_number, _TRNS)
        self.session.respond(trn, ot, Nack(code_of(command_status)))
        self._smsc.soil(self)

    def drop(self, sequence_number: int) -> None:
        """Let a submit be answered for the session, while its peer hears nothing."""
        ot, trn = divmod(sequence_number, _TRNS)
        self.keep()
        self.session.respond(trn, ot, Ack())
        self.hide()

    def accept_bind(self, request: SignOnRequest) -> None:
        """Answer a sign-on with yes; from now on the link counts."""
        self.session.accept_sign_on(request.trn)
        self.system_id = request.operation.oadc
        self.is_ready = True

    def refuse_bind(self, request: SignOnRequest, command_status: int) -> None:
        """Answer a sign-on with no; the session ends with the answer."""
        self.session.refuse_sign_on(request.trn, code_of(command_status))

    def say_goodbye(self, now: float) -> None:
        """UCP has no word for it: the connection ends."""
        self.is_over = True
        self._smsc.soil(self)

    def _on_sign_on(self, fact: SignOnRequest, now: float) -> None:
        password = bytes.fromhex(fact.operation.pwd).decode("latin-1")
        self._smsc.judge_bind(self, fact, fact.operation.oadc, password, now)

    def _on_request(self, fact: Request, now: float) -> None:
        number = fact.operation.ot * _TRNS + fact.trn
        try:
            pdu = submit_of(fact.operation)
        except OperationError as error:
            self.session.respond(fact.trn, fact.operation.ot, Nack(error.status))
            return
        if pdu is None:
            self.session.respond(fact.trn, fact.operation.ot, Nack(ErrorCode.OPERATION_NOT_SUPPORTED))
            return
        action = self._smsc.desk.receive(self, number, pdu, now)
        if action is not NO_FAULT:
            self._smsc.enact(action, self, now)

    def _on_response(self, fact: Response, now: float) -> None:
        if isinstance(fact.context, Delivery):
            code = fact.result.ec if isinstance(fact.result, Nack) else 0
            self._smsc.delivered(self, fact.context, code, now)

    def _on_unanswered(self, fact: Unanswered, now: float) -> None:
        if isinstance(fact.context, Delivery):
            self._smsc.outbox.put_back([fact.context])

    def _on_over(self, fact: Over, now: float) -> None:
        self.end()

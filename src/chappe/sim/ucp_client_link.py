"""One connection of a simulated client over UCP: the other end of operations 51, 52 and 53.

It must never know why a message is sent: jobs come from the client in SMPP's words, and their answers
go back to it in them.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from chappe.sim.jobs import Answer, Job
from chappe.sim.link import Link
from chappe.sim.ucp_forms import delivery_of, status_of, submission_of
from chappe.wire.smpp.pdus import Bind, SubmitSm, SubmitSmResp
from chappe.wire.smpp.statuses import CommandStatus
from chappe.wire.ucp.codec import Ack, Nack, Result
from chappe.wire.ucp.constants import ErrorCode, SessionType
from chappe.wire.ucp.facts import Over, Request, Response, SignedOn, SignOnRefused, Unanswered
from chappe.wire.ucp.operations import Operation, SessionManagement
from chappe.wire.ucp.session import Role, Session, Timers

if TYPE_CHECKING:
    from chappe.sim.client import ClientSimulator

#: An operation's number at the inbox is its type times this, and its TRN.
_TRNS: Final = 100


class UcpClientLink(Link):
    """Speaks UCP as a client; `ended` is done when the connection is gone."""

    def __init__(self, client: "ClientSimulator", number: int, bind: Bind) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._client = client
        self._bind = bind
        self.session: Session
        super().__init__(client, number)
        self.system_id = bind.system_id

    def new_session(self, now: float) -> Session:
        """A session of a client, with the sign-on on its way."""
        options = self._client.options
        timers = Timers(alert_s=options.enquire_link_s, response_s=options.response_s)
        self.session = Session(Role.CLIENT, now=now, timers=timers, window=min(options.window_pdus, _TRNS))
        pwd = self._bind.password.encode("latin-1").hex().upper()
        self.session.sign_on(
            SessionManagement(self._bind.system_id, "6", "5", SessionType.OPEN.value, pwd=pwd, vers="0100"), now
        )
        return self.session

    def handlers(self) -> Mapping[type, Callable[[Any, float], None]]:
        """Who deals with which fact."""
        return {
            SignedOn: self._on_signed_on,
            SignOnRefused: self._on_sign_on_refused,
            Request: self._on_request,
            Response: self._on_response,
            Unanswered: self._on_unanswered,
            Over: self._on_over,
        }

    def connection_lost(self, fault: Exception | None) -> None:
        """Tell who keeps this connection up."""
        super().connection_lost(fault)
        if not self.ended.done():
            self.ended.set_result(None)

    @property
    def may_submit(self) -> bool:
        """Each session goes both ways."""
        return True

    def send(self, job: Job) -> None:
        """Send one job, in SMPP's words or as an operation."""
        self._client.outgoing.sending(self, job)
        operation = submission_of(job.pdu) if isinstance(job.pdu, SubmitSm) else job.pdu
        assert isinstance(operation, Operation)
        self.session.request(operation, self._client.now(), job)
        self._client.soil(self)

    def respond(self, sequence_number: int, pdu: Any) -> None:
        """Answer a delivery with yes."""
        self._answer(sequence_number, Ack())

    def refuse(self, sequence_number: int, command_status: int) -> None:
        """Answer a delivery with no."""
        is_passing = command_status in (CommandStatus.ESME_RX_T_APPN, CommandStatus.ESME_RTHROTTLED)
        code = ErrorCode.OPERATION_NOT_ALLOWED if is_passing else ErrorCode.NOT_SUCCESSFUL
        is_code = 0 < command_status < _TRNS and not is_passing
        self._answer(sequence_number, Nack(command_status if is_code else code))

    def drop(self, sequence_number: int) -> None:
        """Let a delivery be answered for the session, while its peer hears nothing."""
        self.keep()
        self._answer(sequence_number, Ack())
        self.hide()

    def say_goodbye(self, now: float) -> None:
        """UCP has no word for it: the connection ends."""
        self.is_over = True
        self._client.soil(self)

    def _answer(self, sequence_number: int, result: Result) -> None:
        ot, trn = divmod(sequence_number, _TRNS)
        self.session.respond(trn, ot, result)
        self._client.soil(self)

    def _on_signed_on(self, fact: SignedOn, now: float) -> None:
        self.is_ready = True
        self._client.bound(self, now)

    def _on_sign_on_refused(self, fact: SignOnRefused, now: float) -> None:
        wrong = fact.result.ec == ErrorCode.AUTHENTICATION_FAILURE
        self._client.bind_refusals.append(CommandStatus.ESME_RINVPASWD if wrong else CommandStatus.ESME_RSYSERR)
        self.is_over = True

    def _on_request(self, fact: Request, now: float) -> None:
        number = fact.operation.ot * _TRNS + fact.trn
        delivery = delivery_of(fact.operation)
        if delivery is None:
            self._client.asked.append(fact.operation)
            self._answer(number, Ack())
        else:
            self._client.inbox.receive(self, number, delivery, now)

    def _on_response(self, fact: Response, now: float) -> None:
        if isinstance(fact.context, Job):
            result = fact.result
            answer = Answer(0, SubmitSmResp(result.sm)) if isinstance(result, Ack) else Answer(status_of(result), None)
            self._client.outgoing.answered(self, fact.context, answer, now)

    def _on_unanswered(self, fact: Unanswered, now: float) -> None:
        if isinstance(fact.context, Job):
            self._client.outgoing.unanswered([fact.context])

    def _on_over(self, fact: Over, now: float) -> None:
        self.end()

"""One connection of a simulated client: the ESME's side of a session.

It must never know why a message is sent: jobs come from the client and go back to it with their answers.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chappe.sim.jobs import Answer, Job
from chappe.sim.smpp_link import SmppLink
from chappe.wire.smpp.facts import BindRefused, Bound, Request, Response, Unanswered
from chappe.wire.smpp.pdus import Bind, Pdu
from chappe.wire.smpp.session import Role, Session
from chappe.wire.smpp.timers import Timers

if TYPE_CHECKING:
    from chappe.sim.client import ClientSimulator


class ClientLink(SmppLink):
    """Speaks SMPP as a client; `ended` is done when the connection is gone."""

    def __init__(self, client: "ClientSimulator", number: int, bind: Bind) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._client = client
        self._bind = bind
        super().__init__(client, number)
        self.system_id = bind.system_id

    def smpp_session(self, now: float) -> Session:
        """A session of an ESME, with the bind on its way."""
        options = self._client.options
        timers = Timers(enquire_link_s=options.enquire_link_s, response_s=options.response_s)
        session = Session(Role.ESME, now=now, timers=timers, window_pdus=options.window_pdus)
        session.bind(self._bind, now)
        return session

    def smpp_handlers(self) -> Mapping[type, Callable[[Any, float], None]]:
        """Who deals with which fact."""
        return {
            Bound: self._on_bound,
            BindRefused: self._on_bind_refused,
            Request: self._on_request,
            Response: self._on_response,
            Unanswered: self._on_unanswered,
        }

    def connection_lost(self, fault: Exception | None) -> None:
        """Tell who keeps this connection up."""
        super().connection_lost(fault)
        if not self.ended.done():
            self.ended.set_result(None)

    @property
    def may_submit(self) -> bool:
        """Whether the bind goes this way."""
        return self.session.may_submit

    def send(self, job: Job) -> None:
        """Send one job."""
        self._client.outgoing.sending(self, job)
        assert isinstance(job.pdu, Pdu)
        self.request(job.pdu, self._client.now(), job)

    def _on_bound(self, fact: Bound, now: float) -> None:
        self.is_ready = True
        self._client.bound(self, now)

    def _on_bind_refused(self, fact: BindRefused, now: float) -> None:
        self._client.bind_refusals.append(fact.command_status)
        self.is_over = True

    def _on_request(self, fact: Request, now: float) -> None:
        self._client.inbox.receive(self, fact.sequence_number, fact.pdu, now)

    def _on_response(self, fact: Response, now: float) -> None:
        if isinstance(fact.context, Job):
            self._client.outgoing.answered(self, fact.context, Answer(fact.command_status, fact.pdu), now)

    def _on_unanswered(self, fact: Unanswered, now: float) -> None:
        if isinstance(fact.context, Job):
            self._client.outgoing.unanswered([fact.context])

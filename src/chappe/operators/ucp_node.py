"""The operator node over UCP/EMI.  The results of operations 52 and 53 follow the commit of what they answer.

A message is named by its recipient and the second, so each recipient has one submit in flight at a time.
"""

from collections.abc import Sequence
from typing import Any

from chappe.model.events import EventName
from chappe.model.message import Item
from chappe.net.peer import Peer
from chappe.net.ucp_peer import UcpPeer
from chappe.operators.inbound import Inbound
from chappe.operators.link import InFlight, Link
from chappe.operators.links import Links, LinkTerms
from chappe.operators.node import OperatorNode, resolve
from chappe.operators.recipients import RecipientLink, Recipients
from chappe.operators.responses import Answered
from chappe.operators.ucp_dialect import UCP, outcome_of
from chappe.operators.ucp_inbound import UcpInbound
from chappe.operators.ucp_links import UcpLinks
from chappe.wire.ucp.facts import Fact, LateResponse, Refused, Request, Response, SignedOn, SignOnRefused, Unanswered


class OperatorUcpNode(OperatorNode):
    """One operator, all its links on this box."""

    dialect = UCP

    def make_links(self, terms: LinkTerms) -> Links:
        """Sign on."""
        self._recipients = Recipients()
        handlers = {"on_facts": self._on_facts, "on_up": self._on_up, "on_down": self._on_down}
        return UcpLinks(terms, self._clock, self._notes, recipients=self._recipients, **handlers)

    def make_inbound(self, *terms: Any) -> Inbound:
        """Reads operations 52 and 53."""
        return UcpInbound(*terms, notes=self._notes)

    def _on_facts(self, peer: UcpPeer, facts: list[Fact]) -> None:
        link, connecting = peer.owner
        responses: list[tuple[InFlight, int, str]] = []
        requests: list[Request] = []
        for fact in facts:
            if isinstance(fact, Response):
                # Its recipient gets the next one when it has been judged: a refused one stays in front.
                assert isinstance(fact.context, InFlight)
                responses.append((fact.context, *outcome_of(fact.result)))
            elif isinstance(fact, Request):
                requests.append(fact)
            elif isinstance(fact, Unanswered):
                assert isinstance(fact.context, InFlight)
                self._doubts.lose(fact.context, "no result in time", is_slow=True)
                self._recall_behind(fact.context)
                self._recipients.free(fact.context)
            elif isinstance(fact, LateResponse):
                assert isinstance(fact.context, InFlight)
                self._doubts.answer(fact.context, *outcome_of(fact.result))
            elif isinstance(fact, SignedOn):
                resolve(connecting.bound, 0)
            elif isinstance(fact, SignOnRefused):
                resolve(connecting.bound, outcome_of(fact.result)[0])
            elif isinstance(fact, Refused):
                self._notes.add(EventName.PDU_REFUSED, operator=self.name, detail=f"{peer.name} {fact.what}")
        self._heard(link, peer, responses, requests)

    def judged(self, responses: Sequence[Answered]) -> None:
        """Recipients may have their next ones, but for what has to wait behind a message that is tried again."""
        for flight, status, _ in responses:
            if status and self._order.lines:
                self._recall_behind(flight)
            self._recipients.free(flight)

    def _recall_behind(self, flight: InFlight) -> None:
        """What waits on a link for the recipient of a message that is tried again goes back to the queue."""
        recalled: dict[int, Item] = {}
        for link in self.links.links:
            assert isinstance(link, RecipientLink)
            for waiting in link.recall(flight.item.content.dest):
                item = waiting[1].item
                if item.id == flight.item.id:
                    link.backlog.append(waiting)
                else:
                    recalled[item.id] = item
        if recalled:
            for item in recalled.values():
                self._parts.stop(item.id)
            self._start(self._give_back(list(recalled.values())))

    def _on_down(self, link: Link, peer: Peer) -> None:
        super()._on_down(link, peer)
        self._recipients.free_link(link.number)

    def _put(self, link: Link, pdu: object, flight: InFlight, now: float) -> None:
        """Everything goes by what waits: the recipient may have something in flight."""
        link.backlog.append((pdu, flight))

    def _flush_links(self, links: Sequence[Link], now: float) -> None:
        for link in links:
            if link.may_send:
                self._send_backlog(link, now)

    def _refuse(self, flight: InFlight, why: str) -> None:
        self._recipients.free(flight)
        super()._refuse(flight, why)

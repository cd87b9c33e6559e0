"""The operator node over UCP/EMI.  The results of operations 52 and 53 follow the commit of what they answer.

A message is named by its recipient and the second, so each recipient has one submit in flight at a time.
"""

from typing import Any

from chappe.model.events import EventName
from chappe.net.ucp_peer import UcpPeer
from chappe.operators.inbound import Inbound
from chappe.operators.link import InFlight
from chappe.operators.links import Links, LinkTerms
from chappe.operators.node import resolve
from chappe.operators.recipient_node import RecipientNode
from chappe.operators.recipients import Recipients
from chappe.operators.ucp_dialect import UCP, outcome_of
from chappe.operators.ucp_inbound import UcpInbound
from chappe.operators.ucp_links import UcpLinks
from chappe.wire.ucp.facts import Fact, LateResponse, Refused, Request, Response, SignedOn, SignOnRefused, Unanswered


class OperatorUcpNode(RecipientNode):
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
                self._doubted(fact.context)
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

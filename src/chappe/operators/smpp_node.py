"""The operator node over SMPP.  A deliver_sm_resp follows the commit of what it answers."""

from typing import Any

from chappe.model.events import EventName
from chappe.net.smpp_peer import SmppPeer
from chappe.operators.dialect import Dialect
from chappe.operators.inbound import Inbound
from chappe.operators.link import InFlight
from chappe.operators.links import Links, LinkTerms
from chappe.operators.node import OperatorNode, resolve
from chappe.operators.smpp_dialect import SMPP
from chappe.operators.smpp_inbound import SmppInbound
from chappe.operators.smpp_links import SmppLinks
from chappe.operators.terms import SendingTerms
from chappe.operators.vendor import adapting
from chappe.wire.smpp.facts import BindRefused, Bound, Fact, LateResponse, Over, Refused, Request, Response, Unanswered
from chappe.wire.smpp.pdus import SubmitSmResp


class OperatorSmppNode(OperatorNode):
    """One operator, all its links on this box."""

    dialect = SMPP

    def __init__(self, links: LinkTerms, terms: SendingTerms, *rest: Any, **keywords: Any) -> None:
        self.dialect = self.dialect_for(terms)
        super().__init__(links, terms, *rest, **keywords)

    def dialect_for(self, terms: SendingTerms) -> Dialect:
        """A vendor's wishes are looked at only where there are some."""
        return adapting(SMPP) if terms.wire.vendor is not None else SMPP

    def make_links(self, terms: LinkTerms) -> Links:
        """Binds."""
        return SmppLinks(
            terms, self._clock, self._notes, on_facts=self._on_facts, on_up=self._on_up, on_down=self._on_down
        )

    def make_inbound(self, *terms: Any) -> Inbound:
        """Reads deliver_sm and data_sm."""
        return SmppInbound(*terms)

    def _on_facts(self, peer: SmppPeer, facts: list[Fact]) -> None:
        link, connecting = peer.owner
        responses: list[tuple[InFlight, int, str]] = []
        requests: list[Request] = []
        for fact in facts:
            kind = type(fact)
            if kind is Response:
                pdu = fact.pdu  # type: ignore[union-attr]
                reference = pdu.message_id if type(pdu) is SubmitSmResp else ""
                responses.append((fact.context, fact.command_status, reference))  # type: ignore[union-attr,arg-type]
            elif kind is Request:
                requests.append(fact)  # type: ignore[arg-type]
            elif kind is Unanswered:
                self._doubts.lose(fact.context, "no response in time", is_slow=True)  # type: ignore[union-attr,arg-type]
            elif kind is Bound:
                resolve(connecting.bound, 0)
            elif kind is BindRefused:
                resolve(connecting.bound, fact.command_status)  # type: ignore[union-attr]
            elif kind is Refused:
                self._notes.add(EventName.PDU_REFUSED, operator=self.name, detail=f"{peer.name} {fact.what}")  # type: ignore[union-attr]
            elif kind is LateResponse:
                pdu = fact.pdu  # type: ignore[union-attr]
                reference = pdu.message_id if type(pdu) is SubmitSmResp else ""
                self._doubts.answer(fact.context, fact.command_status, reference)  # type: ignore[union-attr,arg-type]
            elif kind is Over:
                pass
        self._heard(link, peer, responses, requests)

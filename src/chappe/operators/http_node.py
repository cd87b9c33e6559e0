"""The operator node over HTTP: requests as a profile describes them; the operator calls with receipts and messages.

A request whose answer does not come, or cannot be read, leaves the outcome unknown; nothing is ever posted twice by the
connection itself.
"""

import asyncio
from typing import Any

from chappe.model.errors import ResourceError
from chappe.model.events import EventName
from chappe.model.message import Message
from chappe.net.http_server import HttpServer
from chappe.net.tls import Credentials
from chappe.operators.dialect import Dialect
from chappe.operators.http_asking import PAUSES_S, Asking
from chappe.operators.http_inbound import HttpInbound
from chappe.operators.http_links import AGENT, Answered, HttpLinks, HttpPeer, Unanswered, Unsent
from chappe.operators.http_translate import Submit, reference_of, submit_of, submits_of
from chappe.operators.http_words import Words
from chappe.operators.inbound import Inbound
from chappe.operators.link import InFlight, Link
from chappe.operators.links import Links, LinkTerms
from chappe.operators.recipient_node import RecipientNode
from chappe.operators.recipients import Recipients
from chappe.operators.shape import HttpShape, Wire
from chappe.operators.terms import SendingTerms
from chappe.runtime.clock import Clock
from chappe.wire.webapi.answers import Meaning, Verdict
from chappe.wire.webapi.calls import short_error
from chappe.wire.webapi.readers import Said

#: No operator's wish for a pause is taken for longer.
LONGEST_PAUSE_S = 600.0


class OperatorHttpNode(RecipientNode):
    """One operator, all its links on this box."""

    #: How long to wait before each question about what became of a message.
    ask_pauses_s = PAUSES_S

    def __init__(
        self,
        links: LinkTerms,
        terms: SendingTerms,
        store: Any,
        mt_routes: Any,
        mo_routes: Any,
        ids: Any,
        clock: Clock,
        **keywords: Any,
    ) -> None:
        assert terms.wire.http is not None
        self._shape: HttpShape = terms.wire.http
        self._words = Words()
        self.dialect = self._dialect(clock)
        #: Where the operator's calls come in, once somebody listens.
        self.server: HttpServer | None = None
        self.port = 0
        #: Doubts about which the operator is being asked.
        self._questions: set[asyncio.Task[None]] = set()
        super().__init__(links, terms, store, mt_routes, mo_routes, ids, clock, **keywords)
        assert isinstance(self.links, HttpLinks)
        assert links.endpoint is not None
        self._asking = Asking(
            self._shape,
            links.endpoint,
            AGENT,
            self.links.dial,
            clock.monotonic,
            timeout_s=links.response_s,
            pauses_s=self.ask_pauses_s,
        )

    def _dialect(self, clock: Clock) -> Dialect:
        def one(message: Message, wire: Wire) -> Submit:
            return submit_of(message, wire, clock.utc_us() // 1000)

        def several(message: Message, wire: Wire) -> list[Submit]:
            return submits_of(message, wire, clock.utc_us() // 1000)

        words, errors = self._words, self._shape.api.errors
        return Dialect(
            one,
            several,
            words.name,
            error_of=lambda status: short_error(words.word(status), errors),
            unwritable_status=words.unwritable,
        )

    def make_links(self, terms: LinkTerms) -> Links:
        """Bundles of connections."""
        self._recipients = Recipients()
        return HttpLinks(
            terms,
            self._clock,
            self._notes,
            recipients=self._recipients,
            shape=self._shape,
            spawn=self._start,
            on_facts=self._on_facts,
            on_up=self._on_up,
            on_down=self._on_down,
        )

    def make_inbound(self, *terms: Any) -> Inbound:
        """Reads the operator's calls."""
        return HttpInbound(*terms, notes=self._notes)

    # -- calls of the operator ----------------------------------------------------------------------

    async def listen(self, *, is_shared: bool = False) -> None:
        """Let the operator call.  Raises: ResourceError, SettingsError."""
        terms = self.links.terms
        if terms.listen is None:
            return
        assert isinstance(self.inbound, HttpInbound)
        self.server = HttpServer(self.inbound.routes())
        tls = Credentials(terms.listen_tls) if terms.listen_tls is not None else None
        host, port = terms.listen
        try:
            self.port = await self.server.listen(host, port, tls, failed=self._tls_failed, is_shared=is_shared)
        except OSError as error:
            raise ResourceError(f"operator {self.name} cannot listen on {host}:{port}: {error.strerror}") from error

    def _tls_failed(self, peer: str, why: str) -> None:
        self._notes.add(EventName.TLS_FAILED, operator=self.name, detail=f"calls of {self.name} {peer}: {why}")

    async def drain(self, until: float) -> int:
        """Send nothing new, wait for answers; calls of the operator are taken until then."""
        self.is_draining = True
        for task in list(self._questions):
            task.cancel()
        unanswered = await super().drain(until)
        self._asking.close()
        if self.server is not None:
            await self.server.close()
        return unanswered

    # -- answers ------------------------------------------------------------------------------------

    def _on_facts(self, peer: HttpPeer, facts: list[Answered | Unsent | Unanswered]) -> None:
        responses: list[tuple[InFlight, int, str]] = []
        for fact in facts:
            if isinstance(fact, Answered):
                self._judge(peer, fact, responses)
            elif isinstance(fact, Unsent):
                self._take_back(fact.flights, fact.why)
            else:
                self._leave_open(fact.flights, fact.why)
        self._heard(peer.owner[0], peer, responses, [])

    def _judge(self, peer: HttpPeer, fact: Answered, responses: list[tuple[InFlight, int, str]]) -> None:
        answer = fact.answer
        said = Said(answer.body, status=answer.status, headers={"content-type": answer.content_type})
        verdicts = self._shape.api.answer.judge(said, len(fact.sent))
        denied: list[InFlight] = []
        for (submit, flight), verdict in zip(fact.sent, verdicts, strict=True):
            if verdict.meaning is Meaning.TAKEN:
                responses.append((flight, 0, verdict.word or submit.reference))
            elif verdict.meaning is Meaning.DENIED:
                denied.append(flight)
            elif verdict.meaning in (Meaning.UNKNOWN, Meaning.ABSENT):
                self._leave_open([flight], f"HTTP {answer.status}: {verdict.word or 'no word of it'}")
            else:
                responses.append((flight, self._words.number(verdict), ""))
        self._wait_as_asked(answer.retry_after, verdicts)
        if denied:
            self._deny(peer, denied, verdicts[0].word)

    def _deny(self, peer: HttpPeer, denied: list[InFlight], word: str) -> None:
        """The operator does not know us, or no longer: that is no message's fault, and one at a time may try."""
        self._gate.close(self._clock.monotonic())
        why = (
            f"{peer.name} does not let us in: {self._words.name(self._words.number(Verdict(Meaning.PERMANENT, word)))}"
        )
        self._take_back(denied, why)
        peer.end(why)

    def _wait_as_asked(self, retry_after: str, verdicts: list[Verdict]) -> None:
        """Retry-After in seconds counts where a slower pace is asked for.  RFC 9110 §10.2.3."""
        if retry_after.isdecimal() and any(each.meaning is Meaning.THROTTLED for each in verdicts):
            self._gate.wait_until(self._clock.monotonic() + min(float(retry_after), LONGEST_PAUSE_S))

    def _leave_open(self, flights: list[InFlight], why: str) -> None:
        """Nobody knows what became of these; where the profile says so, the operator is asked."""
        for flight in flights:
            if self._asks(flight) and not self.is_draining:
                self._ask(flight, why)
            else:
                self._doubts.lose(flight, why, is_slow=True)
            self._doubted(flight)

    def _on_down(self, link: Link, peer: Any) -> None:
        """What was under way is asked for, too."""
        self._leave_open(peer.session.abandon(), "link lost before the answer")
        super()._on_down(link, peer)

    def _asks(self, flight: InFlight) -> bool:
        terms, is_premium = self._terms, flight.item.content.client in self._premium
        return terms.asks_premium if is_premium else terms.asks_unknown

    def _ask(self, flight: InFlight, why: str) -> None:
        task = asyncio.get_running_loop().create_task(self._find_out(flight, why), name=f"{self.name} asks")
        self._questions.add(task)
        task.add_done_callback(self._questions.discard)

    async def _find_out(self, flight: InFlight, why: str) -> None:
        """Settle a doubt by what the operator says; what it does not say is held."""
        message = flight.item.content
        assert isinstance(message, Message)
        reference = reference_of(message, flight.part)
        try:
            verdict = await self._asking.ask(flight, reference)
        except asyncio.CancelledError:
            self._doubts.lose(flight, f"{why}; nobody was asked to the end")
            raise
        if verdict.meaning is Meaning.TAKEN:
            self._responses.add((flight, 0, verdict.word or reference))
        elif verdict.meaning is Meaning.ABSENT:
            self._take_back([flight], "the operator has no such message")
        else:
            self._doubts.lose(flight, f"{why}; {verdict.word}")

    def _take_back(self, flights: list[InFlight], why: str) -> None:
        """The operator has surely not taken these: they are due at once, here or elsewhere."""
        whole = {flight.item.id: flight.item for flight in flights if flight.item.content.parts == 1}
        for flight in flights:
            if flight.item.content.parts > 1:
                # Of its other parts nobody can say the same.
                self._doubts.lose(flight, why)
            self._doubted(flight)
        if whole:
            self._start(self._give_back(list(whole.values())))

"""The links of an operator over HTTP: each is a bundle of connections, and is up while the host can be reached.

A link that cannot open a connection, or that the operator denies, goes down when the calls that are under way on it
have ended: no fault of one connection makes a doubt of what is on the others.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, cast

import msgspec

import chappe
from chappe.crash import ARMED, CrashPoint, reach
from chappe.net.http_call import Answer, Call, Connection, Endpoint
from chappe.net.http_line import HttpLine
from chappe.net.peer import FactsHandler, LossHandler, Peer
from chappe.operators.http_translate import Submit
from chappe.operators.link import InFlight, Link
from chappe.operators.links import Links
from chappe.operators.recipients import RecipientLink, Recipients
from chappe.operators.shape import HttpShape
from chappe.runtime.backoff import Backoff

AGENT: Final = f"chappe/{chappe.__version__}"


class Answered(msgspec.Struct, gc=False):
    """The operator has answered a request about these, in this order."""

    sent: list[tuple[Submit, InFlight]]
    answer: Answer


class Unsent(msgspec.Struct, gc=False):
    """The operator has surely not seen these."""

    flights: list[InFlight]
    why: str


class Unanswered(msgspec.Struct, gc=False):
    """These have left, and nobody says what became of them."""

    flights: list[InFlight]
    why: str


class HttpSession:
    """What is under way on one link, as an operator node counts it."""

    def __init__(self, room: int) -> None:
        self._most = room
        self.in_flight = 0
        #: A call that took too long was ended with its connection: nothing comes late.
        self.unanswered = 0
        self.heard_us_at = 0.0
        self.unsent: deque[tuple[Submit, InFlight]] = deque()
        self.under_way: dict[int, Call] = {}

    @property
    def room(self) -> int:
        """How many messages may still be given to it."""
        return self._most - self.in_flight

    def request(self, submit: Submit, now: float, flight: InFlight) -> None:
        """Take a message; it leaves with the next flush, or when a call has ended."""
        self.unsent.append((submit, flight))
        self.in_flight += 1

    def take(self, most: int) -> list[tuple[Submit, InFlight]]:
        """What the next call carries."""
        return [self.unsent.popleft() for _ in range(min(most, len(self.unsent)))]

    def take_unsent(self) -> list[InFlight]:
        """What has surely not left, when the link ends."""
        flights = [flight for _, flight in self.unsent]
        self.unsent.clear()
        for key, call in list(self.under_way.items()):
            if not call.is_written:
                flights += [flight for _, flight in call.context]
                del self.under_way[key]
        self.in_flight -= len(flights)
        return flights

    def abandon(self) -> list[InFlight]:
        """The link has ended: what has left without an answer."""
        flights = [flight for call in self.under_way.values() for _, flight in call.context]
        self.under_way.clear()
        self.in_flight -= len(flights)
        return flights

    def probe(self, now: float) -> None:
        """There is nothing to ask."""

    def deadline(self) -> None:
        """Calls are looked after by their line."""


class HttpPeer(Peer):
    """All connections of one link, as if they were one."""

    session: HttpSession

    __slots__ = ("_is_ending", "_shape", "_target", "line")

    def __init__(
        self, line: HttpLine, shape: HttpShape, room: int, on_facts: FactsHandler, on_lost: LossHandler
    ) -> None:
        endpoint = line.endpoint
        super().__init__(HttpSession(room), on_facts, on_lost, name=f"{endpoint.host}:{endpoint.port}")
        self.line = line
        self._shape = shape
        #: What stands before every path.
        self._target = endpoint.target.rstrip("/")
        self._is_ending = False

    def flush(self) -> None:
        """Begin as many calls as may be under way; when more waits, each carries as much as the API takes."""
        self.is_dirty = False
        form = self._shape.api.submit
        while self.session.unsent and self.line.room > 0 and not self._is_ending:
            sent = self.session.take(form.batch)
            first = sent[0][0]
            written = first.written or form.write(self._shape.values, [submit.each for submit, _ in sent])
            written = msgspec.structs.replace(written, target=self._target + written.target)
            call = Call(self.line.endpoint, written.octets(self.line.endpoint.authority, AGENT), sent)
            self.session.under_way[id(call)] = call
            self.line.begin(call)

    def heard(self, call: Call, answer: Answer) -> None:
        """A call has ended."""
        session, sent = self.session, call.context
        if session.under_way.pop(id(call), None) is None:
            return
        session.in_flight -= len(sent)
        fact: Answered | Unsent | Unanswered
        if answer.status:
            fact = Answered(sent, answer)
        elif call.is_written:
            fact = Unanswered([flight for _, flight in sent], answer.fault)
        else:
            fact = Unsent([flight for _, flight in sent], answer.fault)
            self.end(f"{self.name} cannot be reached: {answer.fault}")
        self._on_facts(self, [fact])
        self.flush()
        self._end_if_done()

    def end(self, why: str) -> None:
        """Take nothing more; the link is down when the last answer is there."""
        self._is_ending, self.is_writable = True, False
        self._reason = self._reason or why

    def _end_if_done(self) -> None:
        if self._is_ending and not any(call.is_written for call in self.session.under_way.values()):
            self.abort("ended")

    def tick(self, now: float) -> None:
        """Look after calls that take too long."""
        self.line.look()
        self._end_if_done()

    def close(self, reason: str) -> None:
        """End all connections, also those on which something is under way."""
        self.abort(reason)

    def abort(self, reason: str) -> None:
        """The same."""
        if self.is_lost:
            return
        self.is_lost, self.is_writable, self._is_ending = True, False, True
        self._reason = self._reason or reason
        unsent = self.session.take_unsent()
        self.line.close()
        if unsent:
            self._on_facts(self, [Unsent(unsent, self._reason)])
        self._on_lost(self, self._reason)


class HttpLinks(Links):
    """Opens connections."""

    def __init__(
        self,
        *terms: Any,
        recipients: Recipients,
        shape: HttpShape,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        **handlers: Any,
    ) -> None:
        self._recipients = recipients
        self._shape = shape
        self._spawn = spawn
        super().__init__(*terms, **handlers)
        assert self.terms.endpoint is not None
        self._endpoint: Endpoint = self.terms.endpoint

    def new_link(self, number: int) -> Link:
        """One link, still down."""
        backoff = Backoff(self.terms.reconnect_min_s, self.terms.reconnect_max_s)
        return RecipientLink(number, backoff, changed_at=self._clock.monotonic(), recipients=self._recipients)

    def kinds(self) -> Sequence[str]:
        """One bundle."""
        return ("http",)

    def sends(self, kind: str) -> bool:
        """Each does."""
        return True

    def receives(self, kind: str) -> bool:
        """What the operator has to say comes by calls of its own."""
        return True

    def word_of(self, kind: str) -> str:
        """As it is."""
        return kind

    def new_peer(self, on_lost: Callable[[HttpPeer, str], None]) -> HttpPeer:
        """Connections that are about to be opened."""
        peer: HttpPeer
        line = HttpLine(
            self._endpoint,
            limit=self.terms.window_pdus,
            timeout_s=self.terms.response_s,
            dial=self.dial,
            write=_write,
            on_answer=lambda call, answer: peer.heard(call, answer),
            spawn=self._spawn,
            now=self._clock.monotonic,
        )
        room = self.terms.window_pdus * self._shape.api.submit.batch
        peer = HttpPeer(line, self._shape, room, self._on_facts, on_lost)
        return peer

    async def _connect(self, peer: Peer) -> None:
        """Raises: OSError."""
        await cast(HttpPeer, peer).line.open()

    async def dial(self, make: Callable[[], Connection]) -> Connection:
        """Open one connection, encrypted where that is asked for.  Raises: OSError."""
        loop, terms, credentials = asyncio.get_running_loop(), self.terms, self.credentials
        if credentials is None or terms.tls is None:
            _, connection = await loop.create_connection(make, terms.host, terms.port)
            return connection
        transport, connection = await loop.create_connection(
            make, terms.host, terms.port, ssl=credentials.context, server_hostname=terms.tls.server_name
        )
        credentials.saw(transport)
        return connection

    def sign_on(self, peer: HttpPeer, kind: str, now: float) -> None:
        """Each request says who we are: whoever can be reached lets us in."""
        connecting = peer.owner[1]
        if not connecting.bound.done():
            connecting.bound.set_result(0)

    def why_refused(self, status: int) -> str:
        """Nobody refuses a connection by a number."""
        return f"refused with {status}"

    def say_goodbye(self, peer: HttpPeer, now: float) -> None:
        """HTTP has no word for it."""
        peer.close("ended by the gateway")


def _write(connection: Connection, call: Call) -> None:
    """Write one request: the moment from which on its outcome may be unknown."""
    if ARMED is not None:
        reach(CrashPoint.BEFORE_WRITE_TO_OPERATOR)
    connection.send(call)
    if ARMED is not None:
        reach(CrashPoint.AFTER_WRITE_TO_OPERATOR)

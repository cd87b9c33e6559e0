"""One connection to a simulated SMSC: moves octets between the socket and an SMPP session, and strikes link faults.

It must never know what messages mean: requests go to the desk of the simulator, deliveries come from its outbox.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from chappe.sim.faults import NO_FAULT, LinkFault
from chappe.sim.outbox import Delivery
from chappe.wire.smpp.session import (
    BindRequest,
    Fact,
    Over,
    Request,
    Response,
    Role,
    Session,
    Timers,
    Unanswered,
    Unbound,
)
from chappe.wire.smpp.states import BOUND

if TYPE_CHECKING:
    from chappe.sim.smsc import SmscSimulator

#: SO_LINGER on with zero seconds: closing resets the connection instead of ending it in order.
RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class SmscLink(asyncio.Protocol):
    """Speaks SMPP as the message centre; `number` names it in the ledger."""

    def __init__(self, smsc: "SmscSimulator", number: int) -> None:
        self.number: Final = number
        self.system_id = ""
        self.is_bound = False
        self.is_over = False
        self.is_ready = False  # bound as one that may receive, and heard by its peer
        self._smsc = smsc
        self._is_silent = False
        self._is_choked = False
        self._unwritten: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a session."""
        assert isinstance(transport, asyncio.Transport)
        options = self._smsc.options
        self._transport = transport
        self._session = Session(
            Role.MC,
            now=self._smsc.now(),
            timers=Timers(enquire_link_s=options.enquire_link_s, response_s=options.response_s),
            window_pdus=options.receipt_window_pdus,
            system_id=options.system_id or "smsc",
        )
        self._smsc.opened(self)

    def connection_lost(self, fault: Exception | None) -> None:
        """Give back what was not acknowledged; another link delivers it."""
        self.is_over = True
        self.is_ready = False
        unanswered = [context for context in self._session.abandon() if isinstance(context, Delivery)]
        self._smsc.closed(self, unanswered)

    def data_received(self, octets: bytes) -> None:
        """Handle all PDUs that are there, then answer them with one write."""
        now = self._smsc.now()
        self._handle(self._session.receive(octets, now), now)
        self._smsc.dirty.add(self)
        self._smsc.finish_batch(now)

    def tick(self, now: float) -> None:
        """Let the session's timers speak."""
        self._handle(self._session.tick(now), now)
        self._smsc.dirty.add(self)

    def pause_writing(self) -> None:
        """The peer does not read: take no more from it and give it no more."""
        self._is_choked = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._is_choked = False
        if not self._is_silent:
            self._transport.resume_reading()

    def room(self) -> int:
        """How many deliveries fit in the window now."""
        return 0 if self._is_silent or self._is_choked else self._session.room

    def deliver(self, delivery: Delivery) -> None:
        """Send one delivery."""
        self._smsc.delivering(self, delivery)
        self._session.request(delivery.pdu, self._smsc.now(), delivery)
        self._smsc.dirty.add(self)

    def respond(self, sequence_number: int, pdu: Any) -> None:
        """Answer a request with yes.  `pdu` is the response that belongs to it."""
        self._session.respond(sequence_number, pdu)
        self._smsc.dirty.add(self)

    def refuse(self, sequence_number: int, command_status: int) -> None:
        """Answer a request with no."""
        self._session.respond_error(sequence_number, command_status)
        self._smsc.dirty.add(self)

    def drop(self, sequence_number: int) -> None:
        """Let a request be answered for the session, while its peer hears nothing."""
        self._unwritten.append(self._session.take_octets())
        self._session.respond_error(sequence_number, 0)
        self._session.take_octets()

    def accept_bind(self, request: BindRequest) -> None:
        """Answer a bind with yes; from now on the link counts."""
        self._session.accept_bind(request.sequence_number, system_id=self._smsc.options.system_id or "smsc")
        self.system_id = request.pdu.system_id
        self.is_bound = True
        self.is_ready = self._session.may_receive_deliveries
        self._smsc.dirty.add(self)

    def refuse_bind(self, request: BindRequest, command_status: int) -> None:
        """Answer a bind with no; the session ends with the answer."""
        self._session.refuse_bind(request.sequence_number, command_status)
        self._smsc.dirty.add(self)

    def strike(self, fault: LinkFault, now: float) -> None:
        """Let a fault happen to this link."""
        if fault is LinkFault.UNBIND:
            if self._session.state in BOUND:
                self._session.unbind(now)
                self.is_ready = False
                self._smsc.dirty.add(self)
            return
        self._is_silent = True
        if fault is LinkFault.HALF_OPEN:
            self._transport.pause_reading()
        elif fault is LinkFault.CUT:
            self._reset()

    def flush(self, now: float) -> None:
        """Write what the session has to say, unless a fault keeps this link silent."""
        self._handle(self._session.tick(now), now)
        octets = b"".join((*self._unwritten, self._session.take_octets()))
        self._unwritten.clear()
        if octets and not self._is_silent and not self._transport.is_closing():
            self._transport.write(octets)
        if self.is_over and not self._is_silent:
            self._transport.close()

    def close(self) -> None:
        """Unbind, and end the connection without waiting for the answer."""
        if self._session.state in BOUND and not self._is_silent:
            self._session.unbind(self._smsc.now())
        self.is_over = True
        self.flush(self._smsc.now())
        self._transport.close()

    def _reset(self) -> None:
        connection: socket.socket = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._transport.abort()

    def _handle(self, facts: list[Fact], now: float) -> None:
        for fact in facts:
            handler = _HANDLERS.get(type(fact))
            if handler is not None:
                handler(self, fact, now)

    def _bind(self, fact: BindRequest, now: float) -> None:
        self._smsc.judge_bind(self, fact, now)

    def _request(self, fact: Request, now: float) -> None:
        action = self._smsc.desk.receive(self, fact.sequence_number, fact.pdu, now)
        if action is not NO_FAULT:
            self._smsc.enact(action, self, now)

    def _response(self, fact: Response, now: float) -> None:
        if isinstance(fact.context, Delivery):
            self._smsc.delivered(self, fact.context, fact.command_status, now)

    def _unanswered(self, fact: Unanswered, now: float) -> None:
        if isinstance(fact.context, Delivery):
            self._smsc.outbox.put_back([fact.context])

    def _unbound(self, fact: Unbound, now: float) -> None:
        self.is_ready = False

    def _over(self, fact: Over, now: float) -> None:
        self.is_ready = False
        self.is_over = True


#: Who deals with each kind of fact; the others need nothing done.
_HANDLERS: Final[Mapping[type, Callable[[SmscLink, Any, float], None]]] = {
    BindRequest: SmscLink._bind,
    Request: SmscLink._request,
    Response: SmscLink._response,
    Unanswered: SmscLink._unanswered,
    Unbound: SmscLink._unbound,
    Over: SmscLink._over,
}

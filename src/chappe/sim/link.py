"""One connection of a simulator: moves octets between a socket and a session, and strikes link faults.

It must never know what messages mean, nor which side of which protocol it speaks: the subclasses deal with the facts.
"""

import asyncio
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, cast

from chappe.sim.faults import LinkFault

#: SO_LINGER on with zero seconds: closing resets the connection instead of ending it in order.
RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class LinkSession(Protocol):
    """A session, as its link drives it."""

    @property
    def room(self) -> int:
        """How many requests may be sent now."""

    def receive(self, octets: bytes, now: float) -> Sequence[object]:
        """What the peer says."""

    def tick(self, now: float) -> Sequence[object]:
        """What is due."""

    def take_octets(self) -> bytes:
        """Everything that is to be written."""

    def abandon(self) -> list[object]:
        """The connection is gone; the contexts of what is unanswered."""


class Owner(Protocol):
    """A simulator, as its links see it."""

    def now(self) -> float:
        """Monotonic seconds."""

    def soil(self, link: Any) -> None:
        """The link has something to write; it is flushed with the batch."""

    def opened(self, link: Any) -> None:
        """A connection came about."""

    def closed(self, link: Any, contexts: list[object]) -> None:
        """A connection ended, and requests with these contexts were not answered."""

    def finish_batch(self, now: float) -> None:
        """All that a link read at once was dealt with: write what is to be written."""


class Link(asyncio.Protocol, ABC):
    """Drives one session; `number` names the link in the ledger."""

    def __init__(self, owner: Owner, number: int) -> None:
        self.number: Final = number
        self.system_id = ""
        self.is_ready = False  # bound, and not about to end
        self.is_over = False
        self.transport: asyncio.Transport
        self._session: LinkSession
        self._owner = owner
        self._is_silent = False
        self._is_choked = False
        self._unwritten: list[bytes] = []
        self._handlers = self.handlers()

    @abstractmethod
    def new_session(self, now: float) -> LinkSession:
        """The session of a fresh connection."""

    @abstractmethod
    def handlers(self) -> Mapping[type, Callable[[Any, float], None]]:
        """Who deals with each kind of fact; the others need nothing done."""

    @abstractmethod
    def say_goodbye(self, now: float) -> None:
        """Tell the peer that this is the end, as far as the protocol has a word for it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a session."""
        # uvloop's transports are no subclass of asyncio.Transport.
        self.transport = cast(asyncio.Transport, transport)
        self._session = self.new_session(self._owner.now())
        self._owner.opened(self)

    def connection_lost(self, fault: Exception | None) -> None:
        """Give back what was not answered; another link does it."""
        self.is_ready, self.is_over = False, True
        self._owner.closed(self, self._session.abandon())

    def data_received(self, octets: bytes) -> None:
        """Handle all PDUs that are there, then answer them with one write."""
        now = self._owner.now()
        self._handle(self._session.receive(octets, now), now)
        self._owner.soil(self)
        self._owner.finish_batch(now)

    def tick(self, now: float) -> None:
        """Let the session's timers speak."""
        self._handle(self._session.tick(now), now)
        self._owner.soil(self)

    def pause_writing(self) -> None:
        """The peer does not read: take no more from it and give it no more."""
        self._is_choked = True
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._is_choked = False
        if not self._is_silent:
            self.transport.resume_reading()
        self._owner.finish_batch(self._owner.now())

    def room(self) -> int:
        """How many requests fit in the window now."""
        return 0 if self._is_silent or self._is_choked or not self.is_ready else self._session.room

    def strike(self, fault: LinkFault, now: float) -> None:
        """Let a fault happen to this link."""
        if fault is LinkFault.UNBIND:
            self._leave(now)
            return
        self._is_silent = True
        if fault is LinkFault.HALF_OPEN:
            self.transport.pause_reading()
        elif fault is LinkFault.CUT:
            self.reset()

    def flush(self, now: float) -> None:
        """Write what the session has to say, unless a fault keeps this link silent."""
        self._handle(self._session.tick(now), now)
        octets = b"".join((*self._unwritten, self._session.take_octets()))
        self._unwritten.clear()
        if octets and not self._is_silent and not self.transport.is_closing():
            self.transport.write(octets)
        if self.is_over and not self._is_silent:
            self.transport.close()

    def close(self, now: float) -> None:
        """Say goodbye, and end the connection without waiting for the answer."""
        self._leave(now)
        self.is_over = True
        self.flush(now)
        self.transport.close()

    def reset(self) -> None:
        """End the connection at once, as a crashed host does; what was not written never is."""
        connection: socket.socket = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.transport.abort()

    def hide(self) -> None:
        """Drop what the session says next: its peer hears nothing of it."""
        self._session.take_octets()

    def keep(self) -> None:
        """Keep what the session has said so far, whatever is hidden next."""
        self._unwritten.append(self._session.take_octets())

    def _leave(self, now: float) -> None:
        self.is_ready = False
        self.say_goodbye(now)

    def end(self) -> None:
        """The session is over."""
        self.is_ready, self.is_over = False, True

    def _handle(self, facts: Sequence[object], now: float) -> None:
        handlers = self._handlers
        for fact in facts:
            handler = handlers.get(type(fact))
            if handler is not None:
                handler(fact, now)

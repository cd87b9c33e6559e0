"""One connection of an HTTP/1.1 server: its requests are answered one by one, in their order, and in time.

Of requests that come in one piece each waits for the answer to the one before; meanwhile nothing more is read.
This file must never know what is asked or answered.  RFC 9112 §9.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, cast

from chappe.net import http_limits as limits
from chappe.net.http_heads import KnownHeads
from chappe.net.http_message import BodyFault, Reply, Request
from chappe.net.http_reader import RequestReader
from chappe.net.tls import shown_by
from chappe.rules.certificates import Shown

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Serving(Protocol):
    """The server as its connections know it."""

    #: Octets of large bodies that are being read.
    reading: int
    known_heads: KnownHeads
    now: Callable[[], float]

    def joined(self, connection: "Connection") -> bool:
        """Take note of a connection; False when it is one too many."""
        ...

    def left(self, connection: "Connection") -> None:
        """Forget a connection."""
        ...

    def wants_body(self, request: Request) -> bool:
        """The rest of the body is worth reading."""
        ...

    def answer(self, request: Request) -> Reply | None:
        """What is to be told now; None when `request.answer` is called later."""
        ...

    def refuse(self, status: int, detail: str) -> Reply:
        """What is told to those who speak no HTTP."""
        ...


class Connection(asyncio.Protocol):
    """Has requests read, hands them to the server one by one, writes its replies."""

    def __init__(self, server: Serving) -> None:
        self._server = server
        self._reader = RequestReader(self, server.known_heads)
        self._transport: asyncio.Transport | None = None
        self.peer = ""
        self.is_tls = False
        self.certificate: Shown | None = None
        #: The request whose body is waited for, and what is set aside for that.
        self._admitted: Request | None = None
        self._reserved = 0
        self._is_to_invite = False
        self._answering: Request | None = None
        self._waiting: deque[Request | Reply] = deque()
        self._is_going_on = False
        self._has_asked = False
        self._is_clogged = False
        self._is_paused = False
        #: It ends after the answer that is under way.
        self._is_ending = False
        #: The last answer is written; what still comes is thrown away.
        self._is_lingering = False
        #: Since when it has been as it is.
        self._since = server.now()

    # -- asyncio ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer is there."""
        self._transport = cast(asyncio.Transport, transport)
        if not self._server.joined(self):
            self.abort()
            return
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if isinstance(peer, tuple) else ""
        self.is_tls = transport.get_extra_info("sslcontext") is not None
        if self.is_tls:
            self.certificate = shown_by(transport)
        self._transport.set_write_buffer_limits(high=limits.MAX_UNREAD)

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone; what is being answered is finished all the same, for nobody."""
        self._release()
        self._transport = None
        self._reader.end()
        self._waiting.clear()
        self._server.left(self)

    def data_received(self, data: bytes) -> None:
        """Read requests, and have the first one answered."""
        reader = self._reader
        if reader.is_over:
            return
        was_in_head = reader.is_in_head
        whole = reader.feed(data)
        if whole:
            self._waiting.extend(whole)
        if self._admitted is not None and self._admitted is not reader.unfinished:
            self._release()
        if reader.unfinished is not None:
            if self._admitted is None:
                self._admit(reader.unfinished)
        elif reader.is_in_head and not was_in_head:
            self._since = self._server.now()
        if reader.refusal is not None:
            self._waiting.append(self._server.refuse(*reader.refusal))
        self._go_on()

    def eof_received(self) -> bool:
        """The peer has said all: it still gets the answers to that."""
        self._reader.is_over = True
        self._is_ending = True
        return (self._answering is not None or bool(self._waiting)) and not self.is_tls

    def pause_writing(self) -> None:
        """The peer does not read its answers."""
        self._is_clogged = True
        self._since = self._server.now()
        self._pace()

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._is_clogged = False
        self._since = self._server.now()
        self._go_on()

    # -- bodies that do not come with their heads ---------------------------------------------------

    def _admit(self, request: Request) -> None:
        """Is there reason and room to wait for the rest of a body?"""
        self._since = self._server.now()
        length = request.headers.get("content-length")
        octets = limits.MAX_BODY if length is None else int(length)
        reserved = octets if octets > limits.SMALL_BODY else 0
        if not self._server.wants_body(request):
            self._waiting.append(self._reader.give_up(BodyFault.UNWANTED))
        elif reserved and self._server.reading + reserved > limits.MAX_BODIES:
            self._waiting.append(self._reader.give_up(BodyFault.TOO_MANY))
        else:
            self._admitted = request
            self._reserved = reserved
            self._server.reading += reserved
            # Some clients wait to be asked for a large body.  RFC 9110 §10.1.1.
            asks = request.headers.get("expect", "").lower() == "100-continue"
            self._is_to_invite = asks and not self._reader.has_body_begun

    def _release(self) -> None:
        self._admitted = None
        self._is_to_invite = False
        self._server.reading -= self._reserved
        self._reserved = 0

    # -- patience -----------------------------------------------------------------------------------

    def look(self, now: float) -> None:
        """End a connection whose patience with its peer is over."""
        transport = self._transport
        if transport is None or now - self._since < self._patience_s():
            return
        if self._is_clogged or self._is_lingering or transport.is_closing():
            transport.abort()
        elif self._admitted is not None:
            self._release()
            self._waiting.append(self._reader.give_up(BodyFault.TOO_SLOW))
            self._go_on()
        elif self._answering is None:
            transport.close()

    def _patience_s(self) -> float:
        # What is closed ends when the peer has read its answers.
        if self._is_clogged or (self._transport is not None and self._transport.is_closing()):
            return limits.BODY_WITHIN_S
        if self._is_lingering:
            return limits.LINGER_S
        if self._admitted is not None:
            return limits.BODY_WITHIN_S
        is_asking = self._reader.is_in_head or not self._has_asked
        return limits.HEADERS_WITHIN_S if is_asking else limits.KEEP_ALIVE_S

    # -- answers ------------------------------------------------------------------------------------

    def reply(self, request: Request, reply: Reply) -> None:
        """Write the answer to the request in hand, and go on with the next."""
        if request is self._answering:
            self._write(request, reply)
            self._go_on()

    def _go_on(self) -> None:
        """Have waiting requests answered, in order, as far as that goes now."""
        if self._is_going_on:
            return
        self._is_going_on = True
        waiting = self._waiting
        while waiting and self._answering is None and not self._is_clogged:
            due = waiting.popleft()
            if isinstance(due, Reply):
                self._write(None, due)
                continue
            self._has_asked = True
            self._answering = due
            reply = self._server.answer(due)
            if reply is not None:
                self._write(due, reply)
        self._is_going_on = False
        if self._is_to_invite and self._answering is None and not waiting and self._transport is not None:
            self._is_to_invite = False
            self._transport.write(_CONTINUE)
        self._pace()

    def _write(self, request: Request | None, reply: Reply) -> None:
        """Write the answer to a request; None: to what was none."""
        self._answering = None
        transport = self._transport
        if transport is None:
            return
        self._since = self._server.now()
        is_last = request is None or request.is_last or (self._is_ending and not self._waiting)
        closes = is_last or reply.closes
        transport.write(reply.encode(has_body=request is None or request.method != "HEAD", closes=closes))
        if closes:
            self._end(request is None or request.body_fault is not None)

    def _end(self, is_unread: bool) -> None:
        """The last answer is written.  Where the peer may still be sending, a close would take the answer with it."""
        assert self._transport is not None
        self._reader.is_over = True
        self._waiting.clear()
        self._release()
        if not is_unread:
            self._transport.close()
            return
        self._is_lingering = True
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _pace(self) -> None:
        """Read no further while requests wait."""
        should_pause = bool(self._waiting) or self._is_clogged
        if should_pause is not self._is_paused and self._transport is not None:
            self._is_paused = should_pause
            if should_pause:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    # -- the end ------------------------------------------------------------------------------------

    def finish(self) -> None:
        """End after the answers that are under way, or at once."""
        self._is_ending = True
        if self._answering is None and not self._waiting and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End at once."""
        if self._transport is not None:
            self._transport.abort()

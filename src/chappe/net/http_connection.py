"""One connection of an HTTP/1.1 server: octets in, requests out, replies in the order of their requests.

Requests that come in one piece are answered one after the other; while one waits, nothing more is read.
This file must never know what is asked or answered.  RFC 9112.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from chappe.net import http_limits as limits
from chappe.net.http_message import BodyFault, Reply, Request

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
#: Names of headers as they came → as text in lower case.  Few differ; a flood of made-up ones empties it.
_names: dict[bytes, str] = {}
_MAX_NAMES: Final = 1_000


class Serving(Protocol):
    """The server as its connections know it."""

    #: Octets of large bodies that are being read.
    reading: int
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


class _HeadTooLong(Exception):
    """More octets or lines than a head may have."""


class Connection(asyncio.Protocol):
    """Reads requests, hands them to the server one by one, writes its replies."""

    def __init__(self, server: Serving) -> None:
        self._server = server
        self._parser = HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self.peer = ""
        self.is_tls = False
        # What is being read: a head, then the body of `_request`.
        self._is_in_head = True
        self._target = b""
        self._headers: dict[str, str] = {}
        self._head_octets = 0
        self._head_lines = 0
        self._request: Request | None = None
        self._body: bytes | bytearray = b""
        self._is_admitted = False
        self._reserved = 0
        self._is_to_invite = False
        # What is being answered.
        self._answering: Request | None = None
        self._waiting: deque[Request | Reply] = deque()
        self._is_going_on = False
        # How the connection is.
        self._is_clogged = False
        self._is_paused = False
        #: Nothing more is read as a request.
        self._is_deaf = False
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
        self._transport.set_write_buffer_limits(high=limits.MAX_UNREAD)

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone; what is being answered is finished all the same, for nobody."""
        self._release()
        self._transport = None
        self._is_deaf = True
        self._waiting.clear()
        self._server.left(self)

    def data_received(self, data: bytes) -> None:
        """Read requests and have the first one answered."""
        if self._is_deaf:
            return
        was_in_head = self._is_in_head
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            # Whoever offers another protocol is answered in this one: RFC 9110 §7.8.
            self._end_after_waiting()
        except HttpParserError:
            self._break_off()
        else:
            if self._request is not None:
                if not self._is_admitted:
                    self._admit(self._request)
            elif self._is_in_head:
                self._stay_in_head(was_in_head, len(data))
        self._go_on()

    def eof_received(self) -> bool:
        """The peer has said all: it still gets the answers to that."""
        is_awaiting = self._answering is not None or bool(self._waiting)
        self._is_deaf = True
        self._end_after_waiting()
        return is_awaiting and not self.is_tls

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

    # -- what the parser finds ----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        self._is_in_head = True
        self._target = b""
        self._headers = {}
        self._head_octets = self._head_lines = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._target += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head."""
        self._head_lines += 1
        self._count(len(name) + len(value))
        known = _names.get(name) or _name(name)
        text = value.decode("utf-8", "surrogateescape")
        headers = self._headers
        headers[known] = f"{headers[known]}, {text}" if known in headers else text

    def _count(self, octets: int) -> None:
        self._head_octets += octets
        if self._head_octets > limits.MAX_HEAD or self._head_lines > limits.MAX_HEADERS:
            raise _HeadTooLong

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._is_in_head = False
        headers, parser = self._headers, self._parser
        is_last = not parser.should_keep_alive() or ("connection" in headers and parser.get_http_version() == "1.0")
        target = self._target.decode("latin-1")
        request = Request(parser.get_method().decode("ascii"), target, headers, self, is_last=is_last)
        self._request, self._body, self._is_admitted = request, b"", False
        if int(headers.get("content-length", "0")) > limits.MAX_BODY:
            self._give_up(BodyFault.TOO_LARGE)

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        if self._request is None:
            return
        if len(self._body) + len(piece) > limits.MAX_BODY:
            self._give_up(BodyFault.TOO_LARGE)
        elif not self._body:
            self._body = piece
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += piece

    def on_message_complete(self) -> None:
        """The request is whole."""
        request = self._request
        if request is not None and not self._is_deaf:
            request.body = bytes(self._body)
            self._waiting.append(request)
            self._is_deaf = request.is_last
        self._done_reading()

    def _done_reading(self) -> None:
        self._release()
        self._request, self._body, self._is_to_invite = None, b"", False

    # -- bounds -------------------------------------------------------------------------------------

    def _stay_in_head(self, was_in_head: bool, octets: int) -> None:
        """A head that comes in pieces has its time, and its room."""
        if not was_in_head:
            self._since = self._server.now()
            return
        # What was whole was counted already, line by line.
        self._head_octets += octets
        if self._head_octets > limits.MAX_HEAD * 2:
            self._break_off()

    def _admit(self, request: Request) -> None:
        """The body did not come with its head: is there reason and room to wait for it?"""
        self._is_admitted = True
        self._since = self._server.now()
        length = request.headers.get("content-length")
        octets = limits.MAX_BODY if length is None else int(length)
        reserved = octets if octets > limits.SMALL_BODY else 0
        if not self._server.wants_body(request):
            self._give_up(BodyFault.UNWANTED)
        elif reserved and self._server.reading + reserved > limits.MAX_BODIES:
            self._give_up(BodyFault.TOO_MANY)
        else:
            self._reserved = reserved
            self._server.reading += reserved
            # Some clients wait to be asked for a large body.  RFC 9110 §10.1.1.
            self._is_to_invite = not self._body and request.headers.get("expect", "").lower() == "100-continue"

    def _release(self) -> None:
        self._server.reading -= self._reserved
        self._reserved = 0

    def _give_up(self, fault: BodyFault) -> None:
        """Have a request answered without its body; it is the last one of this connection."""
        request = self._request
        assert request is not None
        request.body_fault, request.is_last = fault, True
        self._done_reading()
        self._is_deaf = True
        self._waiting.append(request)

    def _break_off(self) -> None:
        """What comes is no HTTP: say so behind the answers that are due, and end."""
        if self._is_deaf:
            return
        if self._request is not None:
            self._give_up(BodyFault.BROKEN)
            return
        self._is_deaf = True
        if self._head_octets > limits.MAX_HEAD or self._head_lines > limits.MAX_HEADERS:
            self._waiting.append(self._server.refuse(431, "The head of the request is too large."))
        else:
            self._waiting.append(self._server.refuse(400, "This is no HTTP/1.1."))

    def _end_after_waiting(self) -> None:
        self._is_deaf = True
        if self._waiting:
            last = self._waiting[-1]
            if isinstance(last, Request):
                last.is_last = True
        elif self._answering is not None:
            self._answering.is_last = True

    def look(self, now: float) -> None:
        """End a connection whose patience with its peer, or its peer's with it, is over."""
        transport = self._transport
        if transport is None:
            return
        waited_s = now - self._since
        if self._is_clogged:
            if waited_s >= limits.BODY_WITHIN_S:
                transport.abort()
        elif self._is_lingering:
            if waited_s >= limits.LINGER_S:
                transport.abort()
        elif self._request is not None:
            if waited_s >= limits.BODY_WITHIN_S:
                self._give_up(BodyFault.TOO_SLOW)
                self._go_on()
        elif self._answering is None and waited_s >= self._patience_s():
            transport.close()

    def _patience_s(self) -> float:
        return limits.HEADERS_WITHIN_S if self._is_in_head else limits.KEEP_ALIVE_S

    # -- answers ------------------------------------------------------------------------------------

    def reply(self, request: Request, reply: Reply) -> None:
        """Write the answer to the request in hand, and go on with the next."""
        if request is not self._answering:
            return
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
        self._answering = None
        transport = self._transport
        if transport is None:
            return
        self._since = self._server.now()
        closes = request is None or request.is_last or reply.closes or self._is_ending
        transport.write(reply.encode(has_body=request is None or request.method != "HEAD", closes=closes))
        if closes:
            self._end(request is None or request.body_fault is not None)

    def _end(self, is_unread: bool) -> None:
        """The last answer is written.  Where the peer may still be sending, a close would take the answer with it."""
        assert self._transport is not None
        self._is_deaf = True
        self._waiting.clear()
        if self._request is not None:
            self._done_reading()
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


def _name(name: bytes) -> str:
    if len(_names) >= _MAX_NAMES:
        _names.clear()
    known = _names[name] = name.decode("latin-1").lower()
    return known

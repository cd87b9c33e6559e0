"""From octets to requests: one connection's reading, within the bounds of a head and a body.

It must never know a socket, a clock, or what is asked.  RFC 9112.
"""

from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from chappe.net import http_limits as limits
from chappe.net.http_heads import KnownHeads
from chappe.net.http_message import Answering, BodyFault, Request

#: Names of headers as they came → as text in lower case.  Few differ; a flood of made-up ones empties it.
_names: dict[bytes, str] = {}
_MAX_NAMES: Final = 1_000


class _HeadTooLong(Exception):
    """More octets or lines than a head may have."""


class RequestReader:
    """Reads requests.  One that has no body for a `body_fault`, or is not whole, is the last."""

    def __init__(self, connection: Answering, heads: KnownHeads) -> None:
        self._connection = connection
        self._heads = heads
        self._parser = HttpRequestParser(self)
        self._whole: list[Request] = []
        self._target = b""
        self._headers: dict[str, str] = {}
        self._head_octets = 0
        self._head_lines = 0
        #: Octets that came behind the head since the body last grew.
        self._chaff_octets = 0
        self._body: bytes | bytearray = b""
        #: A request that offers another protocol; its body follows.
        self._declined: Request | None = None
        #: The request whose body is being read.
        self.unfinished: Request | None = None
        #: A head has begun and is not whole.
        self.is_in_head = False
        #: Nothing more is read.
        self.is_over = False
        #: Status and details of what is to be told when what came is no HTTP.
        self.refusal: tuple[int, str] | None = None

    @property
    def has_body_begun(self) -> bool:
        """Octets of the unfinished request's body are there."""
        return bool(self._body)

    def feed(self, data: bytes) -> list[Request]:
        """Read what came: the requests that are whole now, in order."""
        if self.is_over:
            return []
        was_in_head = self.is_in_head
        is_fresh = not was_in_head and self.unfinished is None
        if is_fresh and (known := self._heads.split(data)) is not None:
            head, body = known
            return [Request(head.method, head.path, head.query, head.headers, self._connection, body=body)]
        growing, octets = self.unfinished, len(self._body)
        self._parse(data)
        if growing is not None and growing is self.unfinished:
            self._count_chaff(len(data), len(self._body) > octets)
        whole, self._whole = self._whole, []
        if self.is_in_head and was_in_head:
            self._count_piece(len(data))
        elif is_fresh and len(whole) == 1 and not self.is_over and not self.is_in_head and self.unfinished is None:
            self._heads.remember(data, whole[0])
        return whole

    def give_up(self, fault: BodyFault) -> Request:
        """The unfinished request without its body, to be answered as the last one."""
        request = self.unfinished
        assert request is not None
        request.body_fault, request.is_last = fault, True
        self.unfinished, self._body = None, b""
        self.is_over = True
        return request

    def end(self) -> None:
        """Read nothing more, and let go of what holds on to this reader."""
        self.is_over = True
        self.unfinished = None
        if hasattr(self, "_parser"):
            del self._parser, self._connection

    def _parse(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                self._parser.feed_data(rest)
            except HttpParserUpgrade as offer:
                if self.is_over:
                    return
                rest = rest[int(offer.args[0]) :]
                if not self._decline():
                    return
            except HttpParserError:
                self._break_off()
                return
            else:
                return

    def _decline(self) -> bool:
        """Read on as if nothing were offered; False when it cannot be said how long the body is.

        Whoever offers another protocol goes on in this one: RFC 9110 §7.8.

        Java's HttpClient offers HTTP/2 with its first POST.  The parser would let go of the body: one that has not
        seen the offer reads it.
        """
        self._parser = HttpRequestParser(self)
        headers = self._headers
        name = "transfer-encoding" if "transfer-encoding" in headers else "content-length"
        head = f"POST / HTTP/1.1\r\n{name}: {headers.get(name, '0')}\r\n\r\n"
        try:
            self._parser.feed_data(head.encode("utf-8", "surrogateescape"))
        except HttpParserError:
            self._break_off()
        return not self.is_over or self._declined is None

    def _break_off(self) -> None:
        if self.is_over:
            return
        self.is_over = True
        if self.unfinished is not None:
            self._whole.append(self.give_up(BodyFault.BROKEN))
        elif self._head_octets > limits.MAX_HEAD or self._head_lines > limits.MAX_HEADERS:
            self.refusal = (431, "The head of the request is too large.")
        else:
            self.refusal = (400, "This is no HTTP/1.1.")

    def _count_piece(self, octets: int) -> None:
        """A head that comes in pieces has room for no more than one that comes whole, within a factor of two."""
        self._head_octets += octets
        if self._head_octets > limits.MAX_HEAD * 2:
            self._break_off()

    def _count_chaff(self, octets: int, has_grown: bool) -> None:
        """What is no body (extensions of chunks, lines behind the last one) has no more room than a head."""
        self._chaff_octets = 0 if has_grown else self._chaff_octets + octets
        if self._chaff_octets > limits.MAX_HEAD * 2:
            self._break_off()

    # -- what the parser finds ----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        self.is_in_head = True
        if self._declined is not None:
            return
        self._target = b""
        self._headers = {}
        self._head_octets = self._head_lines = self._chaff_octets = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        if self._declined is not None:
            return
        self._target += url
        self._head_octets += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head."""
        if self._declined is not None:
            return
        self._head_lines += 1
        self._head_octets += len(name) + len(value)
        if self._head_octets > limits.MAX_HEAD or self._head_lines > limits.MAX_HEADERS:
            raise _HeadTooLong
        if not self.is_in_head:
            # A line behind the last chunk: nothing of it may pass for what the head says.  RFC 9110 §6.5.1.
            return
        known = _names.get(name) or _name(name)
        text = value.decode("utf-8", "surrogateescape")
        headers = self._headers
        headers[known] = f"{headers[known]}, {text}" if known in headers else text

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self.is_in_head = False
        self._body = b""
        if self._declined is not None:
            self.unfinished, self._declined = self._declined, None
            return
        headers, parser = self._headers, self._parser
        if self._head_octets > limits.MAX_HEAD:
            raise _HeadTooLong
        # Of HTTP/1.0 only clients that name it know how to keep a connection, and to them it is not worth the words.
        is_last = not parser.should_keep_alive() or ("connection" in headers and parser.get_http_version() == "1.0")
        path, _, query = self._target.decode("latin-1").partition("?")
        method = parser.get_method().decode("ascii")
        request = Request(method, path, query, headers, self._connection, is_last=is_last)
        if parser.should_upgrade():
            self._declined = request
            request.is_last |= method == "CONNECT"
            return
        self.unfinished = request
        if int(headers.get("content-length", "0")) > limits.MAX_BODY:
            self._whole.append(self.give_up(BodyFault.TOO_LARGE))

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        if self.unfinished is None:
            return
        if len(self._body) + len(piece) > limits.MAX_BODY:
            self._whole.append(self.give_up(BodyFault.TOO_LARGE))
        elif not self._body:
            self._body = piece
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += piece

    def on_message_complete(self) -> None:
        """The request is whole."""
        request = self.unfinished
        if request is not None and not self.is_over:
            request.body = bytes(self._body)
            self._whole.append(request)
            self.is_over = request.is_last
        self.unfinished, self._body = None, b""


def _name(name: bytes) -> str:
    if len(_names) >= _MAX_NAMES:
        _names.clear()
    known = _names[name] = name.decode("latin-1").lower()
    return known

"""An HTTP/1.1 server for machines: few headers, bounded bodies, no patience with the slow.

aiohttp reads requests; an answer is one write of octets made here, for under load that is where the time goes.
This file must never know what is asked or answered.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_request import BaseRequest

#: Connections that are open at the same time; further ones are closed at once.
MAX_CONNECTIONS: Final = 20_000
#: Longest body; 10,000 messages of several parts fit.
MAX_BODY: Final = 16 * 1024 * 1024
#: Octets of all bodies that are being read, those up to `SMALL_BODY` aside.
MAX_BODIES: Final = 256 * 1024 * 1024
SMALL_BODY: Final = 64 * 1024
#: How long a request may take from its first octet (or the connection's first moment) to the end of its headers.
HEADERS_WITHIN_S: Final = 10.0
#: How long a body may take.
BODY_WITHIN_S: Final = 30.0
#: How long a connection may stay without a request.
KEEP_ALIVE_S: Final = 75.0
#: How long what remains of a refused body is read, for the client to find the answer.
LINGER_S: Final = 2.0
#: Octets of answers that a peer may leave unread before its next request waits.
MAX_UNREAD: Final = 256 * 1024
#: How often connections without a request are looked at.
LOOK_EVERY_S: Final = 1.0
BACKLOG: Final = 4096

JSON: Final = "application/json"

_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_HEADS: dict[tuple[int, str], bytes] = {}

Answer = Callable[[BaseRequest], Awaitable["Reply"]]


class BodyTooLarge(Exception):
    """More octets than are taken."""


class BodyTooSlow(Exception):
    """The body did not come in time."""


class TooManyBodies(Exception):
    """Large bodies of others are being read: there is no room for one more now."""


class BrokenBody(Exception):
    """The body ended before its end, or its chunks are none."""


class Reply(web.StreamResponse):
    """A whole answer.  `headers` are lines of octets, each with its CR LF; length, date and type are added."""

    # aiohttp's own response keeps a dozen things that an answer of one write has no use for.
    def __init__(
        self, status: int, body: bytes, content_type: str = JSON, *, headers: bytes = b"", closes: bool = False
    ) -> None:
        self.code = status
        self.octets = body
        self.content_type_line = content_type
        self.lines = headers
        self.closes = closes
        self._request: BaseRequest | None = None

    @property
    def status(self) -> int:
        """The status code."""
        return self.code

    @property
    def keep_alive(self) -> bool | None:
        """The connection goes on after this answer."""
        return not self.closes

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Take note of whom to answer."""
        self._request = request
        if not request.keep_alive:
            self.closes = True
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Write the answer.  Raises: ConnectionResetError when nobody is there any more."""
        request = self._request
        transport = request.transport if request is not None else None
        if request is None or transport is None:
            raise ConnectionResetError("the client is gone")
        close = b"Connection: close\r\n" if self.closes else b""
        head = _HEADS.get((self.code, self.content_type_line)) or _head(self.code, self.content_type_line)
        body = b"" if request.method == "HEAD" else self.octets
        length = len(self.octets)
        transport.write(b"%b%b%b%bContent-Length: %d\r\n\r\n%b" % (head, _date(), close, self.lines, length, body))
        if transport.get_write_buffer_size() > MAX_UNREAD:
            await _drained(request, transport)


async def _drained(request: BaseRequest, transport: asyncio.Transport) -> None:
    """Wait for a peer that does not read its answers; one that never does is cut off."""
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            await request.writer.drain()
    except TimeoutError:
        transport.abort()


def _head(status: int, content_type: str) -> bytes:
    head = f"{_LINES[status]}Content-Type: {content_type}\r\n".encode("ascii")
    _HEADS[status, content_type] = head
    return head


_dates: dict[int, bytes] = {}


def _date() -> bytes:
    """The Date line; the same second is written once.  RFC 9110 §6.6.1."""
    second = int(time.time())
    line = _dates.get(second)
    if line is None:
        _dates.clear()
        line = _dates[second] = f"Date: {formatdate(second, usegmt=True)}\r\n".encode("ascii")
    return line


class HttpServer(web.Server):
    """Listens, bounds connections, bodies and patience, and has every request answered."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(
            answer,
            request_factory=_request,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_S,
            lingering_time=LINGER_S,
            auto_decompress=False,
            logger=_logger(),
        )
        self._listening: asyncio.Server | None = None
        #: Octets of large bodies that are being read.
        self._reading = 0
        #: Connections that have not sent a whole request yet → loop time until which they may.
        self._silent_until: dict[web.RequestHandler, float] = {}
        self._time = asyncio.get_running_loop().time

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Open the door; returns the port.  Raises: OSError."""
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self, host, port, ssl=tls, backlog=BACKLOG)
        return int(self._listening.sockets[0].getsockname()[1])

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Count a new connection, or close it at once."""
        super().connection_made(handler, transport)
        self._silent_until[handler] = self._time() + HEADERS_WITHIN_S
        if len(self._connections) > MAX_CONNECTIONS:
            transport.abort()

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Forget a connection."""
        self._silent_until.pop(handler, None)
        super().connection_lost(handler, exc)

    def heard(self, request: BaseRequest) -> None:
        """A whole head of a request came: its connection may now stay silent for as long as others."""
        if self._silent_until:
            self._silent_until.pop(request.protocol, None)

    async def keep_time(self) -> None:
        """Close connections that never say what they want, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now = self._time()
            late = [handler for handler, until in self._silent_until.items() if until <= now]
            for handler in late:
                self._silent_until.pop(handler, None)
                handler.force_close()

    async def body_of(self, request: BaseRequest) -> bytes:
        """The whole body.  Raises: BodyTooLarge, BodyTooSlow, TooManyBodies, BrokenBody."""
        length = request.content_length
        if length is not None and length > MAX_BODY:
            raise BodyTooLarge
        if request.content.is_eof():
            return self._read_now(request)
        reserved = MAX_BODY if length is None else length if length > SMALL_BODY else 0
        if reserved and self._reading + reserved > MAX_BODIES:
            raise TooManyBodies
        self._reading += reserved
        try:
            self._invite(request)
            async with asyncio.timeout(BODY_WITHIN_S):
                return await self._read(request)
        except TimeoutError:
            raise BodyTooSlow from None
        finally:
            self._reading -= reserved

    def _read_now(self, request: BaseRequest) -> bytes:
        """A body that came whole with its head, as nearly all do."""
        try:
            body = request.content.read_nowait()
        except web.RequestPayloadError as error:
            raise BrokenBody(str(error)) from error
        if len(body) > MAX_BODY:
            raise BodyTooLarge
        return body

    async def _read(self, request: BaseRequest) -> bytes:
        try:
            return await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise BodyTooLarge from None
        except web.RequestPayloadError as error:
            raise BrokenBody(str(error)) from error

    def _invite(self, request: BaseRequest) -> None:
        """Some clients wait to be asked for a large body.  RFC 9110 §10.1.1."""
        transport = request.transport
        if transport is not None and request.headers.get("Expect", "").lower() == "100-continue":
            transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def close(self) -> None:
        """Close the door and every connection; answers that are under way get a second."""
        if self._listening is not None:
            self._listening.close()
        self.pre_shutdown()
        await self.shutdown(1.0)


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> BaseRequest:
    """aiohttp's request, with our bound on its body."""
    return BaseRequest(message, payload, protocol, writer, task, protocol._loop, client_max_size=MAX_BODY)


def _logger() -> logging.Logger:
    """Diagnostics of the server; what peers do wrong is answered and is no news."""
    logger = logging.getLogger("chappe.http")
    if not logger.filters:
        logger.addFilter(_is_ours)
    return logger


def _is_ours(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, (HttpProcessingError, ConnectionError))

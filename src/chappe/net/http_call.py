"""One HTTP/1.1 call to somebody else's server, and the connection that carries it: octets in, an answer out.

Redirects are not followed; of an answer only the beginning is kept.  It must never know what is said in a call.
"""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Protocol, cast
from urllib.parse import urlsplit

import msgspec
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

#: Octets of an answer that are kept; who sends more is not read to the end.
MAX_ANSWER: Final = 65_536
MAX_HEAD: Final = 16_384
#: Octets of an answer that are read at all, its chunks and whatever else there is in it.
MAX_OCTETS: Final = 4 * MAX_ANSWER
_RETRY_AFTER: Final = b"retry-after"
_CONTENT_TYPE: Final = b"content-type"


class Endpoint(msgspec.Struct, frozen=True):
    """Where a URL leads."""

    is_tls: bool
    host: str
    port: int
    #: What the Host header says.
    authority: str
    #: Path and query.
    target: str

    @property
    def key(self) -> tuple[bool, str, int]:
        """Calls with the same key may share a connection."""
        return self.is_tls, self.host, self.port


@lru_cache(maxsize=4096)
def endpoint_of(url: str) -> Endpoint:
    """Read a URL.  Raises: ValueError, saying what is wrong with it."""
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("has characters that a URL must spell by %")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError("expected http:// or https://")
    if not parts.hostname:
        raise ValueError("names no host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("carries a user name or password")
    is_tls = parts.scheme == "https"
    port = parts.port
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Endpoint(is_tls, parts.hostname, port or (443 if is_tls else 80), parts.netloc, target)


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What came of a call: a status and the beginning of a body, or, with status 0, why there is none."""

    status: int
    body: bytes = b""
    retry_after: str = ""
    fault: str = ""
    content_type: str = ""


class Call(msgspec.Struct):
    """One request on its way.  `context` is the caller's own."""

    endpoint: Endpoint
    octets: bytes
    context: Any
    #: Monotonic seconds.
    began_at: float = 0.0
    is_repeated: bool = False
    #: Its octets went to a connection: who knows what has become of them.
    is_written: bool = False


class Calling(Protocol):
    """Whoever owns connections, as they know it."""

    now: Callable[[], float]

    def done(self, connection: "Connection", call: Call, answer: Answer, *, is_kept: bool) -> None:
        """A call has ended."""
        ...

    def lost(self, connection: "Connection", call: Call, why: str, *, was_idle: bool) -> None:
        """A connection ended before the answer; `was_idle`: it was kept from an earlier call, and said nothing."""
        ...


class Connection(asyncio.Protocol):
    """One connection; one call at a time."""

    def __init__(self, calls: Calling, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.is_open = False
        self.began_at = 0.0
        self._calls = calls
        self._call: Call | None = None
        #: It was used before this call.
        self._is_used = False
        self._transport: asyncio.Transport | None = None
        self._parser = HttpResponseParser(self)
        self._clear()

    def _clear(self) -> None:
        self._status = 0
        self._retry_after = self._content_type = ""
        self._body = b""
        self._octets = 0
        self._has_heard = False
        self._is_whole = False
        self._may_keep = False
        self._is_too_long = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The host is there."""
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def send(self, call: Call) -> None:
        """Write a request."""
        assert self._transport is not None
        self._call, self.began_at = call, call.began_at
        call.is_written = True
        self._transport.write(call.octets)

    def data_received(self, data: bytes) -> None:
        """Read an answer."""
        if self._call is None:
            # Nobody asked.
            self.close()
            return
        self._has_heard = True
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._is_whole, self._may_keep = True, False
        except HttpParserError as error:
            self.give_up(f"no HTTP: {error}")
            return
        self._octets += len(data)
        # Behind a status there may be lines without end too, which the parser gathers.
        self._is_too_long |= self._octets > (MAX_HEAD if self._status < 200 else MAX_OCTETS)
        if self._is_whole or (self._is_too_long and self._status >= 200):
            self._end(is_kept=self._may_keep and not self._is_too_long)
        elif self._is_too_long:
            self.give_up("a head without end")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head."""
        if len(name) == len(_RETRY_AFTER) and name.lower() == _RETRY_AFTER:
            self._retry_after = value.decode("latin-1").strip()
        elif len(name) == len(_CONTENT_TYPE) and name.lower() == _CONTENT_TYPE:
            self._content_type = value.decode("latin-1").strip()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._status = self._parser.get_status_code()

    def on_body(self, piece: bytes) -> None:
        """A piece of the body; what is beyond the bound is not kept, and not waited for."""
        if len(self._body) + len(piece) > MAX_ANSWER:
            self._is_too_long = True
        else:
            self._body += piece

    def on_message_complete(self) -> None:
        """An answer is whole; one of 1xx is none.  RFC 9110 §15.2."""
        if self._status >= 200:
            # Asked later, the parser speaks of the next answer.
            self._is_whole, self._may_keep = True, self._parser.should_keep_alive()
        else:
            self._status = 0

    def connection_lost(self, exc: Exception | None) -> None:
        """The host is gone."""
        self.is_open = False
        call = self._call
        if call is None:
            return
        if self._status >= 200:
            # An answer without length ends with its connection.
            self._end(is_kept=False)
            return
        self._call = None
        why = "the connection was closed before the answer" if exc is None else f"the connection broke: {exc}"
        self._calls.lost(self, call, why, was_idle=self._is_used and not self._has_heard)

    def give_up(self, why: str) -> None:
        """Wait no longer.  Of an answer whose status has come the rest is not needed."""
        call, self._call = self._call, None
        status, retry_after = self._status, self._retry_after
        self.close()
        if call is not None:
            answer = Answer(status, b"", retry_after) if status >= 200 else Answer(0, fault=why)
            self._calls.done(self, call, answer, is_kept=False)

    def forget(self) -> None:
        """End the connection; nobody hears what becomes of its call."""
        self._call = None
        self.close()

    def close(self) -> None:
        """End the connection without waiting for anything."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def _end(self, *, is_kept: bool) -> None:
        call, self._call = self._call, None
        assert call is not None
        answer = Answer(self._status, self._body, self._retry_after, "", self._content_type)
        is_kept = is_kept and self.is_open
        if is_kept:
            self._clear()
            self._is_used = True
            self.began_at = self._calls.now()
        else:
            self.close()
        self._calls.done(self, call, answer, is_kept=is_kept)

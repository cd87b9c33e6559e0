"""A request and its reply, as those who serve pages and APIs see them.

This file must never know of sockets, nor of what is asked or answered.
"""

import time
from collections.abc import Mapping
from email.utils import formatdate
from enum import Enum
from http import HTTPStatus
from typing import Final, Protocol

from chappe.rules.certificates import Shown

JSON: Final = "application/json"
NO_STORE: Final = b"Cache-Control: no-store\r\n"
_CLOSE: Final = b"Connection: close\r\n"

_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_NO_ARGS: Final[Mapping[str, str]] = {}
_heads: dict[tuple[int, str], bytes] = {}
_dates: dict[int, bytes] = {}


class BodyFault(Enum):
    """Why a request came without its body."""

    #: Its route did not want it: `Route.wants_body`.
    UNWANTED = "unwanted"
    TOO_LARGE = "too large"
    TOO_SLOW = "too slow"
    #: Large bodies of others are being read: there is no room for one more now.
    TOO_MANY = "too many"
    #: It ended before its end, or its chunks are none.
    BROKEN = "broken"


class Reply:
    """A whole answer.  `headers` are lines of octets, each with its CR LF; length, date and type are added."""

    __slots__ = ("body", "closes", "content_type", "headers", "status")

    def __init__(
        self, status: int, body: bytes, content_type: str = JSON, *, headers: bytes = b"", closes: bool = False
    ) -> None:
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers = headers
        #: The connection ends after this answer.
        self.closes = closes

    def encode(self, *, has_body: bool = True, closes: bool = False) -> bytes:
        """The octets of the answer; without its body for HEAD.  RFC 9110 §9.3.2."""
        head = _heads.get((self.status, self.content_type)) or _head(self.status, self.content_type)
        close = _CLOSE if closes or self.closes else b""
        body = self.body
        return b"%b%b%b%bContent-Length: %d\r\n\r\n%b" % (
            head,
            _date(),
            close,
            self.headers,
            len(body),
            body if has_body else b"",
        )


class Answering(Protocol):
    """Whoever carries a reply to the one who asked."""

    peer: str
    is_tls: bool
    certificate: Shown | None

    def reply(self, request: "Request", reply: Reply) -> None:
        """Send a reply to a request; it is lost when the peer is gone."""
        ...


class Request:
    """One request, its body read whole or `body_fault` saying why not.

    `path` is as the peer wrote it, without the query; names of `headers` are in lower case, and lines of one name are
    joined.  `args` has what the route's pattern names.
    """

    __slots__ = ("_connection", "args", "body", "body_fault", "headers", "is_last", "method", "path", "query")

    def __init__(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        connection: Answering,
        *,
        body: bytes = b"",
        is_last: bool = False,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.body_fault: BodyFault | None = None
        self.args = _NO_ARGS
        #: The connection ends after its answer.
        self.is_last = is_last
        self._connection = connection

    @property
    def peer(self) -> str:
        """The address of the peer, without its port."""
        return self._connection.peer

    @property
    def is_tls(self) -> bool:
        """It came encrypted."""
        return self._connection.is_tls

    @property
    def certificate(self) -> Shown | None:
        """The certificate that the peer has shown."""
        return self._connection.certificate

    def answer(self, reply: Reply) -> None:
        """Answer now what its handler left open by returning None."""
        self._connection.reply(self, reply)


def _head(status: int, content_type: str) -> bytes:
    head = f"{_LINES[status]}Content-Type: {content_type}\r\n".encode("ascii")
    _heads[status, content_type] = head
    return head


def _date() -> bytes:
    """The Date line; the same second is written once.  RFC 9110 §6.6.1."""
    second = int(time.time())
    line = _dates.get(second)
    if line is None:
        _dates.clear()
        line = _dates[second] = f"Date: {formatdate(second, usegmt=True)}\r\n".encode("ascii")
    return line

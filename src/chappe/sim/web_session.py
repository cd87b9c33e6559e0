"""The server's side of one HTTP/1.1 connection, as a simulated operator sees it: requests in, answers out.

It must never know what is asked or answered.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec
from httptools import HttpParserError, HttpRequestParser


class WebRequest(msgspec.Struct, frozen=True):
    """One request; names of headers are in lower case."""

    number: int
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    def fields(self) -> dict[str, str]:
        """The parameters of its URL, those of its form behind them; text that is no UTF-8 keeps its octets."""
        pairs = parse_qsl(self.query, keep_blank_values=True, errors="surrogateescape")
        if "form" in self.headers.get("content-type", ""):
            pairs += parse_qsl(self.body.decode("latin-1"), keep_blank_values=True, errors="surrogateescape")
        return dict(pairs)


class WebOver(msgspec.Struct, frozen=True):
    """What comes is no HTTP."""


class WebReply(msgspec.Struct, frozen=True):
    """One answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"


class WebSession:
    """Cuts requests out of octets; answers go out as they come."""

    def __init__(self) -> None:
        self._parser = HttpRequestParser(self)
        self._facts: list[WebRequest | WebOver] = []
        self._out: list[bytes] = []
        self._count = 0
        self.on_message_begin()

    #: A connection of the peer's carries no requests of ours.
    room = 0

    def receive(self, octets: bytes, now: float) -> list[WebRequest | WebOver]:
        """What the peer asks."""
        try:
            self._parser.feed_data(octets)
        except HttpParserError:
            self._facts.append(WebOver())
        facts, self._facts = self._facts, []
        return facts

    def tick(self, now: float) -> list[object]:
        """Nothing is ever due."""
        return []

    def take_octets(self) -> bytes:
        """Everything that is to be written."""
        octets = b"".join(self._out)
        self._out.clear()
        return octets

    def abandon(self) -> list[object]:
        """Nothing was asked."""
        return []

    def respond(self, reply: WebReply) -> None:
        """Answer."""
        head = f"HTTP/1.1 {reply.status} Simulated\r\nContent-Type: {reply.content_type}\r\n"
        if reply.status == 204:
            self._out.append(f"{head}\r\n".encode())
        else:
            self._out.append(f"{head}Content-Length: {len(reply.body)}\r\n\r\n".encode() + reply.body)

    # -- called by the parser -----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._url = self._body = b""
        self._headers: dict[str, str] = {}

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, piece: bytes) -> None:
        self._body += piece

    def on_message_complete(self) -> None:
        path, _, query = self._url.decode("latin-1").partition("?")
        self._count += 1
        method = self._parser.get_method().decode()
        self._facts.append(WebRequest(self._count, method, path, query, self._headers, self._body))

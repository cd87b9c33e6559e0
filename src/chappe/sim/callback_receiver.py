"""The web server of a simulated client: takes callbacks, keeps a ledger of them, and misbehaves as its script says.

It shares no code with what calls back: whatever it reads, it reads by the published shapes.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, cast

import msgspec
from httptools import HttpParserError, HttpRequestParser

from chappe.sim.faults import Action, Event, LinkFault
from chappe.sim.ledger import Entry, Kind, Ledger
from chappe.sim.receipts import FINAL_STATS
from chappe.sim.script import Faults
from chappe.sim.tags import tag_of

#: A status of the API → the word that ledgers have for it.
STATS: Final = {
    "delivered": "DELIVRD",
    "failed": "UNDELIV",
    "expired": "EXPIRED",
    "rejected": "REJECTD",
    "cancelled": "DELETED",
    "sent": "ENROUTE",
    "buffered": "ACCEPTD",
    "unknown": "UNKNOWN",
}
#: What SMPP refusals of a script are over HTTP; another status below 100 is 500.
_HTTP_STATUSES: Final = {0x58: 429, 0x14: 503}
_ENDLESS_EVERY_S: Final = 0.01


class Received(msgspec.Struct, frozen=True):
    """One request: its headers (names in lower case), its body, and the status that it got, 0 for none."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    at: float

    @property
    def callbacks(self) -> list[dict[str, Any]]:
        """What it carried."""
        found = json.loads(self.body)
        return found if isinstance(found, list) else [found]


class CallbackReceiver:
    """Listens where a client wants to be called back."""

    def __init__(
        self,
        faults: Faults | None = None,
        ledger: Ledger | None = None,
        *,
        reply: str = "",
        keeps: bool = True,
        on_receipt: Callable[[str], None] = lambda message_id: None,
        on_callback: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        """`reply` is the text that MO are answered with; `on_receipt` hears of messages that are told as ended.

        `on_callback` hears everything.
        """
        self._on_callback = on_callback
        self.received: list[Received] = []
        self.counts: Counter[str] = Counter()
        self.faults = faults or Faults()
        self._ledger = ledger or Ledger.of("", keeps=False)
        self._reply = reply
        self._keeps = keeps
        self._on_receipt = on_receipt
        self._random = Random(self.faults.seed)
        self._started_at = time.monotonic()
        self._links = 0
        self._connections: set[_Connection] = set()

    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Open the server; returns the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), host, port, backlog=1_000)
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """End all connections."""
        self._server.close()
        for connection in list(self._connections):
            connection.end()
        self._ledger.flush()

    def webhook_ids(self) -> list[str]:
        """The names of all callbacks that were answered with yes, in order."""
        taken = (each for each in self.received if 200 <= each.status < 300)
        return [callback["id"] for each in taken for callback in each.callbacks]

    # -- for its connections ------------------------------------------------------------------------

    def joined(self, connection: "_Connection") -> int:
        """A connection is there; returns its number."""
        self._links += 1
        self._connections.add(connection)
        self._note(Kind.LINK_UP, detail=f"link={self._links}")
        return self._links

    def left(self, connection: "_Connection") -> None:
        """A connection has ended."""
        self._connections.discard(connection)
        self._note(Kind.LINK_DOWN, detail=f"link={connection.number}")
        self._ledger.flush()

    def take(self, path: str, headers: dict[str, str], body: bytes, link: int) -> tuple[Action, int, bytes]:
        """Judge one request: what to do, the status and the body of the answer."""
        self.counts["requests"] += 1
        now = time.monotonic()
        action = self.faults.judge(Event.CALLBACK, now - self._started_at, self.counts["requests"], self._random)
        status, told = 200 if self._reply else 204, b""
        if action.status:
            status = _HTTP_STATUSES.get(action.status, action.status if action.status >= 100 else 500)
        is_answered = action.may_answer and action.link_fault is None
        if self._keeps:
            self.received.append(Received(path, headers, body, status if is_answered else 0, now))
        if status < 300:
            try:
                told = self._read(body, f"link={link}" if is_answered else f"link={link} unanswered=1")
            except (ValueError, KeyError, TypeError):
                self.counts["unreadable"] += 1
                status = 400
            # What a peer was told is in the file before it is told.
            self._ledger.flush()
        return action, status, told

    def _read(self, body: bytes, how: str) -> bytes:
        found = json.loads(body)
        callbacks: Sequence[dict[str, Any]] = found if isinstance(found, list) else [found]
        told = b""
        for callback in callbacks:
            self.counts["callbacks"] += 1
            if self._on_callback is not None:
                self._on_callback(callback)
            if callback["type"] == "message.inbound":
                self._read_inbound(callback["data"], how)
                told = json.dumps({"reply": {"text": self._reply}}).encode() if self._reply else b""
            else:
                self._read_status(callback["data"], how)
        return told if not isinstance(found, list) else b""

    def _read_status(self, data: dict[str, Any], how: str) -> None:
        stat = STATS[data["status"]]
        self.counts["statuses"] += 1
        self._note(Kind.RECEIPT, "", data["id"], data["to"], "", f"{how} stat={stat}")
        if stat in FINAL_STATS:
            self.counts["receipts"] += 1
            self._on_receipt(data["id"])

    def _read_inbound(self, data: dict[str, Any], how: str) -> None:
        self.counts["mo"] += 1
        codec = "utf-16-be" if data["data_coding"] == 8 else "latin-1"
        octets = bytes.fromhex(data["binary"]) if data["text"] is None else data["text"].encode(codec, "replace")
        tag = tag_of(octets, data["data_coding"])
        detail = f"{how} dcs={data['data_coding']} octets={octets.hex()}"
        self._note(Kind.MO, tag, "", data["from"], data["to"], detail)

    def _note(self, kind: Kind, *fields: str, detail: str = "") -> None:
        entry = Entry(time.monotonic_ns(), kind, *fields)
        self._ledger.append(entry._replace(detail=detail) if detail else entry)


class _Connection(asyncio.Protocol):
    """One connection of the gateway."""

    def __init__(self, receiver: CallbackReceiver) -> None:
        self._receiver = receiver
        self._parser = HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._is_deaf = False
        self.number = 0
        self.on_message_begin()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.number = self._receiver.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._receiver.left(self)

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            self.end()

    def on_message_begin(self) -> None:
        self._path = self._body = b""
        self._headers: dict[str, str] = {}

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode("latin-1")

    def on_body(self, piece: bytes) -> None:
        self._body += piece

    def on_message_complete(self) -> None:
        receiver = self._receiver
        action, status, body = receiver.take(self._path.decode(), self._headers, self._body, self.number)
        if action.link_fault is LinkFault.CUT:
            self.end()
        elif action.link_fault is not None or not action.may_answer:
            self._is_deaf = True
        elif action.answer_after_s:
            asyncio.get_running_loop().call_later(action.answer_after_s, self._answer, action, status, body)
        else:
            self._answer(action, status, body)

    def end(self) -> None:
        """Reset the connection."""
        self._is_deaf = True
        if self._transport is not None:
            self._transport.abort()

    def _answer(self, action: Action, status: int, body: bytes) -> None:
        if self._transport is None:
            return
        head = f"HTTP/1.1 {status} Simulated\r\n"
        if action.retry_after_s:
            head += f"Retry-After: {action.retry_after_s}\r\n"
        if 300 <= status < 400:
            head += "Location: /elsewhere\r\n"
        if action.is_body_endless:
            self._is_deaf = True
            self._transport.write(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
            self._write_on()
        elif status == 204:
            self._transport.write(head.encode() + b"\r\n")
        else:
            self._transport.write(head.encode() + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def _write_on(self) -> None:
        """A body without end."""
        if self._transport is not None:
            self._transport.write(b"400\r\n" + b"." * 1024 + b"\r\n")
            asyncio.get_running_loop().call_later(_ENDLESS_EVERY_S, self._write_on)

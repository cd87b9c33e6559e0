"""A simulated look-up of numbers' networks: answers GET /NUMBER and POST lists from a table, in time or not.

It must never know who asks, nor why.
"""

import asyncio
import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from chappe.sim.web_session import WebOver, WebReply, WebRequest, WebSession

#: Octets of one request at most.
MAX_BODY: Final = 1_000_000


class LookupSimulator:
    """Listens on loopback while it is entered.  Every field may be changed meanwhile."""

    def __init__(
        self,
        network_by_number: Mapping[str, str],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        delay_s: float = 0.0,
        token: str = "",
        failures: int = 0,
    ) -> None:
        """`token`: who asks must bear it; empty lets anyone ask."""
        self.network_by_number = dict(network_by_number)
        self.host, self.port = host, port
        self.delay_s = delay_s
        self.token = token
        #: So many requests, from now on, are answered with `status_of_failure`.
        self.failures = failures
        self.status_of_failure = 503
        #: Nobody is answered while it is set.
        self.is_silent = False
        #: The numbers of each request that came.
        self.requests: list[list[str]] = []
        self._connections: set[_Connection] = set()

    async def __aenter__(self) -> "LookupSimulator":
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in list(self._connections):
            connection.abort()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{self.host}:{self.port}"

    def reply(self, request: WebRequest) -> WebReply | None:
        """The answer to a request; None for none."""
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            return WebReply(401, b'{"error":"who are you?"}')
        numbers = _numbers_of(request)
        if numbers is None:
            return WebReply(400, b'{"error":"expected a list of numbers"}')
        self.requests.append(numbers)
        if self.is_silent:
            return None
        if self.failures:
            self.failures -= 1
            return WebReply(self.status_of_failure, b'{"error":"not now"}')
        found: list[dict[str, str]] = [
            {"number": each, "network": self.network_by_number[each]}
            for each in numbers
            if each in self.network_by_number
        ]
        if request.method == "POST":
            return WebReply(200, json.dumps({"results": found}).encode())
        return WebReply(200, json.dumps(found[0]).encode()) if found else WebReply(404, b'{"error":"nobody knows it"}')

    def counts(self) -> dict[str, int]:
        """What was asked so far."""
        return {"requests": len(self.requests), "numbers": sum(map(len, self.requests))}

    def opened(self, connection: "_Connection") -> None:
        """Somebody has come."""
        self._connections.add(connection)

    def closed(self, connection: "_Connection") -> None:
        """Somebody has gone."""
        self._connections.discard(connection)


def read_table(path: Path) -> dict[str, str]:
    """Numbers and networks, from lines `NUMBER,NETWORK`.  Raises: OSError, ValueError."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.reader(file) if line and not line[0].startswith("#")]
    if any(len(line) != 2 for line in lines):
        raise ValueError("expected lines NUMBER,NETWORK")
    return {number.strip().lstrip("+"): network.strip() for number, network in lines}


class _Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, simulator: LookupSimulator) -> None:
        self._simulator = simulator
        self._session = WebSession()
        self._transport: asyncio.Transport | None = None
        self._octets = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember it."""
        self._transport = cast(asyncio.Transport, transport)
        self._simulator.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._transport = None
        self._simulator.closed(self)

    def abort(self) -> None:
        """End it."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Answer whatever is whole."""
        self._octets += len(data)
        for fact in self._session.receive(data, 0.0):
            if isinstance(fact, WebOver) or self._octets > MAX_BODY:
                self.abort()
                return
            self._octets = 0
            reply = self._simulator.reply(fact)
            if reply is not None:
                asyncio.get_running_loop().call_later(self._simulator.delay_s, self._answer, reply)

    def _answer(self, reply: WebReply) -> None:
        if self._transport is not None:
            self._session.respond(reply)
            self._transport.write(self._session.take_octets())


def _numbers_of(request: WebRequest) -> list[str] | None:
    """What is asked about; None for what is no question."""
    if request.method != "POST":
        return [request.path.rpartition("/")[2]]
    try:
        told: Any = json.loads(request.body)
        return [str(each["number"]) for each in told["numbers"]]
    except (ValueError, KeyError, TypeError):
        return None

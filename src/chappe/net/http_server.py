"""An HTTP/1.1 server for machines: few headers, bounded bodies, no patience with the slow.

httptools reads requests; an answer is one write of octets, and costs no task unless its handler wants one.
This file must never know what is asked or answered.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from chappe.net import http_limits as limits
from chappe.net.door import Door
from chappe.net.http_connection import Connection
from chappe.net.http_heads import KnownHeads
from chappe.net.http_message import Reply, Request
from chappe.net.http_routes import Route, RouteTable
from chappe.net.tls import Credentials
from chappe.net.tls_door import Failed, door_for, ignore

_WITHOUT_BODY: Final = frozenset({"GET", "HEAD"})
#: Status and details → what a peer is told whose request no route takes or reads.
Refuse = Callable[[int, str], Reply]


def refuse_plainly(status: int, detail: str) -> Reply:
    """A refusal as a line of text."""
    return Reply(status, f"{detail}\n".encode(), "text/plain; charset=utf-8")


class HttpServer:
    """Listens, bounds connections, bodies and patience, and has every request answered."""

    def __init__(self, routes: Iterable[Route], refuse: Refuse = refuse_plainly) -> None:
        self._routes = RouteTable(routes)
        self.refuse = refuse
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time
        #: Octets of large bodies that are being read.
        self.reading = 0
        self._doors: list[Door] = []
        self.known_heads = KnownHeads()
        self._connections: set[Connection] = set()
        #: Answers that are awaited.
        self._tasks: set[asyncio.Task[None]] = set()
        self._next_look: asyncio.TimerHandle | None = None

    async def listen(
        self, host: str, port: int, tls: Credentials | None = None, *, failed: Failed = ignore, is_shared: bool = False
    ) -> int:
        """Open a door, beside those of other processes if it `is_shared`; returns the port.

        `failed` hears of TLS handshakes that were none.  Raises: OSError.
        """
        door = door_for(lambda: Connection(self), tls, failed)
        await door.listen(host, port, backlog=limits.BACKLOG, is_shared=is_shared)
        self._doors.append(door)
        if self._next_look is None:
            self._next_look = self._loop.call_later(limits.LOOK_EVERY_S, self._look)
        return door.port

    async def shut(self) -> None:
        """Let nobody in any more; who is in stays."""
        doors, self._doors = self._doors, []
        for door in doors:
            await door.close()

    async def close(self) -> None:
        """Close the door and every connection; answers that are under way get a second."""
        await self.shut()
        for connection in list(self._connections):
            connection.finish()
        until = self.now() + limits.CLOSE_WITHIN_S
        while self._connections and self.now() < until:
            await asyncio.sleep(0.01)
        if self._next_look is not None:
            self._next_look.cancel()
        for connection in list(self._connections):
            connection.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _look(self) -> None:
        now = self.now()
        for connection in list(self._connections):
            connection.look(now)
        self._next_look = self._loop.call_later(limits.LOOK_EVERY_S, self._look)

    # -- for connections ----------------------------------------------------------------------------

    def joined(self, connection: Connection) -> bool:
        """Take note of a connection; False when it is one too many."""
        self._connections.add(connection)
        return len(self._connections) <= limits.MAX_CONNECTIONS

    def left(self, connection: Connection) -> None:
        """Forget a connection."""
        self._connections.discard(connection)

    def wants_body(self, request: Request) -> bool:
        """The rest of the body is worth reading."""
        route = self._routes.find(request)
        if route is None:
            return False
        # Strangers may ask for pages, and must not thereby hold the room that is set aside for bodies.
        return route.wants_body(request) if route.wants_body else request.method not in _WITHOUT_BODY

    def answer(self, request: Request) -> Reply | None:
        """What is to be told now; None when `request.answer` is called later."""
        route = self._routes.find(request)
        if route is None:
            return self._nothing_there(request)
        try:
            answer = route.answer(request)
        except Exception as error:  # noqa: BLE001 - one request that crashes its handler harms no other
            return self._crashed(request, error)
        if answer is None or isinstance(answer, Reply):
            return answer
        task = self._loop.create_task(self._await(request, answer), name=f"HTTP {request.method} {request.path[:80]}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return None

    async def _await(self, request: Request, answer: Awaitable[Reply]) -> None:
        try:
            reply = await answer
        except Exception as error:  # noqa: BLE001 - as above
            reply = self._crashed(request, error)
        request.answer(reply)

    def _crashed(self, request: Request, error: Exception) -> Reply:
        """Our bug, not the peer's: loud here, and an answer there."""
        context = {"message": f"HTTP {request.method} {request.path[:200]} crashed its handler", "exception": error}
        self._loop.call_exception_handler(context)
        reply = self.refuse(500, "The gateway failed to answer; its log says why.")
        reply.closes = True
        return reply

    def _nothing_there(self, request: Request) -> Reply:
        allowed = ", ".join(self._routes.allowed_at(request))
        path = request.path[:200]
        if not allowed:
            return self.refuse(404, f"There is nothing at {path}.")
        reply = self.refuse(405, f"{request.method[:20]} is not allowed at {path}; {allowed} is.")
        reply.headers += f"Allow: {allowed}\r\n".encode("ascii")
        return reply

"""Connections to one host over which a bounded number of calls are under way, and none is ever repeated.

Who calls hears of each call exactly once: its answer, or why there is none and whether its octets had left.
It must never know what is said in a call.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from chappe.net.http_call import Answer, Call, Connection, Endpoint
from chappe.net.tls_dial import why_lost

#: A connection that nobody has used for so long is closed: many servers do so themselves after five seconds, and a
#: request that meets such an end leaves a doubt.
KEEP_S: Final = 4.0


class HttpLine:
    """All connections of one link."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        limit: int,
        timeout_s: float,
        dial: Callable[[Callable[[], Connection]], Awaitable[Connection]],
        write: Callable[[Connection, Call], None],
        on_answer: Callable[[Call, Answer], None],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        now: Callable[[], float],
    ) -> None:
        """`dial(make)` opens a connection (Raises: OSError), `write` sends a call over one, `spawn` starts a task."""
        self.endpoint = endpoint
        self.now = now
        self._limit = limit
        self._timeout_s = timeout_s
        self._dial = dial
        self._write = write
        self._on_answer = on_answer
        self._spawn = spawn
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._opening: dict[int, Call] = {}
        self._is_closed = False

    @property
    def busy(self) -> int:
        """Calls that are under way."""
        return len(self._busy) + len(self._opening)

    @property
    def room(self) -> int:
        """How many more calls may begin."""
        return self._limit - self.busy

    async def open(self) -> None:
        """Prove that the host is there.  Raises: OSError."""
        self._keep(await self._dial(self._make))

    def begin(self, call: Call) -> None:
        """Send a request, over a connection that is there or a new one."""
        call.began_at = self.now()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                self._send(connection, call)
                return
        self._opening[id(call)] = call
        self._spawn(self._open_for(call))

    def look(self) -> None:
        """End calls that have taken too long, and connections that nobody uses."""
        now = self.now()
        for connection in [each for each in self._busy if now - each.began_at >= self._timeout_s]:
            connection.give_up(f"no answer within {self._timeout_s:g} s")
        for connection in [each for each in self._idle if now - each.began_at >= KEEP_S or not each.is_open]:
            self._idle.remove(connection)
            connection.close()

    def close(self) -> None:
        """Close everything; nobody hears any more of calls that are under way."""
        self._is_closed = True
        for connection in [*self._busy, *self._idle]:
            connection.forget()
        self._busy.clear()
        self._idle.clear()
        self._opening.clear()

    def _make(self) -> Connection:
        return Connection(self, self.endpoint)

    def _send(self, connection: Connection, call: Call) -> None:
        self._busy.add(connection)
        self._write(connection, call)

    async def _open_for(self, call: Call) -> None:
        fault = ""
        connection = None
        try:
            async with asyncio.timeout(self._timeout_s):
                connection = await self._dial(self._make)
        except TimeoutError:
            fault = f"no connection within {self._timeout_s:g} s"
        except (OSError, UnicodeError) as error:
            fault = why_lost(error, self.endpoint.host)
        if self._opening.pop(id(call), None) is None or self._is_closed:
            # The line was closed meanwhile: whoever did so has the call again.
            if connection is not None:
                connection.close()
            return
        if connection is None or not connection.is_open:
            self._on_answer(call, Answer(0, fault=fault or "the connection was closed at once"))
            return
        self._send(connection, call)

    def _keep(self, connection: Connection) -> None:
        connection.began_at = self.now()
        self._idle.append(connection)

    # -- what connections tell ----------------------------------------------------------------------

    def done(self, connection: Connection, call: Call, answer: Answer, *, is_kept: bool) -> None:
        """A call has ended."""
        self._busy.discard(connection)
        if is_kept and not self._is_closed:
            self._keep(connection)
        self._on_answer(call, answer)

    def lost(self, connection: Connection, call: Call, why: str, *, was_idle: bool) -> None:
        """A connection ended before the answer: also one that was kept may have carried the request."""
        self._busy.discard(connection)
        self._on_answer(call, Answer(0, fault=why))

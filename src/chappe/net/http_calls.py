"""HTTP/1.1 calls to other people's servers: what one client may cost us, and not more.

A call takes no task and no future of its own: octets go out on a connection that is kept, and `on_answer` hears of the
end.  It must never know what is said in a call.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

from chappe.net.addresses import Resolver
from chappe.net.http_call import Answer, Call, Connection, Endpoint

#: A connection that was not used for so long is closed: many servers do so themselves not much later.
KEEP_S: Final = 30.0
#: Names that one client has looked up at the same time.
MAX_LOOK_UPS: Final = 2

OnAnswer = Callable[[Call, Answer], None]


class Calls:
    """All connections of one client of ours; at most `limit` at the same time."""

    def __init__(
        self,
        on_answer: OnAnswer,
        *,
        limit: int,
        timeout_s: float,
        may_be_private: Callable[[str, int], bool],
        resolver: Resolver,
        tls: Callable[[], ssl.SSLContext],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        now: Callable[[], float],
    ) -> None:
        """`may_be_private(host, port)`: that host may have an address of our own house; `spawn` starts a task."""
        self._on_answer = on_answer
        self._limit = limit
        self._timeout_s = timeout_s
        self._may_be_private = may_be_private
        self._resolver = resolver
        #: Names that one client has looked up at the same time: threads are few.
        self._look_ups = asyncio.Semaphore(MAX_LOOK_UPS)
        self._tls = tls
        self._spawn = spawn
        self.now = now
        self._idle: dict[tuple[bool, str, int], deque[Connection]] = {}
        self._idle_count = 0
        #: Those that have a call in hand.
        self._busy: set[Connection] = set()
        self._opening = 0

    @property
    def busy(self) -> int:
        """Calls that are under way."""
        return len(self._busy) + self._opening

    @property
    def room(self) -> int:
        """How many more calls may begin."""
        return self._limit - len(self._busy) - self._opening

    def change(self, *, limit: int, timeout_s: float, may_be_private: Callable[[str, int], bool]) -> None:
        """Other terms from the next call on."""
        self._limit, self._timeout_s, self._may_be_private = limit, timeout_s, may_be_private

    def begin(self, call: Call) -> None:
        """Send a request; `on_answer` is called later, never from here."""
        call.began_at = call.began_at or self.now()
        idle = self._idle.get(call.endpoint.key)
        while idle:
            connection = idle.pop()
            self._idle_count -= 1
            if connection.is_open:
                self._busy.add(connection)
                connection.send(call)
                return
        while self._idle_count and self.busy + self._idle_count >= self._limit:
            self._close_one_idle()
        self._opening += 1
        self._spawn(self._open(call))

    def look(self) -> bool:
        """End calls that have taken too long, and connections that nobody uses; True where calls were ended."""
        now = self.now()
        late = [each for each in self._busy if now - each.began_at >= self._timeout_s]
        for connection in late:
            connection.give_up(f"no answer within {self._timeout_s:g} s")
        for key, idle in list(self._idle.items()):
            while idle and now - idle[0].began_at >= KEEP_S:
                self._idle_count -= 1
                idle.popleft().close()
            if not idle:
                del self._idle[key]
        return bool(late)

    def close(self) -> None:
        """Close everything; calls that are under way are forgotten."""
        for connection in self._busy:
            connection.forget()
        while self._idle_count:
            self._close_one_idle()
        self._busy.clear()

    def _close_one_idle(self) -> None:
        key = next(each for each, idle in self._idle.items() if idle)
        self._idle[key].popleft().close()
        self._idle_count -= 1

    async def _open(self, call: Call) -> None:
        """Open a connection for a call, or say why there is none."""
        fault = ""
        connection = None
        try:
            async with asyncio.timeout(max(0.0, call.began_at + self._timeout_s - self.now())):
                connection = await self._connect(call.endpoint)
        except TimeoutError:
            fault = f"no connection within {self._timeout_s:g} s"
        except (OSError, UnicodeError) as error:
            fault = f"no connection: {error}"
        finally:
            self._opening -= 1
        if connection is None or not connection.is_open:
            self._on_answer(call, Answer(0, fault=fault or "the connection was closed at once"))
            return
        self._busy.add(connection)
        connection.send(call)

    async def _connect(self, endpoint: Endpoint) -> "Connection":
        """Try each address of the host.  Raises: OSError."""
        loop, host = asyncio.get_running_loop(), endpoint.host
        async with self._look_ups:
            found = await self._resolver.addresses_of(host, allow_private=self._may_be_private(host, endpoint.port))
        tls = self._tls() if endpoint.is_tls else None
        name = host if endpoint.is_tls else None
        fault: OSError | None = None
        for address in found:
            try:
                _, connection = await loop.create_connection(
                    lambda: Connection(self, endpoint), address, endpoint.port, ssl=tls, server_hostname=name
                )
            except OSError as error:
                fault = error
            else:
                return connection
        raise fault or OSError("no address")

    # -- what connections tell ----------------------------------------------------------------------

    def done(self, connection: "Connection", call: Call, answer: Answer, *, is_kept: bool) -> None:
        """A call has ended."""
        self._busy.discard(connection)
        if is_kept:
            self._idle.setdefault(connection.endpoint.key, deque()).append(connection)
            self._idle_count += 1
        self._on_answer(call, answer)

    def lost(self, connection: "Connection", call: Call, why: str, *, was_idle: bool) -> None:
        """A connection ended before the answer.  One that was closed while nobody used it says nothing of the host."""
        self._busy.discard(connection)
        if was_idle and not call.is_repeated:
            call.is_repeated = True
            self._opening += 1
            self._spawn(self._open(call))
        else:
            self._on_answer(call, Answer(0, fault=why))

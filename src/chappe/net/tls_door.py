"""A door that lets in whoever finishes a TLS handshake in time: strangers who do not cost bounded memory and files.

Each connection is shown the certificate as it is when it comes, so that a renewed one needs no new door.
It must never know what is spoken inside.
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Final, cast

from chappe.net.door import Door, Factory, emptied
from chappe.net.tls import Credentials

#: Connections that one turn of the loop accepts, and that may be in the midst of a handshake.
ACCEPT_AT_ONCE: Final = 100
MAX_HANDSHAKES: Final = 1_000
#: Pause after the process has run out of files.
NO_FILES_PAUSE_S: Final = 1.0
_NO_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

#: How long a handshake may take unless a door says otherwise, in seconds.
HANDSHAKE_S: Final = 10.0

#: Hears of handshakes that fail: the peer's address and why.
Failed = Callable[[str, str], None]


def ignore(peer: str, why: str) -> None:
    """Nobody wants to hear of it."""


def door_for(factory: Factory, tls: Credentials | None, failed: Failed, *, handshake_s: float = HANDSHAKE_S) -> Door:
    """A door that speaks TLS if it has credentials; `failed` hears of handshakes that were none."""
    return Door(factory) if tls is None else TlsDoor(factory, tls, handshake_s, failed)


class Arrival(asyncio.Protocol):
    """Stands at the door until the handshake is done, then leaves the connection to whom it is for."""

    def __init__(self, factory: Factory) -> None:
        self._factory = factory

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is done."""
        protocol = self._factory()
        cast(asyncio.Transport, transport).set_protocol(protocol)
        protocol.connection_made(transport)


class TlsDoor(Door):
    """A `Door` whose connections are encrypted."""

    def __init__(self, factory: Factory, credentials: Credentials, handshake_s: float, failed: Failed) -> None:
        super().__init__(factory)
        self._credentials = credentials
        self._handshake_s = handshake_s
        self._failed = failed
        self._listening: list[socket.socket] = []
        #: Handshakes under way, the oldest first.
        self._handshakes: dict[asyncio.Task[None], None] = {}

    async def serve(self, listening: socket.socket, backlog: int) -> None:
        """Let connections of this socket in."""
        listening.listen(backlog)
        self._listening.append(listening)
        self._look_at(listening)

    async def close(self) -> None:
        """Let nobody in any more but those who stand in the queue; handshakes under way may end."""
        loop = asyncio.get_running_loop()
        listening, self._listening = self._listening, []
        for each in listening:
            loop.remove_reader(each)
            each.close()
        spares, self._spares = self._spares, []
        for connection in [each for spare in spares for each in emptied(spare)]:
            self._let_in(connection)

    def _look_at(self, listening: socket.socket) -> None:
        if listening in self._listening:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            try:
                connection, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NO_FILES:
                    raise
                loop = asyncio.get_running_loop()
                loop.remove_reader(listening)
                loop.call_later(NO_FILES_PAUSE_S, self._look_at, listening)
                return
            connection.setblocking(False)
            self._let_in(connection)

    def _let_in(self, connection: socket.socket) -> None:
        if len(self._handshakes) >= MAX_HANDSHAKES:
            # The oldest goes: who means to come in has done so long since.
            oldest = next(iter(self._handshakes))
            oldest.cancel()
            # It ends in a later turn, and is not to give way twice: many may come in this one.
            del self._handshakes[oldest]
        task = asyncio.get_running_loop().create_task(self._shake_hands(connection), name="TLS handshake")
        self._handshakes[task] = None
        task.add_done_callback(lambda task: self._handshakes.pop(task, None))

    async def _shake_hands(self, connection: socket.socket) -> None:
        try:
            peer = str(connection.getpeername()[0])
        except OSError:
            connection.close()
            return
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Arrival(self._factory),
                connection,
                ssl=self._credentials.context,
                ssl_handshake_timeout=self._handshake_s,
            )
        except OSError as error:
            self._failed(peer, getattr(error, "reason", None) or error.strerror or str(error) or type(error).__name__)

"""A listening socket that several processes may share, and that is emptied before it closes.

It must never know what is spoken behind it.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

Factory = Callable[[], asyncio.BaseProtocol]

#: Connections that one call to close takes from the queue at most: a flood must not keep a door open.
MAX_WAITING: Final = 10_000


class Door:
    """Open from `listen` to `close`; `port` is the real one."""

    def __init__(self, factory: Factory) -> None:
        self._factory = factory
        self._servers: list[asyncio.Server] = []
        #: The same sockets once more: they go on listening when the loop has let go of them.
        self._spares: list[socket.socket] = []
        self.port = 0

    @classmethod
    async def open(cls, factory: Factory, host: str, port: int, *, is_shared: bool = False) -> "Door":
        """A door that listens.  Raises: OSError."""
        door = cls(factory)
        await door.listen(host, port, is_shared=is_shared)
        return door

    async def listen(self, host: str, port: int, *, backlog: int = 4096, is_shared: bool = False) -> None:
        """Listen on every address of a host, beside other processes if it `is_shared`.  Raises: OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        try:
            for family, address in dict.fromkeys((each[0], each[4]) for each in found):
                listening = _bound(family, (address[0], self.port or port, *address[2:]), is_shared=is_shared)
                self.port = int(listening.getsockname()[1])
                self._spares.append(listening.dup())
                await self.serve(listening, backlog)
        except OSError:
            await self.close()
            raise

    async def serve(self, listening: socket.socket, backlog: int) -> None:
        """Let connections of this socket in."""
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(self._factory, sock=listening, backlog=backlog))

    async def close(self) -> None:
        """Let nobody in any more but those who stand in the queue: the kernel would cut them off."""
        loop = asyncio.get_running_loop()
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        spares, self._spares = self._spares, []
        waiting = [each for spare in spares for each in emptied(spare)]
        for connection in waiting:
            with suppress(OSError):
                await loop.connect_accepted_socket(self._factory, connection)


def _bound(family: int, address: tuple[object, ...], *, is_shared: bool) -> socket.socket:
    """A socket at that address.  Raises: OSError."""
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
    except OSError as error:
        made.close()
        # `strerror` alone names no address.
        raise OSError(error.errno, f"{os.strerror(error.errno or 0)}: {address[0]}:{address[1]}") from error
    return made


def emptied(listening: socket.socket) -> list[socket.socket]:
    """Who stands in the queue; the door is shut in the same moment in which it is found empty."""
    found: list[socket.socket] = []
    with suppress(OSError):
        while len(found) < MAX_WAITING:
            connection, _ = listening.accept()
            connection.setblocking(False)
            found.append(connection)
    listening.close()
    return found

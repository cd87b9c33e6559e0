"""The desk of a box: a socket in its data folder where a person at this box asks to drain a node or to have it back.

Who may open the folder's files may ask.  It must never know what draining means.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from chappe.model.errors import GatewayError, ResourceError

#: Its name within the data folder.
SOCKET: Final = "box.sock"
#: Longest line that is asked or answered.
MAX_LINE_OCTETS: Final = 65_536


class Wish(msgspec.Struct, frozen=True):
    """What is asked: drain a node, or run it again."""

    node: str
    is_drain: bool = True


class Granted(msgspec.Struct, frozen=True):
    """What came of it; `fault` says why nothing did."""

    unanswered: int = 0
    fault: str = ""


class Desk:
    """Answers wishes one connection at a time each, until closed."""

    def __init__(self, folder: Path, grant: Callable[[Wish], Awaitable[Granted]]) -> None:
        self._folder = folder
        self._grant = grant
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Open the socket; one that a dead box left is taken away.  Raises: ResourceError."""
        try:
            with _short(self._folder) as path:
                with suppress(FileNotFoundError):
                    os.unlink(path)
                self._server = await asyncio.start_unix_server(self._serve, path, limit=MAX_LINE_OCTETS)
                os.chmod(path, 0o600)
        except OSError as error:
            raise ResourceError(f"{self._folder / SOCKET}: {error.strerror}") from error

    async def close(self) -> None:
        """Close it and take it away."""
        if self._server is not None:
            self._server.close()
            with suppress(OSError):
                os.unlink(self._folder / SOCKET)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            wish = msgspec.json.decode(await reader.readline(), type=Wish)
            try:
                granted = await self._grant(wish)
            except GatewayError as error:
                granted = Granted(fault=str(error))
            writer.write(msgspec.json.encode(granted) + b"\n")
            await writer.drain()
        except (OSError, ValueError):
            # Whoever asked is gone, or is no `chappe`.
            return
        finally:
            writer.close()


async def wish_at(folder: Path, wish: Wish) -> Granted:
    """Ask the box that works on a data folder, and wait for what comes of it.  Raises: ResourceError."""
    try:
        with _short(folder) as path:
            reader, writer = await asyncio.open_unix_connection(path, limit=MAX_LINE_OCTETS)
        writer.write(msgspec.json.encode(wish) + b"\n")
        answer = await reader.readline()
        writer.close()
        return msgspec.json.decode(answer, type=Granted)
    except OSError as error:
        raise ResourceError(f"no box works on {folder} ({error.strerror}); start one with: chappe up") from error
    except ValueError as error:
        raise ResourceError(f"the box on {folder} ended before it answered; look with: chappe status") from error


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """A path of the socket that is never too long for a socket's address, which has 107 octets."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)

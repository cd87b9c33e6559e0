"""HTTP without manners of its own: a request as it is written, and a web server that keeps what it is asked for."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress


async def ask(
    port: int, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> tuple[int, str, str]:
    """Status, body and content type of one request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = {"Host": "127.0.0.1", "Connection": "close", **(headers or {})}
    if method == "POST":
        lines["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    told, _, text = answer.partition(b"\r\n\r\n")
    kind = next(
        (line.partition(b":")[2].strip() for line in told.split(b"\r\n") if line.lower().startswith(b"content-type")),
        b"",
    )
    return int(told.split()[1]), text.decode(), kind.decode()


class Web:
    """A client's web server: keeps what it is asked for, and says `ok`."""

    def __init__(self, answer: bytes = b"ok", content_type: str = "text/plain") -> None:
        self.targets: list[str] = []
        self.bodies: list[bytes] = []
        self.answer = answer
        self._content_type = content_type

    async def listen(self) -> int:
        """Open it; returns the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Close it."""
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lines = head.lower().split("\r\n")
                length = next((int(line.partition(":")[2]) for line in lines if line.startswith("content-length")), 0)
                body = await reader.readexactly(length)
                self.targets.append(head.split(" ", 2)[1])
                self.bodies.append(body)
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b"
                    % (self._content_type.encode(), len(self.answer), self.answer)
                )
        writer.close()

"""An SMSC without manners of its own: whatever a test wants answered to each PDU, octet for octet."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from chappe.wire.smpp.framer import Framer
from house import Frame, framed

#: What is written in answer to a PDU; pieces are written one after the other, a moment apart.
Answer = Callable[[int], list[bytes]]

BINDS = (0x01, 0x02, 0x09)


class RawSmsc:
    """Listens; answers by command_id, and keeps what it got."""

    def __init__(self) -> None:
        self.port = 0
        self.got: list[Frame] = []
        #: By command_id; what is not named gets an empty answer with status 0.
        self.answers: Mapping[int, Answer] = {}
        self._writers: list[asyncio.StreamWriter] = []

    def write(self, octets: bytes) -> None:
        """Write on the newest connection."""
        self._writers[-1].write(octets)

    def said(self, command_id: int) -> list[tuple[int, int]]:
        """Status and sequence number of each PDU of a kind that came."""
        return [(status, number) for command, status, number, _ in self.got if command == command_id]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self._writers.append(writer)
        framer = Framer()
        try:
            while octets := await reader.read(65_536):
                for frame in framer.feed(octets):
                    self.got.append((frame[0], frame[1], frame[2], bytes(frame[3])))
                    await self._answer(frame[0], frame[2], writer)
        except ConnectionError:
            return
        writer.close()

    async def _answer(self, command: int, number: int, writer: asyncio.StreamWriter) -> None:
        if command & 0x8000_0000:
            return
        answer = self.answers.get(command, lambda number: [framed(command | 0x8000_0000, number=number)])
        for piece in answer(number):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)


@asynccontextmanager
async def raw_smsc() -> AsyncIterator[RawSmsc]:
    """A listening SMSC."""
    smsc = RawSmsc()
    server = await asyncio.start_server(smsc.serve, "127.0.0.1", 0)
    smsc.port = int(server.sockets[0].getsockname()[1])
    try:
        yield smsc
    finally:
        server.close()

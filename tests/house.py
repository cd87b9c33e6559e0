"""A whole gateway in the loop of a test, with real sockets around it: what journeys and abuse are told to.

It must never know what a test is about; it starts, waits, shows and stops.
"""

import asyncio
import functools
import inspect
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from chappe.assembly.gateway import Gateway as Assembly
from chappe.runtime.settings import Settings
from chappe.runtime.settings_client_doors import ClientSmpp, ClientUcp
from chappe.runtime.settings_clients import Client
from chappe.runtime.settings_gateway import Gateway, Listen
from chappe.runtime.settings_operators import Operator
from chappe.runtime.settings_profiles import Profile
from chappe.runtime.settings_routing import Direction, Route
from chappe.sim.client import ClientSimulator
from chappe.sim.options import ClientOptions, SmscOptions
from chappe.sim.script import Faults
from chappe.sim.smsc import SmscSimulator
from chappe.wire.smpp.codec import encode
from chappe.wire.smpp.pdus import BindTransceiver, Pdu

#: No test of a whole gateway may last longer.
PATIENCE_S = 60.0

#: The store of every gateway that is made here; a test may put a DSN in its place.
STORE = ["sqlite"]

#: (command_id, command_status, sequence_number, body)
Frame = tuple[int, int, int, bytes]


def journey(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test in a loop of its own."""

    @functools.wraps(test)
    def run(*values: Any, **named: Any) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(PATIENCE_S):
                await test(*values, **named)

        asyncio.run(bounded())

    run.__signature__ = inspect.signature(test)  # type: ignore[attr-defined]
    return run


class House:
    """A running gateway."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.gateway = Assembly(settings)
        self._stopping = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.gateway.start()
        self._blocks = await self.gateway.store.blocks_after(0, 1_000_000)
        self.gateway.store.on_block(self._blocks.append)
        self._work = asyncio.create_task(self.gateway.run(self._stopping), name="gateway")
        return self

    async def __aexit__(self, *fault: object) -> None:
        self._stopping.set()
        if fault[0] is not None:
            # The test has failed already: what it says matters, not how the gateway ends.
            self._work.cancel()
            await asyncio.wait([self._work], timeout=5)
            return
        await self._work

    @property
    def port(self) -> int:
        """Where clients bind."""
        return self.gateway.smpp_port

    async def until(self, condition: Callable[[], Any], patience_s: float = 10.0) -> None:
        """Wait until `condition` holds.  Raises: TimeoutError; whatever ended the gateway."""
        async with asyncio.timeout(patience_s):
            while not condition():
                self.check()
                await asyncio.sleep(0.005)

    def check(self) -> None:
        """Raise what ended the gateway, if anything did."""
        if self._work.done():
            self._work.result()
            raise AssertionError("the gateway ended of itself")

    def events(self, *names: str) -> list[list[str]]:
        """The events so far that have one of these names, each as its columns."""
        lines = [line.split(",") for block in self._blocks for line in block.lines.decode().splitlines()]
        return [line for line in lines if line[1] in names]

    def depth(self, queue: str) -> int:
        """How many items lie in a queue, leased or not."""
        return next((each.messages for each in self.gateway.store.depths() if each.queue == queue), 0)


def client(name: str = "demo", *, smpp: dict[str, Any] | None = None, **keys: Any) -> Client:
    """A client of the gateway whose system_id is its name."""
    terms = {"system_id": name, "password": "secret", "allowed": ("127.0.0.0/8",), **(smpp or {})}
    if "password_hash" in terms:
        del terms["password"]
    return Client(name=name, smpp=ClientSmpp(**terms), **keys)


def ucp_client(name: str = "demo", *, ucp: dict[str, Any] | None = None, **keys: Any) -> Client:
    """A client of the gateway that signs on over UCP by its name."""
    terms = {"system_id": name, "password": "secret", "allowed": ("127.0.0.0/8",), **(ucp or {})}
    if "password_hash" in terms:
        del terms["password"]
    return Client(name=name, ucp=ClientUcp(**terms), **keys)


def operator(port: int, name: str = "sim", **keys: Any) -> Operator:
    """An operator behind a simulated SMSC, with one link that is quick to come back."""
    terms = {"binds": 1, "reconnect_min_s": 0.05, "reconnect_max_s": 0.2, **keys}
    return Operator(name=name, address=f"127.0.0.1:{port}", system_id="chappe", password="secret", **terms)


def mt(*operators: str, **keys: Any) -> Route:
    """A route toward handsets."""
    return Route(direction=Direction.MT, operators=operators or ("sim",), **keys)


def mo(name: str = "demo", **keys: Any) -> Route:
    """A route from handsets."""
    return Route(direction=Direction.MO, client=name, **keys)


def settings_of(
    folder: Path,
    operators: Sequence[Operator],
    clients: Sequence[Client] = (),
    routes: Sequence[Route] = (),
    *,
    profile: Profile | None = None,
    session_init_s: float = 10.0,
) -> Settings:
    """Settings of a gateway on free ports that keeps everything in `folder`."""
    somewhere = "127.0.0.1:0"
    return Settings(
        gateway=Gateway(data_dir=str(folder), drain_s=1.0, store=STORE[0], allow_single_copy=True),
        listen=Listen(
            smpp=somewhere,
            http=somewhere,
            metrics=somewhere,
            ucp=somewhere if any(each.ucp for each in clients) else None,
            session_init_s=session_init_s,
        ),
        operators=tuple(operators),
        clients=tuple(clients) or (client(),),
        routes=tuple(routes) or (mt(), mo(clients[0].name if clients else "demo")),
        profiles={"default": profile or Profile()},
    )


@asynccontextmanager
async def small_house(
    folder: Path,
    *,
    smsc: SmscOptions | None = None,
    faults: Faults | None = None,
    of_operator: dict[str, Any] | None = None,
    clients: Sequence[Client] = (),
    routes: Sequence[Route] = (),
    profile: Profile | None = None,
    session_init_s: float = 10.0,
) -> AsyncIterator[tuple[House, SmscSimulator]]:
    """A gateway with one operator, whose links are bound."""
    async with SmscSimulator(smsc or SmscOptions(), faults) as simulator:
        keys = of_operator or {}
        settings = settings_of(
            folder,
            [operator(simulator.port, **keys)],
            clients,
            routes,
            profile=profile,
            session_init_s=session_init_s,
        )
        async with House(settings) as house:
            await house.until(lambda: sum(link.is_ready for link in simulator.links) == keys.get("binds", 1))
            yield house, simulator


@asynccontextmanager
async def bound(
    house: House, name: str = "demo", *, faults: Faults | None = None, **keys: Any
) -> AsyncIterator[ClientSimulator]:
    """A simulated client, bound."""
    port = house.gateway.ucp_port if keys.get("protocol") == "ucp" else house.port
    options = ClientOptions(port=port, system_id=name, password="secret", **keys)
    async with ClientSimulator(options, faults) as simulator:
        await simulator.until_bound()
        yield simulator


class Raw:
    """A bare connection: octets out, PDUs cut by their length in; it has no manners of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port: int) -> "Raw":
        """Connect, without binding."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    @classmethod
    async def bound(cls, port: int, name: str = "demo", password: str = "secret", **fields: Any) -> "Raw":
        """Connect and bind as transceiver."""
        raw = await cls.connect(port)
        answer = await raw.ask(BindTransceiver(name, password, **fields))
        assert answer[1] == 0, f"bind refused with {answer[1]:#x}"
        return raw

    def send(self, octets: bytes) -> None:
        """Write octets as they are."""
        self.writer.write(octets)

    def tell(self, command_id: int, body: bytes = b"", *, number: int = 1, status: int = 0) -> None:
        """Write a header and a body."""
        self.send(framed(command_id, body, number=number, status=status))

    async def read(self, patience_s: float = 10.0) -> Frame:
        """The next PDU.  Raises: TimeoutError; EOFError when the connection ended."""
        async with asyncio.timeout(patience_s):
            header = await self.reader.readexactly(16)
            length, command_id, status, number = struct.unpack(">IIII", header)
            return command_id, status, number, await self.reader.readexactly(length - 16)

    async def ask(self, pdu: Pdu, *, number: int = 1) -> Frame:
        """Write a PDU and return the next one that comes."""
        self.send(encode(pdu, number))
        return await self.read()

    async def ended(self, patience_s: float = 10.0) -> bytes:
        """Everything that still comes until the other side ends the connection.  Raises: TimeoutError."""
        async with asyncio.timeout(patience_s):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""

    async def is_alive(self, number: int = 4_000_000) -> bool:
        """Whether an enquire_link is answered."""
        self.tell(0x15, number=number)
        while True:
            answer = await self.read()
            if answer[0] == 0x8000_0015 and answer[2] == number:
                return True

    def close(self) -> None:
        """End the connection."""
        self.writer.close()


def framed(command_id: int, body: bytes = b"", *, number: int = 1, status: int = 0) -> bytes:
    """One PDU from its parts."""
    return struct.pack(">IIII", 16 + len(body), command_id, status, number) + body


async def gather_bounded(works: Sequence[Awaitable[Any]]) -> list[Any]:
    """Do all at once and return what each gives."""
    return list(await asyncio.gather(*works))

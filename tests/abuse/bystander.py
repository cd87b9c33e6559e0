"""A well-behaved client beside the others, and the memory of the process: what abuse must leave alone."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from chappe.sim.client import ClientSimulator
from chappe.wire.smpp.pdus import SubmitSm
from house import House, bound, client

#: The client that only wants its messages to be taken.
BYSTANDER = client("bystander")

MESSAGE = SubmitSm(destination_addr="37120009999", short_message=b"all is well")

#: How fast the gateway is, benchmarks say; a test only says that somebody's abuse does not stop it for others.
STALL_S = 5.0

_PAGE_OCTETS = 4096


class Latencies:
    """Seconds from a submit to its answer."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.is_over = False

    @property
    def has_stalled(self) -> bool:
        """An answer took far longer than a machine explains that has much else to do: the gateway stood still."""
        return max(self.seconds) > STALL_S


@asynccontextmanager
async def watched(house: House, pause_s: float = 0.005) -> AsyncIterator[Latencies]:
    """While this lasts a well-behaved client sends one message after another; each of them is taken."""
    latencies = Latencies()
    async with bound(house, "bystander") as bystander:
        work = asyncio.create_task(_send(bystander, latencies, pause_s))
        yield latencies
        latencies.is_over = True
        await work


async def _send(bystander: ClientSimulator, latencies: Latencies, pause_s: float) -> None:
    while not latencies.is_over:
        began = time.monotonic()
        answer = await bystander.ask(MESSAGE)
        latencies.seconds.append(time.monotonic() - began)
        assert answer.command_status == 0, f"the bystander was refused with {answer.command_status:#x}"
        await asyncio.sleep(pause_s)


def resident_octets() -> int:
    """Memory of this process that is in use now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_OCTETS

"""A story: one box, one operator, all the clients that there were so far, and the reckoning with all of them.

It must never say what a test is about.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from box_house import Box, Traffic, traffic

from chappe.sim.account import Account, account
from chappe.sim.ledger import Entry
from chappe.sim.smsc import SmscSimulator
from postgres_server import Reached

#: Longer than any story takes on a machine that does much else besides.
STORY_S: Final = 580

#: A client whose messages must not be sent twice.
VOTES: Final = """
[[clients]]
name = "votes"
premium = true
[clients.smpp]
system_id = "votes"
password = "secret"
max_binds = 100
retry_s = 0.5
"""


def over_postgres(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[[Reached, Path], None]:
    """Run an async test with a folder and the DSN of an empty database."""

    def run(postgres_server: Reached, tmp_path: Path) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(STORY_S):
                await test(tmp_path, postgres_server.new_database())

        asyncio.run(bounded())

    run.__name__ = test.__name__
    return run


class Story:
    """One box, one operator, and all the clients that there were so far."""

    def __init__(self, box: Box, operator: SmscSimulator) -> None:
        self.box = box
        self.operator = operator
        self._clients: list[Traffic] = []

    def traffic(self, **keys: Any) -> Any:
        """A client that joins; its messages are reckoned with from now on."""
        return traffic(self.box, self.operator, seen=self._clients, **keys)

    def account(self) -> Account:
        """What was lost or doubled so far."""
        ledgers: list[list[Entry]] = [self.operator.ledger.entries]
        return account([*ledgers, *(each.client.ledger.entries for each in self._clients)])

    async def is_replaced(self, name: str, before: int) -> None:
        """Wait until another process does the work of a node."""

        async def is_back() -> bool:
            return (await self.box.pids())[name] not in (0, before) and await self.box.is_ready()

        await self.box.until(is_back, f"does not start {name} again")


async def links_up(box: Box) -> int:
    """How many links of the operator are up, in all processes of a box."""
    operators = (await box.status())["operators"]
    return sum(link["state"] == "up" for operator in operators for link in operator["links"])


async def is_taken_for_dead(box: Box, node: str) -> bool:
    """Its run has ended in the store, whatever its process thinks."""
    return node not in {run["node"] for run in (await box.status())["fleet"]}


#: bind_transmitter as the client that there is.  SMPP 3.4 §4.1.1.
_WORDS: Final = b"acme\0secret\0\0\x34\0\0\0"
_BIND: Final = struct.pack(">IIII", 16 + len(_WORDS), 0x0000_0002, 0, 1) + _WORDS


class Knocking:
    """Clients that connect and bind, again and again: whoever takes a connection answers it, and none is cut."""

    def __init__(self, port: int, at_once: int = 4) -> None:
        self.answered = 0
        self._tasks = [asyncio.create_task(self._knock(port)) for _ in range(at_once)]

    async def _knock(self, port: int) -> None:
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(_BIND)
            answer = await reader.readexactly(16)
            assert answer[4:8] == bytes.fromhex("80000002"), answer
            self.answered += 1
            writer.close()
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Raises: what went wrong with a connection: OSError, EOFError, AssertionError."""
        for task in self._tasks:
            task.cancel()
        for end in await asyncio.gather(*self._tasks, return_exceptions=True):
            if not isinstance(end, asyncio.CancelledError):
                assert isinstance(end, BaseException)
                raise end

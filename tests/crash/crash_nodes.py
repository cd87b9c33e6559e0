"""The same gateway with each node a process over PostgreSQL: one of them is killed, or all at once.

The test is whoever starts them again, so that it alone says which of them is to die where.
"""

import asyncio
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from crash_gateway import DRAIN_S, Death, GatewayProcess
from crash_postgres import is_at_rest, read_database
from crash_store import Stored

from chappe.serving import FENCED

#: Several processes share the machine with their database: they take longer to get anywhere.
PATIENCE_S: Final = 250.0
#: Every kind of node that all traffic needs.
NODES: Final = ("client-smpp", "client-http", "operator:sim", "router", "counter")
#: Two of those whose work several can share.
PAIRS: Final = ("client-smpp", "client-smpp#2", "client-http", "operator:sim", "operator:sim#2", "router", "counter")
CALLBACK: Final = "callback"


class NodeProcesses(GatewayProcess):
    """One process for each node, of one box, over one database."""

    def __init__(self, folder: Path, operator_port: int, dsn: str, *, nodes: Sequence[str] = NODES, **terms: Any):
        """See `GatewayProcess`; with a `callback_port` there is a node for callbacks."""
        super().__init__(folder, operator_port, store=dsn, more="allow_single_copy = true", **terms)
        self._dsn = dsn
        self._nodes = (*nodes, *([CALLBACK] if terms.get("callback_port") else []))
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        #: Processes that stood still for so long that others took them for dead: a busy machine does that.
        self.fenced = 0
        #: When the last of them was started, Unix seconds.
        self._started_at_s = 0.0

    async def start(self, death: Death | None = None, *, wrapper: Sequence[str] = ()) -> None:
        """Start those that do not run, as a box does."""
        self._look()
        for name in self._nodes:
            if name not in self._processes:
                is_meant = death is not None and death.node == name
                self._started_at_s = time.time()
                self._processes[name] = await self._start_node(name, death if is_meant else None, wrapper)

    def _look(self) -> None:
        """Take note of those that ended since others took them for dead: a busy machine may let one stand still.

        Raises: AssertionError when one ended for another reason and nobody killed it.
        """
        for name, process in list(self._processes.items()):
            if process.returncode == FENCED:
                self.fenced += 1
                self.link_deaths += name.startswith("operator:")
                del self._processes[name]
            is_expected = process.returncode in (None, FENCED, -signal.SIGKILL)
            assert is_expected, f"{name} ended with {process.returncode}: {self.said}"

    async def _start_node(self, name: str, death: Death | None, wrapper: Sequence[str]) -> asyncio.subprocess.Process:
        node, _, number = name.partition("#")
        kind, _, of = node.partition(":")
        words = ["node", kind, *([of] if of else []), "--number", number or "1", "--metrics", "127.0.0.1:0"]
        return await self._started(words, death, wrapper)

    async def die(self, death: Death) -> None:
        """See one node die while the others go on, or all at once.

        One that runs and is to die at a certain point is killed first: a process learns of the point at its start.
        """
        if death.point is not None and death.node in self._processes:
            await self._kill(death.node)
        await self.start(death)
        if death.point is None:
            await asyncio.sleep(death.after_s)
            for name in [death.node] if death.node else list(self._processes):
                await self._kill(name)
            return
        try:
            async with asyncio.timeout(PATIENCE_S):
                while self._processes[death.node].returncode != -signal.SIGKILL:
                    await asyncio.sleep(0.05)
                    await self.start(death)
        except TimeoutError:
            raise AssertionError(f"{death.node} never reached {death}: {self.said}") from None
        del self._processes[death.node]
        self._count(death.node)

    async def ended(self, name: str, patience_s: float) -> int:
        """Wait until one node ends by itself; its exit code."""
        code = await asyncio.wait_for(self._processes[name].wait(), patience_s)
        del self._processes[name]
        return code

    async def _kill(self, name: str) -> None:
        process = self._processes.pop(name)
        assert process.returncode in (None, FENCED), f"{name} ended with {process.returncode}: {self.said}"
        if process.returncode is None:
            process.kill()
            await process.wait()
        self._count(name)

    def _count(self, name: str) -> None:
        """Only what has links to an operator can leave there what is sent again."""
        self.kills += 1
        self.link_deaths += name.startswith("operator:")

    async def stop(self, patience_s: float = DRAIN_S + 5.0) -> int:
        """Ask all to stop; the greatest of their exit codes."""
        self.signal(signal.SIGTERM)
        return await self.wait(patience_s)

    def signal(self, number: signal.Signals) -> None:
        """Send it to all."""
        for process in self._processes.values():
            if process.returncode is None:
                process.send_signal(number)

    async def wait(self, patience_s: float) -> int:
        """Wait until all have ended; the greatest of their exit codes."""
        codes: list[int] = []
        for name, process in list(self._processes.items()):
            try:
                code = await asyncio.wait_for(process.wait(), patience_s)
            except TimeoutError:
                raise AssertionError(f"{name} did not end within {patience_s:g} s: {self.said}") from None
            del self._processes[name]
            # One that had not come as far as to hear of it left nothing behind.
            codes.append(0 if code in (-signal.SIGTERM, FENCED) else abs(code))
        return max(codes, default=0)

    async def clean_up(self) -> None:
        """Leave no process behind."""
        for process in self._processes.values():
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def is_at_rest(self) -> bool:
        """Nothing waits in any queue, and all are at work: what was told to stop before that would say nothing.

        Raises: AssertionError when a process ended that nobody killed.
        """
        await self.start()
        return await is_at_rest(self._dsn, len(self._nodes), self._started_at_s)

    async def stored(self) -> Stored:
        """What they left behind."""
        return await read_database(self._dsn, self.data_dir)


def gateway_of(
    folder: Path, operator_port: int, dsn: str, *, nodes: Sequence[str] = NODES, **terms: Any
) -> GatewayProcess:
    """Processes over the database of this DSN; without one, one process over SQLite."""
    if dsn:
        return NodeProcesses(folder, operator_port, dsn, nodes=nodes, **terms)
    return GatewayProcess(folder, operator_port, **terms)

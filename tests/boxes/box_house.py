"""A box as an administrator runs it: `chappe up` over a real PostgreSQL, and simulated peers around its processes.

It must never know what a test is about, nor look into the store.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from chappe.box.desk import Wish, wish_at
from chappe.sim.account import Account, account
from chappe.sim.client import ClientSimulator
from chappe.sim.ledger import Entry
from chappe.sim.options import ClientOptions, SmscOptions
from chappe.sim.smsc import SmscSimulator
from orphans import dying_with_parent
from ports import free_port

#: A box that does not come up, or a state that does not come about, in so long never will.
PATIENCE_S: Final = 120.0
WINDOW_PDUS: Final = 50
LINKS: Final = 4
DRAIN_S: Final = 5.0
#: Longer than a lease: what stands still is taken for dead by the other nodes before its box ends it.
STALL_S: Final = 40.0

_SETTINGS: Final = """
[gateway]
data_dir = "{data_dir}"
store = "{dsn}"
box = "{box}"
nodes = {nodes}
allow_single_copy = {allow_single_copy}
drain_s = {drain_s}
stall_s = {stall_s}
[listen]
smpp = "{host}:{smpp_port}"
http = "{host}:{http_port}"
metrics = "{host}:{metrics_port}"
{pages}[[operators]]
name = "three"
address = "{operator_host}:{operator_port}"
system_id = "chappe"
password = "secret"
binds = {links}
window = {window_pdus}
reconnect_min_s = 0.05
reconnect_max_s = 0.5
retry_s = [0.2, 0.5]
{more}[[clients]]
name = "acme"
[clients.smpp]
system_id = "acme"
password = "secret"
max_binds = 100
retry_s = 0.5
[clients.http]
token = "acme-token"
[[routes]]
direction = "mt"
operators = ["three"]
[[routes]]
direction = "mo"
client = "acme"
via = "smpp"
"""

#: Two of each that can be several.
NODES: Final = ("client-smpp*2", "client-http", "operator:three*2", "router", "counter")


class Box:
    """One `chappe up` and its settings."""

    def __init__(
        self,
        folder: Path,
        dsn: str,
        operator_port: int,
        *,
        name: str = "riga1",
        nodes: Sequence[str] = NODES,
        smpp_port: int = 0,
        allow_single_copy: bool = True,
        source: Path | None = None,
        more: str = "",
        host: str = "127.0.0.1",
        operator_host: str = "127.0.0.1",
        within: Sequence[str] = (),
    ) -> None:
        """`source` is the code that it runs, if not that of the test; `more` comes first of clients and routes.

        `within` is a command that runs it elsewhere, where `host` is its address.
        """
        self.name = name
        self.folder = folder / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.smpp_port, self.http_port, self.metrics_port = smpp_port or free_port(), free_port(), free_port()
        self.file = self.folder / "chappe.toml"
        self.log = self.folder / "box.log"
        self.host = host
        self._source = source
        self._within = within
        self._process: asyncio.subprocess.Process | None = None
        self.file.write_text(
            _SETTINGS.format(
                data_dir=self.folder / "data",
                dsn=dsn,
                box=name,
                nodes=json.dumps(list(nodes)),
                allow_single_copy=str(allow_single_copy).lower(),
                drain_s=DRAIN_S,
                stall_s=STALL_S,
                host=host,
                operator_host=operator_host,
                smpp_port=self.smpp_port,
                http_port=self.http_port,
                metrics_port=self.metrics_port,
                operator_port=operator_port,
                links=LINKS,
                more=more,
                # Earlier code has no web pages, and knows no word for that.
                pages="" if source else 'frontend = "off"\n',
                window_pdus=WINDOW_PDUS,
            ),
            encoding="utf-8",
        )

    # -- life ---------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start it, and wait until it takes traffic.  Raises: TimeoutError with its log."""
        with open(self.log, "ab") as log:  # noqa: ASYNC230 - the loop has nothing else to do yet
            self._process = await asyncio.create_subprocess_exec(
                *self._command("up"), stdout=log, stderr=log, env=self._environment, preexec_fn=dying_with_parent()
            )
        await self.until(self.is_ready, "is not ready")

    def _command(self, *words: str) -> list[str]:
        return [*self._within, sys.executable, "-m", "chappe.cli", *words, "--config", str(self.file)]

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, **({"PYTHONPATH": str(self._source)} if self._source is not None else {})}

    async def stop(self) -> int:
        """Ask it to drain; returns its exit code."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.terminate()
        async with asyncio.timeout(DRAIN_S + 25):
            return await self._process.wait()

    async def anew(self) -> None:
        """Stop it and start it: what a process leased without hearing the answer is free again when its run ends."""
        assert await self.stop() == 0, self.said()[-6_000:]
        await self.start()

    async def kill(self) -> None:
        """All of it is gone at once, as when the machine loses its power."""
        pids = await self.pids()
        for pid in [self._process.pid if self._process else 0, *pids.values()]:
            if pid:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if self._process is not None:
            await self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to `chappe up` itself."""
        assert self._process is not None
        self._process.send_signal(number)

    async def wait(self) -> int:
        """Until it has ended; returns its exit code."""
        assert self._process is not None
        async with asyncio.timeout(PATIENCE_S):
            return await self._process.wait()

    # -- looking ------------------------------------------------------------------------------------

    async def get(self, path: str) -> bytes:
        """What its port for metrics answers.  Raises: OSError."""

        def ask() -> bytes:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"http://{self.host}:{self.metrics_port}{path}", timeout=10) as answer:
                return bytes(answer.read())

        return await asyncio.to_thread(ask)

    async def is_ready(self) -> bool:
        """It takes traffic."""
        with suppress(OSError):
            return await self.get("/readyz") == b"ready\n"
        return False

    async def status(self) -> dict[str, Any]:
        """What `chappe status --json` shows."""
        found: dict[str, Any] = json.loads(await self.get("/status.json"))
        return found

    async def pids(self) -> dict[str, int]:
        """Node → its process."""
        return {node["name"]: node["pid"] for node in (await self.status())["nodes"]}

    async def command(self, *words: str) -> tuple[int, str]:
        """Call `chappe` with the settings of this box; returns its code and what it said."""
        process = await asyncio.create_subprocess_exec(
            *self._command(*words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment,
        )
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    async def resume(self, node: str) -> None:
        """Have a drained node run again, as `chappe drain --resume` asks for it."""
        granted = await wish_at(self.folder / "data", Wish(node, is_drain=False))
        assert not granted.fault, granted.fault

    async def until(self, holds: Callable[[], Any], otherwise: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until something holds.  Raises: TimeoutError with the box's log."""
        try:
            async with asyncio.timeout(patience_s):
                while not await holds():
                    if self._process is not None and self._process.returncode is not None:
                        raise TimeoutError
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise TimeoutError(f"box {self.name} {otherwise}:\n{self.said()[-6_000:]}") from None

    async def shared(self) -> None:
        """Wait until both of two operator nodes have their half of the links."""

        async def is_shared() -> bool:
            up = {run["node"]: run["links"].get("three", [0, 0])[0] for run in (await self.status())["fleet"]}
            return up.get("operator:three") == up.get("operator:three#2") == LINKS // 2

        await self.until(is_shared, "does not share the operator's links")

    def said(self) -> str:
        """Its log."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""


async def held_items(box: Box) -> list[dict[str, Any]]:
    """What waits for a person, as `chappe held --json` tells it."""
    code, said = await box.command("held", "--json")
    assert code == 0, said
    found: list[dict[str, Any]] = json.loads(said)
    return found


@asynccontextmanager
async def running(*boxes: Box) -> AsyncIterator[None]:
    """All boxes, started one after the other; stopped at the end, or killed when the test fails."""
    try:
        for box in boxes:
            await box.start()
        yield
    except BaseException:
        for box in boxes:
            with suppress(Exception):
                await box.kill()
        raise
    for box in boxes:
        assert await box.stop() == 0, box.said()[-6_000:]


class Traffic:
    """Messages from a client that stays, whatever happens to the box, and the account at the end."""

    def __init__(self, smsc: SmscSimulator, client: ClientSimulator) -> None:
        self.smsc = smsc
        self.client = client

    @property
    def accepted(self) -> int:
        """Messages that were answered with yes."""
        return self.client.outgoing.accepted

    async def until(self, accepted: int, patience_s: float = PATIENCE_S) -> None:
        """Wait until so many more were accepted.  Raises: TimeoutError."""
        wanted = self.accepted + accepted
        async with asyncio.timeout(patience_s):
            while self.accepted < wanted:
                await asyncio.sleep(0.05)

    def account(self) -> Account:
        """What was lost or doubled on the way."""
        ledgers: list[Iterable[Entry]] = [self.smsc.ledger.entries, self.client.ledger.entries]
        return account(ledgers)

    def own_account(self) -> Account:
        """The same of its own messages alone, where other clients sent beside it."""
        prefix = self.client.outgoing.source.prefix
        taken = [entry for entry in self.smsc.ledger.entries if not entry.tag or entry.tag.startswith(prefix)]
        return account([taken, self.client.ledger.entries])


@asynccontextmanager
async def smsc() -> AsyncIterator[SmscSimulator]:
    """An operator that takes everything and reports at once."""
    async with SmscSimulator(SmscOptions()) as simulator:
        yield simulator


@asynccontextmanager
async def traffic(
    box: Box,
    operator: SmscSimulator,
    *,
    client: str = "acme",
    rate: float = 300.0,
    binds: int = 4,
    seen: list[Traffic] | None = None,
    may_miss: int = 0,
) -> AsyncIterator[Traffic]:
    """A client that sends until the block ends, and then waits for what is still to come.  It is noted in `seen`.

    So many messages `may_miss` their receipt for good: they are held for a person.
    """
    options = ClientOptions(
        host=box.host,
        port=box.smpp_port,
        system_id=client,
        password="secret",
        binds=binds,
        count=1_000_000,
        rate=rate,
        linger_s=PATIENCE_S,
        response_s=20.0,
    )
    async with ClientSimulator(options) as simulator:
        await simulator.until_bound()
        simulator.outgoing.may_make = True
        simulator.finish_batch(simulator.now())
        under_way = Traffic(operator, simulator)
        if seen is not None:
            seen.append(under_way)
        yield under_way
        simulator.outgoing.source.remaining = 0
        async with asyncio.timeout(PATIENCE_S):
            while simulator.missing > may_miss:
                await asyncio.sleep(0.1)

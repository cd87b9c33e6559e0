"""A box whose nodes are processes: one door for metrics, status and health, one desk, one way to stop.

It must never open the store.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import chappe
from chappe.box.beats import Shown
from chappe.box.desk import Desk, Granted, Wish
from chappe.box.keeper import Keeper, Limits
from chappe.box.merging import KeptNode, merged_metrics, merged_status
from chappe.box.plan import ALWAYS, Process, processes_of
from chappe.box.supervisor import Supervisor
from chappe.model.errors import SettingsError
from chappe.net.http_status import StatusServer
from chappe.observe.health import Health, Phase
from chappe.observe.status import BoxStatus, StoreStatus
from chappe.runtime.clock import Clock
from chappe.runtime.folder_lock import FolderLock
from chappe.runtime.settings import Settings
from chappe.runtime.settings_gateway import host_and_port
from chappe.runtime.settings_table import nearest

LOG_FORM: Final = "%(asctime)s %(name)s %(levelname)s %(message)s"


def command_of(config: Path) -> Callable[[Process], list[str]]:
    """How the process of a node is started."""

    def command(process: Process) -> list[str]:
        kind, _, name = process.node.partition(":")
        words = [kind, name] if name else [kind]
        return [
            *(sys.executable, "-m", "chappe.cli", "node", *words),
            *("--number", str(process.number), "--config", str(config)),
        ]

    return command


class Box:
    """The processes of one box, and what shows and steers them."""

    def __init__(self, settings: Settings, command: Callable[[Process], Sequence[str]], clock: Clock) -> None:
        gateway = settings.gateway
        self._settings = settings
        self._clock = clock
        self._began_at = clock.monotonic()
        self._lock = FolderLock(gateway.data_path)
        self.health = Health()
        self.server = StatusServer(self.health)
        processes = processes_of(
            gateway.nodes, [each.name for each in settings.operators], has_ucp=settings.listen.ucp is not None
        )
        limits = Limits(stall_s=gateway.stall_s, memory_mib=gateway.node_memory_mib, drain_s=gateway.drain_s)
        self.supervisor = Supervisor(processes, command, limits, clock, self.health, self._planned)
        self._desk = Desk(gateway.data_path, self.grant)
        self.metrics_port = 0

    @property
    def keepers(self) -> dict[str, Keeper]:
        """The keeper of each process by its name."""
        return dict(self.supervisor.keepers)

    def _planned(self) -> list[Process] | None:
        """The processes for the configuration that counts, as who looks after it says; None while nobody does."""
        keeper = self.supervisor.keepers.get(ALWAYS)
        beat = keeper.beat if keeper is not None else None
        if beat is None or beat.operators is None or beat.phase != Phase.RUNNING:
            return None
        settings = self._settings
        return processes_of(settings.gateway.nodes, beat.operators, has_ucp=settings.listen.ucp is not None)

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep the box running until `stopping` is set, then drain it.  Raises: SettingsError, ResourceError."""
        self._lock.take()
        try:
            address = host_and_port(self._settings.listen.metrics)
            self.metrics_port = await self.server.listen(*address)
            self.server.show(metrics=self.metrics, status=self.status)
            await self._desk.open()
            await self.supervisor.run(stopping)
        finally:
            await self._desk.close()
            await self.server.close()
            self._lock.release()

    # -- steering -----------------------------------------------------------------------------------

    async def grant(self, wish: Wish) -> Granted:
        """Drain a node or have it back.  Raises: SettingsError when the box has none of that name."""
        # One process at a time, so that those beside it go on; `client-smpp*` are all copies of that node.
        wanted = wish.node.removesuffix("*")
        keepers = [
            each
            for name, each in self.keepers.items()
            if (each.process.node if wish.node.endswith("*") else name) == wanted
        ]
        if not keepers:
            known = ", ".join(self.keepers)
            raise SettingsError(
                f"no node {wish.node!r} on this box{nearest(wish.node, self.keepers)} (it has: {known})"
            )
        if wish.is_drain:
            return Granted(sum(await asyncio.gather(*(each.drain() for each in keepers))))
        for each in keepers:
            each.resume()
        # Who drains one node after the other waits for `/readyz` in between: it must not be of before.
        self.supervisor.judge()
        return Granted()

    # -- showing ------------------------------------------------------------------------------------

    async def metrics(self) -> bytes:
        """The metrics of all processes, each sample with its node."""
        shown = await self._shown()
        return merged_metrics({name: each.metrics for name, each in shown.items()}, self._kept())

    async def status(self) -> BoxStatus:
        """The box as it is now."""
        shown = await self._shown()
        told = {name: each.status for name, each in shown.items() if each.status is not None}
        return merged_status(told, self._kept(), self._of_the_box())

    async def _shown(self) -> dict[str, Shown]:
        keepers = self.keepers
        answers = await asyncio.gather(*(each.show() for each in keepers.values()))
        return {name: answer for name, answer in zip(keepers, answers, strict=True) if answer is not None}

    def _kept(self) -> dict[str, KeptNode]:
        return {
            name: KeptNode(each.state, is_up=each.state == "running", restarts=each.restarts, pid=each.pid)
            for name, each in self.keepers.items()
        }

    def _of_the_box(self) -> BoxStatus:
        return BoxStatus(
            version=chappe.__version__,
            run=0,
            box=self._settings.gateway.box,
            state=self.health.why_not_ready or "running",
            uptime_s=round(self._clock.monotonic() - self._began_at, 1),
            nodes=[],
            operators=[],
            clients=[],
            queues=[],
            parked=0,
            held=0,
            store=StoreStatus("", 0, 0, is_away=True),
            copies=[],
            events_per_second={},
        )


def log_to_stderr() -> None:
    """Lines about processes go where the service manager reads them."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORM, stream=sys.stderr)

"""A process from its start to its end: the gateway in one process, one node of a box, or a box of processes.

It must never know an engine or how a node is built: that is `assembly`.
"""

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from chappe.assembly.gateway import Gateway
from chappe.box.companion import Companion
from chappe.box.parent import Parent
from chappe.box.plan import Process
from chappe.box.running import Box, command_of, log_to_stderr
from chappe.configuration.seeding import Take, begin
from chappe.engines import versions_without_run
from chappe.node_terms import tls_of
from chappe.runtime import open_files
from chappe.runtime.clock import SYSTEM_CLOCK
from chappe.runtime.settings import Settings
from chappe.runtime.settings_gateway import FRONTEND

#: How often a process looks whether it was taken for dead, and its exit code when it was.
FENCE_LOOK_S: Final = 0.25
FENCED: Final = 75


def run(
    settings: Settings,
    config: Path | None = None,
    opened: Callable[[str], None] = lambda said: None,
    take: Take = Take.NEITHER,
) -> int:
    """Run everything that the settings give to this box; returns the exit code.

    A gateway in one process calls `opened` as soon as its doors are, with what people should know of its
    configuration; `take` is what counts where file and store disagree.  Raises: SettingsError, ResourceError.
    """
    if config is None or settings.gateway.is_one_process:
        return _in_loop(serve(settings, opened, config, take))
    return _in_loop(serve_box(settings, config, take))


def run_node(settings: Settings, process: Process, metrics: str) -> int:
    """Run one node, which shows itself at `metrics` unless a box started it.  Raises: SettingsError, ResourceError."""
    return _in_loop(serve_node(settings, process, metrics))


def _in_loop(work: Coroutine[Any, Any, int]) -> int:
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return int(uvloop.run(work))


async def serve(
    settings: Settings,
    opened: Callable[[str], None] = lambda said: None,
    config: Path | None = None,
    take: Take = Take.NEITHER,
) -> int:
    """All nodes in this process until SIGTERM or SIGINT; a second one ends at once."""
    stopping = _stopping(lambda: None)
    open_files.raise_limit()
    gateway = Gateway(settings, config=config, take=take, is_demo=config is None)
    await gateway.start()
    opened(gateway.said)
    gateway.hand.listen_for_last_words()
    _renew_on_hangup(gateway)
    _freeze()
    async with _ended_when_fenced(gateway), _pages(settings, config):
        await gateway.run(stopping)
    return 0


async def serve_node(settings: Settings, process: Process, metrics: str) -> int:
    """One node in this process, until it is told to stop or its box is gone."""
    stopping = _stopping(lambda: None)
    open_files.raise_limit()
    parent = await Parent.from_environment()
    gateway = Gateway(settings, process=process)
    if parent is None:
        await gateway.show_at(metrics)
    await gateway.start()
    gateway.hand.listen_for_last_words()
    _renew_on_hangup(gateway)
    _freeze()
    async with _ended_when_fenced(gateway):
        if parent is None:
            await gateway.run(stopping)
            return 0
        # A box passes on the SIGHUP that it gets to all of its processes, whether they have certificates or not.
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, gateway.renew_certificates)
        talking = asyncio.create_task(parent.run(gateway.beat, gateway.shown, stopping.set), name="box")
        await gateway.run(stopping)
    talking.cancel()
    await parent.leave(gateway.unanswered)
    return 0


async def serve_box(settings: Settings, config: Path, take: Take = Take.NEITHER) -> int:
    """All nodes as processes until SIGTERM or SIGINT; a second one ends them at once."""
    log_to_stderr()
    async with versions_without_run(settings) as versions:
        settings, _, said = await begin(versions, settings, config, time.time_ns() // 1000, take)
    if said:
        print(f"chappe: {said}", file=sys.stderr)
    box = Box(settings, command_of(config), SYSTEM_CLOCK)
    if tls_of(settings.listen):
        # Its processes look at the files by themselves.
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: None)
    async with _pages(settings, config):
        await box.run(_stopping(box.supervisor.kill))
    return 0


@asynccontextmanager
async def _pages(settings: Settings, config: Path | None) -> AsyncIterator[None]:
    """The web pages beside us, where the settings want them: a process whose end is nobody else's."""
    if settings.listen.frontend == "off" or not settings.gateway.runs(FRONTEND):
        yield
        return
    words = ["--config", str(config)] if config is not None else []
    command = [sys.executable, "-m", "chappe.cli", "node", FRONTEND, "--beside", *words]
    companion = Companion(FRONTEND, command)
    keeping = asyncio.create_task(companion.run(), name="web pages")
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


def _stopping(at_once: Callable[[], None]) -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT.  The second does what must be done `at_once`, and ends the process."""
    stopping = asyncio.Event()

    def stop() -> None:
        if stopping.is_set():
            # Whoever asks twice wants out now; what is committed is safe, nothing else was promised.
            at_once()
            os._exit(1)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    return stopping


def _renew_on_hangup(gateway: Gateway) -> None:
    """SIGHUP loads certificates anew; where there are none it ends the process, as it does any other."""
    if gateway.has_tls:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, gateway.tls_watch.ask)


@asynccontextmanager
async def _ended_when_fenced(gateway: Gateway) -> AsyncIterator[None]:
    """End the process at once when others took it for dead and its leases went to them: its links must close."""

    async def watch() -> None:
        while not gateway.is_fenced:
            await asyncio.sleep(FENCE_LOOK_S)
        print("chappe: this process was silent for too long, and others do its work: it ends", file=sys.stderr)
        os._exit(FENCED)

    watching = asyncio.create_task(watch(), name="fence")
    try:
        yield
    finally:
        watching.cancel()


def _freeze() -> None:
    """What lives now lives as long as the process: the collector need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)

"""Runs a simulator as a command: progress on stderr, a summary as JSON on stdout, signals end it in order.

It must never know which simulator it is.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, Protocol, Self, TypeAlias

import msgspec

#: Seconds between two lines of progress.
_PROGRESS_S: Final = 1.0

Work: TypeAlias = Callable[[], Coroutine[Any, Any, bool]]


class Simulator(Protocol):
    """What can be run."""

    async def __aenter__(self) -> Self:
        """Begin."""

    async def __aexit__(self, *fault: Any) -> None:
        """End in order."""

    def counts(self) -> Mapping[str, int]:
        """The sums so far."""


class Finite(Simulator, Protocol):
    """What comes to an end by itself."""

    async def run(self) -> bool:
        """Do everything; whether all went well."""


def run_until_stopped(simulator: Simulator, *, is_quiet: bool) -> int:
    """Run until SIGTERM or SIGINT.  The exit status, 0."""

    async def wait() -> bool:
        await asyncio.get_running_loop().create_future()
        return True

    return _run(simulator, wait, is_quiet=is_quiet, is_well_when_stopped=True)


def run_to_the_end(simulator: Finite, *, is_quiet: bool) -> int:
    """Run until all is done, or SIGTERM or SIGINT.  The exit status: 0 when all was done and went well."""
    return _run(simulator, simulator.run, is_quiet=is_quiet, is_well_when_stopped=False)


def _run(simulator: Simulator, work: Work, *, is_quiet: bool, is_well_when_stopped: bool) -> int:
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        is_well = runner.run(_main(simulator, work, is_quiet=is_quiet, is_well_when_stopped=is_well_when_stopped))
    if not is_quiet:
        sys.stdout.write(msgspec.json.encode(simulator.counts()).decode() + "\n")
        sys.stdout.flush()
    return 0 if is_well else 1


async def _main(simulator: Simulator, work: Work, *, is_quiet: bool, is_well_when_stopped: bool) -> bool:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    async with simulator:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        if not is_quiet:
            loop.call_later(_PROGRESS_S, _report, loop, simulator)
        try:
            return await work()
        except asyncio.CancelledError:
            # A signal, not an error: the simulator still ends in order.  The next signal ends it at once.
            task.uncancel()
            return is_well_when_stopped


def _report(loop: asyncio.AbstractEventLoop, simulator: Simulator) -> None:
    words = " ".join(f"{name} {count}" for name, count in simulator.counts().items())
    sys.stderr.write(words + "\n")
    loop.call_later(_PROGRESS_S, _report, loop, simulator)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # Some platforms have no uvloop; the standard loop does the same, more slowly.
        return None
    return uvloop.new_event_loop

"""Keeps one process of a box running: starts it, watches it, starts it again without a storm.

It must never know the other processes, but for the budget of starts that all share.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from chappe.box.beats import Beat, Shown
from chappe.box.child import Child, environment_of_children
from chappe.box.plan import Process
from chappe.box.stalls import StallWatch
from chappe.runtime.backoff import Backoff
from chappe.runtime.clock import Clock
from chappe.runtime.throttle import Throttle

#: First and longest pause before a process that ended is started again.
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
#: How often a running process is judged.
LOOK_EVERY_S: Final = 0.5

log = logging.getLogger("chappe.box")


class Limits(msgspec.Struct, frozen=True):
    """What a process may do before it is started anew.  `memory_mib` 0 sets no bound."""

    #: It may stay silent, or one of its loops may stand still, for so long.
    stall_s: float = 60.0
    memory_mib: int = 0
    #: It gets so long to drain, and the grace afterwards to leave.
    drain_s: float = 15.0
    grace_s: float = 5.0
    first_pause_s: float = FIRST_PAUSE_S


class Keeper:
    """One process and its history."""

    def __init__(
        self,
        process: Process,
        command: Callable[[Process], Sequence[str]],
        limits: Limits,
        clock: Clock,
        budget: Throttle,
    ) -> None:
        self.process = process
        self._command = command
        self._limits = limits
        self._clock = clock
        self._budget = budget
        self._backoff = Backoff(limits.first_pause_s, max(LONGEST_PAUSE_S, limits.first_pause_s))
        self._watch = StallWatch(clock.monotonic(), limits.stall_s)
        self._child: Child | None = None
        self._is_wanted = asyncio.Event()
        self._is_wanted.set()
        self._has_ended = asyncio.Event()
        self._has_ended.set()
        #: How often it was started again after it had ended by itself or had to be ended.
        self.restarts = 0
        #: Answers that it did not wait for when it last drained.
        self.unanswered = 0
        self.started_at = 0.0

    @property
    def pid(self) -> int:
        """Its process number; 0 while none runs."""
        return 0 if self._child is None or self._has_ended.is_set() else self._child.pid

    @property
    def beat(self) -> Beat | None:
        """What it said last; None while none runs, or before its first word."""
        return None if self._child is None or self._has_ended.is_set() else self._child.beat

    @property
    def state(self) -> str:
        """In one word how it is."""
        if not self.pid:
            return "waiting" if self._is_wanted.is_set() else "drained"
        if not self._is_wanted.is_set():
            return "draining"
        return self.beat.phase if self.beat is not None else "starting"

    async def show(self) -> Shown | None:
        """How things are with it; None when it does not say."""
        return await self._child.show() if self.pid and self._child is not None else None

    # -- wishes -------------------------------------------------------------------------------------

    async def drain(self) -> int:
        """Have it drain and keep it down; returns how many answers it did not wait for."""
        self._is_wanted.clear()
        await self._end("asked to")
        return self.unanswered

    def resume(self) -> None:
        """It may run again."""
        self._is_wanted.set()

    def hang_up(self) -> None:
        """Pass on a SIGHUP, once the process can hear it: before its first beat it would end it."""
        if self._child is not None and self.beat is not None:
            self._child.hang_up()

    def kill(self) -> None:
        """Out, now."""
        self._is_wanted.clear()
        if self._child is not None:
            self._child.kill()

    # -- keeping ------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep it running until cancelled."""
        while True:
            await self._is_wanted.wait()
            await self._may_start()
            if not self._is_wanted.is_set():
                continue
            code = await self._run_once()
            ran_s = self._clock.monotonic() - self.started_at
            if not self._is_wanted.is_set():
                log.info("node %s drained after %.0f s", self.process.name, ran_s)
                continue
            self.restarts += 1
            self._backoff.held(ran_s)
            pause_s = self._backoff.pause_s(random.random())  # jitter needs no secrecy
            log.warning("node %s %s after %.0f s, again in %.1f s", self.process.name, _told(code), ran_s, pause_s)
            await asyncio.sleep(pause_s)

    async def _may_start(self) -> None:
        """Wait until this box has not started too many processes just now."""
        while self._budget.available(self._clock.monotonic()) < 1:
            await asyncio.sleep(self._budget.wait_s())
        self._budget.take(1)

    async def _run_once(self) -> int:
        """Start it and see it to its end; returns its exit code."""
        self.started_at = now = self._clock.monotonic()
        self._watch = watch = StallWatch(now, self._limits.stall_s)
        child = self._child = Child(self.process, lambda beat: watch.heard(beat, self._clock.monotonic()))
        self._has_ended.clear()
        watching = asyncio.create_task(self._look(), name=f"box look {self.process.name}")
        try:
            running = asyncio.ensure_future(child.run(self._command(self.process), environment_of_children()))
            log.info("node %s starts", self.process.name)
            return await running
        except OSError as error:
            log.error("node %s cannot be started: %s", self.process.name, error)
            return -1
        finally:
            watching.cancel()
            self.unanswered = child.left.unanswered if child.left is not None else 0
            self._has_ended.set()

    async def _look(self) -> None:
        """End it when it no longer works."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            why = self._watch.why_restart(self._clock.monotonic()) or self._why_too_large()
            if why and self._is_wanted.is_set():
                log.error("node %s %s: it is started anew", self.process.name, why)
                await self._end(why)
                return

    def _why_too_large(self) -> str:
        beat, most = self.beat, self._limits.memory_mib
        return f"holds {beat.memory_mib} MiB, more than {most}" if beat and 0 < most < beat.memory_mib else ""

    async def _end(self, why: str) -> None:
        """Let it drain; end it when it does not leave in time."""
        child = self._child
        if child is None or self._has_ended.is_set():
            return
        child.stop()
        # What stands still does not hear the wish: it gets the grace alone.
        stands_still = bool(self._watch.why_restart(self._clock.monotonic()))
        patience_s = self._limits.grace_s + (0.0 if stands_still else self._limits.drain_s)
        try:
            async with asyncio.timeout(patience_s):
                await self._has_ended.wait()
        except TimeoutError:
            log.error("node %s does not leave within %.0f s (%s): killed", self.process.name, patience_s, why)
            child.kill()
            await self._has_ended.wait()


def _told(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"left with {code}"

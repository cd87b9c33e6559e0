"""A process beside the gateway that serves people and no messages: started, and started again when it ends.

Nobody waits for it and nothing depends on it; it ends when we do, since its standard input ends then.  It must never
know what the process does.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from chappe.runtime.backoff import Backoff

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
#: It may take so long to leave before it is killed.
GRACE_S: Final = 3.0


class Companion:
    """Keeps one such process."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self._command = command
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._child: asyncio.subprocess.Process | None = None
        #: How often it was started again.
        self.restarts = 0

    async def run(self) -> None:
        """Keep it until cancelled; then end it."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                began = loop.time()
                await self._run_once()
                self.restarts += 1
                self._backoff.held(loop.time() - began)
                await asyncio.sleep(self._backoff.pause_s(random.random()))  # jitter needs no secrecy
        finally:
            await self._end()

    async def _run_once(self) -> None:
        # Ctrl-C in a terminal is for the gateway, which ends us when it has drained.
        with suppress(OSError):
            self._child = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.PIPE, start_new_session=True
            )
            await self._child.wait()

    async def _end(self) -> None:
        child = self._child
        if child is None or child.returncode is not None:
            return
        with suppress(ProcessLookupError):
            child.terminate()
        try:
            async with asyncio.timeout(GRACE_S):
                await child.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()

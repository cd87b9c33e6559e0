"""One timer for everything that a simulator waits for: only the earliest moment costs anything.

It must never know what is due.
"""

import asyncio
from collections.abc import Callable


class Alarm:
    """Calls `ring` once at the earliest moment that was asked for; monotonic seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None
        self._due_at = 0.0

    def set(self, due_at: float, now: float) -> None:
        """Ring at `due_at` at the latest."""
        if self._timer is not None:
            if self._due_at <= due_at:
                return
            self._timer.cancel()
        self._due_at = due_at
        self._timer = self._loop.call_later(max(0.0, due_at - now), self._go_off)

    def cancel(self) -> None:
        """Do not ring any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_off(self) -> None:
        self._timer = None
        self._ring()

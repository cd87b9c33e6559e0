"""The database's clock, as this process knows it between two words with the database.

It runs on CLOCK_BOOTTIME, which no administrator sets and which goes on while the machine sleeps.
"""

import time
from typing import Protocol


def boot_s() -> float:
    """Seconds since the machine started, its sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class DatabaseClock:
    """Unix µs of the database; every answer of it that tells the time sets the clock right."""

    def __init__(self) -> None:
        self._database_us = time.time_ns() // 1000
        self._boot_s = boot_s()

    def heard(self, database_us: int, asked_at_s: float) -> None:
        """The database said what time it is, to a question asked at a boot second: it is that, or somewhat later."""
        self._database_us, self._boot_s = database_us, asked_at_s

    def now_us(self) -> int:
        """What time it is there, too late by at most the way of the last answer."""
        return self._database_us + int((boot_s() - self._boot_s) * 1e6)


class Monotonic(Protocol):
    """A clock of this machine."""

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        ...


class SharedClock:
    """What nodes of one store go by: the database's time of day, this machine's seconds."""

    def __init__(self, shared: DatabaseClock, own: Monotonic) -> None:
        self._shared = shared
        self._own = own

    def utc_us(self) -> int:
        """Unix µs of the database."""
        return self._shared.now_us()

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return self._own.monotonic()

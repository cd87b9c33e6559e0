"""The database's clock, as this process knows it between two words with the database.

It runs on CLOCK_BOOTTIME, which no administrator sets and which goes on while the machine sleeps.
"""

import time
from typing import Final, Protocol

#: How much faster or slower than ours a clock may go, while it is being set right included.
DRIFT_PPM: Final = 1_000.0


def boot_s() -> float:
    """Seconds since the machine started, its sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class DatabaseClock:
    """Unix µs of the database; every answer of it that tells the time sets the clock right.

    An answer says between which two moments of ours its own lies.  What several say together is closer than what any
    one does, so a slow answer spoils nothing: nodes whose clocks disagree find each other's messages late.
    """

    def __init__(self) -> None:
        #: What the database's clock shows less CLOCK_BOOTTIME, in µs: it lies between these two.
        self._least_us = self._most_us = time.time_ns() / 1000 - boot_s() * 1e6
        self._heard_at_s = -1.0

    def heard(self, database_us: int, asked_at_s: float) -> None:
        """The database said what time it is, to a question asked at a boot second."""
        now_s = boot_s()
        least_us, most_us = database_us - now_s * 1e6, database_us - asked_at_s * 1e6
        if self._heard_at_s >= 0:
            drift_us = (now_s - self._heard_at_s) * DRIFT_PPM
            closer = max(least_us, self._least_us - drift_us), min(most_us, self._most_us + drift_us)
            # Where they contradict each other the database's clock was set, or it is another server's.
            if closer[0] <= closer[1]:
                least_us, most_us = closer
        self._least_us, self._most_us, self._heard_at_s = least_us, most_us, now_s

    def now_us(self) -> int:
        """What time it is there."""
        return int((self._least_us + self._most_us) / 2 + boot_s() * 1e6)


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

"""The clocks of a running gateway; tests give others."""

import time
from collections.abc import Callable
from typing import Final, Protocol

#: Steps up to here are followed at once: leap seconds, and a time service that corrects itself.
FOLLOWED_US: Final = 2_000_000
#: Goes on while the machine sleeps, and nobody sets it; where a system has none, what it has.
_STEADY: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """Tells the time, twice: what people read and what intervals are measured with."""

    def utc_us(self) -> int:
        """Unix microseconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step."""
        ...


class SystemClock:
    """The machine's clocks.

    When its time of day is set by more than `FOLLOWED_US`, ours goes on as if nothing had happened, until the process
    ends or the clock comes back: nothing expires, and nothing leaves early, since somebody set a clock.
    """

    def __init__(
        self,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        steady_us: Callable[[], int] = lambda: time.clock_gettime_ns(_STEADY) // 1000,
    ) -> None:
        """`now_us` tells the time of day, `steady_us` only ever grows."""
        self._now_us = now_us
        self._steady_us = steady_us
        self._ahead_us = now_us() - steady_us()

    def utc_us(self) -> int:
        """Unix microseconds."""
        steady_us, now_us = self._steady_us(), self._now_us()
        expected_us = steady_us + self._ahead_us
        if -FOLLOWED_US <= now_us - expected_us <= FOLLOWED_US:
            self._ahead_us = now_us - steady_us
            return now_us
        return expected_us

    def monotonic(self) -> float:
        """Seconds that never step."""
        return time.monotonic()

    @property
    def set_by_s(self) -> float:
        """By how much the machine's clock was set, where ours did not follow; else 0."""
        apart_us = self._now_us() - self._steady_us() - self._ahead_us
        return 0.0 if -FOLLOWED_US <= apart_us <= FOLLOWED_US else apart_us / 1e6


SYSTEM_CLOCK: Final = SystemClock()

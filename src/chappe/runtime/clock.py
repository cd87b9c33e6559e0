"""The clocks of a running gateway; tests give others."""

import time
from typing import Final, Protocol


class Clock(Protocol):
    """Tells the time, twice: what people read and what intervals are measured with."""

    def utc_us(self) -> int:
        """Unix microseconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step."""
        ...


class SystemClock:
    """The machine's clocks."""

    def utc_us(self) -> int:
        """Unix microseconds."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Seconds that never step."""
        return time.monotonic()


SYSTEM_CLOCK: Final = SystemClock()

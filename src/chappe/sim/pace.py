"""Keeps to a rate: how many may go now, when the next may.

It must never know a clock; every time is monotonic seconds and comes in as `now`.
"""

#: How much of a second an idle pace saves up for later.
_BURST_S = 0.1


class Pace:
    """Grants `rate` things per second, evenly; 0 is without limit."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._most = max(1.0, rate * _BURST_S)
        self._saved = 1.0
        self._updated_at = now

    def grant(self, now: float, wanted: int) -> int:
        """Take up to `wanted` from what may go at `now`; how many were granted."""
        if not self._rate:
            return wanted
        self._saved = min(self._most, self._saved + (now - self._updated_at) * self._rate)
        self._updated_at = now
        granted = min(wanted, int(self._saved))
        self._saved -= granted
        return granted

    def deadline(self) -> float | None:
        """When the next may go, or None without a limit."""
        if not self._rate:
            return None
        return self._updated_at + max(0.0, 1.0 - self._saved) / self._rate

"""A token bucket: so many per second, with a burst of one second at most.  Times are monotonic seconds."""


class Throttle:
    """Grants units of a rate; a rate of 0 grants everything."""

    __slots__ = ("_at", "_burst", "_burst_s", "_rate", "_tokens", "is_unlimited")

    def __init__(self, rate: float, now: float, *, burst_s: float = 1.0) -> None:
        self._rate = rate
        self.is_unlimited = not rate
        self._burst = max(1.0, rate * burst_s)
        self._tokens = self._burst
        self._at = now
        self._burst_s = burst_s

    @property
    def rate(self) -> float:
        """Units per second; 0 for everything."""
        return self._rate

    def change(self, rate: float, now: float) -> None:
        """Grant another rate from now on; what was saved up stays within its burst."""
        if rate == self._rate:
            return
        self.available(now)
        was_unlimited, self.is_unlimited = self.is_unlimited, not rate
        self._rate, self._burst, self._at = rate, max(1.0, rate * self._burst_s), now
        self._tokens = self._burst if was_unlimited else min(self._tokens, self._burst)

    def available(self, now: float) -> int:
        """How many units may be taken now."""
        if not self._rate:
            return 1 << 30
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        return int(self._tokens)

    def is_in_use(self, now: float) -> bool:
        """Something was taken within the burst that is not there again."""
        return bool(self._rate) and self.available(now) < int(self._burst)

    def take(self, units: int) -> None:
        """Use units up; more than there are makes the next ones wait."""
        if self._rate:
            self._tokens -= units

    def wait_s(self, units: int = 1) -> float:
        """Seconds until so many units are there."""
        if not self._rate or self._tokens >= units:
            return 0.0
        return (units - self._tokens) / self._rate

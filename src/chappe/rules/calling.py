"""When a callback is tried again, and when a host is: judged from what it answered, or that it did not.

Pure: times are monotonic seconds unless they end in `_ms`; chance comes in as `jitter`, 0 to 1.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

#: What a URL says that is no more: RFC 9110 §15.5.11, Standard Webhooks 1.0.
GONE: Final = 410
#: What may bring Retry-After: too many requests, and out of service.
_WAITING: Final = frozenset({429, 503})
#: A Retry-After beyond a day is not believed.
LONGEST_RETRY_AFTER_S: Final = 86_400.0


def retry_after_s(status: int, header: str, now: datetime) -> float:
    """How long a host asks to be left alone: seconds or a date.  RFC 9110 §10.2.3.  0 when it does not."""
    if status not in _WAITING or not header:
        return 0.0
    if header.isascii() and header.isdigit():
        return min(float(header[:10]), LONGEST_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):  # Years and hours may have any number of digits.
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - now).total_seconds()), LONGEST_RETRY_AFTER_S)


def pause_s(attempts: int, pauses_s: Sequence[float], jitter: float) -> float:
    """The pause after `attempts` earlier tries; the last one repeats.  Chance adds up to a fifth."""
    return pauses_s[min(attempts, len(pauses_s) - 1)] * (1 + 0.2 * jitter)


class Circuit:
    """Whether a host is worth a try.  After some failures in a row it gets one callback at a time, and ever less often.

    So a dead host costs one connection now and then, and what waits for it keeps its place in its queue.
    """

    TRIPS_AFTER: Final = 3
    FIRST_PAUSE_S: Final = 1.0
    LONGEST_PAUSE_S: Final = 300.0

    __slots__ = ("_failures", "_opens_at", "_pause_s", "trying")

    def __init__(self) -> None:
        self._failures = 0
        self._opens_at = 0.0
        self._pause_s = self.FIRST_PAUSE_S
        #: Callbacks that are with the host now.
        self.trying = 0

    @property
    def failures(self) -> int:
        """How many tries failed since the last good answer."""
        return self._failures

    @property
    def is_broken(self) -> bool:
        """It failed several times in a row."""
        return self._failures >= self.TRIPS_AFTER

    def may_try(self, now: float) -> bool:
        """Whether one more callback may go there now."""
        if now < self._opens_at:
            return False
        return not self.is_broken or not self.trying

    def opens_in_s(self, now: float) -> float:
        """Seconds until it may be tried; 0 for now."""
        return max(0.0, self._opens_at - now)

    def answered(self) -> None:
        """It took something."""
        self._failures = 0
        self._pause_s = self.FIRST_PAUSE_S

    def failed(self, now: float, jitter: float) -> None:
        """It did not take something.  What else was under way when it broke makes its pause no longer."""
        self._failures += 1
        if self.is_broken and now >= self._opens_at:
            self._opens_at = now + self._pause_s * (0.75 + jitter / 2)
            self._pause_s = min(self._pause_s * 2, self.LONGEST_PAUSE_S)

    def leave_alone(self, now: float, seconds: float) -> None:
        """It asked for a pause."""
        self._opens_at = max(self._opens_at, now + seconds)

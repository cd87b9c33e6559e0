"""What an operator's refusal means for a message, and when it is tried again."""

from collections.abc import Collection, Sequence
from enum import Enum

import msgspec


class Refusal(Enum):
    """How an operator's no is meant."""

    THROTTLED = "throttled"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"


class RefusalRules(msgspec.Struct, frozen=True):
    """Which command_status means what; from the operator's profile."""

    throttled: Collection[int]
    temporary: Collection[int]


def classify(status: int, rules: RefusalRules) -> Refusal:
    """Judge a command_status that is not ESME_ROK.  What nobody named is permanent (SMPP 3.4 §5.1.3)."""
    if status in rules.throttled:
        return Refusal.THROTTLED
    return Refusal.TEMPORARY if status in rules.temporary else Refusal.PERMANENT


def retry_at_ms(attempts: int, pauses_s: Sequence[float], now_ms: int, jitter: float) -> int:
    """When to try again after `attempts` earlier tries; the last pause repeats.  `jitter` is 0 to 1."""
    pause_s = pauses_s[min(attempts, len(pauses_s) - 1)]
    return now_ms + int(pause_s * 1000 * (1 + 0.2 * jitter))


class Gate:
    """Stays closed for a while after the operator asked for a slower pace; longer each time it asks again.

    Times are monotonic seconds.
    """

    FIRST_PAUSE_S = 0.25
    LONGEST_PAUSE_S = 8.0

    def __init__(self) -> None:
        self._opens_at = 0.0
        self._pause_s = self.FIRST_PAUSE_S

    def close(self, now: float) -> bool:
        """The operator refused for its pace.  True: the gate was open until now."""
        if now < self._opens_at:
            return False
        self._opens_at = now + self._pause_s
        self._pause_s = min(self._pause_s * 2, self.LONGEST_PAUSE_S)
        return True

    def wait_until(self, at: float) -> None:
        """The operator has named a moment before which it wants nothing."""
        self._opens_at = max(self._opens_at, at)

    def passed(self, now: float) -> None:
        """The operator took something sent after the gate opened: the next pause is short again."""
        if now >= self._opens_at:
            self._pause_s = self.FIRST_PAUSE_S

    @property
    def is_doubted(self) -> bool:
        """The operator has taken nothing since it last asked: whatever is sent may be refused."""
        return self._pause_s != self.FIRST_PAUSE_S

    def opens_in_s(self, now: float) -> float:
        """Seconds until it opens; 0 when it is open."""
        return max(0.0, self._opens_at - now)

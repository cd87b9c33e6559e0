"""Decides when to probe a silent link, and when to give it up.

It must never know what was said, only that something was.
"""

from enum import Enum


class Due(Enum):
    """What a link watch has to say."""

    PROBE = "probe"
    LOST = "lost"


class LinkWatch:
    """Counts silence.  SMPP 3.4 §7.2: enquire_link_timer and the response timer behind it.

    Every time is monotonic seconds and comes in as `now`; nothing here reads a clock.
    """

    def __init__(self, now: float, *, probe_after_s: float, patience_s: float) -> None:
        """`probe_after_s` 0 means never to probe, and so never to give up."""
        self._heard_at = now
        self._probed_at: float | None = None
        self._probe_after_s = probe_after_s
        self._patience_s = patience_s

    def heard(self, now: float) -> None:
        """The peer sent something, whatever it was: the link lives."""
        self._heard_at = now
        self._probed_at = None

    def deadline(self) -> float | None:
        """When `tick` next has something to say; None for never."""
        if self._probed_at is not None:
            return self._probed_at + self._patience_s
        return self._heard_at + self._probe_after_s if self._probe_after_s else None

    def tick(self, now: float) -> Due | None:
        """Say what is due at `now`.  Early calls are free and say nothing."""
        deadline = self.deadline()
        if deadline is None or now < deadline:
            return None
        if self._probed_at is None:
            self._probed_at = now
            return Due.PROBE
        return Due.LOST

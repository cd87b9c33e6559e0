"""Times of day and days of the week, as an office has them: in its own time zone, over midnight too.

It must never read a clock: the moment is an argument, in Unix ms.
"""

from datetime import datetime, tzinfo
from typing import Final

import msgspec

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES: Final = 24 * 60


class Hours(msgspec.Struct, frozen=True):
    """From one minute of the day to before another; `days` are counted from Monday, 0, none is every day.

    What begins later than it ends goes on after midnight, and that is still the day on which it began.
    """

    zone: tzinfo
    from_minute: int = 0
    to_minute: int = _DAY_MINUTES
    days: frozenset[int] = frozenset()

    def hold(self, at_ms: int) -> bool:
        """Whether a moment lies within them."""
        local = datetime.fromtimestamp(at_ms // 60_000 * 60, self.zone)
        minute, day = local.hour * 60 + local.minute, local.weekday()
        if self.from_minute < self.to_minute:
            return self.from_minute <= minute < self.to_minute and self._has(day)
        if minute >= self.from_minute:
            return self._has(day)
        return minute < self.to_minute and self._has((day - 1) % 7)

    def _has(self, day: int) -> bool:
        return not self.days or day in self.days

    def __str__(self) -> str:
        days = ",".join(DAYS[day] for day in sorted(self.days)) + " " if self.days else ""
        return f"{days}{_clock(self.from_minute)}-{_clock(self.to_minute)} {self.zone}"


def minutes_of(text: str) -> tuple[int, int]:
    """`08:00-18:30` as minutes of the day.  Raises: ValueError."""
    begin, _, end = text.partition("-")
    return _minute(begin), _minute(end)


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    found = int(hour) * 60 + int(minute)
    if not (len(text) == 5 and int(minute) < 60 and found <= _DAY_MINUTES):
        raise ValueError(f"{text!r} is no time of day as in 08:00")
    return found


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"

"""Names of messages as UCP has them: a recipient and a second, of which each recipient gets every one at most once.

Messages to one recipient that come within one second get the seconds to come.  It reads no clock and no store.
"""

from typing import Final

from chappe.model.ids import made_at_ms

#: How far one recipient's names may be ahead of those of others: who sends more to one handset waits.
AHEAD_S: Final = 60
#: How far any name may be ahead of its message: runs that follow each other quickly push the first of their names up.
MOST_AHEAD_S: Final = 900


class Seconds:
    """Gives one client the second of each of its messages."""

    __slots__ = ("_floor", "_given", "_now")

    def __init__(self) -> None:
        self._floor = 0
        self._now = 0
        #: Recipient → the last second that it was given, if that is not past.
        self._given: dict[str, int] = {}

    def begin_after(self, second: int) -> None:
        """A run before this one gave names up to that second; they are not given again."""
        self._floor = second + 1

    def next(self, recipient: str, message_id: int, *, at_least: int = 0) -> int | None:
        """A second, in Unix time, that names this message alone; None when its recipient has too many of them."""
        now = made_at_ms(message_id) // 1000
        if now > self._now:
            self._turn(now)
        given = self._given
        second = max(now, self._floor, at_least, given.get(recipient, 0) + 1)
        if second > max(now, self._floor) + AHEAD_S or second > now + MOST_AHEAD_S:
            return None
        given[recipient] = second
        return second

    def _turn(self, now: int) -> None:
        """Another second has begun: forget those that were given nothing ahead of it."""
        self._now = now
        self._given = {recipient: second for recipient, second in self._given.items() if second >= now}


def meant_between(second: int) -> tuple[int, int]:
    """Between which Unix seconds a message was made that bears this one in its name."""
    return second - MOST_AHEAD_S - 1, second + 1

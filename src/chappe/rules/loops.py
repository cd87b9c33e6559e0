"""Circles: a handset's message is answered, the answer is answered, and so on without end.

A pair of one of our numbers and a handset goes round when messages between them change direction too often in too short
a time.  Times are monotonic seconds.  It must never know what the messages say.
"""

from collections import OrderedDict, deque
from typing import Final

from chappe.model.lifecycle import Direction

#: Pairs that are watched; beyond, those heard of longest ago are forgotten.
PAIRS: Final = 100_000


class Loops:
    """Counts the turns of each pair."""

    def __init__(self, limit: int, window_s: float) -> None:
        """More than `limit` answers within `window_s` seconds are a circle; a limit of 0 watches nothing."""
        self._limit = limit
        self._window_s = window_s
        #: Pair → when an MO was followed by an MT, oldest first, and which way the last message went.
        self._turns: OrderedDict[tuple[str, str], tuple[deque[float], Direction]] = OrderedDict()

    def change(self, limit: int, window_s: float) -> None:
        """Other bounds; the turns that were counted stay."""
        self._limit, self._window_s = limit, window_s

    def __bool__(self) -> bool:
        return self._limit > 0

    def came(self, number: str, handset: str) -> None:
        """A handset's message came."""
        pair = (number, handset)
        turns, _ = self._turns.pop(pair, (deque(), Direction.MO))
        self._turns[pair] = (turns, Direction.MO)
        if len(self._turns) > PAIRS:
            self._turns.popitem(last=False)

    def is_circle(self, number: str, handset: str, now: float) -> bool:
        """A message to a handset is about to leave: whether it only goes on with a circle."""
        watched = self._turns.get((number, handset))
        if watched is None:
            return False
        turns, last = watched
        while turns and turns[0] <= now - self._window_s:
            turns.popleft()
        if last is Direction.MO:
            if len(turns) >= self._limit:
                return True
            turns.append(now)
            self._turns[number, handset] = (turns, Direction.MT)
        return False

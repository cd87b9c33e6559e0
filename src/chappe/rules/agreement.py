"""Whether the receipts of operators still match: how many of the last minutes mean a message, and how many nothing.

An operator that begins to write its ids otherwise is noticed by this, long before anybody complains.  Pure: what is
counted comes in, what changed goes out.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

import msgspec

from chappe.rules.learn import PROOF

#: What is judged together: long enough for slow traffic, short enough to be told of in time.
WINDOW_MINUTES: Final = 15
#: Receipts that match again count for proof when they are so many times those that do not.
CLEARLY: Final = 4

_MATCHED: Final = frozenset({"dr_matched", "dr_repeated", "dr_contradicted"})
_PARKED: Final = "dr_parked"

#: Minute, event, client, operator.
Key = tuple[int, str, str, str]


class Turn(msgspec.Struct, frozen=True):
    """An operator's receipts no longer match, or match again."""

    operator: str
    is_lost: bool
    matched: int
    parked: int


class Agreement:
    """Counts of the last minutes, by operator, and which operators disagree."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, defaultdict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
        #: Operator → receipts of the window that match nothing.
        self.disagreeing: dict[str, int] = {}

    def add(self, counts: Mapping[Key, int]) -> None:
        """Receipts were counted."""
        for (minute, event, _, operator), count in counts.items():
            if event in _MATCHED:
                self._counts[operator][minute][0] += count
            elif event == _PARKED:
                self._counts[operator][minute][1] += count

    def judge(self, minute: int) -> list[Turn]:
        """What has changed by this minute.  What is older than the window is forgotten."""
        turns: list[Turn] = []
        for operator, by_minute in list(self._counts.items()):
            for old in [each for each in by_minute if each <= minute - WINDOW_MINUTES]:
                del by_minute[old]
            if not by_minute:
                # Who says nothing proves nothing: what is known of it stays.
                del self._counts[operator]
                continue
            matched = sum(each[0] for each in by_minute.values())
            parked = sum(each[1] for each in by_minute.values())
            turn = self._turn(operator, matched, parked)
            if turn is not None:
                turns.append(turn)
        return turns

    def _turn(self, operator: str, matched: int, parked: int) -> Turn | None:
        was_lost = operator in self.disagreeing
        # A receipt that overtakes its answer is parked first and matched then: those never are the more.
        if parked >= PROOF and parked > matched:
            self.disagreeing[operator] = parked
            return None if was_lost else Turn(operator, True, matched, parked)
        if was_lost and matched >= CLEARLY * max(parked, 1):
            del self.disagreeing[operator]
            return Turn(operator, False, matched, parked)
        return None

"""Short message ids: at most eight hexadecimal digits, all that SMPP 3.3 has room for.

A short id is 20 bits of seconds and 12 bits of sequence: one client gets each at most once in twelve days.  A message
bears its own, and the second within it leads back to the message.  It reads no clock and no store.
"""

import re
from collections.abc import Iterator
from typing import Final

from chappe.model.ids import SEQUENCE_BITS, first_id_at, made_at_ms

_SECOND_BITS: Final = 20
_NUMBER_BITS: Final = 12
#: Runs that may follow each other or work at once without giving the same id.
_RUNS: Final = 4
#: Short ids that one run gives a client in a second.
A_SECOND: Final = (1 << _NUMBER_BITS) // _RUNS
#: How far a message's id may be ahead of the clock: ids go on when it steps back.
_AHEAD_S: Final = 60
#: What is handed in at once gets its ids within this time.
GROUP_MS: Final = 1_000

_SHORT: Final = re.compile(r"[0-9A-Fa-f]{8}")


class ShortIds:
    """Gives the short ids of one client."""

    __slots__ = ("_given", "_second")

    def __init__(self) -> None:
        self._second = 0
        self._given = 0

    def next(self, message_id: int) -> str | None:
        """The short id of a message; None when this second has no more of them."""
        second = made_at_ms(message_id) // 1000
        if second != self._second:
            self._second, self._given = second, 0
        if self._given >= A_SECOND:
            return None
        run = message_id >> SEQUENCE_BITS & (_RUNS - 1)
        number = self._given * _RUNS + run
        self._given += 1
        return f"{second % (1 << _SECOND_BITS) << _NUMBER_BITS | number:08x}"


def range_meant(text: str, now_ms: int) -> Iterator[tuple[int, int]]:
    """Where the ids lie of messages that bear a short id, from and below; nothing if the text is none."""
    if _SHORT.fullmatch(text):
        newest = now_ms // 1000 + _AHEAD_S
        second = newest - (newest - (int(text, 16) >> _NUMBER_BITS)) % (1 << _SECOND_BITS)
        yield first_id_at(second * 1000), first_id_at((second + 1) * 1000 + GROUP_MS)


def range_of_group(first_id: int) -> tuple[int, int]:
    """Where the ids lie of messages that were handed in at once, the first one's id known."""
    return first_id, first_id_at(made_at_ms(first_id) + GROUP_MS)

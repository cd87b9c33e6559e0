"""Message ids: 63-bit numbers that sort by time and never repeat.

An id is 41 bits of milliseconds, 11 bits of the run's slot and 11 bits of sequence.
Nothing here reads a clock: milliseconds come in.
"""

from typing import Final

#: 2020-01-01T00:00:00Z in Unix milliseconds; 41 bits from there last until 2089.
EPOCH_MS: Final = 1_577_836_800_000
SLOT_BITS: Final = 11
SEQUENCE_BITS: Final = 11
SLOTS: Final = 1 << SLOT_BITS
#: Ids that one run can make for one millisecond before it borrows from the next.
SEQUENCES: Final = 1 << SEQUENCE_BITS
_TIME_SHIFT: Final = SLOT_BITS + SEQUENCE_BITS
#: Greater than every id.
MAX_ID: Final = (1 << 63) - 1


class IdMaker:
    """Makes the ids of one run, each greater than the one before.

    A clock that stands still or steps back borrows the coming milliseconds: the ids
    go on from the last one issued.
    """

    __slots__ = ("_last_ms", "_sequence", "_slot")

    def __init__(self, slot: int, *, last_id: int = 0) -> None:
        """`slot` is leased from the store; `last_id` is the greatest id that it knows, 0 for none."""
        self._slot = (slot % SLOTS) << SEQUENCE_BITS
        self._last_ms = last_id >> _TIME_SHIFT
        self._sequence = SEQUENCES - 1 if last_id else -1

    def next(self, now_ms: int) -> int:
        """Make one id for a message that came at `now_ms` (Unix milliseconds)."""
        ms = now_ms - EPOCH_MS
        if ms > self._last_ms:
            self._last_ms, self._sequence = ms, 0
        else:
            self._sequence += 1
            if self._sequence >= SEQUENCES:
                self._last_ms += 1
                self._sequence = 0
        return self._last_ms << _TIME_SHIFT | self._slot | self._sequence

    def take(self, count: int, now_ms: int) -> list[int]:
        """Make `count` ids at once, rising."""
        first = self.next(now_ms)
        if self._sequence + count <= SEQUENCES:
            self._sequence += count - 1
            return list(range(first, first + count))
        return [first, *(self.next(now_ms) for _ in range(count - 1))]


def made_at_ms(message_id: int) -> int:
    """When the id was made, in Unix milliseconds."""
    return (message_id >> _TIME_SHIFT) + EPOCH_MS


def first_id_at(unix_ms: int) -> int:
    """The lowest id that a message of that millisecond can have."""
    return max(0, unix_ms - EPOCH_MS) << _TIME_SHIFT

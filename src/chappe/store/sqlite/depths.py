"""How much waits in each queue and how old it is, kept in memory: counting a million rows would stop the loop.

Follows what the engine has committed.  It must never know SQL; at the start it is told what lies in the file.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, Protocol

from chappe.model.ids import EPOCH_MS
from chappe.store.port import QueueDepth

#: Ids are counted by the 1,024 ms in which they were made: id >> 22 is milliseconds, 10 bits more make a slice.
SLICE_SHIFT: Final = 32
SLICE_MS: Final = 1 << (SLICE_SHIFT - 22)

#: Slice → how many items of it wait.
Slices = dict[int, int]


_queue_of: Final = attrgetter("queue")
_id_of: Final = attrgetter("id")


class Placed(Protocol):
    """Whatever lies in a queue: an item, or a row that nobody could read as one."""

    @property
    def queue(self) -> str:
        """Where it lies."""
        ...

    @property
    def id(self) -> int:
        """Its id, which tells when it came."""
        ...


class Depths:
    """Counts items by queue and by the second in which their message came."""

    __slots__ = ("_slices_by_queue",)

    def __init__(self) -> None:
        self._slices_by_queue: dict[str, Slices] = {}

    def load(self, found: Iterable[tuple[str, int, int]]) -> None:
        """Take over what the file holds: (queue, slice, count)."""
        for queue, piece, count in found:
            self._slices_by_queue.setdefault(queue, {})[piece] = count

    def add(self, items: Sequence[Placed]) -> None:
        """These items lie in their queues now."""
        for queue, piece, count in _runs(items):
            slices = self._slices_by_queue.setdefault(queue, {})
            slices[piece] = slices.get(piece, 0) + count

    def remove(self, items: Sequence[Placed]) -> None:
        """These items have left their queues.  What is not known here changes nothing."""
        for queue, piece, count in _runs(items):
            slices = self._slices_by_queue.setdefault(queue, {})
            left = slices.get(piece, 0) - count
            if left > 0:
                slices[piece] = left
            else:
                slices.pop(piece, None)

    def depths(self, now_ms: int) -> list[QueueDepth]:
        """Every queue that has held something in this run, by name; ages are true to a second, never too great."""
        return [
            QueueDepth(queue, sum(slices.values()), _age_s(slices, now_ms))
            for queue, slices in sorted(self._slices_by_queue.items())
        ]


def _age_s(slices: Slices, now_ms: int) -> float:
    if not slices:
        return 0.0
    made_before_ms = (min(slices) + 1) * SLICE_MS + EPOCH_MS
    return max(0, now_ms - made_before_ms) / 1000


def _runs(items: Sequence[Placed]) -> list[tuple[str, int, int]]:
    """Queue, slice and count of items that share both: a batch came within a second, so there are few."""
    runs: list[tuple[str, int, int]] = []
    for queue, neighbours in groupby(items, _queue_of):
        ids = list(map(_id_of, neighbours))
        if len(ids) == 1:
            runs.append((queue, ids[0] >> SLICE_SHIFT, 1))
            continue
        first, last = min(ids) >> SLICE_SHIFT, max(ids) >> SLICE_SHIFT
        pieces = {first: len(ids)} if first == last else Counter([each >> SLICE_SHIFT for each in ids])
        runs += [(queue, piece, count) for piece, count in pieces.items()]
    return runs

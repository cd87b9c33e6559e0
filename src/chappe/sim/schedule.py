"""What is due later, in one sorted heap: a simulator has one timer for all its messages.

It must never know a clock or what its items mean.
"""

from heapq import heappop, heappush
from itertools import count
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Schedule(Generic[Item]):
    """Items with the moment when they are due, in monotonic seconds; equal moments keep the order of adding."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Item]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, due_at: float, item: Item) -> None:
        """Keep `item` until `due_at`."""
        heappush(self._heap, (due_at, next(self._numbers), item))

    def take_due(self, now: float) -> list[Item]:
        """Remove and return all items that are due at `now`, the earliest first."""
        heap, due = self._heap, []
        while heap and heap[0][0] <= now:
            due.append(heappop(heap)[2])
        return due

    def deadline(self) -> float | None:
        """When the next item is due, or None."""
        return self._heap[0][0] if self._heap else None

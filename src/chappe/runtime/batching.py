"""Gathers what arrives one by one into the batch that a node's loop takes next.  No timer delays it."""

import asyncio
from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Gathered(Generic[T]):
    """A bag with one waiting reader: filled by callbacks, emptied whole."""

    __slots__ = ("_items", "_waiter")

    def __init__(self) -> None:
        self._items: list[T] = []
        self._waiter: asyncio.Future[None] | None = None

    def add(self, item: T) -> None:
        """Put one thing in."""
        self._items.append(item)
        if self._waiter is not None:
            self._wake()

    def extend(self, items: Sequence[T]) -> None:
        """Put several things in."""
        self._items += items
        if items:
            self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def __len__(self) -> int:
        return len(self._items)

    async def take(self, limit: int | None = None) -> list[T]:
        """Wait until there is something, and take all of it, or the first `limit`."""
        while not self._items:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if limit is not None and len(self._items) > limit:
            items, self._items = self._items[:limit], self._items[limit:]
            return items
        items, self._items = self._items, []
        return items

    def take_now(self) -> list[T]:
        """Take what is there, perhaps nothing."""
        items, self._items = self._items, []
        return items

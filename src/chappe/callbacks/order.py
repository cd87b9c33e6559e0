"""The order of one message's callbacks: while one that is not the last is under way or waits, those after it wait, too.

Pure; it knows what was leased since the start, and no store.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from chappe.model.lifecycle import FINAL
from chappe.model.message import Item, Receipt

#: Messages that are remembered.
MAX_REMEMBERED: Final = 20_000
#: What waits behind another callback is looked at no sooner than so.
LEAST_WAIT_MS: Final = 1_000
#: A callback that did not come again for so long after its time is no longer waited for.
FORGET_MS: Final = 3_600_000

#: It may go now; it is kept until the one before it is answered.
GO: Final = 0
KEPT: Final = -1


class MessageOrder:
    """Who comes first, and who waits behind."""

    __slots__ = ("_first", "_followers")

    def __init__(self) -> None:
        #: Message → its callback that comes first, and the Unix ms until which that waits; 0 while it is under way.
        self._first: dict[int, tuple[int, int]] = {}
        self._followers: dict[int, list[Item]] = {}

    def turn(self, item: Item, now_ms: int) -> int:
        """Whether a callback may go: `GO`, `KEPT` (`passed` gives it back), or the Unix ms until which it waits."""
        receipt = item.content
        if not isinstance(receipt, Receipt):
            return GO
        number = receipt.message_id
        first = self._first.get(number) if self._first else None
        if first is not None and first[0] != item.id:
            if not first[1]:
                self._followers.setdefault(number, []).append(item)
                return KEPT
            if now_ms < first[1] + FORGET_MS:
                return max(first[1] + 1, now_ms + LEAST_WAIT_MS)
        if receipt.status not in FINAL:
            self._first[number] = (item.id, 0)
            if len(self._first) > MAX_REMEMBERED:
                self._first.pop(next(iter(self._first)))
        return GO

    def passed(self, item: Item) -> Sequence[Item]:
        """It was taken, given up or given back: those that waited behind it."""
        number = self._leading(item)
        if not number:
            return ()
        del self._first[number]
        return self._followers.pop(number, ())

    def delayed(self, item: Item, due_at_ms: int) -> Sequence[Item]:
        """It waits until then: those that must wait behind it."""
        number = self._leading(item)
        if not number:
            return ()
        self._first[number] = (item.id, due_at_ms)
        return self._followers.pop(number, ())

    def clear(self) -> Iterator[Item]:
        """Forget all that wait behind others, and say who they are."""
        followers, self._followers = self._followers, {}
        for items in followers.values():
            yield from items

    def _leading(self, item: Item) -> int:
        """The message of which this callback comes first; 0 for none."""
        if not self._first or not isinstance(item.content, Receipt):
            return 0
        number = item.content.message_id
        first = self._first.get(number)
        return number if first is not None and first[0] == item.id else 0

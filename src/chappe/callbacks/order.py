"""The order of one message's callbacks: while one that is not the last is under way or waits, those after it wait, too.

Pure; it knows what was leased, and what it is told of those that waited before the start; it knows no store.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from chappe.model.lifecycle import FINAL, Status
from chappe.model.message import Item, Receipt

#: Messages that are remembered while their callback waits for its next try.
MAX_REMEMBERED: Final = 20_000
#: What waits behind another callback is looked at no sooner than so.
LEAST_WAIT_MS: Final = 1_000
#: A callback that did not come again for so long after its time is no longer waited for: somebody else has posted it.
FORGET_MS: Final = 60_000

#: The place of a callback among those of its message.
Step = tuple[bool, bool, int, int]

#: It may go now; it is kept until the one before it is answered.
GO: Final = 0
KEPT: Final = -1


def in_sequence(items: list[Item]) -> list[Item]:
    """The same items, those of one message in the order in which its callbacks follow each other.

    Two processes that lay callbacks of one message at the same moment may lay them in any order.
    """
    places: dict[int, list[int]] = {}
    for place, item in enumerate(items):
        if isinstance(item.content, Receipt):
            places.setdefault(item.content.message_id, []).append(place)
    if len(places) == len(items):
        return items
    for several in places.values():
        if len(several) > 1:
            ordered = sorted((items[place] for place in several), key=_step_of)
            for place, item in zip(several, ordered, strict=True):
                items[place] = item
    return items


def _step_of(item: Item) -> Step:
    receipt = item.content
    assert isinstance(receipt, Receipt)
    return receipt.status in FINAL, receipt.status is not Status.SENT, receipt.done_at_ms, item.id


class MessageOrder:
    """Who comes first, and who waits behind."""

    __slots__ = ("_followers", "_under_way", "_waiting")

    def __init__(self) -> None:
        #: Message → its callback that comes first and is under way; as many as are leased.
        self._under_way: dict[int, int] = {}
        #: Message → its callbacks that wait and are not the last: their steps, and the Unix ms until which they wait.
        self._waiting: dict[int, dict[int, tuple[Step, int]]] = {}
        self._followers: dict[int, list[Item]] = {}

    def turn(self, item: Item, now_ms: int) -> int:
        """Whether a callback may go: `GO`, `KEPT` (`passed` gives it back), or the Unix ms until which it waits."""
        receipt = item.content
        if not isinstance(receipt, Receipt):
            return GO
        number = receipt.message_id
        if self._under_way and self._under_way.get(number, item.id) != item.id:
            self._followers.setdefault(number, []).append(item)
            return KEPT
        if self._waiting and number in self._waiting:
            until_ms = self._earlier_waits_until(item)
            if until_ms:
                due_at_ms = max(until_ms + 1, now_ms + LEAST_WAIT_MS)
                # What follows must overtake neither the first one nor this one.
                self.waits(item, due_at_ms)
                return due_at_ms
        if receipt.status not in FINAL:
            self._under_way[number] = item.id
        return GO

    def _earlier_waits_until(self, item: Item) -> int:
        """The Unix ms until which those wait that come before it, 0 for none; it does not wait itself any longer.

        Queues give what waited in the order of its moments.  So one that waits itself, and since long after an earlier
        one should have come, waits in vain; how long their host took nothing says nothing.
        """
        receipt = item.content
        assert isinstance(receipt, Receipt)
        waiting, step = self._waiting[receipt.message_id], _step_of(item)
        waiting.pop(item.id, None)
        for gone in [each for each, (_, until_ms) in waiting.items() if item.due_at_ms >= until_ms + FORGET_MS]:
            del waiting[gone]
        if not waiting:
            del self._waiting[receipt.message_id]
        return max((until_ms for earlier, until_ms in waiting.values() if earlier < step), default=0)

    def passed(self, item: Item) -> Sequence[Item]:
        """It was taken or given up: those that waited behind it."""
        followers = self._end(item)
        if self._waiting and isinstance(item.content, Receipt):
            self._forget(item.content.message_id, item.id)
        return followers

    def returned(self, item: Item, now_ms: int) -> Sequence[Item]:
        """It goes back to where it lay: those behind it, which may lie before it and must not overtake it."""
        followers = self._end(item)
        for each in (item, *followers):
            self.waits(each, max(each.due_at_ms, now_ms))
        return followers

    def _end(self, item: Item) -> list[Item]:
        """It is not under way any longer: those that waited behind it, in their order."""
        number = self._leading(item)
        if not number:
            return []
        del self._under_way[number]
        followers = self._followers.pop(number, [])
        return sorted(followers, key=_step_of) if len(followers) > 1 else followers

    def _forget(self, number: int, item_id: int) -> None:
        waiting = self._waiting.get(number)
        if waiting is not None:
            waiting.pop(item_id, None)
            if not waiting:
                del self._waiting[number]

    def delayed(self, item: Item, due_at_ms: int) -> Sequence[Item]:
        """It waits until then: those that must wait behind it, a ms later; they are not overtaken either."""
        is_first = self._leading(item)
        followers = self._end(item)
        if is_first:
            self.waits(item, due_at_ms)
        for each in followers:
            self.waits(each, due_at_ms + 1)
        return followers

    def waits(self, item: Item, due_at_ms: int) -> None:
        """It waits until then, be it since before the start."""
        receipt = item.content
        if not isinstance(receipt, Receipt) or receipt.status in FINAL:
            return
        self._waiting.setdefault(receipt.message_id, {})[item.id] = (_step_of(item), due_at_ms)
        if len(self._waiting) > MAX_REMEMBERED:
            del self._waiting[next(iter(self._waiting))]

    def clear(self) -> Iterator[Item]:
        """Forget all that wait behind others, and say who they are."""
        followers, self._followers = self._followers, {}
        for items in followers.values():
            yield from items

    def begin_anew(self) -> None:
        """Somebody else posted for a while: what was known is of no use."""
        self._under_way.clear()
        self._waiting.clear()

    def _leading(self, item: Item) -> int:
        """The message of which this callback comes first and is under way; 0 for none."""
        if not self._under_way or not isinstance(item.content, Receipt):
            return 0
        number = item.content.message_id
        return number if self._under_way.get(number) == item.id else 0

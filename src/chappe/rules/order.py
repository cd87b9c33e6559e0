"""What follows a refused item for the same handset waits behind it, so that it is not overtaken.

Order costs nothing until something is refused: only lines with such an item are known here.  What was in flight at
the moment of the refusal cannot be called back.  It must never know what the items are; times are Unix ms.
"""

from collections.abc import Hashable
from typing import Final

import msgspec

#: How long after the moment of the item in front its followers come: by then it has its answer, or they wait again.
BEHIND_MS: Final = 500
#: An item that left for its next try and is not heard of for so long has ended elsewhere.
PATIENCE_MS: Final = 120_000
#: Lines known at once; beyond, the oldest are forgotten and their followers wait no more.
MAX_LINES: Final = 10_000


class Line(msgspec.Struct):
    """The items for one handset of which one was refused."""

    #: The oldest refused item, 0 when it has its answer; when it may be tried again, and when it left for that.
    head: int
    due_at_ms: int
    left_at_ms: int
    #: Until when the followers wait.
    until_ms: int


class HandsetOrder:
    """Knows who waits for whom, by whatever names a handset."""

    __slots__ = ("lines",)

    def __init__(self) -> None:
        #: While it is empty nobody need ask.
        self.lines: dict[Hashable, Line] = {}

    def refused(self, key: Hashable, item_id: int, due_at_ms: int) -> int:
        """An item was refused and is to be tried again at `due_at_ms`.  Returns when it may be, behind its elders."""
        line = self.lines.get(key)
        if line is None or not line.head:
            until_ms = max(due_at_ms + BEHIND_MS, line.until_ms if line else 0)
            self.lines.pop(key, None)
            self.lines[key] = Line(item_id, due_at_ms, 0, until_ms)
            if len(self.lines) > MAX_LINES:
                del self.lines[next(iter(self.lines))]
            return due_at_ms
        if item_id > line.head:
            line.until_ms = max(line.until_ms, due_at_ms)
            return line.until_ms
        line.head, line.due_at_ms, line.left_at_ms = item_id, due_at_ms, 0
        line.until_ms = max(line.until_ms, due_at_ms + BEHIND_MS)
        return due_at_ms

    def answered(self, key: Hashable, item_id: int, now_ms: int) -> None:
        """An item was taken, has ended or went elsewhere: nobody waits for it any more."""
        line = self.lines.get(key)
        if line is None or line.head != item_id:
            return
        line.head = 0
        if line.until_ms <= now_ms:
            del self.lines[key]

    def wait_until(self, key: Hashable, item_id: int, now_ms: int) -> int:
        """When an item that is about to leave may do so; 0 for now.

        Items are to be asked about in the order in which they were leased.
        """
        line = self.lines.get(key)
        if line is None:
            return 0
        if line.head and item_id > line.head:
            if self._is_coming(line, now_ms):
                line.until_ms = max(line.until_ms, now_ms + BEHIND_MS)
                return line.until_ms
            line.head = 0
        if line.head:
            if item_id == line.head:
                line.left_at_ms = now_ms
            return 0
        if now_ms >= line.until_ms:
            del self.lines[key]
            return 0
        # All come at one moment and in order.
        return line.until_ms

    def _is_coming(self, line: Line, now_ms: int) -> bool:
        """The item in front waits for its moment, or for its answer; else it has ended elsewhere."""
        return now_ms < (line.left_at_ms + PATIENCE_MS if line.left_at_ms else line.due_at_ms + BEHIND_MS)

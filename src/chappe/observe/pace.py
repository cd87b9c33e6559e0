"""Events a second over the last ten, for people who watch.  Knows no clock: moments come with the blocks."""

from collections import deque
from typing import Final

from chappe.store.port import Block

#: How far back the pace looks, in seconds.
WINDOW_S: Final = 10

Counts = dict[str, int]


class Pace:
    """Counts events by second and forgets what is older than the window."""

    __slots__ = ("_seconds",)

    def __init__(self) -> None:
        #: (Unix second, event → count), oldest first.
        self._seconds: deque[tuple[int, Counts]] = deque()

    def on_block(self, block: Block) -> None:
        """Fold one block."""
        second = block.at_us // 1_000_000
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append((second, {}))
            self._forget(second)
        counts = self._seconds[-1][1]
        for (event, _, _), count in block.counts.items():
            counts[event] = counts.get(event, 0) + count

    def per_second(self, now_s: int) -> dict[str, float]:
        """Event → mean per second of the ten whole seconds before `now_s`, the busiest first."""
        total: Counts = {}
        for second, counts in self._seconds:
            if now_s - WINDOW_S <= second < now_s:
                for event, count in counts.items():
                    total[event] = total.get(event, 0) + count
        return {event: count / WINDOW_S for event, count in sorted(total.items(), key=lambda pair: -pair[1])}

    def _forget(self, second: int) -> None:
        while self._seconds and not second - WINDOW_S - 1 <= self._seconds[0][0] <= second:
            self._seconds.popleft()

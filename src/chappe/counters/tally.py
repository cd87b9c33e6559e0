"""Folds event blocks into counts per minute.  Knows no store and no clock: a block brings its own moment."""

from typing import Final

from chappe.store.port import Block, TallyKey

US_PER_MINUTE: Final = 60_000_000


class Tally:
    """Counts by minute, event, client and operator of some blocks."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts: dict[TallyKey, int] = {}

    def add(self, block: Block) -> None:
        """Fold one block."""
        minute, counts = block.at_us // US_PER_MINUTE, self.counts
        for name, count in block.counts.items():
            key = (minute, *name)
            counts[key] = counts.get(key, 0) + count

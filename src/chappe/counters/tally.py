"""Folds event blocks into counts per minute.  Knows no store and no clock: a block brings its own moment."""

from chappe.store.port import Block, TallyKey

US_PER_MINUTE = 60_000_000


class Tally:
    """Counts by minute, event, client and operator that are not written yet, and the last block in them."""

    __slots__ = ("counts", "seq")

    def __init__(self, seq: int) -> None:
        """Begin after block `seq`."""
        self.seq = seq
        self.counts: dict[TallyKey, int] = {}

    def add(self, block: Block) -> None:
        """Fold one block; blocks come in their order, each once."""
        minute, counts = block.at_us // US_PER_MINUTE, self.counts
        for name, count in block.counts.items():
            key = (minute, *name)
            counts[key] = counts.get(key, 0) + count
        self.seq = block.seq

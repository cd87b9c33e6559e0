"""The counter node of many boxes takes all there is, and waits for a store that is away."""

from __future__ import annotations

import asyncio

from chappe.counters.fleet_node import FleetCounterNode
from chappe.store.folding import FOLD_BLOCKS, Fold
from chappe.store.port import Block, StoreAway, TallyKey


class Blocks:
    """Blocks that wait; `None` is a store that is away once."""

    def __init__(self, *waiting: int | None) -> None:
        self.waiting = list(waiting)
        self.counts: dict[TallyKey, int] = {}
        self.is_closed = False

    async def fold(self, name: str, fold: Fold) -> int:
        blocks = self.waiting.pop(0) if self.waiting else 0
        if blocks is None:
            raise StoreAway("away")
        block = Block(1, 60_000_000, b"", {("mt_sent", "acme", "three"): 2})
        for key, count in fold([block] * blocks).items():
            self.counts[key] = self.counts.get(key, 0) + count
        return blocks

    async def close(self) -> None:
        self.is_closed = True


def test_all_that_waits_is_counted_and_its_place_is_told() -> None:
    blocks = Blocks(FOLD_BLOCKS, FOLD_BLOCKS, 7)
    counter = FleetCounterNode(blocks, lambda: 42)

    asyncio.run(counter.fold())

    assert blocks.counts == {(1, "mt_sent", "acme", "three"): 2 * (2 * FOLD_BLOCKS + 7)}
    assert counter.safe_seq == 42


def test_a_store_that_is_away_is_asked_again() -> None:
    blocks = Blocks(None, 3)
    counter = FleetCounterNode(blocks, lambda: 42)

    asyncio.run(counter.fold())
    assert (counter.safe_seq, blocks.counts) == (0, {})
    asyncio.run(counter.finish())

    assert blocks.counts == {(1, "mt_sent", "acme", "three"): 6}
    assert counter.safe_seq == 42
    assert blocks.is_closed

"""The counter node of many boxes: folds the event blocks of all nodes, wherever they run.

Of several one folds at a time; which one makes no difference.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from chappe.counters.agreement_watch import AgreementWatch
from chappe.counters.node import COPY, FOLD_EVERY_S
from chappe.counters.tally import Tally
from chappe.store.folding import FOLD_BLOCKS, Folding
from chappe.store.port import Block, StoreAway, TallyKey


class FleetCounterNode:
    """Keeps the counters of a store that many nodes share."""

    name = "counter"

    def __init__(self, folding: Folding, last_block: Callable[[], int], watch: AgreementWatch | None = None) -> None:
        """`last_block` is the number of this node's own newest block; `watch` hears of what was counted."""
        self._watch = watch
        self._folding = folding
        self._last_block = last_block
        #: The last of this node's blocks that is counted, by this process or by the one that folds instead.
        self.safe_seq = 0
        self._rounds = 0

    def turns(self) -> dict[str, int]:
        """It looks again and again: a loop that stands still has stopped."""
        return {self.name: self._rounds}

    async def run(self) -> None:
        """Count until cancelled."""
        while True:
            await self.fold()
            if self._watch is not None:
                await self._watch.look()
            await asyncio.sleep(FOLD_EVERY_S)

    async def fold(self) -> None:
        """Count what there is; while the store is away it waits there."""
        self._rounds += 1
        newest = self._last_block()
        try:
            while await self._folding.fold(COPY, self._tally) >= FOLD_BLOCKS:
                self._rounds += 1
        except StoreAway:
            return
        self.safe_seq = newest

    async def finish(self) -> None:
        """Count what is left.  Call it after `run` was cancelled."""
        await self.fold()
        await self._folding.close()

    def _tally(self, blocks: Sequence[Block]) -> Mapping[TallyKey, int]:
        """What is to be counted; a count that fails and comes again is heard of twice, which alarms nobody."""
        tally = Tally()
        for block in blocks:
            tally.add(block)
        if self._watch is not None:
            self._watch.add(tally.counts)
        return tally.counts

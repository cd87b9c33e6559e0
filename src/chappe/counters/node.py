"""The counter node: counts per minute by event, client and operator, folded from the event blocks.

Reads event blocks; writes counters.  Offset and counts share a transaction, so a kill counts nothing twice.
"""

import asyncio
from typing import Final

from chappe.counters.tally import Tally
from chappe.observe.following import Following
from chappe.store.port import BlockSource, StoreAway

#: The name of this copy in the store.
COPY: Final = "counters"
#: Time between two writes while there is something to count.
FOLD_EVERY_S: Final = 1.0


class CounterNode:
    """Keeps the counters of one store."""

    name = "counter"

    def __init__(self, source: BlockSource) -> None:
        self._source = source
        known = source.copied(COPY)
        #: The last block that the written counters hold.
        self.safe_seq = known[0] if known else 0
        self._following = Following(source, self.safe_seq)

    async def run(self) -> None:
        """Count until cancelled."""
        while True:
            await self._following.ready.wait()
            await self.fold()
            await asyncio.sleep(FOLD_EVERY_S)

    async def fold(self) -> None:
        """Count all blocks that there are; what the store refuses is counted again by the next call."""
        is_behind = True
        while is_behind:
            tally = Tally(self.safe_seq)
            for block in self._following.take():
                tally.add(block)
            is_behind = self._following.is_behind
            if tally.seq == self.safe_seq:
                return
            try:
                await self._source.advance(COPY, tally.seq, "", tally.counts)
            except StoreAway:
                self._following.rewind(self.safe_seq)
                return
            self.safe_seq = tally.seq

    async def finish(self) -> None:
        """Count what is left.  Call it after `run` was cancelled."""
        known = self._source.copied(COPY)
        self.safe_seq = known[0] if known else 0
        self._following.rewind(self.safe_seq)
        await self.fold()

"""The counter node: counts per minute by event, client and operator, folded from the event blocks.

Reads event blocks; writes counters.  Offset and counts share a transaction, so a kill counts nothing twice.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from chappe.counters.agreement_watch import AgreementWatch
from chappe.counters.tally import Tally
from chappe.observe.following import Following
from chappe.store.port import Block, BlockSource, StoreAway

#: The name of this copy in the store.
COPY: Final = "counters"
#: Time between two writes while there is something to count.
FOLD_EVERY_S: Final = 1.0


class CounterNode:
    """Keeps the counters of one store."""

    name = "counter"

    def __init__(self, source: BlockSource, watch: AgreementWatch | None = None) -> None:
        """`watch` hears of what was counted."""
        self._source = source
        self._watch = watch
        #: The last block that the written counters hold; unknown until the store has told.
        self.safe_seq = 0
        self._is_in_doubt = True
        self._following = Following(source, 0)

    def turns(self) -> dict[str, int]:
        """How far counting has come, while there is something to count."""
        return {self.name: self.safe_seq} if self._following.ready.is_set() else {}

    async def run(self) -> None:
        """Count until cancelled."""
        while True:
            await self._following.ready.wait()
            await self.fold()
            if self._watch is not None:
                await self._watch.look()
            await asyncio.sleep(FOLD_EVERY_S)

    async def fold(self) -> None:
        """Count all blocks that there are; what the store refuses is counted again by the next call."""
        try:
            if self._is_in_doubt:
                await self._look_again()
            is_behind = True
            while is_behind:
                blocks = await self._following.take()
                is_behind = self._following.is_behind
                await self._count(blocks)
        except StoreAway:
            self._is_in_doubt = True
            self._following.rewind(self.safe_seq)

    async def finish(self) -> None:
        """Count what is left.  Call it after `run` was cancelled."""
        self._is_in_doubt = True
        await self.fold()

    async def _count(self, blocks: Sequence[Block]) -> None:
        """Write the counts of these blocks together with their place."""
        if not blocks:
            return
        tally = Tally()
        for block in blocks:
            tally.add(block)
        seq = blocks[-1].seq
        await self._source.advance(COPY, seq, "", tally.counts)
        if self._watch is not None:
            self._watch.add(tally.counts)
        self.safe_seq = seq

    async def _look_again(self) -> None:
        """A write that failed may hold all the same; its place was written with its counts, so the place tells."""
        known = await self._source.copied(COPY)
        self.safe_seq = known[0] if known else 0
        self._following.rewind(self.safe_seq)
        self._is_in_doubt = False

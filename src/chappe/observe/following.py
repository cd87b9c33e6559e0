"""Hands a copy the event blocks in their order, each once: live while it keeps up, from the store when it does not.

What waits in memory has a bound; beyond it the copy reads the store, where every block stays until it is
copied.  It must never know what a copy makes of the blocks.
"""

import asyncio
from typing import Final

from chappe.store.port import Block, BlockSource

#: Lines that may wait in memory for a copy, in octets: more than a second of full load.
WAITING_OCTETS: Final = 16 << 20
#: Blocks read from the store at once.
CATCH_UP_BLOCKS: Final = 50


class Following:
    """The place of one copy in the row of blocks."""

    def __init__(
        self,
        source: BlockSource,
        seq: int,
        *,
        waiting_octets: int = WAITING_OCTETS,
        catch_up_blocks: int = CATCH_UP_BLOCKS,
    ) -> None:
        """Go on after block `seq`."""
        self._source = source
        self._seq = seq
        self._waiting: list[Block] = []
        self._octets = 0
        #: The newest block that was told live.
        self._told = 0
        self._waiting_octets = waiting_octets
        self._catch_up_blocks = catch_up_blocks
        self._is_behind = True
        #: Set while `take` may have something to give.
        self.ready = asyncio.Event()
        self.ready.set()
        source.on_block(self._on_block)

    @property
    def is_behind(self) -> bool:
        """Blocks must be read from the store."""
        return self._is_behind

    async def take(self) -> list[Block]:
        """The next blocks, perhaps none; they count as taken.  Raises: StoreAway."""
        if self._is_behind:
            blocks = await self._source.blocks_after(self._seq, self._catch_up_blocks)
            newest = blocks[-1].seq if blocks else self._seq
            # A short answer was everything, but for what was told while the store was read: the next block comes live.
            self._is_behind = len(blocks) == self._catch_up_blocks or self._told > newest
        else:
            blocks, self._waiting, self._octets = self._waiting, [], 0
        if not self._is_behind:
            self.ready.clear()
        if blocks:
            self._seq = blocks[-1].seq
        return blocks

    def rewind(self, seq: int) -> None:
        """What was taken after block `seq` did not arrive: give it again."""
        self._seq = seq
        self._fall_behind()

    def _on_block(self, block: Block) -> None:
        self.ready.set()
        self._told = block.seq
        if self._is_behind:
            return
        self._waiting.append(block)
        self._octets += len(block.lines)
        if self._octets > self._waiting_octets:
            self._fall_behind()

    def _fall_behind(self) -> None:
        self._waiting, self._octets, self._is_behind = [], 0, True
        self.ready.set()

"""What a copy asks that is made from the blocks of all nodes at once: each block is folded into it exactly once.

It must never know what the blocks are folded into, but that it is numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from chappe.store.port import Block, TallyKey

#: Blocks that one call takes.
FOLD_BLOCKS: Final = 2_000

Fold = Callable[[Sequence[Block]], Mapping[TallyKey, int]]


class Folding(Protocol):
    """A store that several nodes write blocks to."""

    async def fold(self, name: str, fold: Fold) -> int:
        """Add to the counters what `fold` makes of blocks that the copy `name` does not hold yet, of whatever node.

        Their places are noted in the same transaction.  Returns how many blocks there were: `FOLD_BLOCKS` when there
        may be more of them, 0 also while another process folds.  Raises: StoreAway.
        """
        ...

    async def close(self) -> None:
        """Give back what it holds."""
        ...

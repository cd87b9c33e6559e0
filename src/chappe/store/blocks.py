"""Event blocks: what copies of the events are made from, and where each copy notes how far it has come."""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec


class Block(msgspec.Struct, frozen=True, gc=False):
    """The events of one transaction, numbered without gaps."""

    seq: int
    at_us: int
    #: CSV lines, UTF-8.
    lines: bytes
    counts: dict[tuple[str, str, str], int]


BlockListener = Callable[[Block], None]
#: (minute since 1970, event, client, operator)
TallyKey = tuple[int, str, str, str]
NO_TALLY: Final[Mapping[TallyKey, int]] = {}


class BlockSource(Protocol):
    """Where copies of the events come from, and where each notes how far it has come."""

    def on_block(self, listener: BlockListener) -> None:
        """Call `listener` after each commit with the block that it wrote."""
        ...

    async def blocks_after(self, seq: int, limit: int = 100) -> list[Block]:
        """Blocks that follow `seq`, in order.  Raises: StoreAway."""
        ...

    async def copied(self, name: str) -> tuple[int, str] | None:
        """The last block that the copy `name` holds safely, and its own note of the place; None before the first.

        Raises: StoreAway.
        """
        ...

    async def advance(self, name: str, seq: int, position: str, tally: Mapping[TallyKey, int] = NO_TALLY) -> None:
        """Note how far a copy has come and, in the same transaction, add counts to the counters.

        Raises: StoreAway; whether it was written all the same, `copied` tells when the store is back.
        """
        ...

"""What the runs of all boxes know of each other through their store: who lives, and who may use how much of what.

A run is one life of a process.  It must never know what is shared: links of an operator, PDUs a second.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

#: How long a share stands from the moment at which it was asked for: who does not ask again has lost it then.
SHARE_S: Final = 10.0


class Run(msgspec.Struct, frozen=True):
    """One run that the store knows, with what it last told of itself."""

    run: int
    box: str
    node: str
    version: str
    started_at_ms: int
    #: Seconds since its last heartbeat, by the database's clock.
    silent_s: float
    told: bytes = b""


class Fleet(Protocol):
    """What runs ask of the store about each other."""

    def tell(self, told: bytes) -> None:
        """Let the others know this of the run, with its next heartbeat."""
        ...

    async def runs(self) -> Sequence[Run]:
        """All runs that have not ended, by box and node.  Raises: StoreAway."""
        ...

    async def share(self, name: str, total: int, held: int) -> int:
        """How many of `total` units this run may use for `SHARE_S` from when it asked; it uses `held` now.

        All living runs that ask under a name get the same, but for a remainder; the sum of what they use and may use
        never exceeds `total`.  A run that is told less than it holds gives the rest up and asks again with
        less; only then others get it.  Raises: StoreAway.
        """
        ...

    async def leave(self, name: str) -> None:
        """This run uses nothing of it any longer.  Raises: StoreAway."""
        ...

    async def is_buried(self) -> bool:
        """What runs that have ended had leased is free, all of it, and no run is silent.  Raises: StoreAway."""
        ...


class Alone:
    """The fleet of a store that belongs to one process: everything is its own."""

    def tell(self, told: bytes) -> None:
        """Nobody listens."""

    async def runs(self) -> Sequence[Run]:
        """Nobody else."""
        return ()

    async def share(self, name: str, total: int, held: int) -> int:
        """All of it."""
        return total

    async def leave(self, name: str) -> None:
        """Nobody waits for it."""

    async def is_buried(self) -> bool:
        """Nobody died."""
        return True


def fair_part(total: int, place: int, runs: int) -> int:
    """What the run at `place` (from 0) of so many gets."""
    return total // runs + (place < total % runs)

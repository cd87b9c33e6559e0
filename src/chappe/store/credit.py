"""What clients may still spend: one balance for each, of which processes take slices and spend them.

A message is charged by the transaction that stores it, and what is charged never exceeds what its run has drawn, so
that nothing is spent twice however many doors there are.  A dead run's slice goes back to the balance by itself.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Drawn(msgspec.Struct, frozen=True):
    """What a run was given of a balance."""

    units: int
    #: What other runs have in hand and have not spent.
    elsewhere: int = 0


class Balance(msgspec.Struct, frozen=True):
    """What a client may still spend, wherever it lies; millionths of a currency, or parts where that is empty."""

    client: str
    currency: str
    units: int


class CreditStore(Protocol):
    """Balances by client and currency."""

    async def open_credit(self, client: str, currency: str, opening: int) -> None:
        """Begin a balance with so much; one that has begun is left as it is.  Raises: StoreAway."""
        ...

    async def draw_credit(self, client: str, currency: str, wish: int) -> Drawn:
        """Take a slice into this run: at least `wish` where there is so much.

        Where there is not, other runs are asked to give back what they do not need.  Raises: StoreAway; then
        something may have been drawn, which counts as this run's until it ends.
        """
        ...

    def draw_credit_now(self, client: str, currency: str) -> int | None:
        """Take all there is without waiting; None of a store that many processes share.  Raises: StoreAway."""
        ...

    async def return_credit(self, client: str, currency: str, units: int) -> None:
        """Give back what was drawn and is not spent.  Raises: StoreAway; then it counts as drawn until the end."""
        ...

    async def called_back_credit(self) -> Sequence[Balance]:
        """How much of what this run holds is wanted elsewhere, or was taken from its client.  Raises: StoreAway."""
        ...

    async def balances(self) -> list[Balance]:
        """All of them, by client.  Raises: StoreAway."""
        ...

    async def add_credit(self, client: str, currency: str, units: int, *, instruction: int = 0, told: str = "") -> bool:
        """Add to a balance, or take from it; False, and nothing is changed, where there is not so much to take.

        The last `instruction` is not carried out again, but answered as before.  Raises: StoreAway.
        """
        ...

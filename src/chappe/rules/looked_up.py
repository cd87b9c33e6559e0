"""What look-ups have said of handsets' networks, as far as memory has it: bounded, each word for a time.

It must never ask anybody, nor read a clock: whoever learns says until when it holds.
"""

from collections.abc import Iterable, Sequence

import msgspec

from chappe.model.address import international
from chappe.rules.conditions import Conditions
from chappe.rules.index import Index


class LookedUp(msgspec.Struct, frozen=True, array_like=True):
    """What was said of one number; `network` is empty where nobody knows it."""

    number: str
    network: str
    #: Unix ms until which it is taken for true.
    until_ms: int


class LookUps:
    """Which numbers are looked up, and what is known of them."""

    def __init__(self, numbers: Sequence[str] = ("*",), *, limit: int = 1_000_000) -> None:
        """`numbers` are patterns, of which one must fit; `limit` bounds how many are remembered, the newest ones."""
        self._index = Index([Conditions(to=pattern) for pattern in numbers])
        self._limit = limit
        self._known: dict[str, tuple[str, int]] = {}

    def change(self, numbers: Sequence[str], *, limit: int) -> None:
        """Look other numbers up from now on; what was said stays, as far as there is room."""
        self._index = Index([Conditions(to=pattern) for pattern in numbers])
        self._limit = limit
        self.learn(())

    def __len__(self) -> int:
        return len(self._known)

    def learn(self, found: Iterable[LookedUp]) -> None:
        """Remember what was said; the oldest make room."""
        known = self._known
        for each in found:
            known.pop(each.number, None)
            known[each.number] = (each.network, each.until_ms)
        while len(known) > self._limit:
            del known[next(iter(known))]

    def network_of(self, number: str) -> str:
        """What was said last of a number in normal form, be it old; empty where nobody has said anything."""
        found = self._known.get(number)
        return found[0] if found is not None else ""

    def is_known(self, number: str, now_ms: int) -> bool:
        """It was asked about, and the answer still holds."""
        found = self._known.get(number)
        return found is not None and found[1] > now_ms

    def is_open(self, handset: str, now_ms: int) -> bool:
        """It would have to be asked about."""
        number = international(handset)
        return number.isdecimal() and not self.is_known(number, now_ms) and self._index.first(number, "") is not None

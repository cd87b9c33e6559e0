"""Which network a handset belongs to: what a look-up found, else what the plan of numbers says of its prefix.

It must never ask anybody: look-ups are made elsewhere, and what they found is remembered here.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from chappe.model.address import international
from chappe.rules.conditions import Conditions
from chappe.rules.index import Index

#: Answers kept in memory; beyond, the oldest are asked for again.
KEPT: Final = 500_000


class Range(msgspec.Struct, frozen=True):
    """The numbers of a prefix, and the network that has them: MCC and MNC."""

    prefix: str
    network: str


class NumberPlan:
    """Networks by number."""

    def __init__(
        self, ranges: Sequence[Range] = (), *, ported: Mapping[str, str] | None = None, asked: Sequence[str] = ()
    ) -> None:
        """`ported` are numbers whose network is known; `asked` are patterns of those that a look-up is made for."""
        self._network_by_prefix = {each.prefix: each.network for each in ranges}
        self._lengths = sorted({len(prefix) for prefix in self._network_by_prefix}, reverse=True)
        self.ported: Mapping[str, str] = ported or {}
        self._asked = Index([Conditions(to=pattern) for pattern in asked])
        self._found: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def network_of(self, handset: str, now_ms: int) -> str:
        """MCC and MNC, empty where nobody knows."""
        number = international(handset)
        found = self._found.get(number)
        if found is not None and found[1] > now_ms:
            return found[0]
        return self.ported.get(number) or self.by_prefix(number)

    def by_prefix(self, number: str) -> str:
        """What the plan says: the longest prefix counts."""
        for length in self._lengths:
            network = self._network_by_prefix.get(number[:length])
            if network is not None:
                return network
        return ""

    @property
    def is_asked_for(self) -> bool:
        """Some numbers are looked up elsewhere."""
        return bool(self._asked)

    def must_ask(self, handset: str, now_ms: int) -> bool:
        """A look-up has to be made before anybody can say which network it is."""
        if not self._asked:
            return False
        number = international(handset)
        if self._asked.first(number, "") is None or number in self.ported:
            return False
        found = self._found.get(number)
        return found is None or found[1] <= now_ms

    def remember(self, handset: str, network: str, until_ms: int) -> None:
        """A look-up said this, empty for: it could not be found out.  It counts until a moment."""
        number = international(handset)
        self._found.pop(number, None)
        self._found[number] = (network or self.ported.get(number) or self.by_prefix(number), until_ms)
        if len(self._found) > KEPT:
            self._found.popitem(last=False)

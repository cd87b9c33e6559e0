"""Which network a handset belongs to: where its number was ported to, what a look-up said, else what its prefix says.

It must never ask anybody: whatever is known was handed to it.
"""

from collections.abc import Mapping, Sequence

import msgspec

from chappe.model.address import international
from chappe.rules.looked_up import LookUps


class Range(msgspec.Struct, frozen=True):
    """The numbers of a prefix, and the network that has them: MCC and MNC."""

    prefix: str
    network: str


class NumberPlan:
    """Networks by number."""

    def __init__(
        self,
        ranges: Sequence[Range] = (),
        *,
        ported: Mapping[str, str] | None = None,
        look_ups: LookUps | None = None,
    ) -> None:
        """`ported` are numbers, in normal form, that went to another network; `look_ups` what was asked of others."""
        self._network_by_prefix = {each.prefix: each.network for each in ranges}
        self._lengths = sorted({len(prefix) for prefix in self._network_by_prefix}, reverse=True)
        self._ported: Mapping[str, str] = ported or {}
        self.look_ups = look_ups

    def network_of(self, handset: str) -> str:
        """MCC and MNC, empty where nobody knows; of several prefixes that fit the longest counts."""
        number = international(handset)
        ported = self._ported.get(number)
        if ported is not None:
            return ported
        if self.look_ups is not None and (network := self.look_ups.network_of(number)):
            return network
        return self._by_prefix(number)

    def _by_prefix(self, number: str) -> str:
        for length in self._lengths:
            network = self._network_by_prefix.get(number[:length])
            if network is not None:
                return network
        return ""

    def is_ported(self, handset: str) -> bool:
        """Its network is not that of its prefix."""
        return international(handset) in self._ported

    def is_looked_up(self, handset: str) -> bool:
        """A look-up has said which network it has."""
        number = international(handset)
        return self.look_ups is not None and number not in self._ported and bool(self.look_ups.network_of(number))

    def is_open(self, handset: str, now_ms: int) -> bool:
        """Only a look-up can say which network it has."""
        if self.look_ups is None or international(handset) in self._ported:
            return False
        return self.look_ups.is_open(handset, now_ms)

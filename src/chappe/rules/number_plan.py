"""Which network a handset belongs to: where its number was ported to, else what the plan says of its prefix.

It must never ask anybody: whatever is known was handed to it.
"""

from collections.abc import Mapping, Sequence

import msgspec

from chappe.model.address import international


class Range(msgspec.Struct, frozen=True):
    """The numbers of a prefix, and the network that has them: MCC and MNC."""

    prefix: str
    network: str


class NumberPlan:
    """Networks by number."""

    def __init__(self, ranges: Sequence[Range] = (), *, ported: Mapping[str, str] | None = None) -> None:
        """`ported` are numbers, in normal form, that went to another network."""
        self._network_by_prefix = {each.prefix: each.network for each in ranges}
        self._lengths = sorted({len(prefix) for prefix in self._network_by_prefix}, reverse=True)
        self._ported: Mapping[str, str] = ported or {}

    def network_of(self, handset: str) -> str:
        """MCC and MNC, empty where nobody knows; of several prefixes that fit the longest counts."""
        number = international(handset)
        ported = self._ported.get(number)
        if ported is not None:
            return ported
        for length in self._lengths:
            network = self._network_by_prefix.get(number[:length])
            if network is not None:
                return network
        return ""

    def is_ported(self, handset: str) -> bool:
        """Its network is not that of its prefix."""
        return international(handset) in self._ported

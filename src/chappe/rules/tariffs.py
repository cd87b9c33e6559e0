"""What clients pay: the first tariff that fits a client and a number says the price of a part.

It is pure, and must never know what a client still has.
"""

from collections.abc import Callable, Sequence

import msgspec

from chappe.model.address import international
from chappe.rules.conditions import NO_FACTS, Conditions, Facts
from chappe.rules.index import Index


class Tariff(msgspec.Struct, frozen=True):
    """The price of one part, in millionths of the client's currency."""

    units: int
    to: str = "*"
    networks: tuple[str, ...] = ()
    client: str = ""


class Tariffs:
    """All tariffs, in their order."""

    def __init__(self, tariffs: Sequence[Tariff], network_of: Callable[[str], str]) -> None:
        """`network_of(number)` is MCC and MNC of a number in normal form."""
        self._tariffs = tuple(tariffs)
        self._network_of = network_of
        self.index = Index([Conditions(to=each.to, networks=each.networks, client=each.client) for each in tariffs])

    def units(self, client: str, to: str) -> int:
        """The price of a part to an address; 0 where no tariff says one."""
        number = international(to)
        facts = Facts(network=self._network_of(number)) if self.index.asks_more else NO_FACTS
        order = self.index.first(number, "", client, facts=facts)
        return 0 if order is None else self._tariffs[order].units

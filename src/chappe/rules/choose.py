"""Which operator of a route has the first turn: the first written, by weight, or the cheapest; the sick go last.

Chance is the handset's number: one handset's messages keep to one operator, so that they arrive in order, and the same
question has the same answer whenever it is asked.
"""

from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from itertools import accumulate
from zlib import crc32

import msgspec

from chappe.rules.conditions import Conditions, Facts
from chappe.rules.index import Index


class Choice(Enum):
    """How a route's operators take turns."""

    ORDER = "order"
    WEIGHT = "weight"
    PRICE = "price"


class Chosen(msgspec.Struct, frozen=True):
    """Operators in the order of their turns; `why` says what put the first one there, empty for the plain order."""

    operators: tuple[str, ...]
    why: str


class Price(msgspec.Struct, frozen=True):
    """What an operator takes for a part."""

    operator: str
    amount: Decimal
    to: str = "*"
    networks: tuple[str, ...] = ()


class Prices:
    """What all operators take; of an operator's prices the first that fits counts."""

    def __init__(self, prices: Sequence[Price] = ()) -> None:
        self._prices = tuple(prices)
        #: Some price holds for networks.
        self.asks_networks = any(each.networks for each in prices)
        self._index = Index([Conditions(to=each.to, networks=each.networks, operator=each.operator) for each in prices])

    def of(self, operator: str, number: str, facts: Facts) -> Decimal | None:
        """An operator's price for a number in normal form; None where nobody has written one."""
        order = self._index.first(number, "", facts=facts, operator=operator)
        return None if order is None else self._prices[order].amount


def chosen(
    operators: tuple[str, ...],
    choice: Choice,
    weights: Sequence[int],
    prices: Prices,
    number: str,
    facts: Facts,
    sick: frozenset[str],
) -> Chosen:
    """The turns of a route's operators for one handset."""
    ordered, why = operators, ""
    if choice is Choice.WEIGHT:
        ordered, why = _by_weight(operators, weights, number)
    elif choice is Choice.PRICE:
        ordered, why = _by_price(operators, prices, number, facts)
    if sick and ordered[0] in sick:
        well = tuple(each for each in ordered if each not in sick)
        if well:
            why = f"{why + '; ' if why else ''}{ordered[0]} has no link"
            ordered = (*well, *(each for each in ordered if each in sick))
    return Chosen(ordered, why)


def _by_weight(operators: tuple[str, ...], weights: Sequence[int], number: str) -> tuple[tuple[str, ...], str]:
    total = sum(weights)
    point = crc32(number.encode("utf-8", "surrogatepass")) % total
    at = next(at for at, until in enumerate(accumulate(weights)) if point < until)
    return (*operators[at:], *operators[:at]), f"weight {weights[at]} of {total}"


def _by_price(operators: tuple[str, ...], prices: Prices, number: str, facts: Facts) -> tuple[tuple[str, ...], str]:
    """The cheapest first, equal ones as they are written, those without a price last."""
    priced = [(prices.of(each, number, facts), each) for each in operators]
    known = sorted([(price, each) for price, each in priced if price is not None], key=lambda pair: pair[0])
    ordered = tuple(each for _, each in known) + tuple(each for price, each in priced if price is None)
    if not known:
        return ordered, "no operator has a price"
    return ordered, f"cheapest: {', '.join(f'{each} {price}' for price, each in known)}"

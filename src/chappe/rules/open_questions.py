"""Whether a message's way hangs on a network that only a look-up can name: asked before a look-up is paid for.

A rule that names networks is taken as if it named none: if it could hold, and stands before what decides without it,
the question is open.  It must never know what a look-up says.
"""

from msgspec.structs import replace

from chappe.rules.choose import Choice
from chappe.rules.conditions import Facts
from chappe.rules.decide import Routes, Rule
from chappe.rules.index import Index
from chappe.rules.policies import BlockList


class OpenQuestions:
    """The rules that ask for networks."""

    def __init__(self, routes: Routes, blocks: BlockList) -> None:
        self._rules = routes.rules
        self._places = [
            place for place, rule in enumerate(routes.rules) if _asks(rule, by_price=routes.prices.asks_networks)
        ]
        self._routes = Index([replace(routes.rules[place].conditions, networks=()) for place in self._places])
        self._blocks = Index(
            [replace(each.conditions, networks=()) for each in blocks.rules if each.conditions.networks]
        )
        named = (name for place in self._places for name in routes.rules[place].operators)
        self._operators = tuple(dict.fromkeys(named))

    def are_open(self, decided: int | None, number: str, source: str, client: str, facts: Facts) -> bool:
        """Whether the network may change what `decided`, the place of a route or None, says of a message."""
        at = self._routes.first(number, source, client, facts=facts)
        if at is not None and (decided is None or self._places[at] <= decided):
            return True
        return bool(self._blocks) and self._blocks.first(number, source, client, facts=facts) is not None

    def operators(self, decided: int | None) -> tuple[str, ...]:
        """Every operator that may get such a message, that of the decided route first."""
        first = () if decided is None else self._rules[decided].operators
        return tuple(dict.fromkeys((*first, *self._operators)))


def _asks(rule: Rule, *, by_price: bool) -> bool:
    return bool(rule.networks) or (by_price and rule.choice is Choice.PRICE)

"""Where a message goes: the first route that fits it, MT to operators, MO to a client.

Routes come compiled: those that begin with digits are found by prefix, so that ten thousand cost no
more than ten.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from chappe.model.address import compile_pattern, international
from chappe.model.lifecycle import Direction

#: Where an MO waits that no route wants: a person decides, nothing is thrown away.
UNROUTED: Final = "unrouted"
#: Where parts of long MO wait for each other.
JOIN: Final = "join"

_WORD: Final = re.compile(r"\S+")
#: Digits and a star at the end: whoever has the prefix fits.  Leading 00 are no digits of the number.
_PREFIX_ONLY: Final = re.compile(r"\+?(?!00)\d*\*")
_LITERAL: Final = re.compile(r"\+?(?!00)(\d*)\*?")


class Rule(msgspec.Struct, frozen=True):
    """One route, as an administrator wrote it.  Empty means: any."""

    direction: Direction
    to: str = "*"
    source: str = "*"
    keyword: str = ""
    #: MT: only messages of this client.
    of_client: str = ""
    #: MT: the operators to try, in order.
    operators: tuple[str, ...] = ()
    #: MO: the queue of the client that gets it, and its name.
    queue: str = ""
    client: str = ""
    #: MO: how long the parts of a long text wait for each other before that client gets them as parts; 0: not at all.
    join_s: float = 0.0


class _Compiled(msgspec.Struct):
    order: int
    rule: Rule
    #: None where the prefix alone decides.
    fits_to: Callable[[str], bool] | None
    fits_source: Callable[[str], bool] | None
    #: It asks for nothing but its prefix.
    fits_all: bool


class Routes:
    """All routes of one direction, ready to be asked."""

    def __init__(self, rules: Sequence[Rule], direction: Direction) -> None:
        self._by_prefix: dict[str, list[_Compiled]] = {}
        for order, rule in enumerate(rules):
            if rule.direction is direction:
                source = None if rule.source == "*" else compile_pattern(rule.source)
                to = None if _PREFIX_ONLY.fullmatch(rule.to) else compile_pattern(rule.to)
                fits_all = to is source is None and not rule.of_client and not rule.keyword
                compiled = _Compiled(order, rule, to, source, fits_all)
                self._by_prefix.setdefault(_prefix(rule.to), []).append(compiled)
        self._lengths = sorted({len(prefix) for prefix in self._by_prefix})
        self._joins = any(rule.join_s for rule in rules)
        # What the first route of all takes whatever it is needs no look at the others.
        first = min((each for found in self._by_prefix.values() for each in found), key=_order, default=None)
        takes_all = first is not None and first.fits_all and not _prefix(first.rule.to)
        self._sole = first.rule if first is not None and takes_all else None

    def find(self, to: str, source: str, *, client: str = "", keyword: str = "") -> Rule | None:
        """The first route that fits, or None.  `to` and `source` are as the message has them."""
        if self._sole is not None:
            return self._sole
        number = international(to)
        best: _Compiled | None = None
        for length in self._lengths:
            for route in self._by_prefix.get(number[:length], ()):
                if best is not None and route.order > best.order:
                    break
                if route.fits_all or _fits(route, number, source, client, keyword):
                    best = route
                    break
        return None if best is None else best.rule

    def join_s(self, to: str, source: str) -> float:
        """How long parts for this number may wait for each other: which client gets a text, only the whole may tell."""
        if not self._joins:
            return 0.0
        number = international(to)
        routes = (route for length in self._lengths for route in self._by_prefix.get(number[:length], ()))
        return max((route.rule.join_s for route in routes if _fits_but_keyword(route, number, source)), default=0.0)


def _order(route: _Compiled) -> int:
    return route.order


def _fits_but_keyword(route: _Compiled, number: str, source: str) -> bool:
    return _fits(route, number, source, route.rule.of_client, route.rule.keyword.casefold())


def _prefix(pattern: str) -> str:
    """The digits that every number of the pattern begins with."""
    literal = _LITERAL.fullmatch(pattern)
    return international(literal[1]) if literal and literal[1] else ""


def _fits(route: _Compiled, number: str, source: str, client: str, keyword: str) -> bool:
    rule = route.rule
    if rule.of_client and rule.of_client != client:
        return False
    if rule.keyword and rule.keyword.casefold() != keyword:
        return False
    if route.fits_to is not None and not route.fits_to(number):
        return False
    return route.fits_source is None or route.fits_source(international(source))


def keyword_of(text: str) -> str:
    """The first word of an MO's text, folded: what `keyword` of a route is compared with."""
    found = _WORD.search(text)
    return found[0].casefold() if found else ""


def other_operators(operators: Sequence[str], current: str) -> Sequence[str]:
    """The operators of a route but the current one, those behind it first."""
    if current not in operators:
        return operators
    at = operators.index(current)
    return [*operators[at + 1 :], *operators[:at]]


def next_operator(
    operators: Sequence[str], current: str, attempts: int, is_up: Callable[[str], bool] = lambda _: True
) -> str | None:
    """The operator to fail over to after `attempts` tries, None when all have had their turn or none of them is up."""
    if current not in operators or attempts + 1 >= len(operators):
        return None
    return next((name for name in other_operators(operators, current) if is_up(name)), None)

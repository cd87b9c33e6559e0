"""Where a message goes: the first route that fits it, MT to operators, MO to a client.

Routes come compiled to an index, so that ten thousand cost no more than ten.  What only some routes ask for (text,
tags, time, the handset's network) is gathered only where there are such routes.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from chappe.model.address import international
from chappe.model.lifecycle import Direction
from chappe.model.message import Message
from chappe.rules.choose import Choice, Chosen, Prices, chosen
from chappe.rules.conditions import NO_FACTS, Conditions, Facts
from chappe.rules.hours import Hours
from chappe.rules.index import Index
from chappe.rules.number_plan import NumberPlan
from chappe.rules.policies import BlockList, BlockRule
from chappe.text.reading import read

#: Where an MO waits that no route wants: a person decides, nothing is thrown away.
UNROUTED: Final = "unrouted"
#: Where an MT waits whose operator memory cannot decide: it is asked for its network first.
ROUTE: Final = "route"
#: Where parts of long MO wait for each other.
JOIN: Final = "join"

_WORD: Final = re.compile(r"\S+")
_UDHI: Final = 0x40


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
    #: MO: what its client's protocol has room for in a text of 7 bits, and in any other; 0: there is no bound.
    most_septets: int = 0
    most_octets: int = 0
    #: What people call it; empty for none.
    name: str = ""
    #: MCC, or MCC and MNC, of the handset's network.
    networks: tuple[str, ...] = ()
    text: str = ""
    tags: tuple[str, ...] = ()
    hours: Hours | None = None
    #: MO: only what this operator brings.
    of_operator: str = ""
    #: MT: which operator has the first turn.
    choice: Choice = Choice.ORDER
    #: MT: by weight, the share of each operator.
    weights: tuple[int, ...] = ()

    @property
    def conditions(self) -> Conditions:
        """What it asks of a message."""
        return Conditions(
            to=self.to,
            source=self.source,
            client=self.of_client,
            operator=self.of_operator,
            keyword=self.keyword,
            networks=self.networks,
            text=self.text,
            tags=self.tags,
            hours=self.hours,
        )


class Routes:
    """All routes of one direction, ready to be asked."""

    def __init__(
        self,
        rules: Sequence[Rule],
        direction: Direction,
        *,
        plan: NumberPlan | None = None,
        prices: Prices | None = None,
        blocks: BlockList | None = None,
    ) -> None:
        """`plan` knows the networks of handsets, `prices` what operators take, `blocks` which MO nobody gets."""
        self.blocks = blocks if blocks is not None else BlockList()
        places = [place for place, rule in enumerate(rules) if rule.direction is direction]
        #: Of each rule its place among those of both directions.
        self.places = tuple(places)
        self.rules = tuple(rules[place] for place in places)
        self.index = Index([rule.conditions for rule in self.rules])
        self._first = self.index.first
        #: The first route, if it asks for nothing.
        self._sole = self.rules[0] if self.rules and self.rules[0].conditions == Conditions() else None
        self.plan = plan if plan is not None else NumberPlan()
        self.prices = prices if prices is not None else Prices()
        self._joining = [rule for rule in self.rules if rule.join_s]
        joining = [msgspec.structs.replace(rule.conditions, keyword="") for rule in self._joining]
        self._joining_indexes = [Index([each]) for each in joining]
        #: Some route's operators take turns otherwise than in their order.
        self.has_choices = any(rule.choice is not Choice.ORDER for rule in self.rules)
        #: Operators that cannot be sent to for a while: others of their routes go first.
        self._sick: frozenset[str] = frozenset()
        self._is_plain = not self.index.asks_more and not self.has_choices

    # -- what is known --------------------------------------------------------------------------------------------

    @property
    def is_plain(self) -> bool:
        """Numbers, sender, client and keyword decide alone, and the first operator of a route has the first turn."""
        return self._is_plain

    @property
    def sick(self) -> frozenset[str]:
        """Operators that cannot be sent to."""
        return self._sick

    def note_sick(self, sick: frozenset[str]) -> None:
        """Say which operators cannot be sent to."""
        self._sick = sick
        self._is_plain = not (self.index.asks_more or self.has_choices or sick)

    def name_of(self, order: int) -> str:
        """What people call a route: its name, or its place in the settings."""
        name = self.rules[order].name
        place = f"routes[{self.places[order]}]"
        return f"{place} {name}" if name else place

    # -- which route ----------------------------------------------------------------------------------------------

    def find(
        self,
        to: str,
        source: str,
        *,
        client: str = "",
        keyword: str = "",
        facts: Facts = NO_FACTS,
        operator: str = "",
    ) -> Rule | None:
        """The first route that fits, or None.  `to` and `source` are as the message has them."""
        if self._sole is not None:
            return self._sole
        order = self._first(international(to), source, client, keyword, facts, operator)
        return None if order is None else self.rules[order]

    def find_mo(self, message: Message, text: str, at_ms: int) -> Rule | None:
        """The route of an MO; `text` is what it says."""
        facts = NO_FACTS
        if self.index.asks_more:
            facts = Facts(at_ms, text, (), self.plan.network_of(message.source))
        keyword = keyword_of(text)
        return self.find(message.dest, message.source, keyword=keyword, facts=facts, operator=message.operator)

    def block_of(self, message: Message, text: str, at_ms: int) -> BlockRule | None:
        """What keeps an MO from everybody; None where nothing does."""
        number, source = international(message.dest), international(message.source)
        facts = Facts(at_ms, text, (), self.plan.network_of(message.source))
        order = self.blocks.find(number, source, "", facts)
        return None if order is None else self.blocks.rules[order]

    def facts_of(self, message: Message, at_ms: int) -> Facts:
        """What rules may ask of an MT beyond its addresses."""
        if not self.index.asks_more and not self.has_choices:
            return NO_FACTS
        return Facts(at_ms, text_of(message), message.tags, self.plan.network_of(message.dest))

    # -- which operator -------------------------------------------------------------------------------------------

    def choose(self, rule: Rule, to: str, facts: Facts) -> Chosen:
        """A route's operators in the order of their turns for a handset, and why it is this one."""
        if rule.choice is Choice.ORDER and not self._sick:
            return Chosen(rule.operators, "")
        return chosen(rule.operators, rule.choice, rule.weights, self.prices, international(to), facts, self._sick)

    def operators_of(self, message: Message, at_ms: int) -> tuple[str, ...]:
        """The operators that may carry an MT now, in the order of their turns; none where no route takes it."""
        if self._is_plain:
            rule = self.find(message.dest, message.source, client=message.client)
            return rule.operators if rule is not None else ()
        facts = self.facts_of(message, at_ms)
        rule = self.find(message.dest, message.source, client=message.client, facts=facts)
        return self.choose(rule, message.dest, facts).operators if rule is not None else ()

    # -- long MO --------------------------------------------------------------------------------------------------

    def join_s(self, to: str, source: str) -> float:
        """How long parts for this number may wait for each other: which client gets a text, only the whole may tell."""
        if not self._joining:
            return 0.0
        number = international(to)
        pairs = zip(self._joining, self._joining_indexes, strict=True)
        # What asks for more than addresses may hold for the whole: its time counts.
        return max(
            (rule.join_s for rule, index in pairs if not {"to", "from"} & {*index.why_not(0, number, source)}),
            default=0.0,
        )


def text_of(message: Message) -> str:
    """What a message says; empty when it is binary."""
    return read(message.octets, message.data_coding, has_udh=bool(message.esm_class & _UDHI))


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

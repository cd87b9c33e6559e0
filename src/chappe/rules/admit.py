"""Whether a client's message may come in, as whom, and which operator gets it: everything that is asked at the door.

Sender rules come first, for they may change the sender; then who wants to hear no more, then block lists, then routes.
All of it is pure.  It must never know how a refusal is told, nor what a protocol calls it.
"""

from enum import Enum

import msgspec

from chappe.model.address import Address, international
from chappe.model.message import Message
from chappe.rules.conditions import NO_FACTS, Facts
from chappe.rules.decide import ROUTE, Routes, text_of
from chappe.rules.open_questions import OpenQuestions
from chappe.rules.opt_outs import OptOuts
from chappe.rules.policies import Action, BlockList, SenderRules


class Reason(Enum):
    """Why a message is not taken."""

    NO_ROUTE = "no_route"
    SENDER_REFUSED = "sender_refused"
    BLOCKED = "blocked"
    OPTED_OUT = "opted_out"


class Asked(msgspec.Struct, gc=False):
    """A message before it is one: what is judged of it."""

    to: str
    source: str
    client: str
    #: None: it is still to be read from `message`.
    text: str | None = None
    tags: tuple[str, ...] = ()
    message: Message | None = None


class Admitted(msgspec.Struct, frozen=True, gc=False):
    """It may come in."""

    #: In the order of their turns.
    operators: tuple[str, ...]
    #: Another sender; None: it keeps its own.
    source: Address | None = None
    #: What was decided otherwise than by the order of a route; empty for nothing.
    told: str = ""
    #: Where it waits until its network was looked up, which then decides among the operators; empty: the first has it.
    queue: str = ""


class Refused(msgspec.Struct, frozen=True, gc=False):
    """It may not."""

    reason: Reason
    detail: str


class Policy:
    """Everything that is asked of a client's message."""

    def __init__(
        self,
        routes: Routes,
        senders: SenderRules | None = None,
        blocks: BlockList | None = None,
        opt_outs: OptOuts | None = None,
    ) -> None:
        self.routes = routes
        #: Routes alone, as long as `is_plain`.
        self.find = routes.find
        self.senders = senders if senders is not None else SenderRules()
        self.blocks = blocks if blocks is not None else BlockList()
        self.opt_outs = opt_outs if opt_outs is not None else OptOuts()
        self._asks_more = any(each.asks_more for each in (routes.index, self.senders.index, self.blocks.index))
        #: None where nothing is looked up.
        self._questions = OpenQuestions(routes, self.blocks) if routes.plan.look_ups is not None else None
        #: `find` says everything, and the first operator of the route gets the message.
        self.is_plain = False
        self.note_sick(routes.sick)

    def note_sick(self, sick: frozenset[str]) -> None:
        """Say which operators cannot be sent to."""
        self.routes.note_sick(sick)
        self.is_plain = self.routes.is_plain and not (self.senders or self.blocks or self.opt_outs)

    def facts_of(self, asked: Asked, at_ms: int) -> Facts:
        """What rules may ask beyond addresses; gathered where some do."""
        routes = self.routes
        if not self._asks_more and not routes.has_choices:
            return NO_FACTS
        text = asked.text
        if text is None:
            text = text_of(asked.message) if asked.message is not None else ""
        return Facts(at_ms, text, asked.tags, routes.plan.network_of(asked.to))

    def admit(self, asked: Asked, at_ms: int) -> Admitted | Refused:
        """Judge one message."""
        facts, number = self.facts_of(asked, at_ms), international(asked.to)
        source, told = asked.source, ""
        replaced: Address | None = None
        order = self.senders.find(number, source, asked.client, facts)
        if order is not None:
            rule = self.senders.rules[order]
            if rule.action is Action.REFUSE:
                return Refused(
                    Reason.SENDER_REFUSED, f"senders[{order}]: {rule.reason or 'this sender may not be used'}"
                )
            if rule.action is Action.REPLACE and rule.replacement.digits != source:
                replaced = rule.replacement
                told = f"senders[{order}]: {source or 'no sender'} becomes {replaced.digits}"
                source = replaced.digits
        out = self.opt_outs.find(number, source, asked.client)
        if out is not None:
            return Refused(Reason.OPTED_OUT, f"opt_outs {out.list}: the handset wants to hear no more ({out.word})")
        if self._questions is not None and self.routes.plan.is_open(number, at_ms):
            decided = self.routes.index.first(number, source, asked.client, facts=facts)
            if self._questions.are_open(decided, number, source, asked.client, facts):
                return Admitted(self._questions.operators(decided), replaced, told, ROUTE)
        return self._let_through(asked.client, source, number, facts, replaced, told)

    def admit_looked_up(self, message: Message, network: str, at_ms: int) -> Admitted | Refused:
        """Judge what was accepted and waited for its network, which is empty where nobody knows it: blocks and routes.

        Its sender was judged at the door, by what was known there.
        """
        facts = Facts(at_ms, text_of(message), message.tags, network or self.routes.plan.network_of(message.dest))
        return self._let_through(message.client, message.source, international(message.dest), facts, None, "")

    def _let_through(
        self, client: str, source: str, number: str, facts: Facts, replaced: Address | None, told: str
    ) -> Admitted | Refused:
        order = self.blocks.find(number, source, client, facts)
        if order is not None:
            block = self.blocks.rules[order]
            return Refused(Reason.BLOCKED, block.told)
        return self._routed(client, source, number, facts, replaced, told)

    def _routed(
        self, client: str, source: str, number: str, facts: Facts, replaced: Address | None, told: str
    ) -> Admitted | Refused:
        routes = self.routes
        order = routes.index.first(number, source, client, facts=facts)
        if order is None:
            return Refused(Reason.NO_ROUTE, "no route takes it")
        chosen = routes.choose(routes.rules[order], number, facts)
        if chosen.why:
            told += f"{'; ' if told else ''}{routes.name_of(order)}: {chosen.operators[0]}, {chosen.why}"
        return Admitted(chosen.operators, replaced, told)

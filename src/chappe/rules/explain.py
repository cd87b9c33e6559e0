"""Which rule decided about a message and why, which were passed over and why: what the door judges, told step by step.

It asks the same rules as the door and ends with the door's own verdict.  It must never judge anything itself.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from chappe.model.address import international
from chappe.model.message import Message
from chappe.rules.admit import Admitted, Asked, Policy, Refused
from chappe.rules.conditions import Facts
from chappe.rules.decide import UNROUTED, Routes, keyword_of
from chappe.rules.index import Index

#: Rules that are told one by one; the others are only counted.
TOLD: Final = 40


class Step(msgspec.Struct, frozen=True):
    """One rule, what it did, and why."""

    rule: str
    #: `passed over`, `decides`, `chooses`, `allows`, `replaces`, `refuses`, `says`, `is asked`, `falls back`.
    verdict: str
    why: str


class Explanation(msgspec.Struct, frozen=True):
    """Everything that was asked about a message, in order, and what came of it."""

    steps: list[Step]
    #: `goes to three`, or why it goes nowhere.
    outcome: str
    is_taken: bool
    #: In the order of their turns.
    operators: tuple[str, ...] = ()
    network: str = ""


def explain_mt(policy: Policy, asked: Asked, at_ms: int) -> Explanation:
    """A client's message."""
    number = international(asked.to)
    facts = Facts(at_ms, asked.text or "", asked.tags, policy.routes.plan.network_of(asked.to))
    judged = policy.admit(asked, at_ms)
    steps = [_network_step(policy.routes, asked.to, facts)]
    source = asked.source
    order = policy.senders.find(number, source, asked.client, facts)
    steps += _passed(policy.senders.index, "senders", order, (number, source, asked.client, "", facts))
    if order is not None:
        rule = policy.senders.rules[order]
        told = {"allow": "allows", "replace": "replaces", "refuse": "refuses"}[rule.action.value]
        steps.append(Step(f"senders[{order}]", told, rule.reason or rule.replacement.digits))
        if told == "replaces":
            source = rule.replacement.digits
    if policy.opt_outs:
        out = policy.opt_outs.find(number, source, asked.client)
        why = "nobody said so" if out is None else f"{out.word!r} in message {out.message_id}"
        steps.append(
            Step("opt_outs" if out is None else f"opt_outs {out.list}", "allows" if out is None else "refuses", why)
        )
    if policy.blocks:
        place = policy.blocks.find(number, source, asked.client, facts)
        block = None if place is None else policy.blocks.rules[place]
        steps.append(
            Step(
                "blocks" if block is None else block.name,
                "allows" if block is None else "refuses",
                block.reason if block else "none fits",
            )
        )
    if isinstance(judged, Refused) and judged.reason.value != "no_route":
        return Explanation(steps, f"refused: {judged.detail}", False, (), facts.network)
    if isinstance(judged, Admitted) and judged.queue:
        return _open(policy, judged, steps, facts)
    steps += _route_steps(policy.routes, (number, source, asked.client, "", facts))
    if isinstance(judged, Refused):
        return Explanation(steps, f"refused: {judged.detail}", False, (), facts.network)
    steps.append(_choice_step(policy, judged, number, source, asked.client, facts))
    return Explanation(steps, f"goes to {judged.operators[0]}", True, judged.operators, facts.network)


def explain_mo(routes: Routes, message: Message, text: str, at_ms: int) -> Explanation:
    """A handset's message."""
    facts = Facts(at_ms, text, (), routes.plan.network_of(message.source))
    asked = (international(message.dest), message.source, "", keyword_of(text), facts, message.operator)
    steps = [_network_step(routes, message.source, facts)]
    if routes.blocks:
        block = routes.block_of(message, text, at_ms)
        if block is not None:
            steps.append(Step(block.name, "refuses" if block.refuses else "drops", block.reason))
            told = "refused" if block.refuses else "dropped"
            return Explanation(steps, f"{told}: {block.told}", False, (), facts.network)
        steps.append(Step("blocks", "allows", "none fits"))
    steps += _route_steps(routes, asked)
    route = routes.find_mo(message, text, at_ms)
    if route is None:
        return Explanation(steps, f"waits in the queue {UNROUTED!r} for a person", False, (), facts.network)
    return Explanation(steps, f"goes to {route.client} by {route.queue}", True, (), facts.network)


def _open(policy: Policy, judged: Admitted, steps: list[Step], facts: Facts) -> Explanation:
    """What only a look-up can decide: the routes are told as they are for each network."""
    steps.append(Step("lookup", "is asked", f"its network decides between {', '.join(judged.operators)}"))
    if policy.routes.plan.look_ups is not None and facts.network:
        steps.append(Step("lookup", "falls back", f"without an answer in time it is taken for {facts.network}"))
    outcome = f"waits in the queue {judged.queue!r} until its network was looked up"
    return Explanation(steps, outcome, True, judged.operators, facts.network)


def _network_step(routes: Routes, handset: str, facts: Facts) -> Step:
    if not facts.network:
        return Step("network", "says", "nobody knows")
    how = "by the prefix"
    if routes.plan.is_ported(handset):
        how = "where the number was ported to"
    elif routes.plan.is_looked_up(handset):
        how = "as a look-up said"
    return Step("network", "says", f"{facts.network}, {how}")


def _route_steps(routes: Routes, asked: tuple[object, ...]) -> Iterator[Step]:
    order = routes.index.first(*asked)  # type: ignore[arg-type]
    names = [routes.name_of(place) for place in range(len(routes.rules))]
    yield from _passed(routes.index, "routes", order, asked, names)
    if order is not None:
        yield Step(names[order], "decides", "everything that it asks for fits")


def _choice_step(policy: Policy, judged: Admitted, number: str, source: str, client: str, facts: Facts) -> Step:
    routes = policy.routes
    order = routes.index.first(number, source, client, facts=facts)
    assert order is not None
    why = routes.choose(routes.rules[order], number, facts).why or "the first of its operators"
    return Step(routes.name_of(order), "chooses", f"{' then '.join(judged.operators)}: {why}")


def _passed(
    index: Index, kind: str, order: int | None, asked: tuple[object, ...], names: Sequence[str] = ()
) -> Iterator[Step]:
    """The rules before the deciding one; those for other numbers are only counted where there are many."""
    until = len(index.rules) if order is None else order
    others = told = 0
    for place in range(until):
        missed = index.why_not(place, *asked)  # type: ignore[arg-type]
        if told >= TOLD or ("to" in missed and until > TOLD):
            others += 1
            continue
        told += 1
        name = names[place] if names else f"{kind}[{place}]"
        yield Step(name, "passed over", f"does not fit: {', '.join(missed)}")
    if others:
        yield Step(kind, "passed over", f"{others} more that do not fit")

"""The settings of routing as the rules take them: tables become rules, a plan of numbers, prices.

It must never make a node or a store.
"""

import csv
import re
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from chappe.model.address import compile_pattern, international
from chappe.model.errors import SettingsError
from chappe.model.lifecycle import Direction
from chappe.model.money import units_of
from chappe.rules.admit import Policy
from chappe.rules.choose import Choice, Price, Prices
from chappe.rules.conditions import Conditions, SenderKind, prefix_of
from chappe.rules.decide import Routes, Rule
from chappe.rules.hours import Hours, minutes_of
from chappe.rules.looked_up import LookUps
from chappe.rules.number_plan import NumberPlan, Range
from chappe.rules.opt_outs import WORDS, OptOutList, OptOuts
from chappe.rules.policies import Action, BlockList, BlockRule, SenderRule, SenderRules, sender_address
from chappe.rules.tariffs import Tariff, Tariffs
from chappe.rules.validate import SHORTEST_PASSWORD, SHORTEST_TOKEN, Doubt, unreachable, weakness
from chappe.runtime.settings import Settings
from chappe.runtime.settings_clients import Client
from chappe.runtime.settings_routing import BlockAction, Day, OptOutRule, Route, Via
from chappe.runtime.settings_routing import Direction as RouteDirection
from chappe.runtime.settings_routing_checks import moment_ms, zone_or_none
from chappe.wire.ucp.user_data import MAX_AMSG, MAX_TMSG

_DAYS = tuple(Day)
_NUMBER = re.compile(r"\+?[1-9][0-9]{2,14}")
_NETWORK = re.compile(r"[0-9]{5,6}")


def policy_of(settings: Settings) -> tuple[Policy, Routes]:
    """Everything that is asked of an MT, and the routes of MO.

    Raises: SettingsError, of a file that the settings name.
    """
    rules = rules_of(settings.routes, settings.clients)
    plan = plan_of(settings)
    mt = Routes(rules, Direction.MT, plan=plan, prices=prices_of(settings))
    blocks, mo_blocks = (BlockList(list(blocks_of(settings, way))) for way in (RouteDirection.MT, RouteDirection.MO))
    policy = Policy(mt, SenderRules(senders_of(settings)), blocks, opt_outs_of(settings))
    return policy, Routes(rules, Direction.MO, plan=plan, blocks=mo_blocks)


def rules_of(routes: Sequence[Route], clients: Sequence[Client]) -> list[Rule]:
    """Routes as the rules judge them."""
    client_by_name = {client.name: client for client in clients}
    return [
        _mt_rule(route) if route.direction is RouteDirection.MT else _mo_rule(route, client_by_name[route.client or ""])
        for route in routes
    ]


def _mt_rule(route: Route) -> Rule:
    return Rule(
        Direction.MT,
        to=route.to,
        source=route.source,
        of_client=route.client or "",
        operators=route.operators,
        name=route.name or "",
        networks=route.networks,
        text=route.text or "",
        tags=route.tags,
        hours=hours_of(route),
        choice=Choice(route.choice.value),
        weights=route.weights,
    )


def _mo_rule(route: Route, client: Client) -> Rule:
    has_session = client.smpp is not None or client.ucp is not None
    is_session = route.via in (Via.SMPP, Via.UCP) or (route.via is None and has_session)
    # Whoever takes by both may take this one by UCP.
    may_be_ucp = is_session and client.ucp is not None and route.via is not Via.SMPP
    return Rule(
        Direction.MO,
        to=route.to,
        source=route.source,
        keyword=route.keyword or "",
        queue=f"{'client' if is_session else 'callback'}:{client.name}",
        client=client.name,
        join_s=client.join_s,
        most_septets=MAX_AMSG // 2 if may_be_ucp else 0,
        most_octets=MAX_TMSG // 2 if may_be_ucp else 0,
        name=route.name or "",
        networks=route.networks,
        text=route.text or "",
        hours=hours_of(route),
        of_operator=route.operators[0] if route.operators else "",
    )


def hours_of(route: Route) -> Hours | None:
    """When a route holds; None for always."""
    zone = zone_or_none(route.time_zone)
    if zone is None or not (route.hours or route.days):
        return None
    days = frozenset(_DAYS.index(day) for day in route.days)
    return Hours(zone, *(minutes_of(route.hours) if route.hours else (0, 24 * 60)), days)


def plan_of(settings: Settings) -> NumberPlan:
    """Which numbers belong to which network.  Raises: SettingsError, of the file of ported numbers."""
    ranges = [Range(prefix.lstrip("+"), each.network) for each in settings.networks for prefix in each.prefixes]
    file, lookup = settings.portability.file, settings.lookup
    look_ups = LookUps(lookup.numbers, limit=lookup.cache_numbers) if lookup.url is not None else None
    return NumberPlan(ranges, ported=dict(_ported(Path(file))) if file is not None else None, look_ups=look_ups)


def _ported(path: Path) -> Iterator[tuple[str, str]]:
    """Numbers in normal form and the networks that they went to."""
    for place, line in csv_lines(path):
        number, network = ([each.strip() for each in line] + [""])[:2]
        if not _NUMBER.fullmatch(number) or not _NETWORK.fullmatch(network):
            raise SettingsError(f"{path}, line {place}: expected NUMBER,NETWORK as in 37120000001,24701")
        yield international(number), sys.intern(network)


def prices_of(settings: Settings) -> Prices:
    """What operators take."""
    return Prices([Price(each.operator, Decimal(each.amount), each.to, each.networks) for each in settings.prices])


def tariffs_of(settings: Settings, plan: NumberPlan) -> Tariffs:
    """What clients pay."""
    tariffs = [
        Tariff(units_of(each.amount, "money"), each.to, each.networks, each.client or "") for each in settings.tariffs
    ]
    return Tariffs(tariffs, plan.network_of)


def senders_of(settings: Settings) -> list[SenderRule]:
    """What becomes of senders."""
    return [
        SenderRule(
            Conditions(
                to=rule.to,
                source=rule.source,
                client=rule.client or "",
                networks=rule.networks,
                kinds=tuple(SenderKind(kind.value) for kind in rule.kinds),
            ),
            Action(rule.action.value),
            sender_address(rule.sender or ""),
            rule.reason,
        )
        for rule in settings.senders
    ]


def blocks_of(settings: Settings, direction: RouteDirection) -> Iterator[BlockRule]:
    """What is not taken of one direction, files line by line.  Raises: SettingsError."""
    for place, rule in enumerate(settings.blocks):
        if rule.direction is not direction:
            continue
        name = f"blocks[{place}]"
        conditions = Conditions(
            to=rule.to,
            source=rule.source,
            client=rule.client or "",
            networks=rule.networks,
            text=rule.text or "",
            until_ms=(moment_ms(rule.until) or 0) if rule.until else 0,
        )
        block = BlockRule(conditions, rule.reason, name, rule.action is BlockAction.REFUSE)
        if rule.file is None:
            yield block
        else:
            yield from _block_file(Path(rule.file), block, "source" if direction is RouteDirection.MO else "to")


def _block_file(path: Path, block: BlockRule, handset: str) -> Iterator[BlockRule]:
    """A block for each line; `handset` is the condition that a line's number is for.  Raises: SettingsError."""
    conditions = block.conditions
    for number, line in csv_lines(path):
        pattern, own_reason, until = ([each.strip() for each in line] + ["", ""])[:3]
        until_ms = moment_ms(until) if until else conditions.until_ms
        try:
            if until_ms is None:
                raise ValueError(f"{until!r} is no moment")
            compile_pattern(pattern)
            prefix_of(pattern)
        except ValueError as error:
            raise SettingsError(f"{path}, line {number}: {error}") from error
        yield replace(
            block,
            conditions=replace(conditions, until_ms=until_ms, **{handset: pattern}),
            reason=own_reason or block.reason,
            name=f"{block.name} {path} {pattern}",
        )


def opt_outs_of(settings: Settings) -> OptOuts:
    """How handsets say that they want to hear no more, or again."""
    return OptOuts(
        [
            OptOutList(
                name=rule.name,
                numbers=rule.numbers,
                senders=rule.senders,
                clients=rule.clients,
                stop_words=_words(rule, 0) - {word.casefold() for word in rule.start_words},
                start_words=_words(rule, 1) - {word.casefold() for word in rule.stop_words},
                stop_reply=rule.stop_reply,
                start_reply=rule.start_reply,
            )
            for rule in settings.opt_outs
        ]
    )


def _words(rule: OptOutRule, place: int) -> frozenset[str]:
    own = (rule.stop_words, rule.start_words)[place]
    return frozenset(
        word.casefold() for word in (*own, *(each for name in rule.languages for each in WORDS[name][place]))
    )


def csv_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines of a CSV file with their numbers, but for empty ones and remarks.  Raises: SettingsError."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for line in (lines := csv.reader(file)):
                if line and line[0].strip() and not line[0].startswith("#"):
                    yield lines.line_num, line
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error


def doubts_of(settings: Settings) -> list[str]:
    """What the routing of these settings says that its author can hardly mean.  Raises: SettingsError."""
    policy, mo = policy_of(settings)
    told = [_doubt_of_routes(routes, doubt) for routes in (policy.routes, mo) for doubt in unreachable(routes.index)]
    told += [
        f"senders[{each.place}] is never reached: senders[{each.by}] decides before"
        for each in unreachable(policy.senders.index)
    ]
    told += [
        f"tariffs[{each.place}] is never reached: tariffs[{each.by}] decides before"
        for each in unreachable(tariffs_of(settings, policy.routes.plan).index)
    ]
    return told + list(_weak_secrets(settings))


def _weak_secrets(settings: Settings) -> Iterator[str]:
    """What a stranger guesses soon.  Only clients: operators choose what we are let in by."""
    for place, client in enumerate(settings.clients):
        for section, door in (("smpp", client.smpp), ("ucp", client.ucp)):
            if door is not None and door.password is not None:
                why = weakness(door.password, SHORTEST_PASSWORD, client.name, door.system_id)
                if why:
                    yield f"clients[{place}].{section}.password of {client.name} {why}"
        if client.http is not None and client.http.token is not None:
            why = weakness(client.http.token, SHORTEST_TOKEN, client.name)
            if why:
                yield f"clients[{place}].http.token of {client.name} {why}"


def _doubt_of_routes(routes: Routes, doubt: Doubt) -> str:
    place, by = routes.name_of(doubt.place), routes.name_of(doubt.by)
    keyword = routes.rules[doubt.place].keyword
    if keyword and routes.rules[doubt.by].keyword.casefold() == keyword.casefold():
        return f"{place} is never reached: {by} has the keyword {keyword!r} of its number already"
    return f"{place} is never reached: {by} takes whatever it would"

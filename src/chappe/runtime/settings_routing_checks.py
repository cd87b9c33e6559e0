"""What the tables of routing cannot see by themselves: names that nobody bears, patterns that mean nothing.

It must never read a file; it judges settings that are already typed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from chappe.rules.conditions import range_of
from chappe.rules.hours import minutes_of
from chappe.rules.opt_outs import WORDS
from chappe.runtime.lookup_api import lookup_faults
from chappe.runtime.settings_callbacks import CallbackEvent, ClientCallback
from chappe.runtime.settings_clients import Client
from chappe.runtime.settings_routing import BlockAction, Choice, Direction, Route, SenderAction, Via
from chappe.runtime.settings_table import Fault, nearest

if TYPE_CHECKING:
    from chappe.runtime.settings import Settings

T = TypeVar("T")


def routing_faults(settings: Settings) -> Iterator[Fault]:
    """Everything wrong with routes and what belongs to them."""
    yield from _routes(settings)
    yield from _networks(settings)
    yield from _prices(settings)
    yield from _tariffs(settings)
    yield from _senders(settings)
    yield from _blocks(settings)
    yield from _opt_outs(settings)
    yield from lookup_faults(settings.lookup)


def each(section: str, tables: Iterable[T]) -> Iterator[tuple[str, T]]:
    """Every table with the key it stands at: `routes[0]`, `routes[1]`, …"""
    for index, table in enumerate(tables):
        yield f"{section}[{index}]", table


# -- routes -------------------------------------------------------------------------------------------------------


def _routes(settings: Settings) -> Iterator[Fault]:
    client_by_name = {client.name: client for client in settings.clients}
    operators = frozenset(operator.name for operator in settings.operators)
    for at, route in each("routes", settings.routes):
        yield from _conditions(at, route)
        yield from unknown_names(f"{at}.operators", "operator", route.operators, operators)
        if route.client is not None and route.client not in client_by_name:
            yield f"{at}.client", f"no client is named {route.client!r}{nearest(route.client, client_by_name)}"
        elif route.direction is Direction.MT:
            yield from _mt_route(at, route)
        else:
            yield from _mo_route(at, route, client_by_name)


def unknown_names(key: str, kind: str, names: Iterable[str], known: frozenset[str]) -> Iterator[Fault]:
    """Names that nobody bears."""
    for name in names:
        if name not in known:
            yield key, f"no {kind} is named {name!r}{nearest(name, known)}"


def _conditions(at: str, route: Route) -> Iterator[Fault]:
    yield from bad_range(f"{at}.to", route.to)
    if zone_or_none(route.time_zone) is None:
        yield f"{at}.time_zone", f"{route.time_zone!r} is no time zone that this box knows"
    if route.hours is not None:
        try:
            minutes_of(route.hours)
        except ValueError as error:
            yield f"{at}.hours", str(error)


def bad_range(key: str, pattern: str) -> Iterator[Fault]:
    """A range whose ends do not fit each other."""
    try:
        range_of(pattern)
    except ValueError as error:
        yield key, str(error)


def zone_or_none(name: str) -> ZoneInfo | None:
    """The time zone of a name; None when this box has none of it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def _mt_route(at: str, route: Route) -> Iterator[Fault]:
    if not route.operators:
        yield f"{at}.operators", "a route with direction mt names at least one operator"
    if len(set(route.operators)) < len(route.operators):
        yield f"{at}.operators", "names an operator twice"
    for key in ("keyword", "via"):
        if getattr(route, key) is not None:
            yield f"{at}.{key}", "is for routes with direction mo"
    if route.choice is Choice.WEIGHT and (len(route.weights) != len(route.operators) or not sum(route.weights)):
        yield f"{at}.weights", "expected one for each operator, and one above 0"
    if route.weights and route.choice is not Choice.WEIGHT:
        yield f"{at}.weights", 'is for routes with choice = "weight"'


def _mo_route(at: str, route: Route, client_by_name: dict[str, Client]) -> Iterator[Fault]:
    for key in ("tags", "weights"):
        if getattr(route, key):
            yield f"{at}.{key}", "is for routes with direction mt"
    if route.choice is not Choice.ORDER:
        yield f"{at}.choice", "is for routes with direction mt"
    if len(route.operators) > 1:
        yield f"{at}.operators", "a route with direction mo names one operator at most: write a route for each"
    if route.client is None:
        yield f"{at}.client", "a route with direction mo names the client that receives"
        return
    client = client_by_name[route.client]
    if route.via is Via.SMPP and not client.smpp:
        yield f"{at}.via", f"client {client.name!r} has no [clients.smpp]"
    if route.via is Via.UCP and not client.ucp:
        yield f"{at}.via", f"client {client.name!r} has no [clients.ucp]"
    if route.via is Via.CALLBACK and not client.callback:
        yield f"{at}.via", f"client {client.name!r} has no [clients.callback]"
    elif client.callback and (route.via is Via.CALLBACK or not (client.smpp or client.ucp)):
        yield from _called_for_mo(at, client, client.callback)
    if route.via is None and not (client.smpp or client.ucp or client.callback):
        yield f"{at}.client", f"client {client.name!r} has neither [clients.smpp] nor [clients.callback] to receive by"


def _called_for_mo(at: str, client: Client, callback: ClientCallback) -> Iterator[Fault]:
    if not callback.url:
        yield f"{at}.client", f"client {client.name!r} has no url in [clients.callback]"
    if CallbackEvent.INBOUND not in callback.events:
        yield f"{at}.client", f"client {client.name!r} does not list message.inbound in [clients.callback] events"


# -- networks and prices ------------------------------------------------------------------------------------------


def _networks(settings: Settings) -> Iterator[Fault]:
    first: dict[str, str] = {}
    for at, network in each("networks", settings.networks):
        for prefix in network.prefixes:
            if first.setdefault(prefix.lstrip("+"), at) != at:
                yield f"{at}.prefixes", f"{prefix!r} already stands in {first[prefix.lstrip('+')]}"
    if not settings.networks and settings.portability.file is None and settings.lookup.url is None:
        for section in ("routes", "prices", "tariffs", "senders", "blocks"):
            for at, rule in each(section, getattr(settings, section)):
                if rule.networks:
                    yield (
                        f"{at}.networks",
                        "nobody knows the network of a number: expected [[networks]], [portability] or [lookup]",
                    )


def _prices(settings: Settings) -> Iterator[Fault]:
    operators = frozenset(operator.name for operator in settings.operators)
    for at, price in each("prices", settings.prices):
        yield from unknown_names(f"{at}.operator", "operator", (price.operator,), operators)
        yield from bad_range(f"{at}.to", price.to)
    if not settings.prices:
        for at, route in each("routes", settings.routes):
            if route.choice is Choice.PRICE:
                yield f"{at}.choice", "there are no [[prices]] to choose by"


def _tariffs(settings: Settings) -> Iterator[Fault]:
    clients = frozenset(client.name for client in settings.clients)
    for at, tariff in each("tariffs", settings.tariffs):
        yield from unknown_names(f"{at}.client", "client", (tariff.client,) if tariff.client else (), clients)
        yield from bad_range(f"{at}.to", tariff.to)
    for_all = {tariff.client for tariff in settings.tariffs if tariff.to == "*" and not tariff.networks}
    for at, client in each("clients", settings.clients):
        if client.credit is None:
            continue
        if client.credit.currency and not for_all & {None, client.name}:
            yield (
                f"{at}.credit.currency",
                "some destinations have no price: expected a last [[tariffs]] without `to` for this client",
            )
        if not client.credit.currency and "." in client.credit.opening:
            yield f"{at}.credit.opening", "expected a whole number of parts, or a currency beside it"


# -- senders and blocks -------------------------------------------------------------------------------------------


def _senders(settings: Settings) -> Iterator[Fault]:
    clients = frozenset(client.name for client in settings.clients)
    for at, rule in each("senders", settings.senders):
        yield from unknown_names(f"{at}.client", "client", (rule.client,) if rule.client else (), clients)
        yield from bad_range(f"{at}.to", rule.to)
        is_replacing = rule.action is SenderAction.REPLACE
        if is_replacing != (rule.sender is not None):
            yield f"{at}.sender", "is missing" if is_replacing else 'is for rules with action = "replace"'


def _blocks(settings: Settings) -> Iterator[Fault]:
    clients = frozenset(client.name for client in settings.clients)
    for at, rule in each("blocks", settings.blocks):
        yield from unknown_names(f"{at}.client", "client", (rule.client,) if rule.client else (), clients)
        yield from bad_range(f"{at}.to", rule.to)
        names_nothing = rule.to == rule.source == "*" and not (rule.networks or rule.text or rule.client or rule.file)
        if names_nothing:
            yield at, "would block everything: expected to, from, text, networks, client or file"
        is_mo = rule.direction is Direction.MO
        in_file, handset = ("from", rule.source) if is_mo else ("to", rule.to)
        if rule.file is not None and handset != "*":
            yield f"{at}.{in_file}", "stands in the file"
        if is_mo and rule.client is not None:
            yield f"{at}.client", 'is for direction = "mt": blocks come before routes, which say whose a message is'
        if not is_mo and rule.action is not BlockAction.DROP:
            yield f"{at}.action", 'is for direction = "mo": clients always hear no'
        if rule.until is not None and moment_ms(rule.until) is None:
            yield f"{at}.until", f"{rule.until!r} is no moment"


def moment_ms(text: str) -> int | None:
    """A moment in Unix ms, UTC unless it says otherwise; None for what is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _opt_outs(settings: Settings) -> Iterator[Fault]:
    clients = frozenset(client.name for client in settings.clients)
    names: set[str] = set()
    for at, rule in each("opt_outs", settings.opt_outs):
        if rule.name in names:
            yield f"{at}.name", f"{rule.name!r} is the name of another list"
        names.add(rule.name)
        yield from unknown_names(f"{at}.clients", "client", rule.clients, clients)
        for language in rule.languages:
            if language not in WORDS:
                yield f"{at}.languages", f"no words are known in {language!r} (known: {', '.join(WORDS)})"
        both = {word.casefold() for word in rule.stop_words} & {word.casefold() for word in rule.start_words}
        for word in sorted(both):
            yield f"{at}.start_words", f"{word!r} stands in stop_words too"

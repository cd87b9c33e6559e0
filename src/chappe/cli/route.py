"""`chappe route explain`: which rule decides about a message, past or imagined, and why.  It changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from chappe.cli.options import ConfigOption, JsonOption, example
from chappe.cli.show import print_json, print_line, print_table
from chappe.model.errors import ResourceError, SettingsError

if TYPE_CHECKING:
    from chappe.rules.admit import Policy
    from chappe.rules.explain import Explanation
    from chappe.runtime.settings import Settings
    from chappe.store.views import LifeView


class Way(Enum):
    """Which way a message goes."""

    MT = "mt"
    MO = "mo"


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    route = typer.Typer(
        name="route",
        help="Look at the routing.",
        epilog=example("chappe route explain --to +37120000001 --client acme"),
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    route.command(
        epilog=example(
            "chappe route explain --to +37120000001 --from SHOP --client acme --text 'Your code is 1'",
            "chappe route explain 7301482938712065",
        )
    )(explain)

    @route.callback()
    def group() -> None: ...

    app.add_typer(route)


def explain(
    message_id: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="A message of the past; what is given beside it counts instead."),
    ] = None,
    to: Annotated[str, typer.Option("--to", help="Its destination.")] = "",
    source: Annotated[str, typer.Option("--from", help="Its sender.")] = "",
    client: Annotated[str, typer.Option(help="The client that sends it.")] = "",
    text: Annotated[str, typer.Option(help="What it says.")] = "",
    tag: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="A tag of it; may be given several times.")
    ] = None,
    at: Annotated[str, typer.Option(help="When, as in 2026-01-16T22:30:00; UTC unless it says otherwise.")] = "",
    way: Annotated[Way, typer.Option("--direction", help="To a handset (mt) or from one (mo).")] = Way.MT,
    operator: Annotated[str, typer.Option(help="mo: the operator that brings it.")] = "",
    down: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="An operator that has no links; may be given several times."),
    ] = None,
    asks_file: Annotated[
        bool, typer.Option("--file", help="Ask the settings as the file has them, not the configuration that counts.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which rule decides about a message and why, and which are passed over and why.

    The configuration that counts is asked, in the order of the door: senders, opt-outs, block lists, routes.
    Of a message of the past, what was decided when it came is told too; its text is not read: give it with --text.
    """
    from chappe.cli.looking import counting
    from chappe.routing_terms import policy_of
    from chappe.runtime.settings import load

    settings = load(config) if asks_file else counting(config)
    policy, mo_routes = policy_of(settings)
    policy.note_sick(frozenset(down or ()))
    view, then = _past(message_id, config) if message_id is not None else (None, [])
    if view is not None:
        way = Way(view.direction)
        ends = (view.number, view.msisdn) if way is Way.MT else (view.msisdn, view.number)
        source, to = source or ends[0], to or ends[1]
        client, operator = client or view.client, operator or view.operator
    if not to:
        raise SettingsError("nobody knows where it goes: give --to, or the id of a message")
    at_ms = (
        _moment(at)
        if at
        else view.created_at_us // 1000
        if view is not None
        else int(datetime.now(UTC).timestamp() * 1000)
    )
    _know_networks(policy, settings)
    if way is Way.MT:
        _know_opt_outs(policy, config)
        told = _explained_mt(policy, to, source, client, text, tuple(tag or ()), at_ms)
    else:
        told = _explained_mo(mo_routes, to, source, operator, text, at_ms)
    if as_json:
        print_json({"to": to, "from": source, "client": client, "then": then, **_plain(told)})
    else:
        _print(told, then)


def _explained_mt(
    policy: Policy, to: str, source: str, client: str, text: str, tags: tuple[str, ...], at_ms: int
) -> Explanation:
    from chappe.rules.admit import Asked
    from chappe.rules.explain import explain_mt

    return explain_mt(policy, Asked(to, source, client, text, tags), at_ms)


def _explained_mo(routes: object, to: str, source: str, operator: str, text: str, at_ms: int) -> Explanation:
    from chappe.model.lifecycle import Direction
    from chappe.model.message import Message
    from chappe.rules.explain import explain_mo

    message = Message(0, Direction.MO, "", operator, 0, 0, source, 0, 0, to, b"")
    return explain_mo(routes, message, text, at_ms)  # type: ignore[arg-type]


def _past(text: str, config: ConfigOption) -> tuple[LifeView, list[str]]:
    """A message, and what its events said of its way when it came."""
    from chappe.cli.looking import reader_of

    reader = reader_of(config)
    found = [view for view in reader.find_messages(text, 50) if str(view.id) == text] or list(
        reader.find_messages(text, 2)
    )
    if len(found) != 1:
        raise ResourceError(f"{'several messages have' if found else 'no message has'} the id {text!r}")
    events = reader.life_events(found[0].id)
    names = ("mt_routed", "mt_moved", "mt_rejected", "mo_unrouted", "mo_blocked", "opted_out", "opted_in")
    then = [f"{each['time'][:-3]} {each['event']}: {each['detail']}" for each in events if each["event"] in names]
    return found[0], then or ["its way was the plain order of a route"]


def _know_networks(policy: Policy, settings: Settings) -> None:
    """What look-ups have said on this box."""
    from chappe.runtime.network_cache import FILE, NetworkCache
    from chappe.runtime.settings_lookup import Cache

    look_ups, path = policy.routes.plan.look_ups, settings.gateway.data_path / FILE
    if look_ups is None or settings.lookup.cache is Cache.MEMORY or not path.exists():
        return
    cache = NetworkCache(look_ups, path, limit=settings.lookup.cache_numbers)
    while cache.recall():
        pass
    cache.close()


def _know_opt_outs(policy: Policy, config: ConfigOption) -> None:
    """Who has opted out, where there is a store to say it."""
    from chappe.cli.looking import reader_of

    if not policy.opt_outs:
        return
    try:
        policy.opt_outs.learn(reader_of(config).opt_outs())
    except ResourceError:
        print_line("(there is no store to say who has opted out)")


def _moment(text: str) -> int:
    from chappe.runtime.settings_routing_checks import moment_ms

    found = moment_ms(text)
    if found is None:
        raise SettingsError(f"--at {text!r}: expected a moment as in 2026-01-16T22:30:00")
    return found


def _plain(told: Explanation) -> dict[str, object]:
    return {
        "taken": told.is_taken,
        "outcome": told.outcome,
        "operators": list(told.operators),
        "network": told.network,
        "steps": [{"rule": each.rule, "verdict": each.verdict, "why": each.why} for each in told.steps],
    }


def _print(told: Explanation, then: list[str]) -> None:
    for line in then:
        print_line(f"then: {line}")
    print_table(("rule", "verdict", "why"), [(each.rule, each.verdict, each.why) for each in told.steps])
    print_line(("now: " if then else "") + told.outcome)

"""`chappe profile list|show|check|learn`: which there are, what counts and why, a trial, what traffic proves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chappe.cli.asking import AsOption
from chappe.cli.options import ConfigOption, JsonOption, example
from chappe.cli.show import print_json, print_line

if TYPE_CHECKING:
    from chappe.observe.pairs import Pairs
    from chappe.rules.learn import Conversion, Finding
    from chappe.runtime.profile_files import Layer, Profiles
    from chappe.runtime.settings import Settings
    from chappe.runtime.settings_profiles import Profile

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The profile.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    profile = typer.Typer(
        name="profile",
        help="Look at profiles, which say how operators behave, and try them out.",
        epilog=example("chappe profile show kannel"),
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    profile.command("list", epilog=example("chappe profile list"))(list_profiles)
    profile.command(epilog=example("chappe profile show kannel", "chappe profile show three --config chappe.toml"))(
        show
    )
    profile.command(epilog=example("chappe profile check kannel", "chappe profile check three --shape twilio"))(check)
    profile.command(
        epilog=example("chappe profile learn three --config chappe.toml", "chappe profile learn three --apply")
    )(learn)
    app.add_typer(profile)


def list_profiles(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the profiles that can be named: shipped ones, those in files of one's own, those of the settings."""
    shelves = _shelves(config)
    rows = [(name, *_about(shelves, name)) for name in shelves.names()]
    if as_json:
        print_json([{"name": name, "protocol": protocol, "description": about} for name, protocol, about in rows])
        return
    for name, protocol, about in rows:
        print_line(f"{name:14} {protocol or 'any':5} {about}".rstrip())


def show(
    name: NameArgument,
    config: ConfigOption = None,
    every: Annotated[bool, typer.Option("--all", help="Show also what nobody has written.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print what counts in a profile, and beside each value where it comes from."""
    from chappe.runtime.profile_files import BUILT_IN, origin_of
    from chappe.runtime.settings_text import as_plain

    shelves = _shelves(config)
    layers = shelves.layers(name)
    plain = as_plain(_read(layers, name))
    rows = [(path, value, origin_of(layers, path)) for path, value in _leaves(plain, ())]
    kept = [row for row in rows if every or row[2] != BUILT_IN]
    if as_json:
        print_json([{"key": ".".join(path), "value": value, "from": origin} for path, value, origin in kept])
        return
    print_line(f"# {name}: {' < '.join(layer.where for layer in layers) or BUILT_IN}")
    for path, value, origin in kept:
        print_line(f"{_setting(path, value)}  # {origin}")
    if not every and len(kept) < len(rows):
        print_line(f"# and {len(rows) - len(kept)} keys that are built in: --all shows them")


def check(
    name: NameArgument,
    shape: Annotated[
        str, typer.Option(help="http: whose API the simulated operator has; unset: that of the profile's base.")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try a profile: a gateway of its own beside a simulated operator, case by case.  Exit code 0 when all are good.

    Nothing that runs is touched.
    """
    import asyncio

    from chappe import profile_check

    shelves = _shelves(config)
    profile = _read(shelves.layers(name), name)
    outcomes = asyncio.run(profile_check.check(profile, shape or profile_check.shape_of(shelves, name)))
    if as_json:
        print_json([{"case": each.case, "good": each.is_good, "detail": each.detail} for each in outcomes])
    else:
        for each in outcomes:
            print_line(f"{'good' if each.is_good else 'BAD '}  {each.case}{f': {each.detail}' if each.detail else ''}")
    if not all(each.is_good for each in outcomes):
        raise typer.Exit(1)


def learn(
    operator: Annotated[str, typer.Argument(metavar="OPERATOR", help="The operator.")],
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days of event files to read.")] = 2,
    applies: Annotated[
        bool, typer.Option("--apply", help="Have the running gateway match by what is proved, from now on.")
    ] = False,
    person: AsOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what an operator's traffic proves of its ids: receipts that match nothing, beside what was sent.

    A conversion is proved when at least 20 receipts agree with a message to their own handset and none contradicts.
    Exit code 1 when that proves what the profile does not say, so that whoever watches hears of a change.
    Without --apply nothing is altered: the lines to put into the profile are printed.
    """
    from chappe.observe.pairs import pairs_of
    from chappe.rules.learn import learn as judge

    settings = _settings_with(operator, config)
    pairs = pairs_of(settings.gateway.data_path / "events", operator, days)
    findings = judge(pairs.sent, pairs.unmatched)
    profile = settings.profile_of(settings.operator(operator))
    proved = [each for each in findings if each.is_proved and not each.conversion.is_said(_reading_of(profile))]
    if as_json and not (applies and proved):
        _print_findings(operator, pairs, findings)
    elif not as_json:
        _show_findings(operator, pairs, findings)
    if not proved:
        return
    if applies:
        _apply(operator, proved[0], config, person, as_json=as_json)
        return
    if not as_json:
        name = settings.operator(operator).profile
        print_line(f"put into the profile {name!r}, or have it done with --apply:")
        print_line(_as_toml(proved[0].conversion))
    raise typer.Exit(1)


def _settings_with(operator: str, config: Path | None) -> Settings:
    """The settings, if the operator is in them and its event files can prove anything.  Raises: SettingsError."""
    from chappe.cli.looking import counting
    from chappe.model.errors import SettingsError
    from chappe.runtime.settings_table import nearest

    settings = counting(config)
    names = [each.name for each in settings.operators]
    if operator not in names:
        raise SettingsError(f"no operator is named {operator!r}{nearest(operator, names)}")
    if settings.gateway.redact.value == "masked":
        raise SettingsError(
            'gateway.redact = "masked" hides what pairs would have to agree on; expected whole or hashed'
        )
    return settings


def _reading_of(profile: Profile) -> Conversion:
    from chappe.rules.learn import Conversion

    return Conversion(profile.id_base.value, profile.id_ignores_case, profile.id_ignores_zeros)


def _print_findings(operator: str, pairs: Pairs, findings: list[Finding]) -> None:
    rows = [
        {**each.conversion.settings, "agree": each.agree, "contradict": each.contradict, "proved": each.is_proved}
        for each in findings
    ]
    print_json({"operator": operator, "sent": len(pairs.sent), "unmatched": len(pairs.unmatched), "findings": rows})


def _show_findings(operator: str, pairs: Pairs, findings: list[Finding]) -> None:
    print_line(
        f"{operator}: {len(pairs.sent)} ids of messages, {len(pairs.unmatched)} receipts that match none of them"
    )
    for each in findings:
        word = "proved" if each.is_proved else "no proof"
        told = _as_toml(each.conversion)
        print_line(f"{word:8}  {told}: {each.agree} agree on the handset, {each.contradict} contradict")


def _as_toml(conversion: Conversion) -> str:
    from chappe.runtime.settings_text import as_toml

    return as_toml(conversion.settings).replace("\n", ", ")


def _apply(operator: str, finding: Finding, config: Path | None, person: str, *, as_json: bool) -> None:
    """Ask the running gateway for it.  Raises: ResourceError."""
    from chappe.cli.asking import carry_out, tell
    from chappe.instructions.kinds import AllowIds

    keys: dict[str, Any] = finding.conversion.settings
    wish = AllowIds(operator=operator, agree=finding.agree, contradict=finding.contradict, **keys)
    number, outcome = carry_out(wish, config, person)
    tell(number, outcome, as_json=as_json)
    if not as_json and outcome.version:
        print_line(f"what is parked of it matches after: chappe receipts replay --operator {operator}")


def _shelves(config: Path | None) -> Profiles:
    """Raises: SettingsError."""
    from chappe.runtime.profile_files import Profiles
    from chappe.runtime.settings import read_profiles

    return Profiles({}) if config is None else read_profiles(config)


def _about(shelves: Profiles, name: str) -> tuple[str, str]:
    """Protocol and description, unchecked: a list is no place to stumble."""
    from chappe.runtime.profile_files import merged

    table = merged(shelves.layers(name))
    return str(table.get("protocol", "")), str(table.get("description", ""))


def _read(layers: list[Layer], name: str) -> Profile:
    """Raises: SettingsError."""
    from chappe.model.errors import SettingsError
    from chappe.runtime.http_profiles import http_faults
    from chappe.runtime.profile_files import merged, origin_of
    from chappe.runtime.settings_operator_checks import billing_names, vendor_faults
    from chappe.runtime.settings_profiles import Profile
    from chappe.runtime.settings_reading import read_table

    found: list[tuple[str, str]] = []
    profile = read_table(Profile, merged(layers), "", found)
    if profile is not None:
        found += vendor_faults(profile)
    if profile is not None and profile.http is not None:
        found += [(f"http.{key}", fault) for key, fault in http_faults(profile.http, billing_names(profile))]
    if profile is None or found:
        key, expected = found[0]
        origin = origin_of(layers, tuple(key.split(".")))
        raise SettingsError(f"profile {name}: {key}: {expected} ({origin})")
    return profile


def _leaves(plain: Mapping[str, Any], at: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in plain.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*at, key))
        elif not isinstance(value, Mapping):
            yield (*at, key), value


def _setting(path: tuple[str, ...], value: Any) -> str:
    """One line of TOML, the key written out."""
    from chappe.runtime.settings_text import as_toml

    *tables, key = path
    before = ".".join(as_toml({each: 0}).removesuffix(" = 0") for each in tables)
    if isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        inner = ", ".join("{" + ", ".join(as_toml({k: v}) for k, v in each.items()) + "}" for each in value)
        return f"{before}.{key} = [{inner}]"
    written = as_toml({key: value})
    return f"{before}.{written}" if before else written

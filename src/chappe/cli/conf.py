"""`chappe conf show|check`: the settings as they are understood, and whether a file is good.  It changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chappe.cli.options import ConfigOption, JsonOption, example
from chappe.cli.show import print_json, print_line


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    conf = typer.Typer(
        name="conf",
        help="Look at the settings.",
        epilog=example("chappe conf show"),
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    conf.command(epilog=example("chappe conf show --config chappe.toml"))(show)
    conf.command(epilog=example("chappe conf check chappe.toml"))(check)
    app.add_typer(conf)


def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print every setting with the value that counts, defaults included and secrets masked, as TOML."""
    from chappe.cli.settings_text import as_plain, as_toml
    from chappe.runtime.settings import load

    plain = as_plain(load(config))
    if as_json:
        print_json(plain)
    else:
        print_line(as_toml(plain))


def check(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="The settings file.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a settings file and say whether a gateway could start with it; the first fault is named.

    Certificates and lists that it names are read too. Rules that no message can ever reach are named as doubts; a
    gateway starts with them.
    """
    from chappe.net.tls import Credentials
    from chappe.net.tls_dial import DialCredentials
    from chappe.node_terms import dial_terms_of, tls_of
    from chappe.routing_terms import doubts_of
    from chappe.runtime.settings import load

    path = file or config
    settings = load(path)
    for terms in tls_of(settings.listen).values():
        Credentials(terms)
    for operator in settings.operators:
        if dialled := dial_terms_of(operator, ""):
            DialCredentials(dialled)
    doubts = doubts_of(settings)
    counts = {kind: len(getattr(settings, kind)) for kind in ("operators", "clients", "routes", "profiles")}
    if as_json:
        print_json({"file": None if path is None else str(path), "good": True, **counts, "doubts": doubts})
    else:
        told = ", ".join(f"{count} {kind if count != 1 else kind[:-1]}" for kind, count in counts.items())
        print_line(f"{path or 'the settings without a file'}: good: {told}")
        for doubt in doubts:
            print_line(f"  doubt: {doubt}")

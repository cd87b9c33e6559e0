"""`chappe store backup|check`: a copy of everything, and whether the store agrees with itself; the gateway may run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chappe.cli.options import ConfigOption, JsonOption, example
from chappe.cli.show import print_json, print_line

if TYPE_CHECKING:
    from chappe.runtime.settings_gateway import Gateway


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    store = typer.Typer(
        name="store",
        help="Copy and examine the store.",
        epilog=example("chappe store check"),
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    store.command(epilog=example("chappe store backup /var/backups/chappe-monday"))(backup)
    store.command(epilog=example("chappe store check --config chappe.toml"))(check)
    app.add_typer(store)


def backup(
    dest: Annotated[Path, typer.Argument(metavar="DEST", help="The folder to make; it must not exist.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the store, its history and the event files into a new folder, which appears whole or not at all.

    The gateway may run. To restore, put the folder in the place of `data_dir` while no gateway runs.
    """
    from chappe.runtime.settings import load
    from chappe.store.sqlite.copying import backup as copy

    files = copy(load(config).gateway.data_path, dest)
    octets = sum(path.stat().st_size for path in files)
    if as_json:
        print_json({"folder": str(dest), "files": len(files), "octets": octets})
    else:
        print_line(f"{dest}: {len(files)} files, {octets / 1e6:.1f} MB, verified")


def _in_event_files(gateway: Gateway) -> list[str]:
    """Compare event files and store line by line."""
    from chappe.observe.event_check import disagreement
    from chappe.observe.event_copier import COPY
    from chappe.observe.event_paths import position_of
    from chappe.observe.redact import redactor
    from chappe.store.sqlite.copying import EVENTS_FOLDER, block_lines, copied

    seq, place, key = copied(gateway.data_path, COPY)
    if not place:
        return []
    folder, redact = gateway.data_path / EVENTS_FOLDER, redactor(gateway.redact.value, key)
    try:
        told = disagreement(
            folder, gateway.box, position_of(seq, place), lambda: block_lines(gateway.data_path, seq), redact
        )
    except OSError as error:
        told = f"event files cannot be read: {error}"
    return [told] if told else []


def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Look whether the store agrees with itself; each fault is a line, and the exit code is 1 if there are any."""
    from chappe.runtime.settings import load
    from chappe.store.sqlite.copying import findings

    gateway = load(config).gateway
    found = [*findings(gateway.data_path), *_in_event_files(gateway)]
    if as_json:
        print_json({"good": not found, "findings": found})
    else:
        for line in found or ["good"]:
            print_line(line)
    if found:
        raise typer.Exit(1)

"""`chappe store backup|check|copy`: a copy of everything, whether a store agrees with itself, a move to PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chappe.cli.options import ConfigOption, JsonOption, example
from chappe.cli.show import print_error, print_json, print_line, print_table

if TYPE_CHECKING:
    from chappe.runtime.settings import Settings
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
    store.command(epilog=example("chappe store copy postgresql://chappe@db1,db2/chappe --config chappe.toml"))(copy)
    store.command("grant-frontend", epilog=example("chappe store grant-frontend --config chappe.toml"))(grant_frontend)
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
    from chappe.store.sqlite.copying import backup as copy_files

    files = copy_files(load(config).gateway.data_path, dest)
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


def copy(
    dsn: Annotated[str, typer.Argument(metavar="DSN", help="The PostgreSQL database: postgresql://…")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy a SQLite store and its history into an empty PostgreSQL database, and compare both.

    The gateway of these settings must be stopped, with SIGTERM. A copy that was broken off goes on where it stopped.
    Afterwards write the DSN as `store` into the settings, and start.
    """
    import asyncio

    from chappe.model.errors import SettingsError
    from chappe.runtime.settings import load

    settings = load(config)
    if not settings.gateway.is_one_process:
        raise SettingsError(
            "gateway.store: only a sqlite store is copied; these settings name a postgresql one already"
        )
    rows = asyncio.run(_copy(settings, dsn, is_silent=as_json))
    if as_json:
        print_json({"rows": rows, "same": True})
    else:
        print_table(("table", "rows"), list(rows.items()))
        print_line("both stores hold the same")


async def _copy(settings: Settings, dsn: str, *, is_silent: bool) -> dict[str, int]:
    """Move the store while nobody else can use it."""
    from chappe.runtime.folder_lock import FolderLock
    from chappe.store.transfer.moving_up import move_up

    gateway = settings.gateway
    lock = FolderLock(gateway.data_path)
    lock.take()
    try:
        return await move_up(
            gateway.data_path,
            dsn,
            box=gateway.box,
            allow_single_copy=gateway.allow_single_copy,
            tell=(lambda what, rows: None) if is_silent else _Progress().tell,
        )
    finally:
        lock.release()


class _Progress:
    """One line for each hundred thousand rows, for those who wait."""

    def __init__(self) -> None:
        self._rows = 0

    def tell(self, what: str, rows: int) -> None:
        """So many rows more have been copied."""
        before, self._rows = self._rows, self._rows + rows
        if before // 100_000 != self._rows // 100_000:
            print_error(f"{self._rows:,} rows so far, now {what}")


def grant_frontend(
    password: Annotated[
        str,
        typer.Option(
            "--password", envvar="CHAPPE_FRONTEND_PASSWORD", help="Its password; without one it stays as it is."
        ),
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Make the role `chappe_frontend` in the database: it reads, lays instructions in, and can do nothing else.

    Call it as the owner of the tables; again after an upgrade, it changes nothing else. A SQLite store has no roles.
    """
    from chappe.runtime.settings import load
    from chappe.store.postgres.granting_frontend import ROLE
    from chappe.store.postgres.granting_frontend import grant_frontend as grant

    gateway = load(config).gateway
    if gateway.is_one_process:
        print_line("nothing to grant: this store is files of SQLite, guarded by the permissions of their folder")
        return
    grant(gateway.store, password)
    print_line(f"{ROLE} may read and lay instructions in, and nothing else")

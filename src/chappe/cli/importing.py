"""`chappe import`: settings of another gateway become settings of this one.

What has no counterpart is named on stderr, a line each; nothing is changed but the file that is asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chappe.cli.options import JsonOption, example
from chappe.cli.show import print_error, print_json, print_line
from chappe.model.errors import SettingsError

if TYPE_CHECKING:
    from chappe.conf.imported import Imported

FilesArgument = Annotated[list[Path], typer.Argument(metavar="FILE...", min=1, help="Files, or a folder of them.")]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write the settings there and not on stdout; a new file."),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    importing = typer.Typer(
        name="import",
        help="Make settings of those of another gateway.",
        epilog=example("chappe import kannel /etc/kannel/kannel.conf -o chappe.toml"),
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    importing.command(epilog=example("chappe import kannel /etc/kannel/kannel.conf -o chappe.toml"))(kannel)
    importing.command(epilog=example("chappe import jasmin /etc/jasmin/store /etc/jasmin/jasmin.cfg -o chappe.toml"))(
        jasmin
    )
    app.add_typer(importing)


def kannel(files: FilesArgument, output: OutputOption = None, as_json: JsonOption = False) -> None:
    """Make settings of a kannel.conf and the files that it includes.

    What has no counterpart is named on stderr, one line each.
    """
    from chappe.conf.import_kannel import KannelImport

    found = KannelImport()
    for file in _files(files):
        found.read(_octets(file).decode("utf-8", "replace"), str(file))
    _write(found.finish(), output, as_json=as_json)


def jasmin(files: FilesArgument, output: OutputOption = None, as_json: JsonOption = False) -> None:
    """Make settings of the files in Jasmin's store, as jcli's `persist` writes them, and of its jasmin.cfg.

    What has no counterpart is named on stderr, one line each.  Nothing of what the files name is run.
    """
    from argon2 import PasswordHasher

    from chappe.conf.import_jasmin import JasminImport

    found = JasminImport(PasswordHasher().hash)
    for file in _files(files):
        found.read(_octets(file), str(file))
    _write(found.finish(), output, as_json=as_json)


def _files(named: list[Path]) -> list[Path]:
    files: list[Path] = []
    for path in named:
        files += sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]
    return files


def _octets(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from error


def _write(found: Imported, output: Path | None, *, as_json: bool) -> None:
    """Print or store the settings; then say what is left to do.  Raises: SettingsError where they are not yet good."""
    from chappe.runtime.settings import parse
    from chappe.runtime.settings_text import as_toml

    text = as_toml(found.plain)
    if output is not None:
        _store(output, text + "\n")
    elif not as_json:
        print_line(text)
    if as_json:
        print_json({"settings": found.plain, "left_out": found.left_out})
    for line in found.left_out:
        print_error(line)
    parse(text, where=str(output or "the settings (put this right by hand)"))


def _store(output: Path, text: str) -> None:
    """A new file that only its owner reads: passwords stand in it."""
    import os

    try:
        with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise SettingsError(f"{output}: cannot be written: {error.strerror}") from error

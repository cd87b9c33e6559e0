"""Writes the pages that cannot lag: docs/settings.md from the settings' types, docs/commands.md from the commands.

`python -m chappe.cli.reference` writes them anew; a test fails while they differ from what it would write.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

import typer
from msgspec import Meta
from typer.models import ArgumentInfo, CommandInfo, ParameterInfo

from chappe.runtime.settings import Settings
from chappe.runtime.settings_reading import TYPE_NAMES, table_inside
from chappe.runtime.settings_table import Field, Table, fields_of, metas_of
from chappe.runtime.settings_text import as_plain, as_toml

SETTINGS_HEAD: Final = """# Settings

Every key of the settings file, with what it takes and what counts when it is not written. The file is TOML; `chappe up
--config FILE` and every other command that needs it take it as `--config`, or from the variable `CHAPPE_CONFIG`. A key
that is not listed here is an error that names the nearest one that is; `chappe conf check FILE` tells without starting
anything, and `chappe conf show` prints every value that counts.

This page is written by `python -m chappe.cli.reference` from the types in `chappe.runtime.settings`."""

COMMANDS_HEAD: Final = """# Commands

Every command with its arguments and options. A command leaves with 0 only when it did what it was asked; an error is
one line on stderr that says what to do, with code 1, or 2 when the command line itself was wrong.

This page is written by `python -m chappe.cli.reference` from the commands themselves."""

#: Commands whose examples no test runs as they stand, and why.
NOT_RUN: Final = {"chappe store copy": "tests/postgres/test_store_copy.py copies to a server of its own"}


def settings_page() -> str:
    """docs/settings.md."""
    example = as_toml(as_plain(Settings.default()))
    closing = ["", "## What counts without a file", "", "Secrets are masked, as `chappe conf show` masks them.", ""]
    return "\n".join([SETTINGS_HEAD, *_tables(Settings, ""), *closing, "```toml", example, "```", ""])


def _tables(table: type[Table], at: str) -> Iterator[str]:
    """The sections of all tables inside one, each before those inside it."""
    for key, field in fields_of(table).items():
        inner = table_inside(field.type)
        if inner is not None:
            path = f"{at}.{key}" if at else key
            yield from _section(inner, _heading(path, field))
            yield from _tables(inner, path)


def _heading(path: str, field: Field) -> str:
    origin = get_origin(field.type)
    if origin is tuple:
        return f"[[{path}]]"
    return f"[{path}.NAME]" if origin is dict else f"[{path}]"


def _section(table: type[Table], heading: str) -> Iterator[str]:
    yield from ("", f"## `{heading}`", "", inspect.getdoc(table) or "", "")
    yield from ("| key | takes | default | meaning |", "|---|---|---|---|")
    for key, field in fields_of(table).items():
        if table_inside(field.type) is None:
            default = "required" if field.is_required else _code(field.default)
            yield f"| `{key}` | {_cell(takes(field.hint))} | {default} | {_cell(field.description)} |"


def takes(hint: Any) -> str:
    """What a key of this type takes, in words: its choices, what errors say is expected, or its type and bounds."""
    metas = list(metas_of(hint))
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    inner = [part for part in get_args(bare) if part is not type(None)]
    expected = next((meta.extra["expected"] for meta in metas if meta.extra and "expected" in meta.extra), None)
    if expected:
        return str(expected)
    if inner:
        return f"a list, each {takes(inner[0])}" if get_origin(bare) is tuple else takes(inner[0])
    if issubclass(bare, Enum):
        return ", ".join(f'`"{member.value}"`' for member in bare)
    return ", ".join([TYPE_NAMES[bare.__name__], *(bound for meta in metas for bound in _bounds(meta))])


def _bounds(meta: Meta) -> Iterator[str]:
    signs = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
    for sign, words in signs.items():
        limit = getattr(meta, sign)
        if limit is not None:
            yield f"{words} {limit:g}"


def _code(default: object) -> str:
    """A default as the file would write it."""
    if default is None:
        return "unset"
    plain = [_plain(each) for each in default] if isinstance(default, tuple) else _plain(default)
    return f"`{as_toml({'x': plain}).removeprefix('x = ')}`"


def _plain(default: object) -> object:
    return default.value if isinstance(default, Enum) else default


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def commands_page() -> str:
    """docs/commands.md."""
    from chappe.cli.main import app

    return "\n".join(
        [COMMANDS_HEAD, *(line for path, command in commands(app, "chappe") for line in _command(path, command))]
    )


def commands(app: typer.Typer, path: str) -> Iterator[tuple[str, CommandInfo]]:
    """Every command with the words that call it, those of groups included."""
    for command in app.registered_commands:
        assert command.callback is not None
        yield f"{path} {command.name or command.callback.__name__}", command
    for group in app.registered_groups:
        assert group.typer_instance is not None
        own = group.typer_instance.registered_callback
        if own is not None and own.callback is not None:
            # A group that does something by itself.
            yield (
                f"{path} {group.typer_instance.info.name}",
                CommandInfo(callback=own.callback, epilog=group.typer_instance.info.epilog),
            )
        yield from commands(group.typer_instance, f"{path} {group.typer_instance.info.name}")


def _command(path: str, command: CommandInfo) -> Iterator[str]:
    assert command.callback is not None
    yield from ("", f"## `{path}`", "", inspect.getdoc(command.callback) or "", "")
    rows = list(_parameters(command.callback))
    if rows:
        yield from ("| argument or option | default | meaning |", "|---|---|---|", *rows, "")
    if path in NOT_RUN:
        yield f"<!-- not run: {NOT_RUN[path]} -->"
    yield from ("```sh", *(line.strip() for line in (command.epilog or "").splitlines()[2:]), "```")


def _parameters(callback: Callable[..., Any]) -> Iterator[str]:
    """A row for each parameter, from the annotation that typer reads too."""
    hints = get_type_hints(callback, include_extras=True)
    for name, parameter in inspect.signature(callback).parameters.items():
        if hints[name] is typer.Context:
            continue
        bare, about = get_args(hints[name])
        is_required = parameter.default is parameter.empty
        default = "required" if is_required else _option_default(parameter.default)
        spelt = _spelling(name, bare, about, parameter.default)
        yield f"| `{_cell(spelt)}` | {default} | {_cell(about.help or '')} |"


def _spelling(name: str, bare: Any, about: ParameterInfo, default: object) -> str:
    """How a parameter is written: its name in capitals, or its option with what follows it."""
    if isinstance(about, ArgumentInfo):
        return (about.metavar or name.upper()).strip("[]")
    # Where the default stands behind the annotation, typer keeps the first spelling as the option's "default".
    spellings = [word for word in (about.default, *(about.param_decls or ())) if isinstance(word, str)]
    spelt = ", ".join(spellings) or f"--{name.replace('_', '-')}"
    kinds = [kind for kind in (bare, *get_args(bare)) if isinstance(kind, type)]
    if bool in kinds:
        return f"{spelt}, --no-{spelt.removeprefix('--')}" if default is True else spelt
    choices = next(("|".join(str(one.value) for one in kind) for kind in kinds if issubclass(kind, Enum)), None)
    return f"{spelt} {about.metavar or choices or METAVARS[kinds[0]]}"


def _option_default(default: object) -> str:
    if default is None or default == "" or isinstance(default, bool):
        return ""
    return f"`{default.value if isinstance(default, Enum) else default}`"


#: What follows an option whose value has no name of its own.
METAVARS: Final[dict[type, str]] = {str: "TEXT", int: "NUMBER", float: "NUMBER"}

PAGES: Final = {"settings.md": settings_page, "commands.md": commands_page}


def main() -> None:
    """Write the pages into the folder given, `docs` if none is."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs")
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()

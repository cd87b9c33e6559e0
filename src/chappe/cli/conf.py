"""`chappe conf`: the settings as they are understood, and the versions of the configuration.

What looks reads files and the store; what changes is an instruction that the running gateway carries out.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chappe.cli.asking import AsOption, carry_out, tell
from chappe.cli.options import ConfigOption, JsonOption, LimitOption, example
from chappe.cli.show import print_json, print_line, print_table
from chappe.model.errors import ResourceError, SettingsError

if TYPE_CHECKING:
    from chappe.configuration.document import Document
    from chappe.store.versions import Version

ResetLinksOption = Annotated[
    bool,
    typer.Option("--reset-links", help="Bind links anew at once where address, credentials or binds change."),
]
NumberArgument = Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="A version, as `versions` lists them.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    conf = typer.Typer(
        name="conf",
        help="Look at the settings, and change them while the gateway runs.",
        epilog=example("chappe conf show", "chappe conf apply chappe.toml", "chappe conf versions"),
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    conf.command(epilog=example("chappe conf show --config chappe.toml", "chappe conf show --version 1"))(show)
    conf.command(epilog=example("chappe conf check chappe.toml"))(check)
    conf.command(epilog=example("chappe conf versions"))(versions)
    conf.command(epilog=example("chappe conf diff 1 2", "chappe conf diff chappe.toml"))(diff)
    conf.command(epilog=example("chappe conf apply chappe.toml"))(apply)
    conf.command(epilog=example("chappe conf rollback 1"))(rollback)
    conf.command(epilog=example("chappe conf export chappe-now.toml"))(export)
    app.add_typer(conf)


def show(
    config: ConfigOption = None,
    version: Annotated[
        int | None, typer.Option("--version", metavar="NUMBER", help="A stored version, as it was written.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print every setting with the value that counts, defaults included and secrets masked, as TOML."""
    from chappe.runtime.settings import load
    from chappe.runtime.settings_text import as_plain, as_toml, written

    if version is not None:
        from chappe.configuration.differences import masked
        from chappe.configuration.document import tables_of

        plain: Any = masked(tables_of(_version(version, config)))
        text = as_toml(written(plain))
    else:
        plain = as_plain(load(config))
        text = as_toml(plain)
    if as_json:
        print_json(plain)
    else:
        print_line(text)


def check(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="The settings file.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a settings file and say whether a gateway could start with it; the first fault is named.

    Certificates and lists that it names are read too. Rules that no message can ever reach, and secrets that are
    easily guessed, are named as doubts; a gateway starts with them.
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


def versions(limit: LimitOption = 20, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the versions of the configuration, youngest first: the first one counts."""
    from chappe.cli.looking import reader_of
    from chappe.store.views import iso

    found = reader_of(config).versions(limit)
    if as_json:
        print_json([_plain(each) for each in found])
        return
    rows = [
        (str(each.number), iso(each.at_us), each.author, each.approved_by or "-", each.what, each.digest)
        for each in found
    ]
    print_table(("version", "at", "by", "approved by", "what", "digest"), rows)


def diff(
    one: Annotated[str, typer.Argument(metavar="ONE", help="A version's number, or a settings file.")],
    other: Annotated[
        str | None, typer.Argument(metavar="[OTHER]", help="What it is compared with; without it, what counts now.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print what differs, key by key; with one version or file alone, what it would change now. Secrets are masked."""
    from chappe.configuration.differences import differences

    before, after = (one, other) if other is not None else (None, one)
    found = differences(_document(before, config), _document(after, config))
    if as_json:
        print_json(found)
        return
    for each in found:
        print_line(str(each))
    if not found:
        print_line("nothing differs")


def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The settings file.")],
    base: Annotated[int, typer.Option("--base", metavar="NUMBER", help="Only if this is the version that counts.")] = 0,
    resets_links: ResetLinksOption = False,
    person: AsOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a settings file the configuration that counts, while the gateway runs.

    Nothing is taken over unless all of it is good. `[gateway]` and `[listen]` belong to a box and are left out.
    Links stay up: an operator whose `protocol` or `bind` changes is named, and waits for `chappe instruct reset_link`.
    """
    from chappe.configuration.document import document_of_file, shared_text
    from chappe.instructions.kinds import ApplyConfiguration
    from chappe.runtime.settings import load

    load(file)
    toml = shared_text(file.read_text("utf-8"), document_of_file(file))
    wish = ApplyConfiguration(toml=toml, base=base, resets_links=resets_links)
    tell(*carry_out(wish, config or file, person), as_json=as_json)


def rollback(
    number: NumberArgument,
    resets_links: ResetLinksOption = False,
    person: AsOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an earlier version count again; it becomes a new one, so nothing is lost."""
    from chappe.instructions.kinds import Rollback

    tell(*carry_out(Rollback(version=number, resets_links=resets_links), config, person), as_json=as_json)


def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; it must not be there yet.")],
    version: Annotated[
        int | None, typer.Option("--version", metavar="NUMBER", help="Another one than that which counts.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write the stored configuration into a settings file, with `[gateway]` and `[listen]` of this box.

    Secrets are written as they are: only you can read the file.
    """
    import os

    from chappe.configuration.document import OWN_SECTIONS
    from chappe.runtime.settings import load, read_tables
    from chappe.runtime.settings_text import as_toml, written

    load(config)
    found = _newest(config) if version is None else _version(version, config)
    own = {key: each for key, each in (read_tables(config) if config else {}).items() if key in OWN_SECTIONS}
    head = as_toml(written(own))
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(f"{head}\n\n{found.toml}" if head else found.toml)
    except OSError as error:
        raise ResourceError(f"{file}: {error.strerror}; name a file that is not there yet") from error
    print_line(f"{file}: version {found.number}")


def _plain(version: Version) -> dict[str, Any]:
    from chappe.store.views import iso

    return {
        "version": version.number,
        "at": iso(version.at_us),
        "by": version.author,
        "approved_by": version.approved_by,
        "what": version.what,
        "instruction": version.instruction,
        "digest": version.digest,
        "before": version.before,
    }


def _document(named: str | None, config: Path | None) -> Document:
    """A version by its number, a file by its name, or what counts now."""
    from chappe.configuration.document import document_of_file, tables_of

    if named is None:
        return tables_of(_newest(config))
    if named.isdecimal():
        return tables_of(_version(int(named), config))
    path = Path(named)
    if not path.exists():
        raise SettingsError(f"{named}: expected the number of a version, or a settings file")
    return document_of_file(path)


def _version(number: int, config: Path | None) -> Version:
    from chappe.cli.looking import reader_of

    found = reader_of(config).version(number)
    if found is None:
        raise ResourceError(f"there is no version {number}: look with: chappe conf versions")
    return found


def _newest(config: Path | None) -> Version:
    from chappe.cli.looking import reader_of

    found = reader_of(config).versions(1)
    if not found:
        raise ResourceError("no configuration is stored yet: start the gateway with: chappe up")
    return found[0]

"""`chappe opt-outs`: which handsets want to hear no more, of which lists, and by which word.

The list is read from the store; `add` and `remove` are instructions that the running gateway carries out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from chappe.cli.asking import AsOption, carry_out, tell
from chappe.cli.options import ConfigOption, JsonOption, example
from chappe.cli.show import print_json, print_table

if TYPE_CHECKING:
    from chappe.rules.opt_outs import OptOut


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(
        name="opt-outs",
        help="List the handsets that want to hear no more, the latest first; add and remove some.",
        epilog=example("chappe opt-outs", "chappe opt-outs --handset +37120000001 --all"),
        invoke_without_command=True,
        rich_markup_mode=None,
    )
    group.callback()(opt_outs)
    group.command(epilog=example("chappe opt-outs add shop +37120000001 --note 'asked by telephone'"))(add)
    group.command(epilog=example("chappe opt-outs remove shop +37120000001"))(remove)
    app.add_typer(group)


def opt_outs(
    context: typer.Context,
    name: Annotated[str, typer.Option("--list", metavar="NAME", help="Only this list.")] = "",
    handset: Annotated[str, typer.Option(help="Only this handset.")] = "",
    shows_all: Annotated[bool, typer.Option("--all", help="Also those who want to hear again.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many at most, the latest first.")] = 1000,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the handsets that want to hear no more, the latest first."""
    if context.invoked_subcommand is not None:
        return
    from chappe.cli.looking import reader_of
    from chappe.model.address import same_handset

    found = [
        each
        for each in reversed(reader_of(config).opt_outs())
        if (each.is_out or shows_all)
        and name in ("", each.list)
        and (not handset or same_handset(each.handset, handset))
    ][:limit]
    if as_json:
        print_json([_plain(each) for each in found])
    else:
        rows = [(each.list, each.handset, _said(each), each.word, _moment(each), each.message_id) for each in found]
        print_table(("list", "handset", "says", "word", "at", "message"), rows)


ListArgument = Annotated[str, typer.Argument(metavar="LIST", help="The list, as the settings name it.")]
HandsetArgument = Annotated[str, typer.Argument(metavar="HANDSET", help="The handset's number.")]
NoteOption = Annotated[str, typer.Option("--note", help="Why; the event tells it.")]


def add(
    name: ListArgument,
    handset: HandsetArgument,
    note: NoteOption = "",
    person: AsOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have a handset hear no more from a list's senders, as if it had sent STOP; what it says later counts more."""
    from chappe.instructions.kinds import AddOptOut

    tell(*carry_out(AddOptOut(name, handset, note), config, person), as_json=as_json)


def remove(
    name: ListArgument,
    handset: HandsetArgument,
    note: NoteOption = "",
    person: AsOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a handset hear from a list's senders again, as if it had sent START."""
    from chappe.instructions.kinds import RemoveOptOut

    tell(*carry_out(RemoveOptOut(name, handset, note), config, person), as_json=as_json)


def _plain(each: OptOut) -> dict[str, object]:
    return {
        "list": each.list,
        "handset": each.handset,
        "is_out": each.is_out,
        "word": each.word,
        "at": _moment(each),
        "message_id": str(each.message_id),
    }


def _said(each: OptOut) -> str:
    return "no more" if each.is_out else "again"


def _moment(each: OptOut) -> str:
    return f"{datetime.fromtimestamp(each.at_us / 1e6, UTC):%Y-%m-%dT%H:%M:%SZ}"

"""`chappe held`: what waits for a decision, and the decision.

The list is read from the store; a decision is an instruction that the running gateway carries out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from chappe.cli.asking import carry_out
from chappe.cli.options import ConfigOption, JsonOption, LimitOption, example
from chappe.cli.show import print_error, print_json, print_line, print_table

if TYPE_CHECKING:
    from pathlib import Path

IdsArgument = Annotated[list[int], typer.Argument(metavar="ID...", min=1, help="Ids, as `chappe held` lists them.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    held = typer.Typer(
        name="held",
        help="List what is held, and decide about it.",
        epilog=example("chappe held", "chappe held resend 2816341093", "chappe held drop 2816341093"),
        invoke_without_command=True,
        rich_markup_mode=None,
    )
    held.callback()(list_held)
    held.command(epilog=example("chappe held resend 2816341093 2816341094"))(resend)
    held.command(epilog=example("chappe held drop 2816341093"))(drop)
    app.add_typer(held)


def list_held(
    context: typer.Context, limit: LimitOption = 1_000, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List what is held: its outcome is unknown, or it could not be read."""
    if context.invoked_subcommand is not None:
        return
    from chappe.cli.looking import reader_of
    from chappe.store.views import iso

    items = reader_of(config).held_items(limit)
    if as_json:
        print_json(items)
        return
    rows = [(str(each.id), each.queue, iso(each.held_at_us), each.reason.strip().splitlines()[-1]) for each in items]
    print_table(("id", "queue", "since", "why"), rows)


def resend(ids: IdsArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Let held items go on in their queues: a message is sent, although it may have been sent before.

    The running gateway does it; without one the instruction is kept and carried out when it starts.
    """
    _decide(ids, config, is_resent=True, as_json=as_json)


def drop(ids: IdsArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Give held items up: a message ends as cancelled, and its client is told if it asked to be.

    The running gateway does it; without one the instruction is kept and carried out when it starts.
    """
    _decide(ids, config, is_resent=False, as_json=as_json)


def _decide(ids: list[int], config: Path | None, *, is_resent: bool, as_json: bool) -> None:
    from chappe.instructions.kinds import ResolveHeld

    number, outcome = carry_out(ResolveHeld(tuple(dict.fromkeys(ids)), is_resent), config)
    if as_json:
        print_json({"instruction": number, "changed": outcome.changed, "left": outcome.left})
    else:
        for each in outcome.changed:
            print_line(f"{each} {'goes on' if is_resent else 'dropped'}")
    if outcome.left:
        print_error(f"chappe: not held, left alone: {' '.join(map(str, outcome.left))}; look with: chappe held")
        raise typer.Exit(1)

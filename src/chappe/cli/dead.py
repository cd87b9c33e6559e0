"""`chappe dead`: queues that nobody reads any more, and their end.

The list is what the running gateway says; dropping is an instruction that it carries out.
"""

from __future__ import annotations

from typing import Annotated

import typer

from chappe.cli.options import ConfigOption, JsonOption, example
from chappe.cli.show import print_json, print_line, print_table

QueueArgument = Annotated[str, typer.Argument(metavar="QUEUE", help="A queue, as `chappe dead` lists it.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    dead = typer.Typer(
        name="dead",
        help="List queues that nobody reads any more, and end what waits there.",
        epilog=example("chappe dead", "chappe dead drop client:acme"),
        invoke_without_command=True,
        rich_markup_mode=None,
    )
    dead.callback()(list_dead)
    dead.command(epilog=example("chappe dead drop client:acme"))(drop)
    app.add_typer(dead)


def list_dead(context: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List queues whose client or operator is gone from the settings: what waits there, how old it is, and why."""
    if context.invoked_subcommand is not None:
        return
    from chappe.cli.status import ask, url_of
    from chappe.runtime.settings import load

    found = [each for each in ask(url_of(load(config))).queues if each.messages and each.cause]
    if as_json:
        print_json(found)
    else:
        rows = [(each.queue, each.messages, each.oldest_s, each.cause) for each in found]
        print_table(("queue", "messages", "oldest s", "why"), rows)


def drop(queue: QueueArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """End what waits in a queue without a reader: messages end as cancelled, receipts and incoming ones as refused.

    The running gateway does it; without one the instruction is kept and carried out when it starts.
    """
    from chappe.cli.asking import carry_out
    from chappe.instructions.kinds import DropQueue

    number, outcome = carry_out(DropQueue(queue), config)
    if as_json:
        print_json({"instruction": number, "queue": queue, "dropped": outcome.count})
    else:
        print_line(f"{queue}: {outcome.count} dropped")

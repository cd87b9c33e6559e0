"""`chappe callbacks`: what clients did not take, which URLs are switched off, and what a person does about it.

The lists are read from the store; a decision is an instruction that the running gateway carries out.
"""

from __future__ import annotations

from typing import Annotated

import typer

from chappe.cli.options import ConfigOption, JsonOption, LimitOption, example
from chappe.cli.show import print_error, print_json, print_line, print_table

ClientOption = Annotated[str, typer.Option("--client", help="Only those of this client.")]
IdsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="ID...", help="Ids, as `chappe callbacks failed` lists them.")
]
ClientArgument = Annotated[str, typer.Argument(metavar="CLIENT", help="The client whose URL is back.")]

#: How webhook-id writes a callback's number.
_PREFIX = "msg_"


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    callbacks = typer.Typer(
        name="callbacks",
        help="Show callbacks that clients did not take, and let them go on.",
        epilog=example("chappe callbacks failed", "chappe callbacks replay --client acme"),
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    callbacks.command(epilog=example("chappe callbacks failed --client acme"))(failed)
    callbacks.command(epilog=example("chappe callbacks off"))(off)
    callbacks.command(
        epilog=example("chappe callbacks replay 912722494706681857", "chappe callbacks replay --client acme")
    )(replay)
    callbacks.command(epilog=example("chappe callbacks enable acme"))(enable)
    app.add_typer(callbacks)


def failed(
    client: ClientOption = "", limit: LimitOption = 1_000, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List callbacks that were refused until they were given up, the youngest first."""
    from chappe.cli.looking import reader_of
    from chappe.store.views import iso

    found = reader_of(config).failed_callbacks(client, limit)
    if as_json:
        print_json(found)
        return
    rows = [
        (str(each.id), each.client, str(each.message_id), each.told, each.attempts, iso(each.failed_at_us), each.reason)
        for each in found
    ]
    print_table(("id", "client", "message", "told", "tries", "given up", "why"), rows)


def off(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List clients whose URL said that it is gone: nothing is posted there until it is enabled again."""
    from chappe.cli.looking import reader_of
    from chappe.store.views import iso

    found = reader_of(config).callbacks_off()
    if as_json:
        print_json(found)
    else:
        print_table(
            ("client", "url", "since", "why"), [(each.client, each.url, iso(each.at_us), each.reason) for each in found]
        )


def replay(
    ids: IdsArgument = None, client: ClientOption = "", config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Post failed callbacks again: those that are named, or all of a client.

    The running gateway does it; without one the instruction is kept and carried out when it starts.
    """
    from chappe.cli.asking import carry_out
    from chappe.instructions.kinds import ReplayCallbacks

    if not ids and not client:
        raise typer.BadParameter("name callbacks by their ids, or --client for all of a client")
    numbers = [_number(each) for each in ids or ()]
    number, outcome = carry_out(ReplayCallbacks(tuple(dict.fromkeys(numbers)), client), config)
    if as_json:
        print_json({"instruction": number, "replayed": outcome.count, "left": outcome.left})
    else:
        print_line(f"{outcome.count} go on")
    if outcome.left:
        left = " ".join(map(str, outcome.left))
        print_error(f"chappe: not failed, left alone: {left}; look with: chappe callbacks failed")
        raise typer.Exit(1)


def enable(client: ClientArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Post to a client's URL again that said that it is gone.

    The running gateway does it; without one the instruction is kept and carried out when it starts.
    """
    from chappe.cli.asking import carry_out
    from chappe.instructions.kinds import EnableCallbacks

    number, _ = carry_out(EnableCallbacks(client), config)
    if as_json:
        print_json({"instruction": number, "client": client})
    else:
        print_line(f"{client} is called back again")


def _number(text: str) -> int:
    """A callback's number, perhaps as webhook-id writes it.  Raises: typer.BadParameter."""
    digits = text.removeprefix(_PREFIX)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 19):
        raise typer.BadParameter(f"{text!r} is no callback's id")
    return int(digits)

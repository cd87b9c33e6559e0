"""`chappe credit`: what clients may still spend, and what a person pays in.

Balances are read from the store; what is paid in is an instruction that the running gateway carries out.
"""

from __future__ import annotations

from typing import Annotated

import typer

from chappe.cli.options import ConfigOption, JsonOption, example
from chappe.cli.show import print_json, print_line, print_table

ClientArgument = Annotated[str, typer.Argument(metavar="CLIENT", help="A client that has credit in the settings.")]
AmountArgument = Annotated[
    str, typer.Argument(metavar="AMOUNT", help="As in 12.50, or a number of parts; with - in front it is taken away.")
]
NoteOption = Annotated[str, typer.Option("--note", help="What the event says beside it, such as a payment's number.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    credit = typer.Typer(
        name="credit",
        help="Show what clients may still spend, and pay in.",
        epilog=example("chappe credit show", "chappe credit add acme 100.00"),
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    credit.command(epilog=example("chappe credit show --json"))(show)
    credit.command(
        epilog=example("chappe credit add acme 100.00 --note 'invoice 881'", "chappe credit add acme -- -5"),
    )(add)
    app.add_typer(credit)


def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the balances of all clients that have credit, what processes have in hand included."""
    from chappe.cli.looking import reader_of
    from chappe.model.money import text_of

    found = reader_of(config).balances()
    if as_json:
        print_json(
            [
                {"client": each.client, "amount": text_of(each.units, each.currency), "currency": each.currency or None}
                for each in found
            ]
        )
        return
    rows = [(each.client, text_of(each.units, each.currency), each.currency or "parts") for each in found]
    print_table(("client", "balance", "of"), rows)


def add(
    client: ClientArgument,
    amount: AmountArgument,
    note: NoteOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pay into a client's balance, or take from it.

    The running gateway does it; without one the instruction is kept and carried out when it starts.
    """
    from chappe.cli.asking import carry_out
    from chappe.instructions.kinds import AddCredit
    from chappe.model.money import text_of, told, units_of
    from chappe.runtime.settings import load

    credit = {each.name: each.credit for each in load(config).clients}.get(client)
    if credit is None:
        raise typer.BadParameter(f"{client!r} has no [clients.credit] in the settings")
    try:
        units = units_of(amount, credit.currency)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if not units:
        raise typer.BadParameter("expected an amount other than 0")
    number, _ = carry_out(AddCredit(client, credit.currency, units, note), config)
    if as_json:
        shown = {"client": client, "amount": text_of(units, credit.currency), "currency": credit.currency or None}
        print_json({"instruction": number, **shown})
    else:
        done = "paid in for" if units > 0 else "taken from"
        print_line(f"{told(abs(units), credit.currency)} {done} {client}")

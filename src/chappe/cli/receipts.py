"""`chappe receipts`: delivery reports that match no message, and trying them again.

The list is read from the store; a replay is an instruction that the running gateway carries out.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from chappe.cli.options import ConfigOption, JsonOption, LimitOption, example
from chappe.cli.show import print_error, print_json, print_line, print_table


class IdBase(Enum):
    """How the ids of receipts may be read; as a profile's `id_base` says it."""

    EXACT = "exact"
    HEX_TO_DECIMAL = "hex_to_decimal"
    DECIMAL_TO_HEX = "decimal_to_hex"
    EITHER = "either"


OperatorOption = Annotated[str, typer.Option("--operator", metavar="NAME", help="Only those of this operator.")]
IdsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="ID...", help="Ids, as `chappe receipts parked` lists them.")
]
BaseOption = Annotated[
    IdBase | None,
    typer.Option("--id-base", help="Read their ids so this once, whatever the operator's profile says."),
]
CaseOption = Annotated[
    bool, typer.Option("--ignore-case", help="This once, their ids may differ in upper and lower case.")
]
ZerosOption = Annotated[
    bool, typer.Option("--ignore-zeros", help="This once, their ids may have more or fewer leading zeros.")
]
#: Reports that are looked through for those of one operator.
_LOOKED_THROUGH = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    receipts = typer.Typer(
        name="receipts",
        help="Show delivery reports that match no message, and try them again.",
        epilog=example("chappe receipts parked", "chappe receipts replay --operator three"),
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    receipts.command(epilog=example("chappe receipts parked --operator three"))(parked)
    receipts.command(
        epilog=example(
            "chappe receipts replay --operator three",
            "chappe receipts replay --operator three --id-base hex_to_decimal",
            "chappe receipts replay 912722494706681857",
        )
    )(replay)
    app.add_typer(receipts)


def parked(
    operator: OperatorOption = "", limit: LimitOption = 1_000, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List delivery reports that match no message so far, the youngest first."""
    from chappe.cli.looking import reader_of
    from chappe.store.views import iso

    found = reader_of(config).parked_reports(_LOOKED_THROUGH if operator else limit)
    found = [each for each in found if operator in ("", each.operator)][:limit]
    if as_json:
        print_json(found)
        return
    rows = [
        (str(each.id), each.operator, (each.references or ("",))[0], each.msisdn, each.status, iso(each.at_us))
        for each in found
    ]
    print_table(("id", "operator", "reference", "handset", "says", "came"), rows)


def replay(
    ids: IdsArgument = None,
    operator: OperatorOption = "",
    id_base: BaseOption = None,
    ignore_case: CaseOption = False,
    ignore_zeros: ZerosOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try parked reports again: those that are named, or all of an operator.

    Their ids are read as the operator's profile says by now, or this once as the options say.  A report is matched
    only with a message to the very handset that it names; every other one stays parked.  The running gateway does
    it; without one the instruction is kept and carried out when it starts.
    """
    import msgspec

    from chappe.cli.asking import carry_out
    from chappe.instructions.kinds import ReplayReceipts

    if bool(ids) == bool(operator):
        raise typer.BadParameter("name reports by their ids, or --operator for all of an operator")
    numbers = tuple(dict.fromkeys(_number(each) for each in ids or ()))
    said: dict[str, str | bool] = {"id_base": id_base.value} if id_base is not None else {}
    said |= {"id_ignores_case": ignore_case, "id_ignores_zeros": ignore_zeros}
    wish = msgspec.convert({"type": "replay_receipts", "operator": operator, "ids": numbers, **said}, ReplayReceipts)
    number, outcome = carry_out(wish, config)
    if as_json:
        told = {"matched": outcome.count, "parked": outcome.remaining, "left": outcome.left}
        print_json({"instruction": number, **told})
    else:
        print_line(f"{outcome.count} matched, {outcome.remaining} stay parked")
    if outcome.left:
        left = " ".join(map(str, outcome.left))
        print_error(f"chappe: not matched: {left}; look with: chappe receipts parked")
        raise typer.Exit(1)


def _number(text: str) -> int:
    """Raises: typer.BadParameter."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise typer.BadParameter(f"{text!r} is no report's id")
    return int(text)

"""`chappe message` tells one message's whole life.

It reads the store and changes nothing; the gateway may run meanwhile.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from chappe.cli.options import ConfigOption, JsonOption, LimitOption, example
from chappe.cli.show import print_json, print_table
from chappe.model.errors import ResourceError

if TYPE_CHECKING:
    from chappe.store.views import LifeView

#: What happened, in words; an event that is not here is told by its name.
WORDS: Final = {
    "mt_accepted": "accepted from the client",
    "mt_routed": "routed by a rule",
    "mt_rejected": "refused",
    "mt_sending": "about to be sent",
    "mt_sent": "taken by the operator",
    "mt_deferred": "waits for another try",
    "mt_moved": "goes to another operator",
    "mt_held": "held for a decision",
    "mt_buffered": "on its way, says the operator",
    "mt_delivered": "delivered",
    "mt_failed": "failed",
    "mt_expired": "expired",
    "mt_cancelled": "cancelled",
    "mt_replaced": "replaced by its client",
    "mt_unknown": "no final report in time",
    "mt_repeated": "came again, answered as the first time",
    "mo_received": "received from the operator",
    "opted_out": "its handset wants to hear no more",
    "opted_in": "its handset wants to hear again",
    "mo_suppressed": "suppressed as a repeat",
    "mo_delivered": "handed to the client",
    "mo_refused": "refused by the client",
    "alert_received": "its handset can be reached again, says the operator",
    "alert_delivered": "handed to the client",
    "mo_blocked": "a block kept it from everybody",
    "mo_unrouted": "no route wants it, a person decides",
    "mo_joined": "whole text made of its parts",
    "mo_part_joined": "joined with the other parts",
    "mo_part_released": "goes on as a part",
    "dr_received": "report received",
    "dr_matched": "report matched",
    "dr_repeated": "report repeated, nothing changed",
    "dr_contradicted": "report contradicts the end, nothing changed",
    "dr_delivered": "receipt handed to the client",
    "dr_refused": "receipt refused by the client",
    "dr_parked": "report parked, nothing matches it yet",
    "callback_sent": "client called back",
    "callback_deferred": "call to the client failed, comes again",
    "callback_failed": "calls to the client given up",
    "item_poisoned": "crashes whoever works on it",
    "pdu_refused": "refused on the wire",
}


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog=example("chappe message 37120000001"))(message)


def message(
    text: Annotated[str, typer.Argument(metavar="ID|NUMBER|REFERENCE", help="A message's id, handset or reference.")],
    limit: LimitOption = 20,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell a message's whole life: what it is, and everything that happened to it, wherever it is kept.

    Several messages that fit are listed, the newest first; one alone is told in full.
    """
    from chappe.cli.looking import reader_of

    reader = reader_of(config)
    found = list(reader.find_messages(text, limit))
    if not found:
        raise ResourceError(f"no message with id, number or reference {text!r}: look for it in the event files")
    if as_json:
        print_json([{"message": view, "events": reader.life_events(view.id)} for view in found])
    elif len(found) > 1:
        print_table(*_listed(found))
    else:
        _print_life(found[0], reader.life_events(found[0].id), reader.hot)


def _listed(found: list[LifeView]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    from chappe.store.views import iso

    columns = ("id", "created", "client", "from", "to", "status", "operator", "reference")
    return columns, [
        (str(each.id), iso(each.created_at_us), each.client, *_ends(each), each.status, each.operator, each.client_ref)
        for each in found
    ]


def _ends(view: LifeView) -> tuple[str, str]:
    return (view.number, view.msisdn) if view.direction == "mt" else (view.msisdn, view.number)


def _print_life(view: LifeView, events: list[dict[str, str]], hot: str) -> None:
    from rich.console import Console

    from chappe.store.views import iso

    console = Console(highlight=False, markup=False)
    colour = {"delivered": "green", "failed": "red", "rejected": "red", "expired": "red"}.get(view.status, "yellow")
    source, dest = _ends(view)
    console.print(f"{view.direction.upper()} {view.id}", style="bold", end="  ")
    console.print(view.status + (f" ({view.error})" if view.error.strip("0") else ""), style=f"bold {colour}")
    facts = {
        "from": source,
        "to": dest,
        "client": view.client,
        "operator": view.operator,
        "reference": view.client_ref,
        "operator's": view.operator_ref,
        "parts": str(view.parts) if view.parts > 1 else "",
        "created": iso(view.created_at_us),
        "kept in": f"history of {view.history}" if view.history else hot,
    }
    for name, value in facts.items():
        if value:
            console.print(f"  {name:<11}{value}")
    console.print()
    _print_events(events)


def _print_events(events: list[dict[str, str]]) -> None:
    """A line each, with the time since the one before."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False, soft_wrap=True)
    before: datetime | None = None
    for event in events:
        at = datetime.fromisoformat(event["time"])
        since = "" if before is None else _span((at - before).total_seconds())
        before = at
        detail = " ".join(filter(None, (event["operator"], event["operator_ref"], event["detail"])))
        line = Text(f"  {event['time'][:-3]}  ", style="dim")
        line.append(f"{since:>10}  ", style="cyan")
        line.append(f"{WORDS.get(event['event'], event['event']):<30}", style="not dim bold")
        line.append(f"  {detail}", style="not dim")
        console.print(line)


def _span(seconds: float) -> str:
    """A span in the unit that fits it."""
    if seconds < 1:
        return f"+{seconds * 1000:.1f} ms"
    if seconds < 120:
        return f"+{seconds:.1f} s"
    return f"+{seconds / 60:.0f} min" if seconds < 7_200 else f"+{seconds / 3600:.1f} h"

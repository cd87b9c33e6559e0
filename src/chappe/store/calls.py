"""A call of one verb, waiting for the group commit."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from chappe.crash import CrashPoint, reach
from chappe.model.events import EventBatch
from chappe.model.lifecycle import Direction
from chappe.store.port import Sending

#: Verbs in the order in which one transaction writes them: what a later one may look for, an earlier one wrote.
ORDER: Final = ("accept", "once", "settle", "report", "grant", "sweep", "record", "write")


class Call:
    """One verb's batch waiting for the group commit."""

    __slots__ = ("done", "events", "items", "kind", "outcomes")

    def __init__(
        self, kind: str, items: Sequence[Any], events: EventBatch | None, done: asyncio.Future[list[Any]]
    ) -> None:
        self.kind = kind
        self.items = items
        self.events = events
        self.done = done
        #: What its caller hears of each item; None where that is nothing but "stored".
        self.outcomes: Sequence[Any] | None = None


#: Asks for a verb: kind, items, events → what became of the items, once they are on disk.
Ask = Callable[[str, Sequence[Any], EventBatch | None], "asyncio.Future[list[Any]]"]


def ignore(future: asyncio.Future[list[Any]]) -> None:
    """The outcome was only for the log."""
    if not future.cancelled():
        future.exception()


def reach_commit(calls: Sequence[Call], *, is_before: bool) -> None:
    """Tests kill the process around the commits that they name."""
    when = "before" if is_before else "after"
    for call in calls:
        if call.kind == "accept":
            content = call.items[0].content
            kind = "accept_mt" if content.direction is Direction.MT else "accept_mo"
        elif call.kind == "settle":
            kind = "sending" if isinstance(call.items[0], Sending) else "settle"
        elif call.kind in ("once", "report", "grant"):
            kind = call.kind
        elif call.kind == "write":
            # How far copies of the events have come, nearly always.
            kind = "copy"
        else:
            continue
        reach(CrashPoint(f"{when}_commit_{kind}"))

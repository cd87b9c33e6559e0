"""A call of one verb, waiting for the group commit."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from chappe.model.events import EventBatch
from chappe.store.port import Fault

#: Verbs in the order in which one transaction writes them: what a later one may look for, an earlier one wrote.
ORDER: Final = ("accept", "settle", "report", "sweep", "record", "write")


class Call:
    """One verb's batch waiting for the group commit."""

    __slots__ = ("done", "events", "items", "kind")

    def __init__(
        self, kind: str, items: Sequence[Any], events: EventBatch | None, done: asyncio.Future[list[Fault | None]]
    ) -> None:
        self.kind = kind
        self.items = items
        self.events = events
        self.done = done


#: Asks for a verb: kind, items, events → the faults of the items, once they are on disk.
Ask = Callable[[str, Sequence[Any], EventBatch | None], "asyncio.Future[list[Fault | None]]"]


def ignore(future: asyncio.Future[list[Fault | None]]) -> None:
    """The outcome was only for the log."""
    if not future.cancelled():
        future.exception()

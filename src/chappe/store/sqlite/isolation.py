"""Finding the one bad item of a batch, so that its neighbours are stored.

Knows no SQL and no transaction: `attempt` stores a part of the batch or raises.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from chappe.model.events import EventBatch
from chappe.store.port import Fault, Once

#: What an item raises that can never be stored, as it is.  Every other error of SQLite is the disk's.
POISON: Final = (
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    sqlite3.DataError,
    sqlite3.NotSupportedError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    msgspec.MsgspecError,
)


class NotNow(ValueError):
    """The store went away in the midst of a batch: some of it is stored, this item is not."""


Attempt = Callable[[Sequence[Any], EventBatch | None], None]


def store_apart(items: Sequence[Any], events: EventBatch | None, attempt: Attempt) -> list[Fault | None]:
    """Store what can be stored, halving until the bad items are alone; each item's events go with it.

    Events that belong to no item are attempted at the end.  Raises whatever `attempt` raises that is not poison.
    """
    faults = _halve(items, events, attempt)
    rest = None
    if events is not None:
        of_items = _told_of(items)
        rest = events.only(lambda message_id: message_id not in of_items)
    if rest:
        try:
            attempt((), rest)
        except POISON as error:
            faults = faults or [Fault(_told(error))]
    return faults


def id_of(item: Any) -> int:
    """The id under which an item of any verb stands in events."""
    return int(getattr(item, "item", item).id)


def _told_of(items: Sequence[Any]) -> set[int]:
    """The ids of the messages that events of these items tell of."""
    return {id_of(each) for item in items for each in (item.items if isinstance(item, Once) else (item,))}


def _halve(items: Sequence[Any], events: EventBatch | None, attempt: Attempt) -> list[Fault | None]:
    if not items:
        return []
    ids = _told_of(items)
    own = None if events is None else events.only(lambda message_id: message_id in ids)
    try:
        attempt(items, own)
    except POISON as error:
        if len(items) == 1:
            return [Fault(_told(error), isinstance(error, NotNow))]
        middle = len(items) // 2
        return _halve(items[:middle], own, attempt) + _halve(items[middle:], own, attempt)
    return [None] * len(items)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"

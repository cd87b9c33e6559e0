"""Keeps one bad item from harming its neighbours: the only place where every exception is caught.

What crashes is our bug, not the peer's: it is kept with its traceback, loudly, and the batch goes on.
"""

import traceback
from collections.abc import Callable, Sequence

import msgspec

from chappe.model.message import Item


class Crash(msgspec.Struct, frozen=True):
    """An item that its reader could not handle."""

    item: Item
    summary: str
    traceback: str


def each(items: Sequence[Item], act: Callable[[Item], None]) -> list[Crash]:
    """Do `act` for every item, whatever one of them does; returns those that crashed it."""
    crashes: list[Crash] = []
    for item in items:
        try:
            act(item)
        except Exception as error:  # noqa: BLE001 - see the file's first line
            crashes.append(Crash(item, f"{type(error).__name__}: {error}", traceback.format_exc(limit=-8)))
    return crashes

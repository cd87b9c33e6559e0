"""Keeps one bad item from harming its neighbours: the only place where every exception is caught.

What crashes is our bug, not the peer's: it is kept with its traceback, loudly, and the batch goes on.
"""

import traceback
from collections.abc import Callable, Sequence

import msgspec

from chappe.model.message import Item
from chappe.runtime.in_hand import InHand


class Crash(msgspec.Struct, frozen=True):
    """An item that its reader could not handle."""

    item: Item
    summary: str
    traceback: str
    #: There is proof enough: it is not tried again.
    is_proved: bool = False


def each(items: Sequence[Item], act: Callable[[Item], None], hand: InHand | None = None) -> list[Crash]:
    """Do `act` for every item, whatever one of them does; returns those that crashed it.

    `hand` is told of each, so that one which ends the process is known by the next one.
    """
    crashes: list[Crash] = []
    if hand is not None:
        for item in items:
            crashes += _carefully(item, act, hand)
        return crashes
    for item in items:
        try:
            act(item)
        except Exception as error:  # noqa: BLE001 - see the file's first line
            crashes.append(Crash(item, f"{type(error).__name__}: {error}", traceback.format_exc(limit=-8)))
    return crashes


def _carefully(item: Item, act: Callable[[Item], None], hand: InHand) -> list[Crash]:
    why = hand.why_held(item)
    if why:
        return [Crash(item, why, f"{why}\n{hand.last_words}".rstrip(), is_proved=True)]
    hand.take(item)
    crashes = each((item,), act)
    hand.drop()
    return crashes

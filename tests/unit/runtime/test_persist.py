"""Writing until it is written, also where the store went away in the midst of a batch."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from chappe.model.events import EventBatch, EventName
from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message
from chappe.runtime import node
from chappe.runtime.node import persist
from chappe.store.port import Delivered, Fault, Settlement, StoreAway


class HalfAway:
    """A store that is away, then refuses the first item for good and has no time for the second, then is back."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[int], list[int]]] = []

    async def settle(self, settlements: Sequence[Settlement], events: EventBatch) -> Sequence[Fault | None]:
        self.calls.append(([each.item.id for each in settlements], list(events.ids)))
        if len(self.calls) == 1:
            raise StoreAway("full")
        return [Fault("bad"), Fault("away", is_passing=True), None] if len(settlements) == 3 else [None]


def delivered(number: int) -> Delivered:
    message = Message(number, Direction.MT, "acme", "", 1, 1, "SHOP", 1, 1, "37120000001", b"x")
    return Delivered(Item("client:acme", 1, "acme", 0, number, message), 0)


def test_what_had_no_turn_when_the_store_went_away_is_written_later_with_its_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(node, "PERSIST_PAUSE_S", 0.0)
    store: Any = HalfAway()
    events = EventBatch(1)
    for number in (1, 2, 3):
        events.add(EventName.DR_DELIVERED, number)

    asyncio.run(persist(store, [delivered(number) for number in (1, 2, 3)], events))

    assert store.calls == [([1, 2, 3], [1, 2, 3]), ([1, 2, 3], [1, 2, 3]), ([2], [2])]

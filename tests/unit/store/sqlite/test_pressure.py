"""What presses: messages that wait in memory although their reader takes what it can."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from chappe.model.events import EventBatch, EventName
from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message
from chappe.store.sqlite.engine import SqliteStore
from chappe.store.sqlite.queues import PRESSING_TURNS

QUEUE = "operator:three"


def item(number: int) -> Item:
    message = Message(number, Direction.MT, "acme", "", 5, 0, "SHOP", 1, 1, "37120000001", b"hi")
    return Item(QUEUE, 1, "acme", 0, number, message)


def run(folder: Path, work: Any) -> Any:
    async def opened() -> Any:
        store = SqliteStore(folder / "chappe.db", version="test")
        store.open()
        try:
            await store.accept([item(number) for number in range(1, 1_001)], EventBatch(1))
            return await work(store)
        finally:
            await store.close()

    made: Coroutine[Any, Any, Any] = opened()
    return asyncio.run(made)


@pytest.mark.parametrize(("taken", "pressure"), [(600, 400), (10, 10 * PRESSING_TURNS), (1_000, 0)])
def test_what_a_reader_leaves_presses_as_far_as_it_takes_that_soon(tmp_path: Path, taken: int, pressure: int) -> None:
    async def lease(store: SqliteStore) -> int:
        await store.lease(QUEUE, taken)
        await store.record(_note())
        return store.pressure

    assert run(tmp_path, lease) == pressure


def test_what_nobody_reads_any_more_soon_does_not_press(tmp_path: Path) -> None:
    async def wait(store: SqliteStore) -> list[int]:
        await store.lease(QUEUE, 600)
        pressures = []
        for _ in range(20):
            await store.record(_note())
            pressures.append(store.pressure)
        return pressures

    pressures = run(tmp_path, wait)

    assert pressures[0] == 400
    assert pressures == sorted(pressures, reverse=True)
    assert pressures[-1] < 8


def _note() -> EventBatch:
    events = EventBatch(2)
    events.add(EventName.LINK_UP, operator="three")
    return events

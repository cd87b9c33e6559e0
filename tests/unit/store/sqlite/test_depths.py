"""How much waits and how old it is, without counting rows: the figures agree with the file all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from chappe.model.events import EventBatch
from chappe.model.ids import IdMaker, first_id_at
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message
from chappe.store.port import Deferred, Ended, Held, Moved, QueueDepth, Sent, Settlement
from chappe.store.sqlite.depths import Depths
from chappe.store.sqlite.engine import SqliteStore

NOW_MS = 1_768_564_800_000


def item(message_id: int, queue: str = "operator:three") -> Item:
    message = Message(message_id, Direction.MT, "acme", "", 0, 0, "SHOP", 1, 1, "37120000001", b"Hello")
    return Item(queue, 1, "acme", 0, message_id, message)


def by_queue(depths: Sequence[QueueDepth]) -> dict[str, int]:
    return {depth.queue: depth.messages for depth in depths if depth.messages}


def test_the_age_is_that_of_the_oldest_and_true_to_a_second() -> None:
    depths = Depths()
    old, young = item(first_id_at(NOW_MS - 60_000)), item(first_id_at(NOW_MS - 5_000))

    depths.add([young, old, young])
    [before] = depths.depths(NOW_MS)
    depths.remove([old])
    [after] = depths.depths(NOW_MS)

    assert before.messages == 3
    assert 58.9 < before.oldest_s <= 60.0
    assert after.messages == 2
    assert 3.9 < after.oldest_s <= 5.0


def test_an_empty_queue_is_told_as_empty_and_what_came_now_is_not_old() -> None:
    depths = Depths()
    depths.add([item(first_id_at(NOW_MS)), item(first_id_at(NOW_MS), "client:acme")])
    depths.remove([item(first_id_at(NOW_MS), "client:acme")])

    assert depths.depths(NOW_MS) == [QueueDepth("client:acme", 0, 0.0), QueueDepth("operator:three", 1, 0.0)]


def test_what_is_not_known_to_wait_does_not_make_a_count_negative() -> None:
    depths = Depths()

    depths.remove([item(7)])
    depths.add([item(7)])

    assert by_queue(depths.depths(NOW_MS)) == {"operator:three": 1}


def test_the_figures_follow_every_settlement_and_are_the_same_after_a_restart(tmp_path: Path) -> None:
    def opened() -> SqliteStore:
        store = SqliteStore(tmp_path / "chappe.db", version="test", clock_us=lambda: NOW_MS * 1000)
        store.open()
        return store

    async def first() -> dict[str, int]:
        store = opened()
        ids = IdMaker(store.run, last_id=store.last_id)
        await store.accept([item(ids.next(NOW_MS)) for _ in range(10)], EventBatch(NOW_MS * 1000))
        leased = await store.lease("operator:three", 6)
        at_us = NOW_MS * 1000
        settlements: list[Settlement] = [
            Sent(leased[0], "three", "ref", at_us),
            Deferred(leased[1], NOW_MS + 60_000),
            Moved(leased[2], "operator:four"),
            Held(leased[3], "nobody knows"),
            Ended(leased[4], Status.EXPIRED, "000", at_us),
        ]
        await store.settle(settlements, EventBatch(at_us))
        told = by_queue(store.depths())
        assert store.held_messages == 1
        await store.close()
        return told

    async def second() -> dict[str, int]:
        store = opened()
        told = by_queue(store.depths())
        await store.close()
        return told

    told = asyncio.run(first())

    assert told == {"operator:three": 6, "operator:four": 1}
    assert asyncio.run(second()) == told

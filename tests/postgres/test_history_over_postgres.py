"""Finished lives move to the partition of their day: found as before, dropped when they are old, references too."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import msgspec
from store_pair import QUEUE, Node

from chappe.model.events import EventName
from chappe.model.lifecycle import Direction, Status
from chappe.store.port import Search
from chappe.store.postgres.moving import HistoryMoves
from postgres_server import Reached

DAY_US = 86_400_000_000


class LaterStore:
    """The store as it will be when some time has passed."""

    def __init__(self, node: Node, later_us: int) -> None:
        self._store = node.store
        self._later_us = later_us

    def session(self, name: str) -> object:
        return self._store.session(name)

    def clock_us(self) -> int:
        return self._store.clock_us() + self._later_us


async def moved(node: Node, dsn: str, later_us: int) -> None:
    moves = HistoryMoves(LaterStore(node, later_us), retention_days=30)  # type: ignore[arg-type]
    connection = await asyncpg.connect(dsn)
    try:
        while await moves.move(connection):
            pass
        await moves.forget(connection)
    finally:
        await connection.close()


def test_what_has_ended_moves_and_is_found_until_it_is_too_old(postgres_server: Reached, tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(_lives(postgres_server.new_database()), 60))


async def _lives(dsn: str) -> None:
    node = Node(dsn, "all")
    await node.open(keeps_time=False)
    items = [node.mt(reference=f"order-{number}") for number in range(20)]
    long = node.mt(parts=2)
    await node.accept(*items, long)
    await node.store.lease(QUEUE, 100)
    await node.send(*((item, f"R{item.id}") for item in items[:15]), (long, "L1"))
    second = msgspec.structs.replace(node.sent(long, "L2"), part=2)
    assert await node.store.settle([second], node.told(EventName.MT_SENT, long)) == [None]
    await node.report(*(node.report_on(f"R{item.id}") for item in items[:10]))
    await node.report(node.report_on("L1"), node.report_on("L2"))
    connection = await asyncpg.connect(dsn)

    await moved(node, dsn, 120_000_000)

    assert await connection.fetchval("SELECT count(*) FROM history") == 11
    assert await connection.fetchval("SELECT count(*) FROM messages") == 10
    assert await connection.fetchval("SELECT count(*) FROM parts") == 0
    life = await node.store.find(items[0].id)
    assert life is not None
    assert (life.status, life.operator, life.operator_ref) == (Status.DELIVERED, "three", f"R{items[0].id}")
    told = await node.store.find(long.id)
    assert told is not None
    assert (told.parts, told.part_refs) == ([Status.DELIVERED] * 2, ["L1", "L2"])
    page = await node.store.search(Search("acme", Direction.MT))
    assert [each.id for each in page.lives] == sorted((item.id for item in [*items, long]), reverse=True)
    page = await node.store.search(Search("acme", Direction.MT, reference="order-3"))
    assert [each.id for each in page.lives] == [items[3].id]
    await node.report(node.report_on(f"R{items[0].id}"))
    assert node.store.parked_reports == 0

    await moved(node, dsn, 40 * DAY_US)

    assert await connection.fetchval("SELECT count(*) FROM history") == 0
    assert await node.store.find(items[0].id) is None
    assert await node.store.find(items[19].id) is not None
    assert await connection.fetchval("SELECT count(*) FROM refs") == 5
    await connection.close()
    await node.close()

"""A node dies while millions wait in its queue: what it had leased is free again seconds after its lease."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest
from store_pair import QUEUE, Node, nodes

from chappe.store.postgres.runs import LEASE_S
from postgres_server import Reached

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WAITING = 5_000_000
#: Beyond the lease: until somebody looks, and for that look at all of the table.
PATIENCE_S = 15.0
_WAIT = (
    "INSERT INTO queue (queue, priority, lane, place, id, attempts, due_at_ms)"
    " SELECT queue, priority, lane, place + 1000000 + n, id + (n::bigint << 22), 0, 0"
    " FROM (SELECT * FROM queue ORDER BY id DESC LIMIT 1) AS q, generate_series(1, $1::integer) AS n"
)


def test_the_leases_of_dead_nodes_return_within_seconds_though_millions_wait(postgres_server: Reached) -> None:
    took_s = asyncio.run(asyncio.wait_for(story(postgres_server.new_database()), 580))

    print(f"{WAITING:,} wait, and what dead nodes had is free {took_s:.1f} s after they died")
    assert took_s < LEASE_S + PATIENCE_S


async def story(dsn: str) -> float:
    """How long after two nodes' death the last of their items is leased again."""
    dead = [Node(dsn, name) for name in ("one", "two")]
    async with nodes(dsn, "three") as (living,):
        had: set[int] = set()
        for node in dead:
            await node.open()
            items = [node.mt() for _ in range(500)]
            await node.accept(*items)
            had.update(item.id for item in await node.leased(500))
        connection = await asyncpg.connect(dsn, command_timeout=400)
        await connection.execute(_WAIT, WAITING, timeout=400)
        await connection.close()

        begun_s = time.monotonic()
        for node in dead:
            node.die()
        while had:
            had.difference_update(item.id for item in await living.store.lease(QUEUE, 1_000))
            await asyncio.sleep(0.05)
        return time.monotonic() - begun_s

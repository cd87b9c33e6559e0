"""How much is open: each transaction tells in its block, and whatever dies, every message counts once."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
from store_pair import QUEUE, Node

from chappe.store.postgres import counts
from postgres_server import Reached


async def _others(connection: Any, run: int = -1) -> dict[int, int]:
    """Kind → what all other runs have counted of it."""
    found: dict[int, int] = {}
    for kind, _, n in await connection.fetch(counts._OTHERS, run):
        found[kind] = found.get(kind, 0) + n
    return found


async def _fold_own(connection: Any, node: Node) -> None:
    await counts.fold_own(connection, node.store.run, node.store.writer, node.store.last_block)


def test_what_is_counted_is_the_same_before_and_after_it_is_folded(postgres_server: Reached) -> None:
    async def folded(dsn: str) -> None:
        node, connection = Node(dsn, "one"), await asyncpg.connect(dsn)
        await node.open(keeps_time=False)
        for _ in range(3):
            await node.accept(node.mt(), node.mt())
        assert await connection.fetchval("SELECT count(*) FROM counts") == 0
        assert await _others(connection) == {0: 6, 1: 6}

        await _fold_own(connection, node)
        await _fold_own(connection, node)

        assert await _others(connection) == {0: 6, 1: 6}
        assert await _others(connection, node.store.run) == {}
        assert sorted(row[0] for row in await connection.fetch("SELECT n FROM counts")) == [6, 6]
        await connection.close()
        await node.close()

    asyncio.run(asyncio.wait_for(folded(postgres_server.new_database()), 60))


def test_what_a_killed_process_counted_stays_counted_folded_or_not(postgres_server: Reached) -> None:
    async def killed(dsn: str) -> None:
        dead, connection = Node(dsn, "one"), await asyncpg.connect(dsn)
        await dead.open(keeps_time=False)
        await dead.accept(dead.mt(), dead.mt())
        await _fold_own(connection, dead)
        await dead.accept(dead.mt())
        dead.die()

        again = Node(dsn, "one")
        await again.open(keeps_time=False)

        assert again.store.open_messages("acme") == 3
        assert {depth.queue: depth.messages for depth in again.store.depths()}[QUEUE] == 3
        row = await connection.fetchrow("SELECT is_cleared, folded_seq FROM runs WHERE run = $1", dead.store.run)
        assert tuple(row) == (True, 2)
        await again.accept(again.mt())
        await counts.fold_late(connection)
        assert await connection.fetchval("SELECT folded_seq FROM runs WHERE run = $1", dead.store.run) is None
        assert await _others(connection) == {0: 4, 1: 4}
        await connection.close()
        await again.close()

    asyncio.run(asyncio.wait_for(killed(postgres_server.new_database()), 60))


def test_a_commit_that_comes_after_the_burial_of_its_run_counts(postgres_server: Reached) -> None:
    async def late(dsn: str) -> None:
        dead, other, connection = Node(dsn, "one"), Node(dsn, "two"), await asyncpg.connect(dsn)
        await dead.open(keeps_time=False)
        await dead.accept(dead.mt())
        await other.open(keeps_time=False)
        await connection.execute("UPDATE runs SET ended_at = clock_timestamp() WHERE run = $1", dead.store.run)
        await other.store._upkeep.bury()
        assert await connection.fetchval("SELECT is_cleared FROM runs WHERE run = $1", dead.store.run)

        await dead.accept(dead.mt())

        assert await _others(connection) == {0: 2, 1: 2}
        await other.store._upkeep.bury()
        assert await _others(connection) == {0: 2, 1: 2}
        assert await connection.fetchval("SELECT sum(n) FROM counts WHERE run = 0 AND kind = 0") == 2
        dead.die()
        await connection.close()
        await other.close()

    asyncio.run(asyncio.wait_for(late(postgres_server.new_database()), 60))


def test_a_release_before_this_one_that_buries_a_run_loses_nothing_of_its_counts(postgres_server: Reached) -> None:
    async def buried(dsn: str) -> None:
        dead, connection = Node(dsn, "one"), await asyncpg.connect(dsn)
        await dead.open(keeps_time=False)
        await dead.accept(dead.mt())
        await _fold_own(connection, dead)
        await dead.accept(dead.mt())
        dead.die()
        # As it did: only the rows of the dead run, and nothing of what its blocks tell.
        await connection.execute("UPDATE runs SET ended_at = now(), is_cleared = true WHERE run = $1", dead.store.run)
        await connection.execute("UPDATE counts SET run = 0 WHERE run = $1", dead.store.run)

        await counts.fold_late(connection)

        assert await _others(connection) == {0: 2, 1: 2}
        assert await connection.fetchval("SELECT sum(n) FROM counts WHERE run = 0 AND kind = 1") == 2
        await connection.close()

    asyncio.run(asyncio.wait_for(buried(postgres_server.new_database()), 60))

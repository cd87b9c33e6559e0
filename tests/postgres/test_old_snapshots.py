"""A snapshot that somebody holds: nobody cleans in vain meanwhile, and all is cleaned when it is gone."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
from store_pair import QUEUE, Node

from chappe.model.events import EventBatch
from chappe.model.lifecycle import Status
from chappe.model.message import Item
from chappe.store.port import Delivered, Ended
from chappe.store.postgres.cleaning import INDEXES, OLD_LOOKS, TABLES, Cleaning
from postgres_server import Reached


def test_autovacuum_rests_under_an_old_snapshot_and_the_tables_are_cleaned_afterwards(
    postgres_server: Reached,
) -> None:
    asyncio.run(asyncio.wait_for(_outlive_a_snapshot(postgres_server.new_database()), 60))


async def _outlive_a_snapshot(dsn: str) -> None:
    node = Node(dsn, "all")
    await node.open(keeps_time=False)
    cleaning = Cleaning(node.store)
    connection, other = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    await cleaning.look(connection)
    assert await _resting(connection) == []
    await other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
    await _lives(node, 50)

    for _ in range(OLD_LOOKS + 1):
        await cleaning.look(connection)

    assert await _resting(connection) == sorted(TABLES)

    await other.execute("COMMIT")
    await cleaning.look(connection)

    assert await _resting(connection) == []
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    assert await connection.fetchval("SELECT pg_stat_get_dead_tuples('queue'::regclass)") == 0
    for each in (connection, other):
        await each.close()
    await node.close()


def test_indexes_that_a_migration_left_out_are_made_beside_running_nodes(postgres_server: Reached) -> None:
    asyncio.run(asyncio.wait_for(_make_indexes(postgres_server.new_database()), 60))


async def _make_indexes(dsn: str) -> None:
    node = Node(dsn, "all")
    await node.open(keeps_time=False)
    connection = await asyncpg.connect(dsn)
    have = "SELECT count(*) FROM pg_index WHERE indexrelid = ANY($1::text[]::regclass[]) AND indisvalid"
    first, *_ = INDEXES
    assert await connection.fetchval(have, [*INDEXES]) == len(INDEXES), "small tables get them with the migration"
    await connection.execute("DROP INDEX messages_client_ref")
    # What a process that died in the midst of it leaves.
    await connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = $1::text::regclass", first)

    await Cleaning(node.store).make_indexes(connection)

    assert await connection.fetchval(have, [*INDEXES]) == len(INDEXES)
    assert await connection.fetchval("SHOW lock_timeout") == "0"
    await connection.close()
    await node.close()


def test_what_died_between_two_old_snapshots_is_cleaned_while_the_second_is_held(postgres_server: Reached) -> None:
    asyncio.run(asyncio.wait_for(_outlive_two(postgres_server.new_database()), 60))


async def _outlive_two(dsn: str) -> None:
    node = Node(dsn, "all")
    await node.open(keeps_time=False)
    cleaning = Cleaning(node.store)
    connection, first, second = [await asyncpg.connect(dsn) for _ in range(3)]
    await first.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
    await _lives(node, 50)
    for _ in range(2 * OLD_LOOKS):
        await cleaning.look(connection)
    await second.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
    for _ in range(OLD_LOOKS):
        await cleaning.look(connection)
    await connection.execute("VACUUM queue")
    assert await _dead(connection) > 0

    await first.execute("COMMIT")
    await cleaning.look(connection)

    assert await _dead(connection) == 0
    assert await _resting(connection) == sorted(TABLES)
    for each in (connection, first, second):
        await each.close()
    await node.close()


async def _lives(node: Node, messages: int) -> None:
    """Messages that leave their queue again."""
    await node.accept(*(node.mt() for _ in range(messages)))
    items = await node.store.lease(QUEUE, messages)
    await node.store.settle([Delivered(item, node.now_ms * 1000) for item in items], EventBatch(node.now_ms * 1000))


async def _resting(connection: Any) -> list[str]:
    rows = await connection.fetch("SELECT relname FROM pg_class WHERE 'autovacuum_enabled=off' = ANY (reloptions)")
    return sorted(row[0] for row in rows)


async def _dead(connection: Any) -> int:
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    return int(await connection.fetchval("SELECT pg_stat_get_dead_tuples('queue'::regclass)"))


def test_moments_that_are_dealt_with_are_not_looked_at_again(postgres_server: Reached) -> None:
    asyncio.run(asyncio.wait_for(_expire(postgres_server.new_database()), 60))


async def _expire(dsn: str) -> None:
    node = Node(dsn, "all")
    await node.open(keeps_time=False)
    connection = await asyncpg.connect(dsn)
    now_ms = node.now_ms
    early = [node.mt(expires_at_ms=now_ms + number) for number in range(3)]
    late = node.mt(expires_at_ms=now_ms + 200_000)
    await node.accept(*early, late)
    expired = await node.store.expired(now_ms + 100_000)
    assert sorted(item.id for item in expired) == [item.id for item in early]
    await node.store.settle([_over(item, now_ms) for item in expired], EventBatch(now_ms * 1000))
    assert await node.store.expired(now_ms + 100_000) == []
    assert await connection.fetchval("SELECT count(*) FROM expiries") == 1
    # As what is dead is for whoever comes from below it.
    await connection.execute("INSERT INTO expiries VALUES ($1, 1), ($2, 2)", now_ms, now_ms + 50_000)

    assert await node.store.expired(now_ms + 100_001) == []

    assert await connection.fetchval("SELECT array_agg(id) FROM expiries WHERE id < 10") == [1]
    assert [item.id for item in await node.store.expired(now_ms + 200_001)] == [late.id]
    await connection.close()
    await node.close()


def _over(item: Item, now_ms: int) -> Ended:
    return Ended(item, Status.EXPIRED, "000", now_ms * 1000)

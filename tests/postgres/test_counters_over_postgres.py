"""The counters of many boxes: every node's events are counted, each once, whoever counts and whatever dies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg
import pytest
from store_pair import Node, nodes

from chappe.counters.agreement_watch import AgreementWatch
from chappe.counters.fleet_node import FleetCounterNode
from chappe.engines import counter_of
from chappe.model.events import EventBatch, EventName
from chappe.runtime.clock import SYSTEM_CLOCK
from chappe.store.port import StoreAway
from chappe.store.postgres.folding import PostgresFolding
from postgres_server import Reached

NOON_US = 1_768_564_800_000_000


def over_postgres(test: Callable[[str], Coroutine[Any, Any, None]]) -> Callable[[Reached], None]:
    def run(postgres_server: Reached) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(60):
                await test(postgres_server.new_database())

        asyncio.run(bounded())

    return run


async def happen(node: Node, times: int, operator: str) -> None:
    """So many transactions with one event each."""
    for _ in range(times):
        events = EventBatch(NOON_US)
        events.add(EventName.MT_SENT, client="acme", operator=operator)
        await node.store.record(events)


async def counted(dsn: str) -> dict[str, int]:
    """Operator → how many of its messages were sent, as the counters know."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT operator, sum(count) FROM counters WHERE event = 'mt_sent' GROUP BY 1")
    finally:
        await connection.close()
    return {row[0].decode(): int(row[1]) for row in rows}


def counter_at(node: Node) -> FleetCounterNode:
    made = counter_of(node.store, AgreementWatch(node.store.record, SYSTEM_CLOCK))
    assert isinstance(made, FleetCounterNode)
    return made


@over_postgres
async def test_the_events_of_all_nodes_are_counted_each_once(dsn: str) -> None:
    async with nodes(dsn, "counter", "one", "two") as (own, one, two):
        counter = counter_at(own)
        await happen(own, 1, "three")
        await happen(one, 3, "three")
        await counter.fold()
        await happen(one, 2, "three")
        await happen(two, 4, "north")

        await counter.fold()
        await counter.finish()

        assert await counted(dsn) == {"three": 6, "north": 4}
        assert counter.safe_seq == own.store.last_block


@over_postgres
async def test_two_counters_at_once_count_nothing_twice(dsn: str) -> None:
    async with nodes(dsn, "counter", "counter#2", "one") as (first, second, one):
        counters = [counter_at(first), counter_at(second)]

        for _ in range(5):
            await asyncio.gather(happen(one, 10, "three"), *(each.fold() for each in counters * 3))
        for each in counters:
            await each.finish()

        assert await counted(dsn) == {"three": 50}


@over_postgres
async def test_what_dies_before_its_commit_is_counted_by_the_next_one(dsn: str) -> None:
    async with nodes(dsn, "counter", "one") as (own, one):
        await happen(one, 3, "three")
        folding = PostgresFolding(own.store.session("dies"), own.store.writer)

        def die(_: object) -> dict[Any, int]:
            raise ConnectionResetError

        with pytest.raises(StoreAway):
            await folding.fold("counters", die)
        assert await counted(dsn) == {}

        await counter_at(own).finish()

        assert await counted(dsn) == {"three": 3}

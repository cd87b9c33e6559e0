"""The primary dies under load, the standby takes its place: what was said yes to is there, and nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg
from store_pair import QUEUE, Node

from chappe.model.lifecycle import Status
from chappe.store.port import StoreAway
from postgres_server import Pair


async def until_stored(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """As nodes do: what the store did not take is brought again."""
    while True:
        try:
            return await work()
        except StoreAway:
            await asyncio.sleep(0.05)


def test_the_death_of_the_primary_loses_and_doubles_nothing(postgres_pair: Pair) -> None:
    asyncio.run(asyncio.wait_for(_under_load(postgres_pair), 150))


async def _under_load(pair: Pair) -> None:
    dsn = pair.new_database()
    node = Node(dsn, "all", allow_single_copy=False)
    await node.open()
    stopping = asyncio.Event()
    accepted: list[int] = []

    async def accept() -> None:
        while not stopping.is_set():
            items = [node.mt() for _ in range(5)]
            try:
                await node.accept(*items)
            except StoreAway:
                # Its client heard no: it is not in the account.
                await asyncio.sleep(0.05)
            else:
                accepted.extend(item.id for item in items)
            await asyncio.sleep(0.005)

    async def send() -> None:
        while True:
            leased = await node.store.lease(QUEUE, 50)
            pairs = [(item, f"R{item.id}") for item in leased]
            if pairs:
                reports = [node.report_on(name) for _, name in pairs]
                await until_stored(lambda pairs=pairs: node.send(*pairs))
                await until_stored(lambda reports=reports: node.report(*reports))
            await asyncio.sleep(0.005)

    work = [asyncio.create_task(each) for each in (accept(), accept(), send(), send())]
    await asyncio.sleep(2)
    before = len(accepted)
    await asyncio.to_thread(pair.primary.kill)
    await asyncio.sleep(1)
    assert node.store.is_away
    await asyncio.to_thread(pair.fail_over, is_alone=False)
    await asyncio.to_thread(pair.rejoin)
    while len(accepted) < before + 100:
        await asyncio.sleep(0.05)
    stopping.set()
    await asyncio.gather(*work[:2])

    connection = await asyncpg.connect(dsn)
    count = "SELECT count(*) FROM messages WHERE id = ANY($1::bigint[]) AND status = $2"
    async with asyncio.timeout(60):
        while await connection.fetchval(count, accepted, Status.DELIVERED) < len(accepted):
            await asyncio.sleep(0.1)
    for task in work[2:]:
        task.cancel()

    assert before > 0
    assert {row[0] for row in await connection.fetch("SELECT id FROM messages")} == set(accepted)
    receipts = await connection.fetchrow("SELECT count(*), count(DISTINCT id) FROM queue WHERE body IS NOT NULL")
    assert tuple(receipts) == (len(accepted), len(accepted))
    assert await connection.fetchval("SELECT count(*) FROM queue WHERE body IS NULL") == 0
    assert node.store.open_messages("acme") == 0
    await connection.close()
    await node.close()

"""Sessions that end while their COMMIT is under way: it holds or it does not, and the account is exact either way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg
from store_pair import Node, nodes

from chappe.model.lifecycle import Status
from chappe.store.port import StoreAway
from postgres_server import PostgresServer

#: A commit waits so long for others to join it, so that most of its time is the part in which its answer can be lost.
COMMIT_DELAY_US = 20_000
TIMES = 200
PATIENCE_S = 240.0

_END_COMMITS = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name LIKE ANY ('{%main,%reports}') AND state = 'active' AND query = 'COMMIT'"
)


class Traffic:
    """Whole lives, each of which is repeated until the store has taken it, as nodes do."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.is_over = asyncio.Event()
        self.ids: list[int] = []

    async def live(self) -> None:
        node = self._node
        while not self.is_over.is_set():
            items = [node.mt() for _ in range(5)]
            pairs = [(item, f"R{item.id}") for item in items]
            reports = [node.report_on(name) for _, name in pairs]
            await _until_stored(lambda items=items: node.accept(*items))
            await _until_stored(lambda pairs=pairs: node.send(*pairs))
            await _until_stored(lambda reports=reports: node.report(*reports))
            self.ids.extend(item.id for item in items)


async def _until_stored(work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    while True:
        try:
            return await work()
        except StoreAway:
            await asyncio.sleep(0.02)


async def _end_sessions(connection: Any, times: int) -> None:
    """End sessions until so many were ended in the midst of their COMMIT."""
    ended = 0
    while ended < times:
        ended += await connection.fetchval(_END_COMMITS)
        await asyncio.sleep(0.003)


def test_sessions_ended_two_hundred_times_during_their_commit_lose_and_double_nothing(
    own_postgres: PostgresServer,
) -> None:
    own_postgres.configure(commit_delay=str(COMMIT_DELAY_US), commit_siblings="0")

    async def scenario() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await _end_and_account(own_postgres.new_database(), TIMES)

    asyncio.run(scenario())


async def _end_and_account(dsn: str, times: int) -> None:
    async with nodes(dsn, "one") as (node,):
        connection = await asyncpg.connect(dsn)
        traffic = Traffic(node)
        lives = [asyncio.create_task(traffic.live()) for _ in range(8)]
        await _end_sessions(connection, times)
        traffic.is_over.set()
        await asyncio.gather(*lives)

        rows = await connection.fetch("SELECT id, status FROM messages")
        assert sorted(row["id"] for row in rows) == sorted(traffic.ids)
        assert {row["status"] for row in rows} == {Status.DELIVERED}
        (receipts,) = await connection.fetch("SELECT count(*) AS n, count(DISTINCT id) AS ids FROM queue")
        assert tuple(receipts) == (len(traffic.ids), len(traffic.ids)), "one receipt for each client's message"
        assert await connection.fetchval("SELECT count(*) FROM queue WHERE body IS NULL") == 0
        assert await connection.fetchval("SELECT count(*) FROM parked") == 0
        seqs = [row["seq"] for row in await connection.fetch("SELECT seq FROM event_blocks ORDER BY seq")]
        assert seqs == list(range(1, len(seqs) + 1))
        assert node.store.open_messages("acme") == 0
        await connection.close()

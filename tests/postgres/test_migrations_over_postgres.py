"""A database of any earlier number comes to today's with its data, and nodes that are older work on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from store_pair import Node, nodes

from chappe.model.errors import SettingsError
from chappe.model.events import EventBatch
from chappe.model.lifecycle import Direction, Status
from chappe.store.port import Search
from chappe.store.postgres import opening
from chappe.store.postgres.opening import migrate, migrations
from postgres_server import Reached

NEWEST = migrations()[-1][0]
_TABLES = (
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
    " AND c.relname <> 'schema_versions' ORDER BY 1"
)
_COLUMNS = (
    "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
    " WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
)
_VALUES = {
    "text": "'v%d'",
    "bytea": "'\\x00ff%02d'::bytea",
    "boolean": "%d > 0",
    "timestamp with time zone": "to_timestamp(%d)",
    "date": "date '2026-01-01' + %d",
}


async def fill(connection: Any) -> dict[str, tuple[str, list[Any]]]:
    """Lay one row into every table; table → its columns, and what is in them."""
    await connection.execute("CREATE TABLE history_some PARTITION OF history DEFAULT")
    held: dict[str, tuple[str, list[Any]]] = {}
    for (table,) in await connection.fetch(_TABLES):
        columns = await connection.fetch(_COLUMNS, table)
        names = ", ".join(row[0] for row in columns)
        values = ", ".join(value_of(row[1], number) for number, row in enumerate(columns, 7))
        await connection.execute(f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE VALUES ({values})")
        held[table] = (names, await connection.fetch(f"SELECT {names} FROM {table}"))
    return held


def value_of(kind: str, number: int) -> str:
    if kind.endswith("[]"):
        return f"ARRAY[{value_of(kind[:-2], number)}]::{kind}"
    return _VALUES[kind] % number if kind in _VALUES else str(number)


@pytest.mark.parametrize("number", range(1, NEWEST + 1))
def test_a_database_of_each_earlier_number_keeps_all_that_is_in_it(
    postgres_server: Reached, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    every = migrations()

    async def story() -> None:
        connection = await asyncpg.connect(postgres_server.new_database())
        monkeypatch.setattr(opening, "migrations", lambda: every[:number])
        await migrate(connection)
        before = await fill(connection)

        monkeypatch.setattr(opening, "migrations", lambda: every)
        await migrate(connection)

        for table, (names, rows) in before.items():
            assert await connection.fetch(f"SELECT {names} FROM {table}") == rows
        await connection.close()

    asyncio.run(story())


async def live(node: Node) -> None:
    """Everything that a message meets on its way, at one node."""
    item = node.mt()
    await node.accept(item)
    (leased,) = await node.store.lease("operator:three", 10)
    await node.send((leased, f"ref-{item.id}"))
    await node.report(node.report_on(f"ref-{item.id}"))
    assert await node.status(item) is Status.DELIVERED
    (receipt, *_) = await node.store.lease("client:acme", 10) or [None]
    if receipt is not None:
        await node.store.release([receipt])
    page = await node.store.search(Search("acme", Direction.MT))
    assert item.id in [life.id for life in page.lives]
    await node.store.mark_unknown({"three": node.now_ms * 1_000})
    await node.store.prove_mo("three", item.id)
    await node.store.record(EventBatch(0))


def expansion(number: int, works_from: int, tables: list[str]) -> tuple[int, int, str]:
    """A migration of a later program: every table has a column that this program does not know."""
    more = [f"ALTER TABLE {table} ADD COLUMN of_{number} text DEFAULT 'later';" for table in tables]
    return number, works_from, "\n".join([*more, f"CREATE TABLE later_{number} (id bigint PRIMARY KEY);"])


async def with_expanded(
    dsn: str, monkeypatch: pytest.MonkeyPatch, works_from: int, then: Callable[[Node], Awaitable[None]]
) -> None:
    """A node works, a later program migrates the database, and `then` the node goes on."""
    every = migrations()
    async with nodes(dsn, "old") as (old,):
        await live(old)
        connection = await asyncpg.connect(dsn)
        tables = [row[0] for row in await connection.fetch(_TABLES)]
        monkeypatch.setattr(opening, "migrations", lambda: [*every, expansion(NEWEST + 1, works_from, tables)])
        await migrate(connection)
        await connection.close()
        monkeypatch.setattr(opening, "migrations", lambda: every)
        await then(old)


def test_a_node_works_on_while_a_later_program_has_expanded_every_table_and_may_start_again(
    postgres_server: Reached, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = postgres_server.new_database()

    async def then(old: Node) -> None:
        for _ in range(3):
            await live(old)
        async with nodes(dsn, "old#2") as (another,):
            await live(another)

    asyncio.run(with_expanded(dsn, monkeypatch, NEWEST, then))


def test_what_a_later_program_has_contracted_refuses_a_node_that_starts_and_says_why(
    postgres_server: Reached, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = postgres_server.new_database()

    async def then(old: Node) -> None:
        late = Node(dsn, "late")
        with pytest.raises(SettingsError, match=rf"needs a program of version {NEWEST + 1}, this one knows {NEWEST}"):
            await late.open()
        late.die()

    asyncio.run(with_expanded(dsn, monkeypatch, NEWEST + 1, then))

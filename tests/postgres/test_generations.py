"""References in generations: what a report means is found in whichever its part was named, and the oldest go whole."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import generation_steps
import pytest
from generation_steps import close_one, drop_old, generations
from store_pair import Node, nodes
from test_around_the_commit import race

from chappe.crash import CrashPoint
from chappe.model.errors import SettingsError
from chappe.model.lifecycle import Status
from chappe.model.message import Item
from chappe.store.postgres import opening
from chappe.store.postgres.generations import KNOWS
from postgres_server import Reached

OTHER_HANDSET = "37129999999"
Story = Callable[[Node, Any], Awaitable[None]]


def told(server: Reached, story: Story) -> None:
    """One node and one connection beside it."""

    async def telling() -> None:
        async with place(server.new_database()) as (node, connection):
            await story(node, connection)

    asyncio.run(asyncio.wait_for(telling(), 60))


@asynccontextmanager
async def place(dsn: str) -> AsyncIterator[tuple[Node, Any]]:
    async with nodes(dsn, "all") as (node,):
        connection = await asyncpg.connect(dsn)
        try:
            yield node, connection
        finally:
            await connection.close()


async def sent(node: Node, reference: str, **fields: Any) -> Item:
    """A message that its operator took under this reference."""
    item = node.mt(**fields)
    await node.accept(item)
    (leased,) = await node.leased()
    await node.send((leased, reference))
    return item


async def tables(connection: Any) -> list[str]:
    """The generations that there are, by name."""
    rows = await connection.fetch(r"SELECT relname FROM pg_class WHERE relname ~ '^refs(_\d+)?$' ORDER BY 1")
    return [row[0] for row in rows]


async def newest_rows(connection: Any) -> int:
    return int(await connection.fetchval("SELECT count(*) FROM refs WHERE parts <> ''"))


def test_a_report_finds_its_part_in_an_older_generation(postgres_server: Reached) -> None:
    async def story(node: Node, connection: Any) -> None:
        items = [await sent(node, f"R{number}") for number in range(3)]
        for item, number in zip(items, range(3), strict=True):
            await close_one(connection)
            assert await newest_rows(connection) == 0
            await node.report(node.report_on(f"R{number}"))
            assert await node.status(item) is Status.DELIVERED
            await sent(node, f"further {number}")
        assert await tables(connection) == ["refs", "refs_1", "refs_2", "refs_3"]
        assert await connection.fetchval("SELECT count(*) FROM parked") == 0

    told(postgres_server, story)


def test_a_report_that_waits_meets_the_answer_that_is_written_into_the_next_generation(
    postgres_server: Reached,
) -> None:
    async def story(node: Node, connection: Any) -> None:
        item = node.mt()
        await node.accept(item)
        (leased,) = await node.leased()
        # The second one's reference leads to a part of another handset: it waits as well.
        await sent(node, "R1", dest=OTHER_HANDSET)
        await node.report(node.report_on("R1"))
        assert await connection.fetchval("SELECT count(*) FROM parked") == 1

        await close_one(connection)
        await close_one(connection)
        await node.send((leased, "R1"))

        assert await node.status(item) is Status.DELIVERED
        assert await connection.fetchval("SELECT count(*) FROM parked") == 0

    told(postgres_server, story)


def test_one_reference_in_two_generations_means_the_newest_open_part_as_in_one(postgres_server: Reached) -> None:
    async def story(node: Node, connection: Any) -> None:
        first = await sent(node, "R1")
        await close_one(connection)
        second = await sent(node, "R1")

        await node.report(node.report_on("R1"))
        assert [await node.status(each) for each in (first, second)] == [Status.SENT, Status.DELIVERED]
        await node.report(node.report_on("R1"))
        assert [await node.status(each) for each in (first, second)] == [Status.DELIVERED] * 2
        await node.report(node.report_on("R1"))
        assert await connection.fetchval("SELECT count(*) FROM parked") == 0

    told(postgres_server, story)


def test_a_newer_part_of_another_handset_does_not_hide_an_older_one(postgres_server: Reached) -> None:
    async def story(node: Node, connection: Any) -> None:
        first = await sent(node, "R1")
        await close_one(connection)
        second = await sent(node, "R1", dest=OTHER_HANDSET)

        await node.report(node.report_on("R1"))

        assert [await node.status(each) for each in (first, second)] == [Status.DELIVERED, Status.SENT]

    told(postgres_server, story)


def test_what_moved_to_history_does_not_hide_an_older_part_that_is_open(postgres_server: Reached) -> None:
    async def story(node: Node, connection: Any) -> None:
        first = await sent(node, "R1")
        await close_one(connection)
        second = await sent(node, "R1")
        await node.report(node.report_on("R1"))
        await connection.execute("DELETE FROM messages WHERE id = $1", second.id)

        await node.report(node.report_on("R1"))
        await node.report(node.report_on("R1"))

        assert await node.status(first) is Status.DELIVERED
        assert await connection.fetchval("SELECT count(*) FROM parked") == 0

    told(postgres_server, story)


def test_receipts_around_the_commit_meet_what_they_tell_of_while_one_generation_after_another_is_closed(
    postgres_server: Reached,
) -> None:
    dsn = postgres_server.new_database()

    async def closing(stop: asyncio.Event) -> int:
        connection = await asyncpg.connect(dsn)
        while not stop.is_set():
            await close_one(connection)
            await asyncio.sleep(0.05)
        closed = await connection.fetchval("SELECT count(*) - 1 FROM reference_generations")
        await connection.close()
        return int(closed)

    async def story() -> None:
        async with nodes(dsn, "first"):
            pass
        stop = asyncio.Event()
        closer = asyncio.create_task(closing(stop))
        await race(dsn, 3_000)
        stop.set()
        assert await closer > 5
        connection = await asyncpg.connect(dsn)
        deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert await connection.fetchval(deadlocks) == 0
        await connection.close()

    asyncio.run(asyncio.wait_for(story(), 200))


def test_a_reader_that_holds_the_table_is_waited_for_a_moment_only_and_then_it_is_tried_again_later(
    postgres_server: Reached,
) -> None:
    async def story(node: Node, connection: Any) -> None:
        item = await sent(node, "R1")
        made = await generations(connection)
        await made.step(connection)
        reader = await asyncpg.connect(node.store._dsn)
        await reader.execute("BEGIN; SELECT count(*) FROM refs")
        made = await generations(connection)

        assert not await made.step(connection)

        assert await tables(connection) == ["refs"]
        await reader.close()
        assert not await made.step(connection)
        assert await tables(connection) == ["refs"], "it waits some minutes before it tries again"
        await close_one(connection)
        assert await tables(connection) == ["refs", "refs_1"]
        await node.report(node.report_on("R1"))
        assert await node.status(item) is Status.DELIVERED

    told(postgres_server, story)


def test_what_is_still_open_is_carried_on_before_a_generation_goes_whole(
    postgres_server: Reached, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chappe.store.postgres.generations.CARRY_PAGES", 1)

    async def story(node: Node, connection: Any) -> None:
        items = [node.mt() for _ in range(300)]
        await node.accept(*items)
        leased = await node.leased(len(items))
        await node.send(*((item, f"R{item.id}") for item in leased))
        ended = [node.report_on(f"R{item.id}") for item in items[50:]]
        await node.report(*ended)
        await connection.execute("DELETE FROM messages WHERE id > $1", items[99].id)
        await close_one(connection)

        await drop_old(connection, 2.9)
        assert await tables(connection) == ["refs", "refs_1"]
        await drop_old(connection, 3.1)

        assert await tables(connection) == ["refs"]
        # Those that are open, and those that have ended and not moved yet.
        assert await newest_rows(connection) == 100
        await node.report(*(node.report_on(f"R{item.id}") for item in items[:50]))
        assert {await node.status(item) for item in items[:50]} == {Status.DELIVERED}
        assert await connection.fetchval("SELECT count(*) FROM parked") == 0
        assert await connection.fetchval("SELECT count(*) FROM refs_older") == 0

    told(postgres_server, story)


def test_a_program_that_knows_no_generations_keeps_them_from_being_closed_and_is_refused_afterwards(
    postgres_server: Reached, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = opening.migrations()

    async def story(node: Node, connection: Any) -> None:
        await sent(node, "R1")
        await connection.execute("UPDATE runs SET knows = 0 RETURNING run")
        await close_one(connection)
        assert await tables(connection) == ["refs"]

        await connection.execute("UPDATE runs SET knows = $1", KNOWS)
        await close_one(connection)
        assert await tables(connection) == ["refs", "refs_1"]

        monkeypatch.setattr(opening, "migrations", lambda: every[: KNOWS - 1])
        late = Node(node.store._dsn, "late")
        with pytest.raises(SettingsError, match=rf"needs a program of version {KNOWS}"):
            await late.open()
        late.die()

    told(postgres_server, story)


@pytest.mark.parametrize(
    "point",
    [CrashPoint.BEFORE_GENERATION, CrashPoint.AFTER_GENERATION, CrashPoint.AFTER_CARRY, CrashPoint.AFTER_RETIRE],
)
def test_whoever_closes_and_drops_may_die_anywhere_and_another_goes_on(
    postgres_server: Reached, point: CrashPoint
) -> None:
    async def story(node: Node, connection: Any) -> None:
        open_one, ended = await sent(node, "open"), await sent(node, "ended")
        await node.report(node.report_on("ended"), node.report_on("waits"))
        await connection.execute("DELETE FROM messages WHERE id = $1", ended.id)

        assert await died(node.store._dsn, point) == -signal.SIGKILL
        assert await died(node.store._dsn, None) == 0

        assert "refs" in await tables(connection)
        assert await connection.fetchval("SELECT count(*) FROM refs WHERE reports <> ''") == 1
        await sent(node, "waits")
        await node.report(node.report_on("open"), node.report_on("open"))
        assert await node.status(open_one) is Status.DELIVERED
        assert await connection.fetchval("SELECT count(*) FROM parked") == 0

    told(postgres_server, story)


async def died(dsn: str, point: CrashPoint | None) -> int:
    """How a process ended that closed a generation and dropped all that are three days old."""
    armed = {"CHAPPE_CRASH_AT": point.value} if point else {}
    program = Path(generation_steps.__file__)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(program), dsn, "3.1", env={**os.environ, **armed}
    )
    return await asyncio.wait_for(process.wait(), 50)

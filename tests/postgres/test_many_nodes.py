"""Several nodes over one database: each item is somebody's, answers and receipts meet, the dead are buried."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import asyncpg
import pytest
from store_pair import HANDSET, QUEUE, Node, nodes

from chappe.model.errors import SettingsError
from chappe.model.events import EventBatch
from chappe.model.lifecycle import Status
from chappe.store.port import Ended, Fault, Sending, StoreAway
from chappe.store.postgres import runs
from chappe.store.postgres.opening import check_no_pooler
from postgres_server import Reached

pytestmark = pytest.mark.slow


def story(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test over a database of its own, in at most a minute."""

    @wraps(test)
    def run(postgres_server: Reached) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(60):
                await test(postgres_server.new_database())

        asyncio.run(bounded())

    del run.__wrapped__  # type: ignore[attr-defined]
    return run


async def sql(dsn: str, statement: str, *values: object) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(statement, *values)
    finally:
        await connection.close()


@story
async def test_two_readers_of_a_queue_get_each_item_once(dsn: str) -> None:
    async with nodes(dsn, "door", "one", "two") as (door, one, two):
        items = [door.mt(client) for client in ("acme", "big", "small") for _ in range(200)]
        await door.accept(*items)
        taken: list[int] = []

        async def read(node: Node) -> None:
            for _ in range(100):
                taken.extend(item.id for item in await node.store.lease(QUEUE, 17))
                await asyncio.sleep(0)

        await asyncio.gather(read(one), read(two))

        assert sorted(taken) == sorted(item.id for item in items)


@story
async def test_a_bell_tells_another_process_of_what_was_laid_into_its_queue(dsn: str) -> None:
    async with nodes(dsn, "door", "reader") as (door, reader):
        rung = asyncio.Event()
        reader.store.listen(QUEUE, rung.set)
        await asyncio.sleep(0.5)
        rung.clear()
        item = door.mt()
        await door.accept(item)

        await asyncio.wait_for(rung.wait(), 5)

        assert [each.id for each in await reader.store.lease(QUEUE, 10)] == [item.id]


@story
async def test_receipts_meet_answers_whichever_node_is_first_and_however_close(dsn: str) -> None:
    chance = random.Random(7)
    async with nodes(dsn, "sender", "receiver") as (sender, receiver):
        for turn in range(40):
            items = [sender.mt(dest=f"3712{turn:03}{number:04}") for number in range(50)]
            await sender.accept(*items)
            leased = await sender.store.lease(QUEUE, 100)

            async def answer(pairs: list[tuple[Any, str]]) -> None:
                await asyncio.sleep(chance.random() * 0.005)
                await sender.send(*pairs)

            async def report(pairs: list[tuple[Any, str]]) -> None:
                await asyncio.sleep(chance.random() * 0.005)
                await receiver.report(*(receiver.report_on(name, item.content.dest) for item, name in pairs))

            pairs = [(item, f"R{item.id}") for item in leased]
            chance.shuffle(pairs)
            work = [half(pairs[start : start + 10]) for start in range(0, 50, 10) for half in (answer, report)]
            await asyncio.gather(*work)

        assert await sql(dsn, "SELECT count(*) FROM parked") == [(0,)]
        assert await sql(dsn, "SELECT DISTINCT status FROM messages") == [(Status.DELIVERED,)]
        assert await sql(dsn, "SELECT sum(n)::bigint FROM counts WHERE kind IN (0, 2)") == [(0,)]


@story
async def test_the_leases_of_a_dead_node_return_and_what_bears_the_mark_is_held(dsn: str) -> None:
    dead = Node(dsn, "one")
    await dead.open()
    async with nodes(dsn, "two") as (two,):
        plain, marked = dead.mt(), dead.mt()
        await dead.accept(plain, marked)
        leased = await dead.store.lease(QUEUE, 10)
        await dead.store.settle([Sending(leased[1])], EventBatch(1))
        dead.die()
        assert await two.store.lease(QUEUE, 10) == []

        await sql(dsn, "UPDATE runs SET beat_at = beat_at - interval '1 minute' WHERE run = $1", dead.store.run)
        taken: list[int] = []
        while not taken:
            taken = [item.id for item in await two.store.lease(QUEUE, 10)]
            await asyncio.sleep(0.05)

        assert taken == [plain.id]
        assert await two.status(marked) is Status.HELD
        assert two.store.held_messages == 1
        assert two.store.open_messages("acme") == 2


@story
async def test_a_node_that_was_taken_for_dead_says_nothing_more(dsn: str) -> None:
    async with nodes(dsn, "two") as (two,):
        frozen = Node(dsn, "one")
        await frozen.open(keeps_time=False)
        item = frozen.mt()
        await frozen.accept(item)
        (leased,) = await frozen.store.lease(QUEUE, 1)
        await sql(dsn, "UPDATE runs SET beat_at = beat_at - interval '1 minute' WHERE run = $1", frozen.store.run)
        while not (again := await two.store.lease(QUEUE, 1)):
            await asyncio.sleep(0.05)

        ended = Ended(leased, Status.REJECTED, "011", 1, None, "three")
        (fault,) = await frozen.store.settle([ended], EventBatch(1))
        assert isinstance(fault, Fault)
        assert "lost" in fault.what

        await two.send((again[0], "A1"))
        assert await two.status(item) is Status.SENT
        keeping = asyncio.create_task(frozen.store.keep_time(asyncio.Event()))
        while not frozen.store.is_fenced:
            await asyncio.sleep(0.05)
        assert not frozen.store.may_write()
        assert await frozen.store.lease(QUEUE, 1) == []
        with pytest.raises(StoreAway):
            await frozen.store.accept([frozen.mt()], EventBatch(1))
        keeping.cancel()
        frozen.die()


@story
async def test_an_operators_yes_counts_although_its_lease_was_lost(dsn: str) -> None:
    async with nodes(dsn, "two") as (two,):
        slow = Node(dsn, "one")
        await slow.open(keeps_time=False)
        item = slow.mt()
        await slow.accept(item)
        (leased,) = await slow.store.lease(QUEUE, 1)
        await sql(dsn, "UPDATE runs SET beat_at = beat_at - interval '1 minute' WHERE run = $1", slow.store.run)
        while not (again := await two.store.lease(QUEUE, 1)):
            await asyncio.sleep(0.05)

        await slow.send((leased, "A1"))

        await two.store.release(again)
        assert await two.store.lease(QUEUE, 1) == []
        await two.report(two.report_on("A1"))
        assert await two.status(item) is Status.DELIVERED
        slow.die()


def test_half_a_lease_without_a_word_is_the_end_of_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(runs, "boot_s", lambda: now[0])
    run = runs.Run("box1", "one", "test", runs.DatabaseClock())
    run._heard(1, now[0])

    assert run.may_write()
    now[0] += runs.LEASE_S / 2 - 0.1
    assert run.may_write()
    now[0] += 0.2
    assert not run.may_write()


@story
async def test_a_node_takes_its_own_place_again_at_once(dsn: str) -> None:
    first = Node(dsn, "one")
    await first.open()
    item = first.mt()
    await first.accept(item)
    assert len(await first.store.lease(QUEUE, 1)) == 1
    first.die()

    async with nodes(dsn, "one") as (second,):
        assert [each.id for each in await second.store.lease(QUEUE, 1)] == [item.id]
        assert second.store.slot != first.store.slot
        assert second.mt().id > item.id


@story
async def test_a_place_that_somebody_has_is_refused_and_says_what_to_do(dsn: str) -> None:
    async with nodes(dsn, "one"):
        with pytest.raises(SettingsError, match=r"gateway\.box"):
            await asyncio.wait_for(Node(dsn, "one").open(), 40)


@story
async def test_a_server_without_a_standby_is_refused_unless_one_copy_is_allowed(dsn: str) -> None:
    with pytest.raises(SettingsError, match="allow_single_copy"):
        await Node(dsn, "one", allow_single_copy=False).open()


@story
async def test_a_pooler_that_gives_two_connections_one_session_is_refused(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)

    with pytest.raises(SettingsError, match="pooler"):
        await check_no_pooler(connection, connection, dsn)
    await connection.close()


@story
async def test_sessions_terminated_at_any_moment_lose_and_double_nothing(dsn: str) -> None:
    """Callers repeat what was not stored; the account is exact."""
    async with nodes(dsn, "one") as (node,):
        stopping = asyncio.Event()
        kills = 0

        async def kill() -> None:
            nonlocal kills
            connection = await asyncpg.connect(dsn)
            chance = random.Random(3)
            while kills < 40:
                await asyncio.sleep(chance.random() * 0.05)
                kills += await connection.fetchval(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                    " AND datname = current_database() AND application_name LIKE ANY ($1::text[])",
                    ["%main", "%reports"],
                )
            stopping.set()
            await connection.close()

        async def until_stored(work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
            while True:
                try:
                    return await work()
                except StoreAway:
                    await asyncio.sleep(0.02)

        done: list[int] = []

        async def live() -> None:
            while not stopping.is_set():
                items = [node.mt() for _ in range(5)]
                pairs = [(item, f"R{item.id}") for item in items]
                reports = [node.report_on(name) for _, name in pairs]
                await until_stored(lambda items=items: node.accept(*items))
                await until_stored(lambda pairs=pairs: node.send(*pairs))
                await until_stored(lambda reports=reports: node.report(*reports))
                done.extend(item.id for item in items)

        await asyncio.gather(kill(), *(live() for _ in range(8)))

        assert kills >= 40
        rows = await sql(dsn, "SELECT id, status FROM messages")
        assert {row[0] for row in rows} == set(done)
        assert {row[1] for row in rows} == {Status.DELIVERED}
        assert await sql(dsn, "SELECT count(*) FROM queue WHERE body IS NULL") == [(0,)]
        assert await sql(dsn, "SELECT count(*), count(DISTINCT id) FROM queue") == [(len(done), len(done))]
        assert node.store.open_messages("acme") == 0
        seqs = [row[0] for row in await sql(dsn, "SELECT seq FROM event_blocks ORDER BY seq")]
        assert seqs == list(range(1, len(seqs) + 1))
        assert HANDSET

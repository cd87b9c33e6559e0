"""Several nodes over one database: each item is somebody's, answers and receipts meet, the dead are buried."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import asyncpg
import pytest
from store_pair import QUEUE, Node, nodes

from chappe.model.errors import SettingsError
from chappe.model.events import EventBatch
from chappe.model.lifecycle import Status
from chappe.store.port import Ended, Fault, Sending, StoreAway
from chappe.store.postgres import runs
from chappe.store.postgres.opening import check_no_pooler
from postgres_server import Reached


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
            while len(taken) < len(items):
                taken.extend(item.id for item in await node.store.lease(QUEUE, 17))
                await asyncio.sleep(0)

        await asyncio.gather(read(one), read(two))

        assert await one.store.lease(QUEUE, 17) == await two.store.lease(QUEUE, 17) == []
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

        assert [each.id for each in await reader.leased()] == [item.id]


@story
async def test_the_leases_of_a_dead_node_return_and_what_bears_the_mark_is_held(dsn: str) -> None:
    dead = Node(dsn, "one")
    await dead.open()
    async with nodes(dsn, "two") as (two,):
        plain, marked = dead.mt(), dead.mt()
        await dead.accept(plain, marked)
        leased = await dead.leased(2)
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
        (leased,) = await frozen.leased()
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
        (leased,) = await slow.leased()
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
    await first.leased()
    first.die()

    async with nodes(dsn, "one") as (second,):
        assert [each.id for each in await second.leased()] == [item.id]
        assert second.store.slot != first.store.slot
        assert second.mt().id > item.id


@story
async def test_a_place_that_somebody_has_is_refused_and_says_what_to_do(dsn: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "PLACE_PATIENCE_S", 1.0)
        await _refused(dsn)


async def _refused(dsn: str) -> None:
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
async def test_what_a_leaving_node_had_leased_is_found_by_readers_elsewhere_at_once(dsn: str) -> None:
    async with nodes(dsn, "door", "reader") as (door, reader):
        leaving = Node(dsn, "leaving")
        await leaving.open()
        first, second = door.mt(), door.mt()
        await door.accept(first, second)
        (had,) = await leaving.leased()
        # The reader has looked past it: only a look at everything, or a bell, brings it there.
        assert [item.id for item in await reader.leased()] == [second.id]

        await leaving.close()

        assert had.id == first.id
        assert [item.id for item in await reader.leased()] == [first.id]
        assert await sql(dsn, "SELECT is_cleared FROM runs WHERE run = $1", leaving.store.run) == [(True,)]


@story
async def test_what_a_leaving_node_marked_before_a_write_is_held_by_the_others(dsn: str) -> None:
    async with nodes(dsn, "other") as (other,):
        leaving = Node(dsn, "leaving")
        await leaving.open()
        plain, marked = leaving.mt(), leaving.mt()
        await leaving.accept(plain, marked)
        leased = await leaving.leased(2)
        await leaving.store.settle([Sending(leased[1])], EventBatch(1))

        await leaving.close()

        assert [item.id for item in await other.leased()] == [plain.id]
        async with asyncio.timeout(20):
            while await other.status(marked) is not Status.HELD:
                await asyncio.sleep(0.05)


@story
async def test_whoever_buries_a_dead_node_tells_the_readers_elsewhere(dsn: str) -> None:
    async with nodes(dsn, "door", "reader") as (door, reader):
        dead = Node(dsn, "dead")
        await dead.open()
        first, second = door.mt(), door.mt()
        await door.accept(first, second)
        await dead.leased()
        assert [item.id for item in await reader.leased()] == [second.id]
        dead.die()
        # The door, which reads nothing, finds it.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reader.store._upkeep, "bury", _nothing)
            await sql(dsn, "UPDATE runs SET beat_at = beat_at - interval '1 minute' WHERE run = $1", dead.store.run)

            assert [item.id for item in await reader.leased()] == [first.id]


async def _nothing() -> None:
    """Somebody else does it."""


async def waits_for_a_lock(dsn: str, session: str) -> None:
    """Until a session of a store stands still before a lock."""
    statement = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE $1 AND wait_event_type = 'Lock'"
    while not await sql(dsn, statement, f"%{session}"):
        await asyncio.sleep(0.02)


@story
async def test_a_lease_whose_answer_was_lost_returns_although_the_server_carries_it_out_later(dsn: str) -> None:
    async with nodes(dsn, "one") as (one,):
        item = one.mt()
        await one.accept(item)
        blocking = await asyncpg.connect(dsn)
        await blocking.execute("BEGIN; LOCK TABLE queue IN SHARE MODE")
        leasing = asyncio.create_task(one.store.lease(QUEUE, 1))
        await waits_for_a_lock(dsn, "one leases")

        one.store._sessions["leases"].drop()
        assert await leasing == []
        await blocking.execute("COMMIT")
        await blocking.close()

        assert [each.id for each in await one.leased()] == [item.id]


@story
async def test_a_lease_that_nobody_waits_for_any_longer_returns(dsn: str) -> None:
    async with nodes(dsn, "one", "two") as (one, two):
        item = one.mt()
        await one.accept(item)
        blocking = await asyncpg.connect(dsn)
        await blocking.execute("BEGIN; LOCK TABLE queue IN SHARE MODE")
        leasing = asyncio.create_task(one.store.lease(QUEUE, 1))
        await waits_for_a_lock(dsn, "one leases")

        leasing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leasing
        await blocking.execute("COMMIT")
        await blocking.close()

        assert [each.id for each in await two.leased()] == [item.id]


@story
async def test_what_is_told_of_while_a_reader_looks_is_looked_for_again(dsn: str) -> None:
    async with nodes(dsn, "one") as (one,):
        item = one.mt()
        await one.accept(item)
        blocking = await asyncpg.connect(dsn)
        await blocking.execute("BEGIN; LOCK TABLE queue IN ACCESS EXCLUSIVE MODE")
        leasing = asyncio.create_task(one.store.lease(QUEUE, 1))
        await waits_for_a_lock(dsn, "one leases")

        one.store._queues.look_everywhere()
        await blocking.execute("COMMIT")
        await blocking.close()

        assert [each.id for each in await leasing] == [item.id]
        await one.store.release([item])
        assert [each.id for each in await one.leased()] == [item.id]

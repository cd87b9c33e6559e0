"""The SQLite engine when the disk is full, fails, or lies about a commit, and when rows cannot be read."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from chappe.model.events import EventBatch, EventName
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message
from chappe.runtime.node import persist
from chappe.store.port import Deferred, Sent, StoreAway
from chappe.store.sqlite.engine import SqliteStore

NOW_US = 1_800_000_000_000_000
QUEUE = "operator:three"


def item(number: int, octets: bytes = b"hello") -> Item:
    message = Message(number, Direction.MT, "acme", "", 1, 1, "SHOP", 1, 1, "37120000001", octets, parts=1)
    return Item(QUEUE, 1, "acme", 0, number, message)


def telling(*items: Item) -> EventBatch:
    events = EventBatch(NOW_US)
    for each in items:
        events.add(EventName.MT_ACCEPTED, each.id, "acme")
    return events


async def events_of(store: SqliteStore) -> list[str]:
    blocks = await store.blocks_after(0, 1_000)
    return [line.split(",")[1] for block in blocks for line in block.lines.decode().splitlines()]


class Failing:
    """A connection whose COMMIT fails: before the disk has it, or after."""

    def __init__(self, real: sqlite3.Connection, *, is_durable: bool) -> None:
        self._real = real
        self._is_durable = is_durable

    def execute(self, statement: str, *values: Any) -> Any:
        if statement == "COMMIT":
            self._real.execute("COMMIT" if self._is_durable else "ROLLBACK")
            raise sqlite3.OperationalError("disk I/O error")
        return self._real.execute(statement, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def in_store(tmp_path: Path, scenario: Callable[[SqliteStore], Awaitable[None]]) -> None:
    async def run() -> None:
        store = SqliteStore(tmp_path / "chappe.db", version="test", clock_us=lambda: NOW_US)
        store.open()
        await scenario(store)
        await store.close()

    asyncio.run(run())


def fill_disk(store: SqliteStore) -> None:
    """No page may be added any more.  The limit belongs to the connection: a new one finds room."""
    pages = int(store._file.connection.execute("PRAGMA page_count").fetchone()[0])
    store._file.connection.execute(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_refuses_everyone_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        await store.accept([item(1)], telling(item(1)))
        leased = await store.lease(QUEUE, 10)
        fill_disk(store)
        large = [item(number, bytes(50_000)) for number in range(2, 12)]

        answers = await asyncio.gather(
            store.accept(large, telling(*large)),
            store.settle([Sent(leased[0], "three", "A1", NOW_US)], telling()),
            return_exceptions=True,
        )

        assert [type(answer) for answer in answers] == [StoreAway, StoreAway]
        assert store.is_away
        assert await store.lease(QUEUE, 10) == []
        assert store.open_messages("acme") == 1
        assert store._memory.references.recent("three", "A1") is None
        with pytest.raises(StoreAway):
            await store.accept([item(20)], telling(item(20)))
        with pytest.raises(StoreAway):
            await store.record(telling(item(20)))

    in_store(tmp_path, scenario)


def test_a_disk_with_room_again_brings_the_store_back_without_a_restart(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        await store.accept([item(1)], telling(item(1)))
        leased = await store.lease(QUEUE, 10)
        rung: list[None] = []
        store.listen(QUEUE, lambda: rung.append(None))
        fill_disk(store)
        large = [item(number, bytes(50_000)) for number in range(2, 12)]
        with pytest.raises(StoreAway):
            await store.accept(large, telling(*large))

        assert store.try_again()

        assert await store.accept(large, telling(*large)) == [None] * 10
        await store.settle([Sent(leased[0], "three", "A1", NOW_US)], telling(item(1)))
        assert rung
        assert len(await store.lease(QUEUE, 100)) == 10
        assert [name for name in await events_of(store) if name.startswith("store_")] == ["store_away", "store_back"]

    in_store(tmp_path, scenario)


def test_a_disk_that_stays_full_keeps_the_store_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(store: SqliteStore) -> None:
        fill_disk(store)
        large = [item(number, bytes(50_000)) for number in range(2, 12)]
        with pytest.raises(StoreAway):
            await store.accept(large, telling(*large))
        with monkeypatch.context() as patched:
            patched.setattr(store._file, "reopen", lambda: None)

            assert not store.try_again()
            assert not store.try_again()

        assert store.is_away
        assert store.try_again()

    in_store(tmp_path, scenario)


def test_a_commit_that_failed_but_holds_counts_as_committed(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        store._file.connection = Failing(store._file.connection, is_durable=True)  # type: ignore[assignment]

        assert await store.accept([item(1)], telling(item(1))) == [None]

        assert not store.is_away
        assert [each.id for each in await store.lease(QUEUE, 10)] == [1]
        assert await store.accept([item(2)], telling(item(2))) == [None]
        assert [block.seq for block in await store.blocks_after(0)] == [1, 2]

    in_store(tmp_path, scenario)


def test_a_commit_that_failed_and_does_not_hold_is_refused(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        store._file.connection = Failing(store._file.connection, is_durable=False)  # type: ignore[assignment]

        with pytest.raises(StoreAway):
            await store.accept([item(1)], telling(item(1)))

        assert store.try_again()
        assert await store.find(1) is None
        assert await store.accept([item(1)], telling(item(1))) == [None]
        assert [each.id for each in await store.lease(QUEUE, 10)] == [1]

    in_store(tmp_path, scenario)


@pytest.mark.parametrize("is_durable", [False, True])
def test_a_deferral_whose_commit_fails_without_events_is_leased_again_without_a_restart(
    tmp_path: Path, is_durable: bool
) -> None:
    async def scenario(store: SqliteStore) -> None:
        await store.accept([item(1)], telling(item(1)))
        (leased,) = await store.lease(QUEUE, 10)
        due_at_ms = NOW_US // 1000 - 1
        store._file.connection = Failing(store._file.connection, is_durable=is_durable)  # type: ignore[assignment]

        async def bring_back() -> None:
            while not store.is_away:
                await asyncio.sleep(0.01)
            store.try_again()

        back = asyncio.create_task(bring_back())
        await persist(store, [Deferred(leased, due_at_ms)], telling())
        back.cancel()

        assert [each.id for each in await store.lease(QUEUE, 10)] == [1]
        assert [each.messages for each in store.depths()] == [1]

    in_store(tmp_path, scenario)


def test_a_row_that_cannot_be_read_is_held_and_leaves_its_queue(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        await store.accept([item(1), item(2)], telling(item(1), item(2)))
        await store.settle([Deferred(each, 1) for each in await store.lease(QUEUE, 10)], telling())
        store._file.connection.execute("UPDATE messages SET body = x'00' WHERE id = 1")

        assert [each.id for each in await store.lease(QUEUE, 10)] == [2]
        await store.record(telling(item(2)))

        assert store.held_messages == 1
        assert [each.messages for each in store.depths()] == [1]
        assert await store.lease(QUEUE, 10) == []

    in_store(tmp_path, scenario)


def test_a_checkpoint_that_fails_harms_nobody(tmp_path: Path) -> None:
    class NoCheckpoint(Failing):
        def execute(self, statement: str, *values: Any) -> Any:
            if "checkpoint" in statement:
                raise sqlite3.OperationalError("disk I/O error")
            return self._real.execute(statement, *values)

    async def scenario(store: SqliteStore) -> None:
        real = store._file.connection
        store._file.connection = NoCheckpoint(real, is_durable=True)  # type: ignore[assignment]
        await store.accept([item(1)], telling(item(1)))

        await store._group._checkpoints.idle()

        assert not store.is_away
        assert await store.accept([item(2)], telling(item(2))) == [None]
        store._file.connection = real

    in_store(tmp_path, scenario)


def test_a_message_that_cannot_be_read_is_held_and_stops_nobody(tmp_path: Path) -> None:
    async def filled(store: SqliteStore) -> None:
        items = [item(number) for number in range(1, 6)]
        await store.accept(items, telling(*items))
        store._file.connection.execute("UPDATE messages SET body = x'c1ff00' WHERE id = 3")

    async def scenario(store: SqliteStore) -> None:
        taken = [each.id for each in await store.lease(QUEUE, 10)]
        for _ in range(3):
            await asyncio.sleep(0)

        assert taken == [1, 2, 4, 5]
        life = await store.find(3)
        assert life is not None
        assert life.status is Status.HELD
        reason = store._file.connection.execute("SELECT reason FROM held WHERE id = 3").fetchone()[0]
        assert "Traceback" in reason
        assert (await events_of(store))[-1] == "item_poisoned"
        assert await store.lease(QUEUE, 10) == []

    async def after_a_start(store: SqliteStore) -> None:
        assert [each.id for each in await store.lease(QUEUE, 10)] == [1, 2, 4, 5]
        assert store.open_messages("acme") == 5

    in_store(tmp_path, filled)
    in_store(tmp_path, scenario)
    in_store(tmp_path, after_a_start)

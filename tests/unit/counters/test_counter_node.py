"""The counter node counts each committed event once, whatever dies in between."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from chappe.counters.node import COPY, CounterNode
from chappe.model.events import EventBatch, EventName
from chappe.store.port import StoreAway
from chappe.store.sqlite.engine import SqliteStore

NOON_US = 1_768_564_800_000_000
MINUTE = NOON_US // 60_000_000


def opened(folder: Path) -> SqliteStore:
    store = SqliteStore(folder / "chappe.db", version="test", clock_us=lambda: NOON_US)
    store.open()
    return store


def killed(store: SqliteStore) -> None:
    """What a kill leaves: the file as it was at the last commit, and nobody who knows more."""
    store._file.connection.close()


async def happen(store: SqliteStore, times: int) -> None:
    """So many transactions with one event each."""
    for _ in range(times):
        events = EventBatch(NOON_US)
        events.add(EventName.MT_SENT, client="acme", operator="three")
        await store.record(events)


def counted(folder: Path) -> tuple[int, int]:
    """How many events the counters hold, and the last block in them."""
    connection = sqlite3.connect(folder / "chappe.db")
    query = "SELECT coalesce(sum(count), 0) FROM counters WHERE minute = ? AND event = 'mt_sent' AND client = 'acme'"
    count = connection.execute(query, (MINUTE,)).fetchone()[0]
    seq = connection.execute("SELECT seq FROM copies WHERE name = ?", (COPY,)).fetchone()
    connection.close()
    return count, seq[0] if seq else 0


def test_events_are_counted_live_and_from_before_the_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = opened(tmp_path)
        await happen(store, 3)
        node = CounterNode(store)
        await node.fold()
        await happen(store, 4)
        await node.fold()
        await store.close()

    asyncio.run(scenario())

    assert counted(tmp_path) == (7, 7)


@pytest.mark.parametrize("folds", [0, 1])
def test_a_kill_before_or_after_the_fold_counts_nothing_twice_and_loses_nothing(tmp_path: Path, folds: int) -> None:
    async def life() -> None:
        store = opened(tmp_path)
        node = CounterNode(store)
        await happen(store, 2)
        for _ in range(folds):
            await node.fold()
        await happen(store, 1)
        killed(store)

    async def last_life() -> None:
        store = opened(tmp_path)
        await CounterNode(store).fold()
        await store.close()

    for _ in range(3):
        asyncio.run(life())
    asyncio.run(last_life())

    assert counted(tmp_path) == (9, 9)


def test_a_kill_in_the_middle_of_the_commit_leaves_neither_counts_nor_place(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = opened(tmp_path)
        node = CounterNode(store)
        await happen(store, 5)
        folding = asyncio.ensure_future(node.fold())
        await asyncio.sleep(0)
        killed(store)
        folding.cancel()

    asyncio.run(scenario())
    assert counted(tmp_path) == (0, 0)

    async def again() -> None:
        store = opened(tmp_path)
        await CounterNode(store).fold()
        await store.close()

    asyncio.run(again())
    assert counted(tmp_path) == (5, 5)


def test_what_the_store_refuses_is_counted_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        store = opened(tmp_path)
        node = CounterNode(store)
        await happen(store, 5)
        advance = store.advance

        async def away(*_: object) -> None:
            raise StoreAway("disk full")

        monkeypatch.setattr(store, "advance", away)
        await node.fold()
        assert node.safe_seq == 0
        monkeypatch.setattr(store, "advance", advance)
        await happen(store, 1)
        await node.fold()
        await store.close()

    asyncio.run(scenario())

    assert counted(tmp_path) == (6, 6)


def test_a_commit_that_failed_and_holds_all_the_same_is_not_counted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        store = opened(tmp_path)
        node = CounterNode(store)
        await happen(store, 5)
        advance = store.advance

        async def written_but_refused(*arguments: Any) -> None:
            await advance(*arguments)
            raise StoreAway("disk I/O error")

        with monkeypatch.context() as patched:
            patched.setattr(store, "advance", written_but_refused)
            await node.fold()
        await happen(store, 1)
        await node.fold()
        await store.close()

    asyncio.run(scenario())

    assert counted(tmp_path) == (6, 6)


def test_a_store_that_cannot_even_be_read_is_asked_again_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def closed(*_: object) -> None:
        raise StoreAway("the file cannot be opened")

    async def scenario() -> None:
        store = opened(tmp_path)
        await happen(store, 2)
        node = CounterNode(store)
        with monkeypatch.context() as patched:
            patched.setattr(store, "blocks_after", closed)
            await node.fold()
        with monkeypatch.context() as patched:
            patched.setattr(store, "copied", closed)
            await node.fold()
        await node.fold()
        await store.close()

    asyncio.run(scenario())

    assert counted(tmp_path) == (2, 2)


def test_a_node_cancelled_while_it_writes_finishes_without_counting_twice(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = opened(tmp_path)
        node = CounterNode(store)
        await happen(store, 5)
        running = asyncio.ensure_future(node.run())
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await happen(store, 1)
        await node.finish()
        await store.close()

    asyncio.run(scenario())

    assert counted(tmp_path) == (6, 6)

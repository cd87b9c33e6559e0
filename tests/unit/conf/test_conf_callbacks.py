"""What people ask about callbacks, carried out on a real store."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chappe.conf.callbacks import CallbackWishes
from chappe.instructions.kinds import EnableCallbacks, ReplayCallbacks
from chappe.model.events import EventBatch
from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message
from chappe.runtime.clock import SYSTEM_CLOCK
from chappe.store.port import CallbacksOff, GivenUp
from chappe.store.sqlite.engine import SqliteStore

QUEUE = "callback:acme"


def with_store(folder: Path, work: Any) -> None:
    async def run() -> None:
        store = SqliteStore(folder / "chappe.db", version="test")
        store.open()
        await work(store, CallbackWishes(store, SYSTEM_CLOCK))
        await store.close()

    asyncio.run(run())


async def fail(store: SqliteStore, *ids: int) -> None:
    """Callbacks that were given up."""
    messages = [Message(each, Direction.MO, "acme", "three", 1, 1, "371", 0, 1, "12345", b"HI") for each in ids]
    items = [Item(QUEUE, 0, "", 0, message.id, message) for message in messages]
    await store.accept(items, EventBatch(0))
    leased = await store.lease(QUEUE, 100)
    await store.settle([GivenUp(item, "HTTP 500", 0) for item in leased], EventBatch(0))


async def waiting(store: SqliteStore) -> list[int]:
    return [item.id for item in await store.lease(QUEUE, 10_000)]


async def events(store: SqliteStore) -> list[str]:
    return [line.split(",")[1] for block in await store.blocks_after(0) for line in block.lines.decode().splitlines()]


def test_named_callbacks_are_replayed_and_what_is_not_failed_is_left_alone(tmp_path: Path) -> None:
    async def work(store: SqliteStore, wishes: CallbackWishes) -> None:
        await fail(store, 1001, 1002)

        outcome = await wishes.replay(ReplayCallbacks((1001, 4711)), 7, "replay by me")

        assert (outcome.changed, outcome.left, outcome.count) == ((1001,), (4711,), 1)
        assert await waiting(store) == [1001]
        assert "instruction_done" in await events(store)

    with_store(tmp_path, work)


def test_all_callbacks_of_a_client_are_replayed_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chappe.conf.callbacks.REPLAY_ITEMS", 2)

    async def work(store: SqliteStore, wishes: CallbackWishes) -> None:
        await fail(store, *range(1001, 1006))

        outcome = await wishes.replay(ReplayCallbacks(client="acme"), 7, "replay by me")

        assert outcome.count == 5
        assert sorted(await waiting(store)) == list(range(1001, 1006))

    with_store(tmp_path, work)


def test_callbacks_of_other_clients_stay(tmp_path: Path) -> None:
    async def work(store: SqliteStore, wishes: CallbackWishes) -> None:
        await fail(store, 1001)

        assert (await wishes.replay(ReplayCallbacks(client="other"), 7, "replay")).count == 0
        assert (await wishes.replay(ReplayCallbacks((1001,), "other"), 8, "replay")).left == (1001,)

    with_store(tmp_path, work)


def test_a_url_is_switched_on_once(tmp_path: Path) -> None:
    async def work(store: SqliteStore, wishes: CallbackWishes) -> None:
        await store.switch_callbacks_off(CallbacksOff("acme", "https://x.example/", 1, "HTTP 410"), EventBatch(0))

        assert (await wishes.enable(EnableCallbacks("acme"), "enable by me")).count == 1
        assert "callbacks_on" in await events(store)
        assert "not switched off" in (await wishes.enable(EnableCallbacks("acme"), "enable by me")).fault

    with_store(tmp_path, work)


def test_instructions_about_callbacks_are_read_as_they_were_written() -> None:
    for wish in (ReplayCallbacks((1, 2)), ReplayCallbacks(client="acme"), EnableCallbacks("acme")):
        kinds = ReplayCallbacks | EnableCallbacks
        assert msgspec.json.decode(msgspec.json.encode(wish), type=kinds) == wish

"""What people ask about parked reports, carried out on a real store."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chappe.conf.replaying import ReceiptWishes
from chappe.instructions.kinds import ReplayReceipts
from chappe.instructions.outcome import Outcome
from chappe.model.events import EventBatch
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message
from chappe.rules.learn import Conversion
from chappe.runtime.clock import SYSTEM_CLOCK
from chappe.store.port import Report, Sent
from chappe.store.sqlite.engine import SqliteStore

HANDSET = "37120000001"
HEX = Conversion("hex_to_decimal")
QUEUE = "operator:three"


def with_store(folder: Path, work: Any, profile: Conversion = HEX) -> None:
    async def run() -> None:
        store = SqliteStore(folder / "chappe.db", version="test")
        store.open()
        await work(store, ReceiptWishes(store, SYSTEM_CLOCK, lambda operator: profile))
        await store.close()

    asyncio.run(run())


async def park(store: SqliteStore, *ids: int) -> None:
    """Messages whose answers were hexadecimal, and their reports, which are not."""
    now_us = SYSTEM_CLOCK.utc_us()
    messages = [
        Message(each, Direction.MT, "acme", "", 5, 0, "SHOP", 1, 1, HANDSET, b"HI", registered_delivery=1)
        for each in ids
    ]
    await store.accept([Item(QUEUE, 1, "acme", 0, each.id, each) for each in messages], EventBatch(0))
    sent = [Sent(item, "three", f"{item.id:08x}", now_us) for item in await store.lease(QUEUE, 100)]
    await store.settle(sent, EventBatch(0))
    await store.report([report(each, str(each)) for each in ids], EventBatch(0))


def report(number: int, reference: str) -> Report:
    at_ms = SYSTEM_CLOCK.utc_us() // 1000
    return Report(number + 90_000, "three", (reference,), HANDSET, Status.DELIVERED, "DELIVRD", "000", at_ms)


async def lines(store: SqliteStore) -> list[str]:
    return [line for block in await store.blocks_after(0) for line in block.lines.decode().splitlines()]


def test_all_reports_of_an_operator_are_tried_as_its_profile_says_by_now(tmp_path: Path) -> None:
    async def work(store: SqliteStore, wishes: ReceiptWishes) -> None:
        await park(store, 48879, 48880)
        await store.report([report(1, "nobody")], EventBatch(0))

        outcome = await wishes.replay(ReplayReceipts("three"), "replay by me")

        assert outcome == Outcome(count=2, remaining=1, told=("2 matched, 1 stay parked",))
        assert store.parked_reports == 1
        assert any("instruction_done" in each and "replay by me: 2 matched" in each for each in await lines(store))

    with_store(tmp_path, work)


def test_ids_are_read_this_once_as_the_instruction_says(tmp_path: Path) -> None:
    async def work(store: SqliteStore, wishes: ReceiptWishes) -> None:
        await park(store, 48879)

        assert (await wishes.replay(ReplayReceipts("three"), "me")).count == 0
        assert (await wishes.replay(ReplayReceipts("three", id_ignores_zeros=True), "me")).count == 0
        assert (await wishes.replay(ReplayReceipts("three", id_base="hex_to_decimal"), "me")).count == 1

    with_store(tmp_path, work, Conversion())


def test_named_reports_are_tried_and_those_that_stay_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chappe.conf.replaying.REPLAY_ROWS", 1)

    async def work(store: SqliteStore, wishes: ReceiptWishes) -> None:
        await park(store, 48879, 48880)

        outcome = await wishes.replay(ReplayReceipts(ids=(138879, 4711)), "me")

        assert (outcome.changed, outcome.left, outcome.count) == ((138879,), (4711,), 1)
        assert store.parked_reports == 1

    with_store(tmp_path, work)


@pytest.mark.parametrize("wish", [ReplayReceipts(), ReplayReceipts("three", (1,))])
def test_a_replay_of_nothing_or_of_both_is_refused(tmp_path: Path, wish: ReplayReceipts) -> None:
    async def work(store: SqliteStore, wishes: ReceiptWishes) -> None:
        assert "name an operator" in (await wishes.replay(wish, "me")).fault

    with_store(tmp_path, work)


def test_a_base_that_is_none_is_no_instruction() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"type": "replay_receipts", "operator": "three", "id_base": "octal"}, ReplayReceipts)

"""The sweeper over a real store: what our clock ends, what becomes unknown, what the net catches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from chappe.model.events import EventBatch
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message, Receipt
from chappe.router.sweeper import Patience, Sweeper
from chappe.store.port import Deferred, GivenUp, Held, Once, Report, Sending, Sent
from chappe.store.sqlite.early import Early
from chappe.store.sqlite.engine import SqliteStore

START_US = 1_800_000_000_000_000
HANDSET = "37120000001"


class FakeClock:
    """Stands still until told otherwise."""

    def __init__(self) -> None:
        self.us = START_US

    def utc_us(self) -> int:
        return self.us

    def monotonic(self) -> float:
        return self.us / 1e6


class Scene:
    """A store, its sweeper, and what a test does with both."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.store = SqliteStore(folder / "chappe.db", version="test", clock_us=self.clock.utc_us)
        self.store.open()
        self.ids = IdMaker(1)
        patience = {"three": Patience(max_validity_s=3_600.0, unknown_s=600.0)}
        validity_s = {"acme": 60.0}.__getitem__
        self.sweeper = Sweeper(self.store, self.clock, patience, validity_s=validity_s, retention_days=30)

    def pass_s(self, seconds: float) -> None:
        self.clock.us += int(seconds * 1e6)

    async def accept(self, *, expires_in_s: float = 0, due_in_s: float = 0, parts: int = 1) -> Item:
        now_ms = self.clock.us // 1000
        number = self.ids.next(now_ms)
        expires = now_ms + int(expires_in_s * 1000) if expires_in_s else 0
        due = now_ms + int(due_in_s * 1000) if due_in_s else 0
        message = Message(
            number, Direction.MT, "acme", "", 1, 1, "SHOP", 1, 1, HANDSET, b"hi",
            registered_delivery=1, expires_at_ms=expires, parts=parts, send_at_ms=due,
        )  # fmt: skip
        item = Item("operator:three", 1, "acme", due, number, message)
        assert await self.store.accept([item], EventBatch(self.clock.us)) == [None]
        return item

    async def sent(self, item: Item, reference: str) -> None:
        await self.store.settle([Sent(item, "three", reference, self.clock.us)], EventBatch(self.clock.us))

    async def status(self, item: Item) -> Status:
        life = await self.store.find(item.id)
        assert life is not None
        return life.status

    async def receipts(self) -> list[Receipt]:
        items = await self.store.lease("client:acme", 100)
        return [item.content for item in items if isinstance(item.content, Receipt)]

    async def told(self) -> list[list[str]]:
        blocks = await self.store.blocks_after(0, 1_000)
        return [line.split(",") for block in blocks for line in block.lines.decode().splitlines()]

    async def report(self, reference: str, status: Status) -> None:
        number = self.ids.next(self.clock.us // 1000)
        report = Report(number, "three", (reference,), HANDSET, status, status.name, "000", self.clock.us // 1000)
        assert await self.store.report([report], EventBatch(self.clock.us)) == [None]


def play(folder: Path, scenario: Callable[[Scene], Awaitable[None]]) -> None:
    async def run() -> None:
        scene = Scene(folder)
        await scenario(scene)
        await scene.store.close()

    asyncio.run(run())


def test_a_message_whose_moment_has_passed_ends_and_tells_its_client(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        item, later = await scene.accept(expires_in_s=5), await scene.accept(expires_in_s=50)

        scene.pass_s(6)
        await scene.sweeper.sweep()

        assert await scene.status(item) is Status.EXPIRED
        assert [(told.message_id, told.status) for told in await scene.receipts()] == [(item.id, Status.EXPIRED)]
        assert [each.id for each in await scene.store.lease("operator:three", 10)] == [later.id]
        assert scene.store.open_messages("acme") == 1
        (event,) = [line for line in await scene.told() if line[1] == "mt_expired"]
        assert event[2:6] == [str(item.id), "acme", "three", HANDSET]

    play(tmp_path, scenario)


def test_a_message_without_a_moment_ends_by_its_clients_validity(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        item = await scene.accept()
        scene.pass_s(30)
        young = await scene.accept()

        await scene.sweeper.sweep()
        assert await scene.status(item) is Status.QUEUED
        scene.pass_s(31)
        await scene.sweeper.sweep()

        assert await scene.status(item) is Status.EXPIRED
        assert await scene.status(young) is Status.QUEUED

    play(tmp_path, scenario)


def test_messages_on_disk_alone_expire_like_those_in_memory(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        for _ in range(1_300):
            await scene.accept()
        scene.pass_s(61)

        for _ in range(4):
            await scene.sweeper.sweep()

        assert scene.store.open_messages("acme") == 0
        assert await scene.store.lease("operator:three", 10) == []

    play(tmp_path, scenario)


def test_a_message_that_waits_for_another_try_expires_too(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        item = await scene.accept()
        await scene.store.lease("operator:three", 10)
        await scene.store.settle([Deferred(item, scene.clock.us // 1000 + 50_000)], EventBatch(scene.clock.us))
        scene.pass_s(61)

        await scene.sweeper.sweep()

        assert await scene.status(item) is Status.EXPIRED
        assert await scene.store.lease("operator:three", 10) == []

    play(tmp_path, scenario)


def test_a_message_for_later_does_not_expire_before_it_may_leave(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        item = await scene.accept(due_in_s=300)
        scene.pass_s(70)
        await scene.sweeper.sweep()
        assert await scene.status(item) is Status.SCHEDULED
        assert await scene.store.lease("operator:three", 10) == []

        scene.pass_s(291)
        await scene.sweeper.sweep()

        assert await scene.status(item) is Status.EXPIRED

    play(tmp_path, scenario)


def test_what_somebody_holds_or_has_sent_is_never_ended(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        leased, sent = await scene.accept(expires_in_s=5), await scene.accept(expires_in_s=5)
        await scene.store.lease("operator:three", 10)
        await scene.sent(sent, "A1")
        scene.pass_s(100)

        await scene.sweeper.sweep()
        assert await scene.status(sent) is Status.SENT
        assert await scene.status(leased) is Status.QUEUED
        await scene.store.release([leased])
        await scene.sweeper.sweep()

        assert await scene.status(leased) is Status.EXPIRED

    play(tmp_path, scenario)


def test_a_moment_that_passed_while_a_message_was_being_sent_is_not_forgotten(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        item = await scene.accept(expires_in_s=5)
        await scene.store.lease("operator:three", 10)
        await scene.store.settle([Sending(item)], EventBatch(scene.clock.us))
        scene.pass_s(6)
        await scene.sweeper.sweep()
        assert await scene.status(item) is Status.SENDING
        await scene.store.settle([Deferred(item, 1)], EventBatch(scene.clock.us))

        scene.pass_s(61)
        await scene.sweeper.sweep()

        assert await scene.status(item) is Status.EXPIRED

    play(tmp_path, scenario)


def test_a_silent_message_becomes_unknown_which_is_not_final_and_told_to_nobody(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        item = await scene.accept()
        await scene.store.lease("operator:three", 10)
        await scene.sent(item, "A1")
        scene.pass_s(599)
        await scene.sweeper.sweep()
        assert await scene.status(item) is Status.SENT

        scene.pass_s(2)
        await scene.sweeper.sweep()
        await scene.sweeper.sweep()

        assert await scene.status(item) is Status.UNKNOWN
        assert await scene.receipts() == []
        assert scene.store.open_messages("acme") == 1
        assert [line[1] for line in await scene.told()].count("mt_unknown") == 1
        await scene.report("A1", Status.DELIVERED)
        assert await scene.status(item) is Status.DELIVERED
        assert len(await scene.receipts()) == 1

    play(tmp_path, scenario)


def test_a_message_of_an_operator_that_is_gone_from_the_settings_stays_as_it_is(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        item = await scene.accept()
        await scene.store.lease("operator:three", 10)
        await scene.store.settle([Sent(item, "gone", "A1", scene.clock.us)], EventBatch(scene.clock.us))
        scene.pass_s(700)

        await scene.sweeper.sweep()

        assert await scene.status(item) is Status.SENT

    play(tmp_path, scenario)


def test_a_held_message_is_left_to_a_person(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        item = await scene.accept(expires_in_s=5)
        await scene.store.lease("operator:three", 10)
        await scene.store.settle([Held(item, "link lost")], EventBatch(scene.clock.us))
        scene.pass_s(100)

        await scene.sweeper.sweep()

        assert await scene.status(item) is Status.HELD

    play(tmp_path, scenario)


def test_a_parked_report_that_slipped_through_is_found_by_the_net(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        item = await scene.accept()
        await scene.store.lease("operator:three", 10)
        await scene.report("A1", Status.DELIVERED)
        assert scene.store.parked_reports == 1
        # As if there had been more of them than memory keeps.
        scene.store._memory.early = Early()
        await scene.sent(item, "A1")
        assert await scene.status(item) is Status.SENT

        scene.pass_s(10)
        await scene.sweeper.sweep()

        assert await scene.status(item) is Status.DELIVERED
        assert scene.store.parked_reports == 0
        (event,) = [line for line in await scene.told() if line[1] == "dr_matched"]
        assert event[9].endswith("found by the sweep")

    play(tmp_path, scenario)


def test_a_parked_report_of_long_ago_is_not_taken_for_one_about_a_new_message(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        await scene.report("A1", Status.DELIVERED)
        scene.pass_s(2 * 3_600)
        item = await scene.accept()
        await scene.store.lease("operator:three", 10)

        await scene.sent(item, "A1")
        scene.pass_s(10)
        await scene.sweeper.sweep()

        assert await scene.status(item) is Status.SENT
        assert scene.store.parked_reports == 1

    play(tmp_path, scenario)


def test_keys_of_old_requests_are_forgotten_and_new_ones_kept(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        now_ms = scene.clock.us // 1000
        old = [Once(number, b"old %d" % number, b"", b"", now_ms + 1_000) for number in range(600)]
        new = Once(600, b"new", b"asked", b"answer", now_ms + 86_400_000)
        await scene.store.accept_once([*old, new], EventBatch(scene.clock.us))
        scene.pass_s(2)

        await scene.sweeper.sweep()

        left = await scene.store.kept([*(once.key for once in old), b"new"], now_ms)
        assert set(left) == {b"new"}

    play(tmp_path, scenario)


def test_failed_callbacks_are_forgotten_with_the_history_of_their_days(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        async def fail() -> int:
            number = scene.ids.next(scene.clock.us // 1000)
            message = Message(number, Direction.MO, "acme", "three", 1, 1, HANDSET, 0, 1, "12345", b"HI")
            await scene.store.accept([Item("callback:acme", 0, "", 0, number, message)], EventBatch(scene.clock.us))
            leased = await scene.store.lease("callback:acme", 10)
            await scene.store.settle([GivenUp(leased[0], "HTTP 500", scene.clock.us)], EventBatch(scene.clock.us))
            return number

        old = await fail()
        scene.pass_s(29 * 86_400)
        young = await fail()
        scene.pass_s(2 * 86_400)

        await scene.sweeper.sweep()

        assert [each.id for each in await scene.store.failed_callbacks()] == [young]
        life = await scene.store.find(old)
        assert life is not None
        assert life.status is Status.FAILED

    play(tmp_path, scenario)

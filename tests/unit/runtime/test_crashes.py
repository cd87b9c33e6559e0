"""What becomes of items that crash their reader, over a real store."""

import asyncio
from pathlib import Path

from chappe.model.events import EventBatch
from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message
from chappe.runtime.crashes import CRASHES, PAUSES_MS, CrashCount, CrashDesk
from chappe.runtime.supervisor import Crash
from chappe.store.sqlite.engine import SqliteStore

QUEUE = "operator:three"
START_US = 1_800_000_000_000_000


class FakeClock:
    """Stands still until told otherwise."""

    def __init__(self) -> None:
        self.us = START_US

    def utc_us(self) -> int:
        return self.us

    def monotonic(self) -> float:
        return self.us / 1e6


def item(number: int = 1) -> Item:
    message = Message(number, Direction.MT, "acme", "", 1, 1, "SHOP", 1, 1, "37120000001", b"hi")
    return Item(QUEUE, 1, "acme", 0, number, message)


class Scene:
    """A store with one leased item, and the desk for its crashes."""

    def __init__(self, folder: Path, *, is_begun: bool = False) -> None:
        self.clock = FakeClock()
        self.store = SqliteStore(folder / "chappe.db", version="test", clock_us=self.clock.utc_us)
        self.store.open()
        self.held: list[int] = []
        self.desk = CrashDesk(
            self.store, self.clock, is_begun=lambda _: is_begun, ended=lambda item: self.held.append(item.id)
        )
        self._work = asyncio.create_task(self.desk.run())

    async def crash(self, crashing: Item) -> None:
        self.desk.add(Crash(crashing, "ValueError: no such number", "Traceback …"))
        for _ in range(5):
            await asyncio.sleep(0)

    async def lease_after_ms(self, milliseconds: int) -> list[Item]:
        self.clock.us += milliseconds * 1000
        return await self.store.lease(QUEUE, 10)

    async def close(self) -> None:
        self._work.cancel()
        await self.store.close()


def test_an_item_is_held_when_it_crashes_its_reader_for_the_third_time(tmp_path: Path) -> None:
    async def scenario() -> None:
        scene = Scene(tmp_path)
        await scene.store.accept([item()], EventBatch(START_US))
        (leased,) = await scene.store.lease(QUEUE, 10)
        for pause_ms in PAUSES_MS:
            await scene.crash(leased)
            assert await scene.lease_after_ms(pause_ms - 1) == []
            (leased,) = await scene.lease_after_ms(2)
            assert scene.store.held_messages == 0

        await scene.crash(leased)

        assert (scene.store.held_messages, scene.held, leased.attempts) == (1, [1], 0)
        assert await scene.lease_after_ms(60_000) == []
        assert [each.messages for each in scene.store.depths()] == [0]
        await scene.close()

    asyncio.run(scenario())


def test_what_may_have_left_already_is_held_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        scene = Scene(tmp_path, is_begun=True)
        await scene.store.accept([item()], EventBatch(START_US))
        (leased,) = await scene.store.lease(QUEUE, 10)

        await scene.crash(leased)

        assert scene.store.held_messages == 1
        await scene.close()

    asyncio.run(scenario())


def test_crashes_are_counted_for_each_item_by_itself() -> None:
    counts = CrashCount()

    assert [counts.crashed(item(1)) for _ in range(CRASHES)] == [1, 2, 3]
    assert counts.crashed(item(2)) == 1
    assert counts.crashed(item(1)) == 1

"""Doubts over a real store: what answers that come late make of messages that wait again."""

import asyncio
from pathlib import Path

from chappe.model.events import EventBatch
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message
from chappe.operators.doubts import Doubts
from chappe.operators.handset_order import MessageOrder
from chappe.operators.link import InFlight
from chappe.operators.open_parts import OpenParts
from chappe.operators.shape import Wire
from chappe.operators.terms import SendingTerms
from chappe.rules.retry import RefusalRules
from chappe.store.sqlite.engine import SqliteStore
from chappe.wire.smpp.statuses import status_name

QUEUE = "operator:three"
START_US = 1_800_000_000_000_000


class FakeClock:
    """Stands still."""

    def utc_us(self) -> int:
        return START_US

    def monotonic(self) -> float:
        return START_US / 1e6


class Scene:
    """A store with one message in flight."""

    async def open(self, folder: Path) -> InFlight:
        clock = FakeClock()
        self.store = SqliteStore(folder / "chappe.db", version="test", clock_us=clock.utc_us)
        self.store.open()
        terms = SendingTerms(Wire(), RefusalRules(frozenset(), frozenset()))
        self.doubts = Doubts(
            "three", terms, self.store, clock, OpenParts(), MessageOrder(self.store, clock), IdMaker(1),
            links=list, status_name=status_name, holds=lambda _: False, forget=lambda _: None,
        )  # fmt: skip
        self._work = asyncio.create_task(self.doubts.run())
        message = Message(1, Direction.MT, "acme", "", 1, 1, "SHOP", 1, 1, "37120000001", b"hi")
        await self.store.accept([Item(QUEUE, 1, "acme", 0, 1, message)], EventBatch(START_US))
        return InFlight((await self.store.lease(QUEUE, 1))[0])

    async def settled(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    async def told(self) -> list[str]:
        lines = [line for block in await self.store.blocks_after(0) for line in block.lines.decode().splitlines()]
        return [f"{line.split(',')[1]}: {line.split(',')[9]}" for line in lines]

    async def status(self) -> Status:
        life = await self.store.find(1)
        assert life is not None
        return life.status

    async def close(self) -> None:
        self._work.cancel()
        await self.store.close()


def test_a_late_no_is_told_and_leaves_the_message_where_it_waits(tmp_path: Path) -> None:
    async def scenario() -> None:
        scene = Scene()
        flight = await scene.open(tmp_path)
        scene.doubts.lose(flight, "no response in time", is_slow=True)
        await scene.settled()

        scene.doubts.answer(flight, 0x45, "")
        await scene.settled()

        assert await scene.status() is Status.QUEUED
        assert await scene.told() == [
            "mt_deferred: no response in time",
            "pdu_refused: late response ESME_RSUBMITFAIL",
        ]
        await scene.close()

    asyncio.run(scenario())


def test_a_yes_in_the_moment_of_the_doubt_is_all_that_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        scene = Scene()
        flight = await scene.open(tmp_path)

        scene.doubts.lose(flight, "no response in time", is_slow=True)
        scene.doubts.answer(flight, 0, "A1")
        await scene.settled()

        assert await scene.status() is Status.SENT
        assert await scene.told() == ["mt_sent: late response"]
        assert scene.doubts.unsettled == 0
        await scene.close()

    asyncio.run(scenario())

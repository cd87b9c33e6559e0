"""Finished lives and copied event blocks move to history: copied, then deleted, once whatever is cut short."""

from __future__ import annotations

import asyncio
import io
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message
from chappe.store.port import Ended, Report, Sent
from chappe.store.sqlite import mover, moving
from chappe.store.sqlite.engine import SqliteStore
from chappe.store.sqlite.history import days, path_of
from chappe.store.sqlite.mover import Mover, Order, serve
from chappe.store.sqlite.moving import HistoryMoves, steps

START_US = 1_800_000_000_000_000
DAY_US = 86_400_000_000
HANDSET = "37120000001"


class Scene:
    """A store with a clock of its own, its mover, and the deletion of what was moved."""

    def __init__(self, folder: Path, now_us: int = START_US) -> None:
        self.folder = folder
        self.now_us = now_us
        self.store = SqliteStore(folder / "chappe.db", version="test", clock_us=lambda: self.now_us)
        self.store.open()
        self.ids = IdMaker(self.store.run, last_id=self.store.last_id)
        self.moves = HistoryMoves(self.store, 30)

    async def deliver(self, reference: str, *, parts: int = 1) -> int:
        """One whole life."""
        number = self.ids.next(self.now_us // 1000)
        message = Message(number, Direction.MT, "acme", "", 1, 1, "SHOP", 1, 1, HANDSET, b"hi", parts=parts)
        item = Item("operator:three", 1, "acme", 0, number, message)
        events = EventBatch(self.now_us)
        events.add(EventName.MT_ACCEPTED, number, "acme")
        await self.store.accept([item], events)
        (leased,) = await self.store.lease("operator:three", 1)
        names = [f"{reference}{part}" for part in range(1, parts + 1)] if parts > 1 else [reference]
        sent = [Sent(leased, "three", name, self.now_us, part) for part, name in enumerate(names, 1)]
        await self.store.settle(sent, EventBatch(self.now_us))
        await self.report(*names)
        return number

    async def deliver_nothing(self) -> int:
        """One message that waits."""
        number = self.ids.next(self.now_us // 1000)
        message = Message(number, Direction.MT, "acme", "", 1, 1, "SHOP", 1, 1, HANDSET, b"hi")
        await self.store.accept([Item("operator:three", 1, "acme", 0, number, message)], self.events())
        return number

    def events(self) -> EventBatch:
        return EventBatch(self.now_us)

    async def report(self, *references: str) -> None:
        reports = [
            Report(
                self.ids.next(self.now_us // 1000), "three", (each,), HANDSET, Status.DELIVERED, "DELIVRD", "000",
                self.now_us // 1000,
            )
            for each in references
        ]  # fmt: skip
        await self.store.report(reports, EventBatch(self.now_us))

    async def rest(self) -> None:
        """Time passes until references are on disk and copies have taken every event."""
        self.now_us += 200_000_000
        for _ in range(8):
            await self.note()
        newest = (await self.store.blocks_after(0, 100_000))[-1].seq
        await self.store.advance("events", newest, "")
        await self.store.advance("counters", newest, "")

    async def note(self) -> None:
        events = EventBatch(self.now_us)
        events.add(EventName.LINK_UP, operator="three")
        await self.store.record(events)

    def move(self) -> Order:
        return Mover(self.folder, "chappe.db", 30).move(self.now_us)

    def count(self, table: str) -> int:
        return int(self.store._file.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def history(self, query: str) -> list[tuple[object, ...]]:
        found: list[tuple[object, ...]] = []
        for day in days(self.folder):
            connection = sqlite3.connect(path_of(self.folder, day))
            found += connection.execute(query).fetchall()
            connection.close()
        return found


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "STEP_PAUSE_S", 0.0)


def play(folder: Path, scenario: Callable[[Scene], Awaitable[None]]) -> None:
    async def run() -> None:
        scene = Scene(folder)
        await scenario(scene)
        await scene.store.close()

    asyncio.run(run())


def test_a_finished_life_moves_and_is_found_as_it_was(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        number = await scene.deliver("A1")
        before = await scene.store.find(number)
        await scene.rest()

        await scene.moves.forget(scene.move())

        assert (scene.count("messages"), scene.count("finished")) == (0, 0)
        found = await scene.store.find(number)
        assert found is not None
        assert before is not None
        assert found == before
        assert await scene.store.find(number + 1) is None

    play(tmp_path, scenario)


def test_open_and_young_lives_stay(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        await scene.deliver("A1")
        await scene.rest()
        young = await scene.deliver("A2")
        number = scene.ids.next(scene.now_us // 1000)
        message = Message(number, Direction.MT, "acme", "", 1, 1, "SHOP", 1, 1, HANDSET, b"hi")
        item = Item("operator:three", 1, "acme", 0, number, message)
        await scene.store.accept([item], EventBatch(scene.now_us))

        await scene.moves.forget(scene.move())

        left = {row[0] for row in scene.store._file.connection.execute("SELECT id FROM messages")}
        assert left == {young, number}

    play(tmp_path, scenario)


def test_a_life_that_was_never_sent_moves_too(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        number = scene.ids.next(scene.now_us // 1000)
        message = Message(number, Direction.MT, "acme", "", 1, 1, "SHOP", 1, 1, HANDSET, b"hi")
        item = Item("operator:three", 1, "acme", 0, number, message)
        await scene.store.accept([item], EventBatch(scene.now_us))
        (leased,) = await scene.store.lease("operator:three", 1)
        await scene.store.settle([Ended(leased, Status.REJECTED, "00B", scene.now_us)], EventBatch(scene.now_us))
        await scene.rest()

        await scene.moves.forget(scene.move())

        assert scene.count("messages") == 0
        found = await scene.store.find(number)
        assert found is not None
        assert (found.status, found.error) == (Status.REJECTED, "00B")

    play(tmp_path, scenario)


def test_a_long_message_moves_with_its_parts(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        number = await scene.deliver("P", parts=3)
        await scene.rest()

        await scene.moves.forget(scene.move())

        assert scene.count("parts") == 0
        found = await scene.store.find(number)
        assert found is not None
        assert found.parts == [Status.DELIVERED] * 3
        assert len(scene.history("SELECT id FROM by_operator_ref")) == 3

    play(tmp_path, scenario)


def test_a_move_cut_short_before_the_deletion_is_repeated_without_doubling(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        numbers = [await scene.deliver(f"A{each}") for each in range(5)]
        await scene.rest()
        scene.move()
        scene.move()
        order = scene.move()
        await scene.moves.forget(order)
        await scene.moves.forget(order)

        assert [row[0] for row in scene.history("SELECT id FROM lives ORDER BY id")] == numbers
        assert len(scene.history("SELECT * FROM by_msisdn")) == 5
        assert scene.count("messages") == 0

    play(tmp_path, scenario)


def test_events_are_in_history_or_in_the_hot_file_and_their_numbers_have_no_gap(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        for each in range(4):
            await scene.deliver(f"A{each}")
        await scene.rest()
        all_before = await scene.store.blocks_after(0, 100_000)
        await scene.moves.forget(scene.move())
        hot = [block.seq for block in await scene.store.blocks_after(0, 100_000)]
        assert len(hot) == 1
        await scene.note()

        moved = scene.history("SELECT first_seq, last_seq, events FROM blocks ORDER BY first_seq")
        assert moved[0][0] == 1
        assert moved[-1][1] == hot[0] - 1
        assert sum(int(str(row[2])) for row in moved) == sum(sum(b.counts.values()) for b in all_before[:-1])
        assert (await scene.store.blocks_after(0))[-1].seq == all_before[-1].seq + 1

    async def after_a_restart(scene: Scene) -> None:
        newest = (await scene.store.blocks_after(0))[-1].seq
        await scene.note()
        assert (await scene.store.blocks_after(0))[-1].seq == newest + 1

    play(tmp_path, scenario)
    play(tmp_path, after_a_restart)


def test_events_that_a_copy_has_not_taken_stay(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        await scene.deliver("A1")
        await scene.store.advance("counters", 3, "")

        assert scene.move().blocks_until == 0
        await scene.store.advance("events", 1, "")
        assert scene.move().blocks_until == 1

    play(tmp_path, scenario)


def test_a_repeated_report_after_the_move_is_told_and_parks_nothing(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        number = await scene.deliver("A1")
        await scene.rest()
        await scene.moves.forget(scene.move())

        await scene.report("A1")

        assert scene.store.parked_reports == 0
        line = (await scene.store.blocks_after(0, 100_000))[-1].lines.decode().splitlines()[-1]
        assert line.split(",")[1:3] == ["dr_repeated", str(number)]

    play(tmp_path, scenario)


def test_days_past_retention_are_dropped_whole(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        number = await scene.deliver("A1")
        await scene.rest()
        await scene.moves.forget(scene.move())
        assert days(tmp_path) == [datetime.fromtimestamp(START_US / 1e6, UTC).date()]

        scene.now_us += 32 * DAY_US
        scene.move()

        assert days(tmp_path) == []
        assert await scene.store.find(number) is None

    play(tmp_path, scenario)


def test_references_past_retention_are_forgotten_but_never_the_newest(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        connection = scene.store._file.connection
        old_us = scene.now_us - 31 * DAY_US
        connection.execute("INSERT INTO reference_generations VALUES (1, 1, ?), (2, 1, ?)", (old_us, old_us))
        connection.execute("INSERT INTO refs VALUES (1, 5, 5, 1, 5), (2, 6, 6, 1, 6)")

        order = scene.move()
        await scene.moves.forget(order)

        assert order.generations == [1]
        assert connection.execute("SELECT generation FROM refs").fetchall() == [(2,)]
        assert connection.execute("SELECT generation FROM reference_generations").fetchall() == [(2,)]

    play(tmp_path, scenario)


def test_the_mover_takes_what_rested_at_its_start_then_waits_for_a_bulk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def moved(answers: str) -> list[str]:
        told = io.StringIO()
        serve(Mover(tmp_path, "chappe.db", 36_500), io.StringIO(answers), told, pause=lambda seconds: None)
        return told.getvalue().splitlines()

    async def scenario(scene: Scene) -> None:
        await scene.deliver("A1")
        await scene.rest()

        first, second = moved("done\n")

        assert '"finished":[[1,1]]' in first
        assert '"finished":[]' in second
        monkeypatch.setattr(mover, "MOVE_LIVES", 1)
        assert '"finished":[[1,1]]' in moved("")[0]

    now_us = int(datetime.now(UTC).timestamp() * 1e6) - 1_000_000_000
    asyncio.run(_at(tmp_path, now_us, scenario))


async def _at(folder: Path, now_us: int, scenario: Callable[[Scene], Awaitable[None]]) -> None:
    scene = Scene(folder, now_us)
    await scenario(scene)
    await scene.store.close()


def test_ranges_are_deleted_in_small_steps() -> None:
    assert steps([(1, 1_200), (1_300, 1_300)], 500) == [(1, 500), (501, 1_000), (1_001, 1_200), (1_300, 1_300)]


def test_a_real_mover_process_moves_and_dies_with_the_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(scene: Scene) -> None:
        orders: list[Order] = []
        heard = asyncio.Event()

        async def forget(order: Order) -> None:
            orders.append(order)
            heard.set()

        monkeypatch.setattr(scene.moves, "forget", forget)
        work = asyncio.create_task(scene.moves.run())
        await asyncio.wait_for(heard.wait(), 30)
        process = scene.moves._process
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

        assert orders[0] == Order()
        assert process is not None
        assert process.returncode is not None

    play(tmp_path, scenario)

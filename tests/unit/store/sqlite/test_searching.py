"""Searching the hot file and history together: each message once, in order, however the windows fall."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from datetime import date
from pathlib import Path

import msgspec
import pytest

from chappe.model.ids import first_id_at, made_at_ms
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Message
from chappe.store.bodies import pack
from chappe.store.port import Overloaded, Search, StoreAway
from chappe.store.sqlite import asking, search_process, searching
from chappe.store.sqlite.asking import Asking
from chappe.store.sqlite.history import Finished, HistoryDay, day_of, path_of
from chappe.store.sqlite.opening import connect
from chappe.store.sqlite.search_process import FindMessages
from chappe.store.sqlite.searching import Searcher

START_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
NAMES = {1: "acme", 2: "other", 3: "three"}
HANDSETS = ("37120000001", "37120000002", "37129999999")
STATUSES = (Status.DELIVERED, Status.FAILED, Status.EXPIRED)


class World:
    """Messages of two clients over some days, some hot, some in history, some just on their way there."""

    def __init__(self, folder: Path, seed: int, messages: int = 300) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        self.messages: dict[int, tuple[Message, Status]] = {}
        self.hot = connect(folder / "chappe.db")
        self.hot.executemany("INSERT INTO names VALUES (?, ?)", NAMES.items())
        moved: list[Message] = []
        for number in range(messages):
            moved += self.add(first_id_at(START_MS + self.chance.randrange(80 * HOUR_MS)) + number)
        self.copy(moved)

    def add(self, number: int) -> list[Message]:
        chance = self.chance
        direction = chance.choice((Direction.MT, Direction.MT, Direction.MO))
        client, handset = chance.choice(("acme", "acme", "other")), chance.choice(HANDSETS)
        ours, theirs = "SHOP", handset
        source, dest = (ours, theirs) if direction is Direction.MT else (theirs, "12345")
        operator = "three" if direction is Direction.MO else ""
        reference = chance.choice(("", "order-1", "order-2")) if direction is Direction.MT else ""
        message = Message(number, direction, client, operator, 1, 1, source, 1, 1, dest, b"hi", reference=reference)
        status = chance.choice(STATUSES) if direction is Direction.MT else Status.DELIVERED
        self.messages[number] = (message, status)
        place = chance.choice(("hot", "history", "both"))
        if place != "history":
            self.lay_hot(message, status)
        return [message] if place != "hot" else []

    def lay_hot(self, message: Message, status: Status) -> None:
        client = 1 if message.client == "acme" else 2
        operator = 3 if message.operator or message.id % 2 else None
        sent_at_us = 1 if message.direction is Direction.MT and operator else 0
        self.hot.execute(
            "INSERT INTO messages (id, client, status, queue, priority, lane, due_at_ms, operator, sent_at_us, body)"
            " VALUES (?, ?, ?, 3, 0, 1, 0, ?, ?, ?)",
            (message.id, client, int(status), operator, sent_at_us, pack(message)),
        )

    def copy(self, messages: list[Message]) -> None:
        by_day: dict[date, list[Finished]] = {}
        for message in messages:
            sent_at_us = 1 if message.direction is Direction.MT else 0
            life = Finished(
                message.id, message.client, "three", int(self.messages[message.id][1]), message.handset, message.number,
                message.reference, f"R{message.id}", sent_at_us, 2, "", pack(message),
            )  # fmt: skip
            by_day.setdefault(day_of(made_at_ms(message.id) / 1000), []).append(life)
        for when, lives in by_day.items():
            day = HistoryDay(path_of(self.folder, when))
            day.add(lives[::2], [])
            day.add(lives, [])
            day.close()

    def forget(self, number: int) -> None:
        self.hot.execute("DELETE FROM messages WHERE id = ?", (number,))

    def wanted(self, search: Search) -> list[int]:
        return [
            number
            for number, (message, status) in sorted(self.messages.items(), reverse=True)
            if message.client == search.client
            and message.direction is search.direction
            and search.to in ("", message.dest)
            and search.source in ("", message.source)
            and search.reference in ("", message.reference)
            and (not search.statuses or status in search.statuses)
            and number >= search.from_id
        ]

    def searches(self) -> list[Search]:
        middle = first_id_at(START_MS + 40 * HOUR_MS)
        return [
            Search("acme", Direction.MT),
            Search("acme", Direction.MT, limit=7),
            Search("other", Direction.MO, limit=3),
            Search("acme", Direction.MT, to=HANDSETS[0], limit=5),
            Search("acme", Direction.MT, source="SHOP", reference="order-1", limit=4),
            Search("acme", Direction.MO, source=HANDSETS[1], limit=2),
            Search("acme", Direction.MO, to="12345"),
            Search("acme", Direction.MT, statuses=(Status.FAILED, Status.EXPIRED), limit=6),
            Search("acme", Direction.MT, to=HANDSETS[2], statuses=(Status.FAILED,), from_id=middle),
            Search("nobody", Direction.MT),
        ]


def all_pages(searcher: Searcher, search: Search) -> tuple[list[int], int]:
    found: list[int] = []
    pages = 0
    while True:
        page = searcher.search(search)
        pages += 1
        assert len(page.lives) <= search.limit
        found += [life.id for life in page.lives]
        if not page.next_before_id:
            return found, pages
        assert page.next_before_id < (search.before_id or 1 << 63)
        search = msgspec.structs.replace(search, before_id=page.next_before_id)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("window", [3, 40, 2_000])
def test_each_message_is_found_once_and_in_order_however_the_windows_fall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, window: int
) -> None:
    monkeypatch.setattr(searching, "WINDOW_ROWS", window)
    world = World(tmp_path, seed)
    searcher = Searcher(world.hot, tmp_path, max_rows=window * 4)

    for search in world.searches():
        assert all_pages(searcher, search)[0] == world.wanted(search), search


def test_what_moves_between_two_looks_is_seen_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "WINDOW_ROWS", 5)
    world = World(tmp_path, 1)
    hot_before = searching._history_lives

    def moving_meanwhile(history: sqlite3.Connection, *rest: object) -> object:
        """Between the look into the hot file and that into history something was copied, then deleted."""
        (number,) = world.hot.execute("SELECT id FROM messages ORDER BY random() LIMIT 1").fetchone() or (0,)
        if number:
            world.copy([world.messages[number][0]])
            world.forget(number)
        return hot_before(history, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(searching, "_history_lives", moving_meanwhile)

    search = Search("acme", Direction.MT, limit=9)

    assert all_pages(Searcher(world.hot, tmp_path), search)[0] == world.wanted(search)


def test_a_call_ends_when_it_has_looked_at_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "WINDOW_ROWS", 10)
    world = World(tmp_path, 3)
    search = Search("acme", Direction.MT, statuses=(Status.CANCELLED,))

    found, pages = all_pages(Searcher(world.hot, tmp_path, max_rows=50), search)

    assert found == []
    assert pages > 4


# -- the process ------------------------------------------------------------------------------------------------------


def test_a_search_process_that_was_killed_is_started_anew(tmp_path: Path) -> None:
    world = World(tmp_path, 4, messages=20)
    search = Search("acme", Direction.MT)

    async def scenario() -> None:
        asked = Asking(tmp_path / "chappe.db")
        first = await asked.ask(FindMessages(search))
        assert asked._process is not None
        asked._process.kill()
        await asked._process.wait()

        second = await asked.ask(FindMessages(search))

        assert first == second
        assert second.page is not None
        assert [life.id for life in second.page.lives] == world.wanted(search)
        await asked.close()

    asyncio.run(scenario())


def test_a_store_that_is_not_there_is_away(tmp_path: Path) -> None:
    async def scenario() -> None:
        asked = Asking(tmp_path / "nothing.db")
        with pytest.raises(StoreAway):
            await asked.ask(FindMessages(Search("acme", Direction.MT)))
        await asked.close()

    asyncio.run(scenario())


def test_a_client_that_asks_without_end_is_refused_and_another_has_its_turn(tmp_path: Path) -> None:
    World(tmp_path, 5, messages=5)
    question = FindMessages(Search("acme", Direction.MT))

    async def scenario() -> None:
        asked = Asking(tmp_path / "chappe.db")
        greedy = [asyncio.create_task(asked.ask(question, "greedy")) for _ in range(asking.MAX_WAITING_OF_CLIENT + 3)]
        other = asyncio.create_task(asked.ask(question, "other"))

        outcomes = await asyncio.gather(*greedy, return_exceptions=True)

        assert [isinstance(each, Overloaded) for each in outcomes] == [False] * asking.MAX_WAITING_OF_CLIENT + [
            True
        ] * 3
        assert (await other).page is not None
        await asked.ask(question, "greedy")
        await asked.close()

    asyncio.run(scenario())


def test_whoever_gives_up_waiting_leaves_no_answer_for_the_next_one(tmp_path: Path) -> None:
    World(tmp_path, 6, messages=20)

    async def scenario() -> None:
        asked = Asking(tmp_path / "chappe.db")
        impatient = asyncio.create_task(asked.ask(FindMessages(Search("acme", Direction.MT))))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        impatient.cancel()

        answer = await asked.ask(FindMessages(Search("nobody", Direction.MT)))

        assert answer.page is not None
        assert answer.page.lives == []
        await asked.close()

    asyncio.run(scenario())


def test_a_fault_of_the_files_is_told_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "chappe.db").write_bytes(b"no database" * 100)

    told = search_process.answer(tmp_path / "chappe.db", FindMessages(Search("acme", Direction.MT)))

    assert "file is not a database" in told.fault

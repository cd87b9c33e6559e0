"""Finding messages for people: what fits is found once and in order, wherever it lies and however pages end."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from test_searching import HANDSETS, HOUR_MS, START_MS, World

from chappe.model.ids import first_id_at
from chappe.model.lifecycle import Status
from chappe.model.message import Message
from chappe.store.bodies import pack
from chappe.store.sqlite import finding
from chappe.store.sqlite.finding import Finder
from chappe.store.sqlite.history import days, path_of
from chappe.store.sqlite.hot_index import HotIndex
from chappe.store.sqlite.opening import connect
from chappe.store.sqlite.reader import SqliteReader
from chappe.store.views import Look, is_known_by


def us(hours: int) -> int:
    return (START_MS + hours * HOUR_MS) * 1000


LOOKS = [
    Look(),
    Look(limit=7),
    Look(HANDSETS[0], limit=9),
    Look("+371 2000-0002", client="acme", limit=4),
    Look("order-1", statuses=(Status.FAILED,), limit=3),
    Look(HANDSETS[2], from_us=us(20), until_us=us(60)),
    Look(client="other", limit=11),
    Look(client="acme", statuses=(Status.FAILED, Status.EXPIRED), limit=5),
    Look(statuses=(Status.DELIVERED,), direction="mt", until_us=us(40), limit=13),
    Look(statuses=(Status.EXPIRED,)),
    Look(direction="mo", limit=6),
    Look(direction="mo", client="other", operator="three", from_us=us(30)),
    Look(operator="three", limit=17),
    Look("nobody knows this"),
    Look(client="nobody"),
]


def wanted(world: World, look: Look) -> list[int]:
    """By going through everything."""
    low, high = look.ids

    def fits(message: Message, status: Status) -> bool:
        # History of this world says "three" of every life, the hot file only of some: see `World`.
        return (
            low <= message.id < high
            and (not look.text or is_known_by(message, look.text))
            and look.client in ("", message.client)
            and look.direction in ("", message.direction.name.lower())
            and (not look.statuses or status in look.statuses)
        )

    return [number for number, told in sorted(world.messages.items(), reverse=True) if fits(*told)]


def pages(world: World, look: Look, **how: object) -> list[int]:
    """All pages one after the other; each brings the next one further."""
    found: list[int] = []
    for _ in range(10_000):
        page = Finder(world.hot, world.folder, look, **how).page()  # type: ignore[arg-type]
        assert len(page.lives) <= look.limit
        found += [each.id for each in page.lives]
        if not page.before_id:
            return found
        assert page.before_id < (look.before_id or 1 << 63)
        look = msgspec.structs.replace(look, before_id=page.before_id)
    raise AssertionError("the pages never end")


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("is_lasting", [False, True])
def test_what_fits_is_found_once_and_in_order(tmp_path: Path, seed: int, is_lasting: bool) -> None:
    world = World(tmp_path, seed, messages=200)
    index = HotIndex() if is_lasting else None

    for look in LOOKS:
        if look.operator:
            continue
        assert pages(world, look, index=index) == wanted(world, look), look


def test_an_operator_narrows_what_is_found(tmp_path: Path) -> None:
    world = World(tmp_path, 5)
    found = pages(world, Look(operator="three"))
    kept = {row[0] for row in world.hot.execute("SELECT id FROM messages WHERE operator = 3")}
    moved: set[int] = set()
    for day in days(tmp_path):
        with closing(sqlite3.connect(path_of(tmp_path, day))) as history:
            moved |= {row[0] for row in history.execute("SELECT id FROM lives")}

    assert found == sorted(kept | moved, reverse=True)
    assert pages(world, Look(operator="nobody")) == []


def test_pages_that_have_no_time_come_to_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "WINDOW_ROWS", 10)
    world = World(tmp_path, 4, messages=120)

    def hurried() -> Callable[[], float]:
        ticks = itertools.count()
        return lambda: next(ticks)

    for look in LOOKS[:-3]:
        assert pages(world, look, budget_s=0.0, clock=hurried()) == wanted(world, look), look


def test_history_of_earlier_releases_is_found_without_its_facts(tmp_path: Path) -> None:
    world = World(tmp_path, 6)
    for day in days(tmp_path):
        with closing(sqlite3.connect(path_of(tmp_path, day))) as history:
            history.executescript("DROP TABLE by_fact; DROP TABLE runs_with_facts;")

    for look in LOOKS:
        if not look.operator:
            assert pages(world, look) == wanted(world, look), look


def test_an_id_is_found_in_either_form_whatever_else_there_is(tmp_path: Path) -> None:
    world = World(tmp_path, 7)
    for number in list(world.messages)[::40]:
        assert pages(world, Look(str(number))) == [number]
        assert pages(world, Look(f"{number:x}"), index=HotIndex()) == [number]


def test_what_only_the_operator_named_so_is_found(tmp_path: Path) -> None:
    world = World(tmp_path, 8)
    (number,) = world.hot.execute("SELECT max(id) FROM messages").fetchone()
    world.hot.execute("UPDATE messages SET operator_ref = 'smsc-77' WHERE id = ?", (number,))

    assert pages(world, Look("smsc-77")) == [number]
    assert pages(world, Look("smsc-77"), index=HotIndex()) == [number]


# -- the index of the hot file --------------------------------------------------------------------------------------


def lay(world: World, number: int, handset: str = HANDSETS[0]) -> None:
    message, status = next(iter(world.messages.values()))
    world.lay_hot(msgspec.structs.replace(message, id=number, source=handset, dest=handset), status)


def test_what_became_visible_late_is_found_too(tmp_path: Path) -> None:
    world, index, new = World(tmp_path, 1), HotIndex(), "4479000000"
    later = first_id_at(START_MS + 90 * HOUR_MS)
    lay(world, later)
    index.follow(world.hot)
    lay(world, later - 1_000, new)
    index.follow(world.hot)
    lay(world, later + 1_000, new)
    index.follow(world.hot)

    assert index.find(new) == [later + 1_000, later - 1_000]


def test_what_has_moved_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chappe.store.sqlite.hot_index.SLACK_KEYS", 10)
    monkeypatch.setattr("chappe.store.sqlite.hot_index.RUN_LIVES", 20)
    hot, index = connect(tmp_path / "chappe.db"), HotIndex()
    hot.execute("PRAGMA synchronous = OFF")
    message, _ = next(iter(World(tmp_path / "other", 1).messages.values()))
    for number in range(1, 1_001):
        body = pack(msgspec.structs.replace(message, id=number))
        hot.execute(
            "INSERT INTO messages (id, client, status, queue, priority, lane, due_at_ms, body)"
            " VALUES (?, 1, 3, 3, 0, 1, 0, ?)",
            (number, body),
        )
        hot.execute("DELETE FROM messages WHERE id <= ?", (number - 30,))
        index.follow(hot)

    assert set(range(971, 1_001)) <= set(index.find(message.handset))
    assert len(index.find(message.handset)) < 150


def test_a_message_whose_octets_are_broken_stops_nobody(tmp_path: Path) -> None:
    world, index = World(tmp_path, 2), HotIndex()
    world.hot.execute("UPDATE messages SET body = x'c1' WHERE id = (SELECT max(id) FROM messages)")

    index.follow(world.hot)

    assert index.find(HANDSETS[0])
    assert pages(world, Look(HANDSETS[0], limit=5), index=index)


def test_a_lasting_reader_sees_what_comes_after_its_first_look(tmp_path: Path) -> None:
    world = World(tmp_path, 3)
    reader = SqliteReader(tmp_path, is_lasting=True)
    reader.follow()
    lay(world, first_id_at(START_MS + 95 * HOUR_MS), "4479000001")

    assert [view.msisdn for view in reader.look(Look("4479000001")).lives] == ["4479000001"]

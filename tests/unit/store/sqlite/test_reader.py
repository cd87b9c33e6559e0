"""Reading a store from outside: messages by any of their names, whole lives, backups and faults."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest
from test_history_moves import HANDSET, Scene

from chappe.cli.main import run
from chappe.model.errors import ResourceError
from chappe.model.ids import made_at_ms
from chappe.store.port import Held
from chappe.store.sqlite.copying import backup, findings
from chappe.store.sqlite.reader import SqliteReader, find_messages, held_items, life_events


@pytest.fixture
def numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A store with a life in history, one in the hot file and one held."""
    monkeypatch.setattr("chappe.store.sqlite.moving.STEP_PAUSE_S", 0.0)

    async def fill() -> dict[str, int]:
        scene = Scene(tmp_path / "data")
        moved = await scene.deliver("REF1")
        await scene.rest()
        await scene.moves.forget(scene.move())
        hot = await scene.deliver("L", parts=2)
        held = await scene.deliver_nothing()
        (item,) = await scene.store.lease("operator:three", 1)
        await scene.store.settle([Held(item, "link lost\nbefore the response")], scene.events())
        await scene.store.close()
        return {"moved": moved, "hot": hot, "held": held}

    return asyncio.run(fill())


def ids_of(folder: Path, text: str) -> list[int]:
    return [view.id for view in find_messages(folder / "data", text)]


def test_a_message_is_found_by_id_number_and_references_wherever_it_is(tmp_path: Path, numbers: dict[str, int]) -> None:
    moved, hot, held = numbers["moved"], numbers["hot"], numbers["held"]

    assert ids_of(tmp_path, str(moved)) == [moved]
    assert ids_of(tmp_path, f"{hot:x}") == [hot]
    assert ids_of(tmp_path, HANDSET) == [held, hot, moved]
    assert ids_of(tmp_path, "+371 20000001") == [held, hot, moved]
    assert ids_of(tmp_path, "REF1") == [moved]
    assert ids_of(tmp_path, "L1") == [hot]
    assert ids_of(tmp_path, "nobody") == []


def test_a_view_says_where_the_message_is_kept(tmp_path: Path, numbers: dict[str, int]) -> None:
    views = {view.id: view for view in find_messages(tmp_path / "data", HANDSET)}

    assert views[numbers["moved"]].history == "2027-01-15"
    assert views[numbers["hot"]].history == ""
    assert (views[numbers["hot"]].parts, views[numbers["hot"]].status) == (2, "delivered")


def test_a_life_is_told_from_its_events_in_order(tmp_path: Path, numbers: dict[str, int]) -> None:
    for name in ("moved", "hot"):
        events = [event["event"] for event in life_events(tmp_path / "data", numbers[name])]
        assert events[0] == "mt_accepted"
        assert events[-1] == "mt_delivered"
        assert "dr_matched" in events


def test_what_is_held_is_listed_with_its_reason(tmp_path: Path, numbers: dict[str, int]) -> None:
    (item,) = held_items(tmp_path / "data")

    assert (item.id, item.queue) == (numbers["held"], "operator:three")
    assert item.reason.startswith("link lost")


def test_no_store_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="no store at"):
        find_messages(tmp_path, "1")
    with pytest.raises(ResourceError, match="no store at"):
        list(findings(tmp_path))


def test_a_backup_holds_everything_and_agrees_with_itself(tmp_path: Path, numbers: dict[str, int]) -> None:
    data, dest = tmp_path / "data", tmp_path / "copy"
    (data / "events" / "2027-01-15").mkdir(parents=True)
    (data / "events" / "2027-01-15" / "08-box.csv").write_text("line\n")

    files = backup(data, dest)

    assert {path.name for path in files} == {"chappe.db", "2027-01-15.db", "08-box.csv"}
    assert [view.id for view in find_messages(dest, HANDSET)] == [numbers[name] for name in ("held", "hot", "moved")]
    assert list(findings(dest)) == []
    assert not (tmp_path / "copy.partial").exists()
    with pytest.raises(ResourceError, match="exists already"):
        backup(data, dest)


def test_a_backup_that_cannot_be_made_leaves_nothing_behind_its_name(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="no store at"):
        backup(tmp_path / "nowhere", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_sound_store_has_no_findings(tmp_path: Path, numbers: dict[str, int]) -> None:
    assert numbers
    assert list(findings(tmp_path / "data")) == []


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("INSERT INTO queue VALUES (1, 1, 1, 0, 4711, 0, NULL)", "queue row without its message: id 4711"),
        ("DELETE FROM held", "no list of held ones has it"),
        ("DELETE FROM finished", "will never move to history"),
        ("UPDATE event_blocks SET events = events + 1 WHERE seq = (SELECT max(seq) FROM event_blocks)", "and holds"),
        ("DELETE FROM event_blocks WHERE seq = (SELECT max(seq) - 1 FROM event_blocks)", "are missing"),
    ],
)
def test_each_fault_is_named(tmp_path: Path, numbers: dict[str, int], damage: str, told: str) -> None:
    assert numbers
    connection = sqlite3.connect(tmp_path / "data" / "chappe.db", isolation_level=None)
    connection.execute(damage)
    connection.close()

    assert any(told in line for line in findings(tmp_path / "data"))


def test_the_commands_print_what_was_found(
    tmp_path: Path, numbers: dict[str, int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    config = tmp_path / "chappe.toml"
    config.write_text(f'[gateway]\ndata_dir = "{tmp_path / "data"}"\n')

    assert run(["message", str(numbers["moved"]), "-c", str(config)]) == 0
    told = capsys.readouterr().out
    assert "delivered" in told
    assert "history of 2027-01-15" in told
    assert "accepted from the client" in told
    assert run(["message", HANDSET, "--json", "-c", str(config)]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3
    assert run(["message", "nobody", "-c", str(config)]) == 1
    assert run(["held", "-c", str(config)]) == 0
    assert str(numbers["held"]) in capsys.readouterr().out
    assert run(["store", "check", "-c", str(config)]) == 0
    assert run(["store", "backup", str(tmp_path / "copy"), "-c", str(config)]) == 0
    assert "verified" in capsys.readouterr().out


def test_a_life_is_whole_wherever_it_lies(tmp_path: Path, numbers: dict[str, int]) -> None:
    reader = SqliteReader(tmp_path / "data")
    moved, hot = reader.life(numbers["moved"]), reader.life(numbers["hot"])

    assert moved is not None
    assert hot is not None
    assert (moved.status.word, moved.operator_ref, moved.message is not None) == ("delivered", "REF1", True)
    assert hot.part_refs == ["L1", "L2"]
    assert reader.life(4711) is None
    assert reader.parked_reports() == []


def test_what_happened_long_ago_is_not_of_late(
    tmp_path: Path, numbers: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_s = made_at_ms(numbers["held"]) / 1000
    monkeypatch.setattr("chappe.store.sqlite.lately.time.time", lambda: at_s + 7_200)

    assert SqliteReader(tmp_path / "data").recent_events({"mt_accepted"}) == []


def test_what_happened_lately_is_told_once_in_order_also_when_it_has_moved(
    tmp_path: Path, numbers: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_s = made_at_ms(numbers["held"]) / 1000
    monkeypatch.setattr("chappe.store.sqlite.lately.time.time", lambda: at_s + 1)

    events = SqliteReader(tmp_path / "data").recent_events({"mt_accepted", "mt_delivered"})

    assert [event["time"] for event in events] == sorted(event["time"] for event in events)
    assert [event["event"] for event in events if event["id"] == str(numbers["moved"])] == [
        "mt_accepted",
        "mt_delivered",
    ]

"""Where event files lie, and where a new store begins among them."""

from __future__ import annotations

from pathlib import Path

from memory_source import HOUR_US, NOON_US

from chappe.observe.event_paths import (
    PACKED,
    PLAIN,
    Position,
    first_position,
    path_after,
    path_at,
    paths_of,
    position_of,
)


def write(folder: Path, path: str, octets: bytes = b"") -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(octets)


def test_a_file_is_named_by_day_hour_and_node_in_utc() -> None:
    assert path_at(NOON_US, "box1") == "2026-01-16/12-box1.csv"
    assert path_at(NOON_US + 12 * HOUR_US, "box1") == "2026-01-17/00-box1.csv"


def test_the_hour_after_the_last_of_a_year_is_in_the_next() -> None:
    assert path_after("2026-12-31/23-box1.csv", "box1") == "2027-01-01/00-box1.csv"


def test_a_place_reads_as_it_was_written() -> None:
    place = Position(7, "2026-01-16/12-box1.csv", 4711)

    assert place.text == "2026-01-16/12-box1.csv:4711"
    assert position_of(7, place.text) == place
    assert position_of(0, Position().text) == Position()


def test_files_of_other_nodes_and_foreign_files_are_not_ours(tmp_path: Path) -> None:
    for path in ("2026-01-16/12-b.csv", "2026-01-16/13-a-b.csv", "2026-01-16/11-b.csv.gz", "notes/12-b.csv"):
        write(tmp_path, path)

    assert paths_of(tmp_path, "b", PLAIN) == ["2026-01-16/12-b.csv"]
    assert paths_of(tmp_path, "b", PACKED) == ["2026-01-16/11-b.csv.gz"]


def test_a_new_store_goes_on_behind_the_files_of_an_older_one(tmp_path: Path) -> None:
    write(tmp_path, "2026-01-16/10-b.csv.gz", b"packed")
    write(tmp_path, "2026-01-16/11-b.csv", b"four")

    assert first_position(tmp_path, "b") == Position(0, "2026-01-16/11-b.csv", 4)
    assert first_position(tmp_path, "c") == Position()


def test_a_compressed_file_is_never_written_into(tmp_path: Path) -> None:
    write(tmp_path, "2026-01-16/12-b.csv.gz", b"packed")

    assert first_position(tmp_path, "b") == Position(0, "2026-01-16/13-b.csv", 0)

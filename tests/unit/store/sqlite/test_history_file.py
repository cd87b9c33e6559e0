"""The file of a day comes to be with all of its tables, or not at all."""

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from chappe.store.sqlite import history
from chappe.store.sqlite.history import HistoryDay, days, path_of

DAY = date(2026, 1, 16)


def tables_of(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_whoever_dies_while_a_file_is_made_leaves_no_day_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = history.SCHEMA
    monkeypatch.setattr(history, "SCHEMA", "CREATE TABLE lives (id); CREATE TABLE broken (")
    with pytest.raises(sqlite3.OperationalError):
        HistoryDay(path_of(tmp_path, DAY))

    assert days(tmp_path) == []

    monkeypatch.setattr(history, "SCHEMA", whole)
    day = HistoryDay(path_of(tmp_path, DAY))
    assert day.last_seq() == 0
    assert days(tmp_path) == [DAY]
    assert tables_of(path_of(tmp_path, DAY)) >= {"lives", "runs", "blocks"}
    assert list(path_of(tmp_path, DAY).parent.glob("*.new*")) == []


def test_a_file_of_an_earlier_run_that_was_half_made_is_made_whole(tmp_path: Path) -> None:
    path = path_of(tmp_path, DAY)
    path.parent.mkdir()
    path.touch()

    assert HistoryDay(path).last_seq() == 0

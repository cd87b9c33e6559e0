"""Migrations that were released stay as they are, and a file of any earlier number comes to today's with its data."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import pytest

import chappe.store
from chappe.store.postgres import opening as postgres
from chappe.store.sqlite import opening as sqlite

STORE = Path(chappe.store.__file__ or "").parent
ENGINES = ("sqlite", "postgres")
#: One line for each migration, as `sha256sum` writes it: databases have been made by them.
RECORD = Path(__file__).with_name("migrations.sha256")

#: Tables that a migration took away on purpose: what was in them lies elsewhere.
GONE = {"parked_refs"}


def recorded() -> dict[str, str]:
    """Name → hash of every migration that was released."""
    lines = (line.split() for line in RECORD.read_text(encoding="ascii").splitlines())
    return {name: digest for digest, name in lines}


def found() -> dict[str, str]:
    """Name → hash of every migration there is."""
    return {
        f"{engine}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for engine in ENGINES
        for path in sorted((STORE / engine / "migrations").glob("*.sql"))
    }


def test_no_migration_that_databases_were_made_by_ever_changes() -> None:
    now = found()

    assert {name: now.get(name) for name in recorded()} == recorded(), "write a further migration instead"


def test_every_migration_is_recorded() -> None:
    lines = [f"{digest}  {name}" for name, digest in found().items() if name not in recorded()]

    assert lines == [], f"add these lines to {RECORD.name} when you land"


@pytest.mark.parametrize("engine", ENGINES)
def test_migrations_are_numbered_from_one_without_gaps(engine: str) -> None:
    numbers = [int(path.name[:4]) for path in sorted((STORE / engine / "migrations").glob("*.sql"))]

    assert numbers == list(range(1, len(numbers) + 1))


def test_each_migration_over_postgresql_says_from_which_program_on_it_can_be_worked_with() -> None:
    silent = [number for number, _, _ in postgres.migrations() if number > 2 and number not in says_works_from()]

    assert silent == [], "begin it with: -- works from: N, the number of the oldest program that still works with it"
    assert all(works_from <= number for number, works_from, _ in postgres.migrations())


def says_works_from() -> set[int]:
    paths = (STORE / "postgres" / "migrations").glob("*.sql")
    return {int(path.name[:4]) for path in paths if path.read_text(encoding="utf-8").startswith("-- works from:")}


def tables_of(connection: sqlite3.Connection) -> dict[str, list[tuple[str, str]]]:
    """Table → its columns with their types."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return {
        name: [(row[1], row[2]) for row in connection.execute(f"PRAGMA table_info({name})")] for (name,) in list(names)
    }


def fill(connection: sqlite3.Connection) -> None:
    """One row into every table, with a value of its own in every column."""
    for name, columns in tables_of(connection).items():
        values = [value_of(kind, number) for number, (_, kind) in enumerate(columns, 7)]
        connection.execute(f"INSERT INTO {name} VALUES ({','.join('?' * len(values))})", values)


def value_of(kind: str, number: int) -> object:
    if "INT" in kind.upper():
        return number
    return f"v{number}" if "TEXT" in kind.upper() else b"\0\xff%d" % number


@pytest.mark.parametrize("number", [number for number, _ in sqlite.migrations()])
def test_a_file_of_each_earlier_number_keeps_all_that_is_in_it(number: int) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for each, text in sqlite.migrations()[:number]:
        connection.executescript(f"BEGIN;\n{text}\nPRAGMA user_version = {each};\nCOMMIT;")
    fill(connection)
    before = {
        name: (", ".join(column for column, _ in columns), connection.execute(f"SELECT * FROM {name}").fetchall())
        for name, columns in tables_of(connection).items()
    }

    sqlite.migrate(connection)

    for name, (columns, rows) in before.items():
        if name in GONE:
            continue
        assert connection.execute(f"SELECT {columns} FROM {name}").fetchall() == rows
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)

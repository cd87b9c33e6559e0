"""Set-based SQL: one statement for many rows, each size prepared once.

Values are bound, never spelt: octets and NULs pass unchanged.
"""

import sqlite3
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final

#: Rows per statement.  Full chunks are of one size; the rest has a statement of its own size, so that
#: at most this many statements of a kind are ever prepared.
CHUNK_ROWS: Final = 48

Values = Sequence[object]


def insert(table: str, columns: str, verb: str = "INSERT", after: str = "") -> Callable[[int], str]:
    """Make the maker of `INSERT INTO table (columns) VALUES … after` for n rows."""
    row = "(" + ",".join("?" * (columns.count(",") + 1)) + ")"
    return lambda rows: f"{verb} INTO {table} ({columns}) VALUES " + ",".join([row] * rows) + after


def with_values(columns: str, statement: str) -> Callable[[int], str]:
    """Make the maker of `WITH v(columns) AS (VALUES …) statement` for n rows."""
    row = "(" + ",".join("?" * (columns.count(",") + 1)) + ")"
    return lambda rows: f"WITH v({columns}) AS (VALUES " + ",".join([row] * rows) + f") {statement}"


def with_list(statement: str) -> Callable[[int], str]:
    """Make the maker of a statement whose `{list}` is n question marks."""
    return lambda rows: statement.format(list=",".join("?" * rows))


class Batched:
    """One kind of statement, for any number of rows."""

    __slots__ = ("_make", "_sql")

    def __init__(self, make: Callable[[int], str]) -> None:
        self._make = make
        self._sql: dict[int, str] = {}

    def run(self, connection: sqlite3.Connection, rows: Sequence[Values]) -> None:
        """Execute for all rows."""
        for start in range(0, len(rows), CHUNK_ROWS):
            piece = rows[start : start + CHUNK_ROWS]
            connection.execute(self._text(len(piece)), list(chain.from_iterable(piece)))

    def fetch(
        self, connection: sqlite3.Connection, rows: Sequence[object], before: Values = ()
    ) -> list[tuple[Any, ...]]:
        """Execute a query over single values, `before` bound first; return all rows that it finds."""
        found: list[tuple[Any, ...]] = []
        for start in range(0, len(rows), CHUNK_ROWS):
            piece = rows[start : start + CHUNK_ROWS]
            found += connection.execute(self._text(len(piece)), [*before, *piece])
        return found

    def fetch_rows(self, connection: sqlite3.Connection, rows: Sequence[Values]) -> list[tuple[Any, ...]]:
        """Execute for all rows; return what the statement returns."""
        found: list[tuple[Any, ...]] = []
        for start in range(0, len(rows), CHUNK_ROWS):
            piece = rows[start : start + CHUNK_ROWS]
            found += connection.execute(self._text(len(piece)), list(chain.from_iterable(piece))).fetchall()
        return found

    def run_list(self, connection: sqlite3.Connection, values: Sequence[object]) -> None:
        """Execute over single values."""
        for start in range(0, len(values), CHUNK_ROWS):
            piece = values[start : start + CHUNK_ROWS]
            connection.execute(self._text(len(piece)), piece)

    def _text(self, rows: int) -> str:
        sql = self._sql.get(rows)
        if sql is None:
            sql = self._sql[rows] = self._make(rows)
        return sql

"""Searching: messages of one client, newest first, from the hot file and from history.

Made for a process of its own, beside the gateway.  It looks at windows of ids, one short transaction after the other;
of each window the hot file is read first: what moves to history meanwhile was copied before it was deleted.
"""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from chappe.model.address import handset_key
from chappe.model.ids import first_id_at, made_at_ms
from chappe.model.lifecycle import Direction
from chappe.model.message import Message
from chappe.store.port import Life, Page, Search
from chappe.store.sqlite import rows
from chappe.store.sqlite.history import Finished, day_of, days, hash_of, life_of, open_reader, path_of

#: Rows that one transaction looks at, and those after which a call ends with what it has.
WINDOW_ROWS: Final = 2_000
MAX_ROWS: Final = 100_000
#: Looking into one run of a day's index costs about as much as so many rows.
_RUN_ROWS: Final = 5
_MAX_ID: Final = (1 << 63) - 1

_WINDOW: Final = (
    "SELECT min(id), count(*) FROM (SELECT id FROM {table} WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT ?)"
)
_NEWEST: Final = "SELECT coalesce(max(id), 0) FROM {table} WHERE id < ?"
_HOT: Final = (
    "SELECT m.id, m.status, m.body, o.name, m.operator_ref, m.sent_at_us, m.final_at_us, m.error FROM messages m"
    " LEFT JOIN names o ON o.number = m.operator"
    " WHERE m.id BETWEEN ? AND ? AND m.client = (SELECT number FROM names WHERE name = ?)"
)
_HISTORY: Final = "SELECT * FROM lives WHERE id BETWEEN ? AND ? AND client = ?"
_OF_RUN: Final = "SELECT id FROM {table} WHERE run = ? AND key = ? AND id BETWEEN ? AND ? ORDER BY id DESC LIMIT ?"


class Searcher:
    """Answers searches over one data folder.  Raises: sqlite3.Error."""

    def __init__(self, hot: sqlite3.Connection, data_dir: Path, *, max_rows: int = MAX_ROWS) -> None:
        self._hot = hot
        self._data_dir = data_dir
        self._max_rows = max_rows

    def search(self, search: Search) -> Page:
        """One page.  It ends when it is full, when there is nothing more, or when enough was looked at."""
        found: list[Life] = []
        before, rows_left = search.before_id or _MAX_ID, self._max_rows
        while (top := self._newest_below(before)) >= max(search.from_id, 1):
            lives, before, looked = self._window(search, top)
            found += lives
            rows_left -= looked + 1
            if len(found) > search.limit:
                return Page(found[: search.limit], found[search.limit - 1].id)
            if rows_left <= 0:
                return Page(found, before)
        return Page(found)

    def _newest_below(self, before: int) -> int:
        """The newest message of all below an id; 0 for none."""
        newest = int(
            self._hot.execute("SELECT coalesce(max(id), 0) FROM messages WHERE id < ?", (before,)).fetchone()[0]
        )
        last_day = day_of(made_at_ms(before - 1) / 1000)
        for day in days(self._data_dir):
            if day > last_day or first_id_of(day) + _DAY_IDS <= newest:
                continue
            with _Day(self._data_dir, day) as history:
                query = _NEWEST.format(table="lives")
                in_day = int(history.execute(query, (before,)).fetchone()[0]) if history else 0
            if in_day:
                return max(newest, in_day)
        return newest

    def _window(self, search: Search, top: int) -> tuple[list[Life], int, int]:
        """Some messages from `top` down, of one day: those that fit, the lowest id seen, rows looked at."""
        day = day_of(made_at_ms(top) / 1000)
        low = max(first_id_of(day), search.from_id, 1)
        start, hot_rows = self._hot.execute(_WINDOW.format(table="messages"), (low, top, WINDOW_ROWS)).fetchone()
        low = start if hot_rows == WINDOW_ROWS else low
        hot = self._hot_lives(search, low, top) if hot_rows else []
        with _Day(self._data_dir, day) as history:
            moved, low, looked = _history_lives(history, search, low, top) if history else ([], low, 0)
        by_id = {life.id: life for life in (*moved, *hot) if life.id >= low}
        return [by_id[each] for each in sorted(by_id, reverse=True)], low, hot_rows + looked

    def _hot_lives(self, search: Search, low: int, top: int) -> list[Life]:
        query, values = _narrowed(_HOT, search, "m.", "m.operator IS NOT NULL")
        found = self._hot.execute(query, (low, top, search.client, *values))
        lives = (rows.life_of(row, row[3] or "") for row in found)
        return [life for life in lives if _fits(life.message, search)]


def _history_lives(history: sqlite3.Connection, search: Search, low: int, top: int) -> tuple[list[Life], int, int]:
    """What one day's file holds between two ids: those that fit, the lowest id seen, rows looked at."""
    key = _index_of(search)
    if key is None:
        start, looked = history.execute(_WINDOW.format(table="lives"), (low, top, WINDOW_ROWS)).fetchone()
        low = start if looked == WINDOW_ROWS else low
        query, values = _narrowed(_HISTORY, search, "", "operator <> ''")
        found = history.execute(query, (low, top, search.client, *values)).fetchall()
    else:
        ids, runs = _indexed(history, *key, low, top)
        low = ids[-1] if len(ids) == WINDOW_ROWS else low
        looked = len(ids) + runs * _RUN_ROWS
        found = [row for each in ids for row in history.execute(_HISTORY, (each, each, search.client))]
    lives = [life_of(Finished(*row)) for row in found]
    statuses = search.statuses
    fitting = [life for life in lives if _fits(life.message, search) and (not statuses or life.status in statuses)]
    return fitting, low, looked


def _index_of(search: Search) -> tuple[str, int] | None:
    """The index of history that narrows a search most, and the key in it."""
    if search.reference and search.direction is Direction.MT:
        return "by_reference", hash_of(search.reference)
    handset = search.to if search.direction is Direction.MT else search.source
    return ("by_msisdn", handset_key(handset)) if handset else None


def _indexed(history: sqlite3.Connection, table: str, key: int, low: int, top: int) -> tuple[list[int], int]:
    """The newest ids under a key, and how many runs were asked."""
    runs = [row[0] for row in history.execute("SELECT run FROM runs")]
    query = _OF_RUN.format(table=table)
    ids = {row[0] for run in runs for row in history.execute(query, (run, key, low, top, WINDOW_ROWS))}
    return sorted(ids, reverse=True)[:WINDOW_ROWS], len(runs)


def _narrowed(query: str, search: Search, table: str, has_operator: str) -> tuple[str, Sequence[Any]]:
    """Add what SQL can judge without reading the message."""
    if search.direction is Direction.MO:
        # An MO bears the operator that brought it and was never sent to one.
        query += f" AND {has_operator} AND {table}sent_at_us = 0"
    if search.statuses:
        query += f" AND {table}status IN ({','.join('?' * len(search.statuses))})"
    return query + f" ORDER BY {table}id DESC", [int(status) for status in search.statuses]


def _fits(message: Message | None, search: Search) -> bool:
    return (
        message is not None
        and message.direction is search.direction
        and message.client == search.client
        and search.to in ("", message.dest)
        and search.source in ("", message.source)
        and search.reference in ("", message.reference)
    )


def first_id_of(day: date) -> int:
    """The lowest id that a message of that UTC day can have."""
    return first_id_at(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000))


#: Ids of one day.
_DAY_IDS: Final = first_id_of(date(2030, 1, 2)) - first_id_of(date(2030, 1, 1))


class _Day:
    """One day's file for as long as it is looked at; None when there is none."""

    def __init__(self, data_dir: Path, day: date) -> None:
        self._connection = open_reader(path_of(data_dir, day))

    def __enter__(self) -> sqlite3.Connection | None:
        return self._connection

    def __exit__(self, *fault: object) -> None:
        if self._connection is not None:
            self._connection.close()

"""Finding messages for people: by what they are known by, or by client, time and status; newest first, page by page.

The hot file is read before history: what moves meanwhile was copied before it was deleted.  A page ends when it is full
or when its time is over, and says where the next one goes on.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import date
from heapq import merge
from pathlib import Path
from typing import Any, Final

from chappe.model.address import TAIL_DIGITS, handset_key, same_handset
from chappe.model.ids import made_at_ms
from chappe.model.lifecycle import Direction, Status
from chappe.store.sqlite import rows
from chappe.store.sqlite.history import (
    Finished,
    day_of,
    days,
    facts_asked,
    has_facts,
    hash_of,
    open_reader,
    path_of,
    references_of,
)
from chappe.store.sqlite.hot_index import HotIndex
from chappe.store.sqlite.searching import first_id_of
from chappe.store.views import LifeView, Look, Looked, ids_in, is_known_by

#: How long one page may look through history before it ends with what it has.
BUDGET_S: Final = 0.2
#: Rows of history that are looked at between two looks at the clock.
WINDOW_ROWS: Final = 20_000
_STATUSES: Final = {int(each): each for each in Status}

_HOT: Final = (
    "SELECT m.id, c.name, o.name, m.status, m.operator_ref, m.sent_at_us, m.final_at_us, m.error, m.body"
    " FROM messages m JOIN names c ON c.number = m.client LEFT JOIN names o ON o.number = m.operator"
)
_NAMED: Final = "(m.operator_ref = ? OR m.id IN (SELECT id FROM parts WHERE operator_ref = ?))"
_OF_RUN: Final = "SELECT id FROM {table} WHERE run = ? AND key = ? AND id >= ? AND id < ? ORDER BY id DESC"
_WINDOW: Final = (
    "SELECT min(id), count(*) FROM (SELECT id FROM lives WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT ?)"
)

Row = tuple[Any, ...]


class Finder:
    """Looks through one data folder, over a connection to its hot file.  Raises: sqlite3.Error."""

    def __init__(
        self,
        hot: sqlite3.Connection,
        data_dir: Path,
        look: Look,
        *,
        index: HotIndex | None = None,
        budget_s: float = BUDGET_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hot = hot
        self._data_dir = data_dir
        self._look = look
        self._index = index
        self._clock = clock
        self._budget_s = budget_s
        self._until = 0.0
        self._low, self._high = look.ids
        self._ids = [each for each in ids_in(look.text) if self._low <= each < self._high]
        self._found: dict[int, LifeView] = {}

    def page(self) -> Looked:
        """What fits best: the newest."""
        for row in self._known_hot() if self._look.text else self._any_hot():
            self._add(_hot_life(row), "")
        floor = self._look_through_history()
        if self._look.text and not self._found and self._index is not None and floor <= self._low:
            # What only an operator named so is in no index.
            for row in self._hot.execute(f"{_HOT} WHERE {_NAMED}", (self._look.text, self._look.text)):
                self._add(_hot_life(row), "")
        return self._cut(floor)

    def _cut(self, floor: int) -> Looked:
        """Everything from `floor` on was looked at."""
        limit, seen = self._look.limit, sorted((each for each in self._found if each >= floor), reverse=True)
        lives = [self._found[each] for each in seen[:limit]]
        if len(seen) > limit:
            return Looked(lives, seen[limit - 1])
        return Looked(lives, 0 if floor <= self._low else floor)

    def _add(self, life: Finished, history: str) -> None:
        view = _view(life, history)
        if self._low <= view.id < self._high and self._look.fits(view, _STATUSES[life.status]):
            self._found.setdefault(view.id, view)

    # -- the hot file -------------------------------------------------------------------------------

    def _known_hot(self) -> Iterator[Row]:
        """Rows that bear the text, or may."""
        text = self._look.text
        if self._index is None:
            query, values = self._hot_rows_with(text)
            found: Iterable[Row] = self._hot.execute(query, values)
        else:
            self._index.follow(self._hot)
            found = self._rows_of(self._index.find(text))
        for row in (*self._rows_of(self._ids), *found):
            message = rows.message_or_none(row[8])
            is_meant = row[0] in self._ids or row[4] == text or (message is not None and is_known_by(message, text))
            if is_meant or self._has_part(row[0], text):
                yield row

    def _rows_of(self, ids: Iterable[int]) -> Iterator[Row]:
        for each in ids:
            yield from self._hot.execute(f"{_HOT} WHERE m.id = ?", (each,))

    def _hot_rows_with(self, text: str) -> tuple[str, Sequence[Any]]:
        """A look at every row: a body holds addresses and references as they are, so that few must be read."""
        digits = "".join(each for each in text if each.isdecimal() and each.isascii())
        tail = digits[-TAIL_DIGITS:] if len(digits) >= TAIL_DIGITS else ""
        query = f"{_HOT} WHERE {_NAMED} OR instr(m.body, ?) > 0"
        values: list[Any] = [text, text, text.encode("utf-8", "surrogatepass")]
        if tail and tail != text:
            query, values = f"{query} OR instr(m.body, ?) > 0", [*values, tail.encode()]
        return query, values

    def _has_part(self, message_id: int, text: str) -> bool:
        query = "SELECT 1 FROM parts WHERE id = ? AND operator_ref = ?"
        return self._hot.execute(query, (message_id, text)).fetchone() is not None

    def _any_hot(self) -> Iterator[Row]:
        look, query = self._look, f"{_HOT} WHERE m.id >= ? AND m.id < ?"
        values: list[Any] = [self._low, self._high]
        for column, name in (("client", look.client), ("operator", look.operator)):
            if name:
                query += f" AND m.{column} = (SELECT number FROM names WHERE name = ?)"
                values.append(name)
        if look.statuses:
            query += f" AND m.status IN ({','.join('?' * len(look.statuses))})"
            values += [int(status) for status in look.statuses]
        if look.direction == "mo":
            # An MO bears the operator that brought it and was never sent to one.
            query += " AND m.operator IS NOT NULL AND m.sent_at_us = 0"
        left = look.limit + 1
        for row in self._hot.execute(f"{query} ORDER BY m.id DESC", values):
            message = rows.message_or_none(row[8])
            if look.direction == "" or (message is not None and _word(message.direction) == look.direction):
                yield row
                left -= 1
            if not left:
                return

    # -- history ------------------------------------------------------------------------------------

    def _look_through_history(self) -> int:
        """Day after day, newest first; returns the lowest id down to which everything was looked at."""
        # From here on, so that each page comes further than the one before.
        self._until = self._clock() + self._budget_s
        for each in self._ids:
            self._look_up(each)
        has_looked = False
        for day in days(self._data_dir):
            first, end = first_id_of(day), self._day_after(day)
            if first >= self._high:
                continue
            if end <= self._low:
                break
            if self._is_enough(end) or (has_looked and self._clock() > self._until):
                return end
            has_looked = True
            connection = open_reader(path_of(self._data_dir, day))
            if connection is not None:
                with closing(connection):
                    floor = self._look_through(connection, day)
                if floor > max(first, self._low):
                    return floor
        return self._low

    def _day_after(self, day: date) -> int:
        return first_id_of(date.fromordinal(day.toordinal() + 1))

    def _is_enough(self, floor: int) -> bool:
        return sum(each >= floor for each in self._found) > self._look.limit

    def _look_up(self, message_id: int) -> None:
        day = day_of(made_at_ms(message_id) / 1000)
        connection = open_reader(path_of(self._data_dir, day))
        if connection is not None:
            with closing(connection):
                for row in connection.execute("SELECT * FROM lives WHERE id = ?", (message_id,)):
                    self._add(Finished(*row), day.isoformat())

    def _look_through(self, history: sqlite3.Connection, day: date) -> int:
        """One day; returns the lowest id down to which it was looked at."""
        text = self._look.text
        if text:
            keys = [
                ("by_msisdn", handset_key(text)),
                ("by_reference", hash_of(text)),
                ("by_operator_ref", hash_of(text)),
            ]
            return self._walk(history, day, keys)
        facts = facts_asked(self._look)
        if facts and has_facts(history):
            return self._walk(history, day, [("by_fact", each) for each in facts])
        return self._sweep(history, day)

    def _walk(self, history: sqlite3.Connection, day: date, keys: Sequence[tuple[str, int]]) -> int:
        """Along the indexes of all runs, newest first."""
        runs = [run for (run,) in history.execute("SELECT run FROM runs")]
        low, high = max(first_id_of(day), self._low), min(self._day_after(day), self._high)
        ways = [
            history.execute(_OF_RUN.format(table=table), (run, key, low, high)) for table, key in keys for run in runs
        ]
        last = 0
        for (message_id,) in merge(*ways, reverse=True):
            if message_id == last:
                continue
            last = message_id
            for row in history.execute("SELECT * FROM lives WHERE id = ?", (message_id,)):
                if self._is_meant(life := Finished(*row)):
                    self._add(life, day.isoformat())
            if self._is_enough(message_id) or self._clock() > self._until:
                return int(message_id)
        return low

    def _is_meant(self, life: Finished) -> bool:
        """Keys are numbers that several handsets and references share."""
        text = self._look.text
        return (
            not text
            or text in (life.client_ref, life.operator_ref)
            or same_handset(life.msisdn, text)
            or text in references_of(life)
        )

    def _sweep(self, history: sqlite3.Connection, day: date) -> int:
        """Window after window of a day in which no index helps."""
        look, query, narrowed = self._look, "SELECT * FROM lives WHERE id >= ? AND id < ?", list[Any]()
        for column, name in (("client", look.client), ("operator", look.operator)):
            if name:
                query, narrowed = f"{query} AND {column} = ?", [*narrowed, name]
        if look.statuses:
            query += f" AND status IN ({','.join('?' * len(look.statuses))})"
            narrowed += [int(status) for status in look.statuses]
        low, high = max(first_id_of(day), self._low), min(self._day_after(day), self._high)
        rows_at_once = max(2 * look.limit, 200)
        while high > low:
            start, count = history.execute(_WINDOW, (low, high, rows_at_once)).fetchone()
            start = start if count == rows_at_once else low
            for row in history.execute(f"{query} ORDER BY id DESC", (start, high, *narrowed)):
                self._add(Finished(*row), day.isoformat())
            high = start
            rows_at_once = min(rows_at_once * 4, WINDOW_ROWS)
            if self._is_enough(high) or self._clock() > self._until:
                return high
        return low


def _hot_life(row: Row) -> Finished:
    message_id, client, operator, status, operator_ref, sent_at_us, final_at_us, error, body = row
    told = (operator_ref or "", sent_at_us, final_at_us, error or "", body)
    return Finished(message_id, client, operator or "", status, "", "", "", *told)


def _view(life: Finished, history: str) -> LifeView:
    message = rows.message_or_none(life.body)
    return LifeView(
        life.id,
        "mt" if message is None else _word(message.direction),
        life.client,
        life.operator,
        _STATUSES[life.status].word,
        message.handset if message else life.msisdn,
        message.number if message else life.number,
        message.reference if message else life.client_ref,
        life.operator_ref,
        message.parts if message else 1,
        life.error,
        made_at_ms(life.id) * 1000,
        life.sent_at_us,
        life.final_at_us,
        history,
    )


def _word(direction: Direction) -> str:
    return "mo" if direction is Direction.MO else "mt"

"""The SQLite store that is moved: its rows in the order of their keys, as they travel, batch by batch.

It must never write, nor know where the rows go.
"""

import sqlite3
from array import array
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from chappe.model.errors import ResourceError
from chappe.store.bodies import message_or_none
from chappe.store.sqlite.history import Finished, days, open_reader, path_of
from chappe.store.sqlite.opening import STORE_FILE, connect
from chappe.store.transfer.tables import BY_NAME, Row, Table

#: Rows of one batch.
BATCH_ROWS: Final = 2_000

_LIVES: Final = "SELECT * FROM lives WHERE id > ? ORDER BY id LIMIT ?"
_COPIES: Final = "SELECT name, seq, position FROM copies"
_PROOFS: Final = "SELECT key, value FROM meta WHERE key LIKE 'mo\\_%' ESCAPE '\\'"


class Source:
    """A store file that nobody writes."""

    def __init__(self, folder: Path) -> None:
        """Raises: ResourceError."""
        path = folder / STORE_FILE
        self._folder = folder
        if not path.exists():
            raise ResourceError(f"no store at {path}; name the data_dir of a gateway that has run")
        self._connection = connect(path, is_reader=True)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("BEGIN")
        self._names = {row["number"]: row["name"] for row in self._connection.execute("SELECT number, name FROM names")}

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    @property
    def names(self) -> list[str]:
        """Every name that rows use."""
        return list(self._names.values())

    @property
    def reference_key(self) -> bytes:
        """Random octets that no other store has."""
        return bytes(self._one("SELECT value FROM meta WHERE key = 'reference_key'"))

    @property
    def last_block(self) -> int:
        """The number of the newest event block."""
        return int(self._one("SELECT coalesce(max(seq), 0) FROM event_blocks"))

    def tables(self) -> set[str]:
        """Every table that the file has."""
        return {row["name"] for row in self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self._one(f"SELECT count(*) FROM {table}"))

    def batches(self, table: Table, after: Row = ()) -> Iterator[tuple[list[Row], Row]]:
        """Rows behind the key `after`; with each batch the key of its last row."""
        order = ", ".join(table.keys)
        behind = f"({order}) > ({', '.join('?' * len(table.keys))})"
        while True:
            where = f"WHERE {behind}" if after else ""
            query = f"SELECT * FROM {table.name} {where} ORDER BY {order} LIMIT {BATCH_ROWS}"
            found = self._connection.execute(query, after).fetchall()
            if not found:
                return
            after = tuple(found[-1][key] for key in table.keys)
            yield [table.row_of(row, self._names.__getitem__) for row in found], after

    def history(self, after: tuple[str, int] = ("", 0)) -> Iterator[tuple[tuple[str, int], list[Row], list[Row]]]:
        """Finished lives that have moved, behind a day and an id: their place, rows of `messages`, of `parts`.

        What a death left in both places is told as what it is in the hot file.
        """
        for day in sorted(days(self._folder)):
            name = day.isoformat()
            reader = open_reader(path_of(self._folder, day)) if name >= after[0] else None
            if reader is None:
                continue
            with closing(reader):
                last = after[1] if name == after[0] else 0
                while found := [Finished(*row) for row in reader.execute(_LIVES, (last, BATCH_ROWS))]:
                    last = found[-1].id
                    lives = [life for life in found if not self._is_hot(life.id)]
                    parts = [row for life in lives for row in _part_rows(life)]
                    yield (name, last), [_message_row(life) for life in lives], parts

    def handset_of(self, message_id: int) -> str:
        """The handset of a message in the hot file; empty when it cannot be told."""
        row = self._connection.execute("SELECT body FROM messages WHERE id = ?", (message_id,)).fetchone()
        message = message_or_none(row["body"]) if row is not None else None
        return "" if message is None else message.handset

    def _is_hot(self, message_id: int) -> bool:
        return self._connection.execute("SELECT 1 FROM messages WHERE id = ?", (message_id,)).fetchone() is not None

    def mo_proofs(self) -> list[tuple[str, int, bytes]]:
        """Operator, the id below which it has read our answers, and the exceptions."""
        found = {row["key"]: row["value"] for row in self._connection.execute(_PROOFS)}
        operators = sorted(key.removeprefix("mo_proved:") for key in found if key.startswith("mo_proved:"))
        none = array("q").tobytes()
        return [(each, int(found[f"mo_proved:{each}"]), found.get(f"mo_unproved:{each}", none)) for each in operators]

    def copies(self) -> dict[str, tuple[int, str]]:
        """How far each copy of the events has come, and its place."""
        return {row["name"]: (row["seq"], row["position"]) for row in self._connection.execute(_COPIES)}

    def _one(self, query: str) -> Any:
        return self._connection.execute(query).fetchone()[0]


def _message_row(life: Finished) -> Row:
    """A finished life as a row of `messages`: it lies in no queue."""
    source = {
        "id": life.id,
        "client": life.client,
        "status": life.status,
        "queue": "",
        "priority": 0,
        "lane": "",
        "due_at_ms": 0,
        "operator": life.operator or None,
        "sent_at_us": life.sent_at_us,
        "final_at_us": life.final_at_us,
        "operator_ref": life.operator_ref or None,
        "error": life.error or None,
        "body": life.body,
    }
    return BY_NAME["messages"].row_of(source, str)


def _part_rows(life: Finished) -> Iterator[Row]:
    """The parts of a finished life as rows of `parts`."""
    parts: list[tuple[int, int, str]] = msgspec.msgpack.decode(life.parts) if life.parts else []
    for part, status, reference in parts:
        yield life.id, part, status, life.operator or None, reference.encode(), life.sent_at_us, None

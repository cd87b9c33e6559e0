"""The file of instructions: what people ask of a gateway whose store is SQLite, and what came of it.

Any process of this box may lay an instruction in; the conf node alone carries it out.  It must never know the store.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from chappe.instructions.ids import new_instruction_id
from chappe.instructions.kinds import Instruction, kind_of
from chappe.instructions.outcome import Asked, Outcome, asked_of, body_of
from chappe.model.errors import ResourceError

#: Its name within the data folder.
INSTRUCTIONS_FILE: Final = "instructions.db"

_TABLE: Final = """CREATE TABLE IF NOT EXISTS instructions (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    result TEXT NOT NULL DEFAULT '',
    done_at TEXT NOT NULL DEFAULT ''
)"""
_WAITING_INDEX: Final = "CREATE INDEX IF NOT EXISTS waiting ON instructions (id) WHERE state = 'waiting'"
_ASK: Final = "INSERT INTO instructions (id, kind, body, asked_by, asked_at) VALUES (?, ?, ?, ?, ?)"
_SELECT: Final = "SELECT id, kind, body, asked_by, state, result, asked_at, done_at FROM instructions"
_WAITING: Final = f"{_SELECT} WHERE state = 'waiting' AND id > ? ORDER BY id LIMIT ?"
_ONE: Final = f"{_SELECT} WHERE id = ?"
_RECENT: Final = f"{_SELECT} ORDER BY id DESC LIMIT ?"
_NOTE: Final = (
    "UPDATE instructions SET state = ?, result = ?, done_at = ?, body = coalesce(?, body)"
    " WHERE id = ? AND state IN ('waiting', 'waiting_approval')"
)
_FORGET: Final = "UPDATE instructions SET result = ? WHERE id = ?"

#: Another process may be writing; commands wait for it, the gateway's loop never does.
_COMMAND_WAIT_S: Final = 5.0


class Instructions:
    """The file in one data folder, made when missing.  Every method raises ResourceError when it cannot be used."""

    def __init__(self, data_dir: Path, *, wait_s: float = 0.0) -> None:
        """`wait_s` is how long a call waits for another process that writes."""
        self._path = data_dir / INSTRUCTIONS_FILE
        self._wait_s = wait_s
        self._connection: sqlite3.Connection | None = None
        self._seen_version = -1

    @classmethod
    def for_command(cls, data_dir: Path) -> "Instructions":
        """For a process that has nothing else to do than to wait."""
        return cls(data_dir, wait_s=_COMMAND_WAIT_S)

    def ask(self, instruction: Instruction, asked_by: str) -> int:
        """Lay an instruction in, synced; returns its id."""
        number = new_instruction_id()
        body = body_of(instruction).decode()
        with self._using() as connection:
            connection.execute(_ASK, (number, kind_of(instruction), body, asked_by, _now()))
        return number

    def has_changed(self) -> bool:
        """Whether another process wrote since the last call; costs a look at the file's header."""
        with self._using() as connection:
            version = int(connection.execute("PRAGMA data_version").fetchone()[0])
        has_changed, self._seen_version = version != self._seen_version, version
        return has_changed

    def waiting(self, limit: int, after: int = 0) -> list[Asked]:
        """Instructions that are not carried out yet, in the order in which they were asked."""
        with self._using() as connection:
            return [_asked(row) for row in connection.execute(_WAITING, (after, limit))]

    def find(self, number: int) -> Asked | None:
        """One instruction."""
        with self._using() as connection:
            row = connection.execute(_ONE, (number,)).fetchone()
        return None if row is None else _asked(row)

    def recent(self, limit: int) -> list[Asked]:
        """The youngest instructions, youngest first."""
        with self._using() as connection:
            return [_asked(row) for row in connection.execute(_RECENT, (limit,))]

    def note(self, number: int, outcome: Outcome, bare: bytes | None = None) -> None:
        """Write what came of an instruction; one that has ended keeps its first outcome.

        `bare` is what it asked for without its secrets: from now on nobody needs them.
        """
        result, body = msgspec.json.encode(outcome).decode(), None if bare is None else bare.decode()
        with self._using() as connection:
            connection.execute(_NOTE, (outcome.state.value, result, _now(), body, number))

    def forget_secret(self, number: int) -> None:
        """The secret of an outcome has been here long enough."""
        asked = self.find(number)
        if asked is not None and asked.outcome is not None and asked.outcome.secret:
            bare = msgspec.structs.replace(asked.outcome, secret="")
            with self._using() as connection:
                connection.execute(_FORGET, (msgspec.json.encode(bare).decode(), number))

    def close(self) -> None:
        """Give the file back; the next call opens it again."""
        connection, self._connection = self._connection, None
        self._seen_version = -1
        if connection is not None:
            connection.close()

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        try:
            if self._connection is None:
                self._connection = self._open()
            yield self._connection
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise ResourceError(f"instructions {self._path}: {error}") from error

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # What is asked may bear passwords: others on this machine have no business with it.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=self._wait_s)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(_TABLE)
            connection.execute(_WAITING_INDEX)
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def _asked(row: tuple[Any, ...]) -> Asked:
    number, kind, body, asked_by, state, result, *moments = row
    return asked_of((number, kind, body.encode(), asked_by, state, result.encode(), *moments))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""The file of instructions: what people ask of a running gateway, and what came of it.

Any process of this box may lay an instruction in; the conf node alone carries it out.  It must never know the store.
"""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

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
_WAITING: Final = (
    "SELECT id, kind, body, asked_by, state, result FROM instructions WHERE state = 'waiting' ORDER BY id LIMIT ?"
)
_ONE: Final = "SELECT id, kind, body, asked_by, state, result FROM instructions WHERE id = ?"
_NOTE: Final = "UPDATE instructions SET state = ?, result = ?, done_at = ? WHERE id = ? AND state = 'waiting'"

#: Below the milliseconds of an id: two processes that ask at the same instant get different ones.
_RANDOM_BITS: Final = 20
#: Another process may be writing; commands wait for it, the gateway's loop never does.
_COMMAND_WAIT_S: Final = 5.0


class ResolveHeld(msgspec.Struct, frozen=True, tag="resolve_held"):
    """Decide about held items: they go on in their queues, or they end as cancelled."""

    ids: tuple[int, ...]
    is_resent: bool


class DropQueue(msgspec.Struct, frozen=True, tag="drop_queue"):
    """End what waits in a queue that nobody reads any more."""

    queue: str


class ReplayCallbacks(msgspec.Struct, frozen=True, tag="replay_callbacks"):
    """Post failed callbacks again: these, or all of a client."""

    ids: tuple[int, ...] = ()
    client: str = ""


class EnableCallbacks(msgspec.Struct, frozen=True, tag="enable_callbacks"):
    """Post again to a client's URL that said that it is gone."""

    client: str


Instruction = ResolveHeld | DropQueue | ReplayCallbacks | EnableCallbacks


class State(StrEnum):
    """How far an instruction has come."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


class Outcome(msgspec.Struct, frozen=True):
    """What became of an instruction: the items that it changed and those that it left alone, or why it failed."""

    changed: tuple[int, ...] = ()
    left: tuple[int, ...] = ()
    fault: str = ""
    #: How many items it changed, where naming each would be too much.
    count: int = 0


class Asked(msgspec.Struct, frozen=True):
    """An instruction as it lies in the file; `outcome` is None while it waits."""

    id: int
    kind: str
    body: str
    asked_by: str
    state: State
    outcome: Outcome | None

    def read(self) -> Instruction:
        """What is asked for.  Raises: msgspec.MsgspecError when this program cannot tell."""
        read: Instruction = msgspec.json.decode(self.body, type=Instruction)
        return read


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
        now = datetime.now(UTC)
        number = int(now.timestamp() * 1000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
        body = msgspec.json.encode(instruction).decode()
        kind = str(instruction.__struct_config__.tag)
        with self._using() as connection:
            connection.execute(_ASK, (number, kind, body, asked_by, now.isoformat(timespec="milliseconds")))
        return number

    def has_changed(self) -> bool:
        """Whether another process wrote since the last call; costs a look at the file's header."""
        with self._using() as connection:
            version = int(connection.execute("PRAGMA data_version").fetchone()[0])
        has_changed, self._seen_version = version != self._seen_version, version
        return has_changed

    def waiting(self, limit: int) -> list[Asked]:
        """Instructions that are not carried out yet, in the order in which they were asked."""
        with self._using() as connection:
            return [_asked(row) for row in connection.execute(_WAITING, (limit,))]

    def find(self, number: int) -> Asked | None:
        """One instruction."""
        with self._using() as connection:
            row = connection.execute(_ONE, (number,)).fetchone()
        return None if row is None else _asked(row)

    def note(self, number: int, outcome: Outcome) -> None:
        """Write what came of an instruction; one that is no longer waiting keeps its first outcome."""
        state = State.FAILED if outcome.fault else State.DONE
        done_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._using() as connection:
            connection.execute(_NOTE, (state.value, msgspec.json.encode(outcome).decode(), done_at, number))

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


def _asked(row: tuple[int, str, str, str, str, str]) -> Asked:
    number, kind, body, asked_by, state, result = row
    outcome = msgspec.json.decode(result, type=Outcome) if result else None
    return Asked(number, kind, body, asked_by, State(state), outcome)

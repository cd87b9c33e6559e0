"""Reading a store from another process while the gateway runs: messages, their events, what is held.

Everything here is read-only and in short transactions.  The hot file is read before history: what moves meanwhile
was copied before it was deleted, so it is seen at least once, and what is seen twice is told once.
"""

import sqlite3
from collections.abc import Collection
from math import inf
from pathlib import Path
from threading import Lock
from typing import Final

import zstandard

from chappe.model.errors import ResourceError
from chappe.model.ids import made_at_ms
from chappe.rules.opt_outs import OptOut
from chappe.store.credit import Balance
from chappe.store.happenings import events_in
from chappe.store.lives import Life
from chappe.store.port import MAX_ID, CallbacksOff
from chappe.store.sqlite import opting
from chappe.store.sqlite.callbacks import list_failed, list_off
from chappe.store.sqlite.crediting import list_balances
from chappe.store.sqlite.finding import Finder
from chappe.store.sqlite.history import day_of, days, open_reader, path_of
from chappe.store.sqlite.hot_index import HotIndex
from chappe.store.sqlite.lately import life_in, parked_in, recent_in
from chappe.store.sqlite.opening import STORE_FILE, connect
from chappe.store.sqlite.versions import find_version, list_versions
from chappe.store.versions import Version
from chappe.store.views import FailedView, HeldView, LifeView, Look, Looked, ParkedView, failed_view

_MOVED: Final = "SELECT first_seq, last_seq, lines FROM blocks WHERE ? BETWEEN min_id AND max_id AND instr(ids, ?) > 0"
_HELD: Final = (
    "SELECT h.id, n.name, h.at_us, h.reason FROM held h JOIN names n ON n.number = h.queue ORDER BY h.at_us LIMIT ?"
)


class SqliteReader:
    """The store in one folder.  See `views.Reader`."""

    hot = "the hot file"

    def __init__(self, data_dir: Path, *, is_lasting: bool = False) -> None:
        """Who is asked again and again `is_lasting`: it keeps in memory what it would look for in rows."""
        self._data_dir = data_dir
        self._index = HotIndex() if is_lasting else None
        self._turn = Lock()

    def look(self, look: Look) -> Looked:
        if self._index is None:
            return look_up(self._data_dir, look)
        with self._turn:
            return look_up(self._data_dir, look, self._index)

    def follow(self) -> None:
        """Read what came since the last look, so that the next one need not; for a process that is asked again."""
        if self._index is not None:
            with self._turn, _reading(self._data_dir) as hot:
                self._index.follow(hot)

    def find_messages(self, text: str, limit: int = 50) -> list[LifeView]:
        return find_messages(self._data_dir, text, limit)

    def life_events(self, message_id: int) -> list[dict[str, str]]:
        return life_events(self._data_dir, message_id)

    def life(self, message_id: int) -> Life | None:
        with _reading(self._data_dir) as hot:
            return life_in(hot, self._data_dir, message_id)

    def recent_events(self, names: Collection[str]) -> list[dict[str, str]]:
        with _reading(self._data_dir) as hot:
            return recent_in(hot, self._data_dir, names)

    def parked_reports(self, limit: int = 1_000) -> list[ParkedView]:
        with _reading(self._data_dir) as hot:
            return parked_in(hot, limit)

    def held_items(self, limit: int = 1_000) -> list[HeldView]:
        return held_items(self._data_dir, limit)

    def failed_callbacks(self, client: str, limit: int) -> list[FailedView]:
        return failed_callbacks(self._data_dir, client, limit)

    def opt_outs(self) -> list[OptOut]:
        with _reading(self._data_dir) as hot:
            return opting.since(hot, 0)

    def versions(self, limit: int) -> list[Version]:
        with _reading(self._data_dir) as hot:
            return list_versions(hot, limit)

    def version(self, number: int) -> Version | None:
        with _reading(self._data_dir) as hot:
            return find_version(hot, number)

    def balances(self) -> list[Balance]:
        with _reading(self._data_dir) as hot:
            return list_balances(hot)

    def callbacks_off(self) -> list[CallbacksOff]:
        return callbacks_off(self._data_dir)


def find_messages(data_dir: Path, text: str, limit: int = 50) -> list[LifeView]:
    """Messages by id (decimal or hexadecimal), handset number, client's or operator's reference; newest first.

    Raises: ResourceError when there is no store or it cannot be read.
    """
    with _reading(data_dir) as hot:
        return Finder(hot, data_dir, Look(text, limit=limit), budget_s=inf).page().lives


def look_up(data_dir: Path, look: Look, index: HotIndex | None = None) -> Looked:
    """One page; who asks again and again keeps an `index`.  Raises: ResourceError."""
    with _reading(data_dir) as hot:
        return Finder(hot, data_dir, look, index=index).page()


def life_events(data_dir: Path, message_id: int) -> list[dict[str, str]]:
    """Everything that happened to one message, oldest first: column → field.  Raises: ResourceError."""
    packed = message_id.to_bytes(8, "little", signed=True)
    with _reading(data_dir) as hot:
        query = "SELECT seq, seq, lines FROM event_blocks WHERE instr(ids, ?) > 0 ORDER BY seq"
        blocks: list[tuple[int, int, bytes]] = hot.execute(query, (packed,)).fetchall()
    moved: list[tuple[int, int, bytes]] = []
    born = day_of(made_at_ms(message_id) / 1000)
    for day in days(data_dir):
        connection = open_reader(path_of(data_dir, day)) if day >= born else None
        if connection is not None:
            with _Closing(connection, path_of(data_dir, day)):
                moved += connection.execute(_MOVED, (message_id, packed)).fetchall()
    hot_only = [block for block in blocks if not any(first <= block[0] <= last for first, last, _ in moved)]
    wanted = str(message_id)
    return [
        event
        for _, _, lines in sorted(moved + hot_only)
        for event in events_in(zstandard.ZstdDecompressor().decompress(lines))
        if event["id"] == wanted
    ]


def held_items(data_dir: Path, limit: int = 1_000) -> list[HeldView]:
    """What is held, oldest first.  Raises: ResourceError."""
    with _reading(data_dir) as hot:
        return [HeldView(*row) for row in hot.execute(_HELD, (limit,))]


def failed_callbacks(data_dir: Path, client: str, limit: int) -> list[FailedView]:
    """Callbacks that were given up, youngest first; of all clients when none is named.  Raises: ResourceError."""
    with _reading(data_dir) as hot:
        number = None
        if client:
            row = hot.execute("SELECT number FROM names WHERE name = ?", (client,)).fetchone()
            number = -1 if row is None else int(row[0])
        found = list_failed(hot, number, MAX_ID, limit)
    return [failed_view(each) for each in found]


def callbacks_off(data_dir: Path) -> list[CallbacksOff]:
    """Clients whose own URL said that it is gone.  Raises: ResourceError."""
    with _reading(data_dir) as hot:
        return list_off(hot)


def require_store(data_dir: Path) -> Path:
    """The hot file's path.  Raises: ResourceError when there is none."""
    path = data_dir / STORE_FILE
    if not path.exists():
        raise ResourceError(f"no store at {path}: name the settings file of the gateway with --config")
    return path


class _Closing:
    """A connection that is closed after use; its errors become ours."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def __enter__(self) -> sqlite3.Connection:
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._connection.close()
        if isinstance(error, sqlite3.Error):
            raise ResourceError(f"store {self._path}: {error}") from error


def _reading(data_dir: Path) -> _Closing:
    """The hot file.  Raises: ResourceError when there is none."""
    path = require_store(data_dir)
    return _Closing(connect(path, is_reader=True), path)

"""One file per UTC day with finished lives and merged event blocks, and the indexes to search them.

Indexes are sorted runs, one for each bulk that was moved: inserts are sequential, which random keys would make five
to ten times dearer, and a look-up asks every run of the day.  Written by the mover alone; never touches the hot file.
"""

import os
import sqlite3
from array import array
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final
from zlib import crc32

import msgspec

from chappe.model.address import handset_key
from chappe.model.ids import made_at_ms
from chappe.model.lifecycle import Status
from chappe.store.port import Life
from chappe.store.sqlite import rows
from chappe.store.sqlite.opening import HISTORY_FOLDER
from chappe.store.views import Look

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS lives (
    id INTEGER PRIMARY KEY, client TEXT, operator TEXT, status INTEGER, msisdn TEXT, number TEXT, client_ref TEXT,
    operator_ref TEXT, sent_at_us INTEGER, final_at_us INTEGER, error TEXT, body BLOB, parts BLOB
);
CREATE TABLE IF NOT EXISTS runs (run INTEGER PRIMARY KEY, lives INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS by_msisdn (
    run INTEGER, key INTEGER, id INTEGER, PRIMARY KEY (run, key, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS by_reference (
    run INTEGER, key INTEGER, id INTEGER, PRIMARY KEY (run, key, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS by_operator_ref (
    run INTEGER, key INTEGER, id INTEGER, PRIMARY KEY (run, key, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS by_fact (
    run INTEGER, key INTEGER, id INTEGER, PRIMARY KEY (run, key, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs_with_facts (run INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS blocks (
    first_seq INTEGER PRIMARY KEY, last_seq INTEGER, first_us INTEGER, last_us INTEGER,
    min_id INTEGER, max_id INTEGER, events INTEGER, ids BLOB, lines BLOB
);
"""
_COLUMNS: Final = 13
#: Bits for the place of a life within its bulk.
_PLACE: Final = 24
#: Rows of one statement: SQLite binds at most 32,766 values, and more rows gain nothing.
_CHUNK: Final = 200


#: Written in bulk and read seldom: large pages.
HISTORY_PAGE_OCTETS: Final = 16_384
#: A bulk stays in memory until its commit, so that readers wait for the commit alone.
CACHE_KIB: Final = 131_072


class Finished(msgspec.Struct, frozen=True, gc=False):
    """A finished life on its way into history."""

    id: int
    client: str
    operator: str
    status: int
    msisdn: str
    number: str
    client_ref: str
    operator_ref: str
    sent_at_us: int
    final_at_us: int
    error: str
    body: bytes
    #: (part, status, operator's reference) of a message in several, packed; empty for one.
    parts: bytes = b""


class Merged(msgspec.Struct, frozen=True):
    """Event blocks that follow each other, as one."""

    first_seq: int
    last_seq: int
    first_us: int
    last_us: int
    events: int
    ids: Sequence[int]
    #: CSV lines, compressed with zstd.
    lines: bytes


def hash_of(reference: str) -> int:
    """32 bits that stand for a reference in the indexes of history: enough for one day, and whoever asks compares."""
    return crc32(reference.encode("utf-8", "surrogatepass"))


def day_of(unix_s: float) -> date:
    """The UTC day of a moment."""
    return datetime.fromtimestamp(unix_s, UTC).date()


def path_of(data_dir: Path, day: date) -> Path:
    """The file of a day."""
    return data_dir / HISTORY_FOLDER / f"{day.isoformat()}.db"


def days(data_dir: Path) -> list[date]:
    """The days that there are files of, newest first."""
    found = []
    for path in (data_dir / HISTORY_FOLDER).glob("????-??-??.db"):
        try:
            found.append(date.fromisoformat(path.stem))
        except ValueError:
            continue
    return sorted(found, reverse=True)


def drop_before(data_dir: Path, first_kept: date) -> list[date]:
    """Delete the files of older days whole."""
    dropped = [day for day in days(data_dir) if day < first_kept]
    for day in dropped:
        path = path_of(data_dir, day)
        path.unlink(missing_ok=True)
        path.with_name(path.name + "-journal").unlink(missing_ok=True)
    return dropped


def first_day_kept(today: date, retention_days: int) -> date:
    """Files of earlier days are past retention."""
    return today - timedelta(days=retention_days)


def _make_whole(path: Path) -> None:
    """Give the day a file that has all of its tables at once: who reads it never finds some of them."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    draft.with_name(draft.name + "-journal").unlink(missing_ok=True)
    with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {HISTORY_PAGE_OCTETS}")
        connection.executescript(SCHEMA)
    draft.rename(path)
    # Its name must outlive a power cut before anything is deleted because it is in there.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class HistoryDay:
    """The file of one day, open for writing."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make_whole(path)
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._connection.execute(f"PRAGMA page_size = {HISTORY_PAGE_OCTETS}")
        # A log would write everything twice; with a journal what is appended is written once.
        self._connection.execute("PRAGMA journal_mode = TRUNCATE")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._connection.executescript(SCHEMA)

    def add(self, lives: Sequence[Finished], blocks: Sequence[Merged]) -> int:
        """Copy lives and blocks, synced when this returns; what is there already stays as it is.

        Returns how many lives were new.
        """
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            new = self._unknown(sorted(lives, key=lambda life: life.id))
            if new:
                self._add_run(new)
            for block in blocks:
                self._add_block(block)
            execute("COMMIT")
        except BaseException:
            execute("ROLLBACK")
            raise
        return len(new)

    def last_seq(self) -> int:
        """The last event block that this day holds; 0 for none."""
        row = self._connection.execute("SELECT max(last_seq) FROM blocks").fetchone()
        return int(row[0] or 0)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _unknown(self, lives: Sequence[Finished]) -> list[Finished]:
        """Those that an earlier copy, cut short before the deletion, did not bring."""
        if not lives:
            return []
        query = "SELECT id FROM lives WHERE id BETWEEN ? AND ?"
        known = {row[0] for row in self._connection.execute(query, (lives[0].id, lives[-1].id))}
        if not known:
            return list(lives)
        return [life for life in lives if life.id not in known]

    def _add_run(self, lives: Sequence[Finished]) -> None:
        run = int(self._connection.execute("INSERT INTO runs (lives) VALUES (?)", (len(lives),)).lastrowid or 0)
        self._insert("lives", _COLUMNS, [msgspec.structs.astuple(life) for life in lives])
        numbered = list(enumerate(lives))
        self._index("by_msisdn", run, lives, [handset_key(life.msisdn) << _PLACE | place for place, life in numbered])
        named = [hash_of(life.client_ref) << _PLACE | place for place, life in numbered if life.client_ref]
        self._index("by_reference", run, lives, named)
        named = [hash_of(each) << _PLACE | place for place, life in numbered for each in references_of(life)]
        self._index("by_operator_ref", run, lives, list(set(named)))
        self._index(
            "by_fact", run, lives, [key << _PLACE | place for place, life in numbered for key in facts_of(life)]
        )
        self._connection.execute("INSERT INTO runs_with_facts VALUES (?)", (run,))

    def _index(self, table: str, run: int, lives: Sequence[Finished], keys: list[int]) -> None:
        """`keys` are keys with the place of the life in `lives`, as one number: those sort several times faster."""
        keys.sort()
        place = (1 << _PLACE) - 1
        self._insert(table, 3, [(run, key >> _PLACE, lives[key & place].id) for key in keys])

    def _insert(self, table: str, columns: int, values: Sequence[tuple[object, ...]]) -> None:
        row = "(" + ",".join("?" * columns) + ")"
        for start in range(0, len(values), _CHUNK):
            piece = values[start : start + _CHUNK]
            bound: list[object] = []
            for each in piece:
                bound += each
            self._connection.execute(f"INSERT INTO {table} VALUES " + ",".join([row] * len(piece)), bound)

    def _add_block(self, block: Merged) -> None:
        ids = array("q", block.ids)
        self._connection.execute(
            "INSERT OR IGNORE INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                block.first_seq,
                block.last_seq,
                block.first_us,
                block.last_us,
                min(ids, default=0),
                max(ids, default=0),
                block.events,
                ids.tobytes(),
                block.lines,
            ),
        )


def references_of(life: Finished) -> list[str]:
    """Every reference under which an operator may know the message."""
    found = [life.operator_ref] if life.operator_ref else []
    if life.parts:
        found += [reference for _, _, reference in msgspec.msgpack.decode(life.parts)]
    return found


@lru_cache(maxsize=4096)
def _fact(*words: str) -> int:
    return hash_of("\0".join(words))


def facts_of(life: Finished) -> list[int]:
    """Keys under which a life is found beside its numbers: its client's, and those of what is not as usual."""
    facts = [_fact("client", life.client)]
    status = str(life.status)
    if life.status != Status.DELIVERED:
        facts += [_fact("status", status), _fact("status", status, life.client)]
    # An MO bears the operator that brought it and was never sent to one.
    if life.operator and not life.sent_at_us:
        facts += [_fact("mo"), _fact("mo", life.client)]
    return facts


# -- reading ----------------------------------------------------------------------------------------


def open_reader(path: Path) -> sqlite3.Connection | None:
    """Open a day's file for reading; None when there is none."""
    if not path.exists():
        return None
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, timeout=5)
    connection.execute("PRAGMA query_only = ON")
    return connection


def facts_asked(look: Look) -> list[int]:
    """The fewest keys under which all that fits is found; none where no key narrows it."""
    of_client = (look.client,) if look.client else ()
    if look.statuses and Status.DELIVERED not in look.statuses:
        return [_fact("status", str(int(status)), *of_client) for status in look.statuses]
    if look.direction == "mo":
        return [_fact("mo", *of_client)]
    return [_fact("client", look.client)] if look.client else []


def has_facts(history: sqlite3.Connection) -> bool:
    """Whether all of a day is found by facts: what earlier releases moved is not."""
    tables = {name for (name,) in history.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    query = "SELECT (SELECT count(*) FROM runs) = (SELECT count(*) FROM runs_with_facts)"
    return "runs_with_facts" in tables and bool(history.execute(query).fetchone()[0])


def find_life(data_dir: Path, message_id: int) -> Life | None:
    """One finished life, by its id.  Raises: sqlite3.Error."""
    connection = open_reader(path_of(data_dir, day_of(made_at_ms(message_id) / 1000)))
    if connection is None:
        return None
    try:
        row = connection.execute("SELECT * FROM lives WHERE id = ?", (message_id,)).fetchone()
    finally:
        connection.close()
    return None if row is None else life_of(Finished(*row))


def find_lives(data_dir: Path, day: date, from_id: int, below_id: int, text: bytes) -> list[Life]:
    """Finished lives of one day whose ids lie between two and whose messages hold `text`.  Raises: sqlite3.Error."""
    connection = open_reader(path_of(data_dir, day))
    if connection is None:
        return []
    query = "SELECT * FROM lives WHERE id >= ? AND id < ? AND instr(body, ?) > 0"
    try:
        return [life_of(Finished(*row)) for row in connection.execute(query, (from_id, below_id, text))]
    finally:
        connection.close()


def life_of(found: Finished) -> Life:
    """What the store tells of a life, from its row in history."""
    parts: list[tuple[int, int, str]] = msgspec.msgpack.decode(found.parts) if found.parts else []
    return Life(
        found.id,
        Status(found.status),
        rows.message_or_none(found.body),
        found.operator,
        found.operator_ref,
        found.sent_at_us,
        found.final_at_us,
        found.error,
        [Status(status) for _, status, _ in parts] or None,
        found.msisdn,
        [reference for _, _, reference in parts] or None,
    )

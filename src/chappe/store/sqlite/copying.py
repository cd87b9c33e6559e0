"""A copy of everything a gateway keeps, made while it runs, and a look whether a store agrees with itself.

The hot file is copied first: what moves to history meanwhile is then in both, never in neither; event files come last,
as they may only be ahead of the hot file.  Knows no gateway; it reads files alone.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import zstandard

from chappe.model.errors import ResourceError
from chappe.model.lifecycle import FINAL, Status
from chappe.store.sqlite.history import days, open_reader, path_of
from chappe.store.sqlite.opening import HISTORY_FOLDER, STORE_FILE, connect

EVENTS_FOLDER: Final = "events"
#: Findings of one kind that are named; the rest is counted.
NAMED: Final = 10

_FINAL: Final = ",".join(str(int(status)) for status in sorted(FINAL))
#: What must find nothing, and what it means when it finds something.
_RULES: Final = (
    (
        "queue row without its message: id {}",
        "SELECT q.id FROM queue q LEFT JOIN messages m ON m.id = q.id WHERE q.body IS NULL AND m.id IS NULL",
    ),
    (
        "message that has ended is still queued: id {}",
        f"SELECT q.id FROM queue q JOIN messages m ON m.id = q.id WHERE q.body IS NULL AND m.status IN ({_FINAL})",
    ),
    (
        "message is queued in two places: id {}",
        "SELECT id FROM queue WHERE body IS NULL GROUP BY id HAVING count(*) > 1",
    ),
    (
        "message is held, and no list of held ones has it: id {}",
        f"SELECT id FROM messages WHERE status = {Status.HELD:d} AND id NOT IN (SELECT id FROM held)",
    ),
    (
        "message was sent, and no operator is noted: id {}",
        f"SELECT id FROM messages WHERE status IN ({Status.SENT:d}, {Status.BUFFERED:d}) AND operator IS NULL",
    ),
    (
        "message has ended and will never move to history: id {}",
        f"SELECT id FROM messages WHERE status IN ({_FINAL}) AND id NOT IN (SELECT id FROM finished)",
    ),
)


def backup(data_dir: Path, dest: Path) -> list[Path]:
    """Copy hot file, history and event files into the new folder `dest`, verified and synced.

    The folder appears whole or not at all.  Returns the files.  Raises: ResourceError.
    """
    _require(data_dir / STORE_FILE)
    if dest.exists():
        raise ResourceError(f"{dest} exists already: name a folder that does not")
    partial = dest.with_name(dest.name + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _copy_database(data_dir / STORE_FILE, partial / STORE_FILE)
        for day in days(data_dir):
            _copy_database(path_of(data_dir, day), partial / HISTORY_FOLDER / path_of(data_dir, day).name)
        if (data_dir / EVENTS_FOLDER).is_dir():
            shutil.copytree(data_dir / EVENTS_FOLDER, partial / EVENTS_FOLDER)
        files = [path for path in sorted(partial.rglob("*")) if path.is_file()]
        for path in [*files, *{path.parent for path in files}]:
            _sync(path)
        partial.rename(dest)
        _sync(dest.parent)
    except (OSError, sqlite3.Error) as error:
        raise ResourceError(f"backup to {dest}: {error}; nothing is there, try again") from error
    return [dest / path.relative_to(partial) for path in files]


def findings(data_dir: Path) -> Iterator[str]:
    """Everything in which a store disagrees with itself, a line each; none is good.  Raises: ResourceError."""
    path = data_dir / STORE_FILE
    _require(path)
    numbers: list[tuple[int, int]] = []
    try:
        hot = connect(path, is_reader=True)
        # One snapshot: the gateway may write meanwhile.
        hot.execute("BEGIN")
        yield from _damage(hot, STORE_FILE)
        for told, query in _RULES:
            yield from _named(told, [row[0] for row in hot.execute(query)])
        blocks = "SELECT seq, seq, events, lines FROM event_blocks ORDER BY seq"
        yield from _blocks(hot, blocks, STORE_FILE, numbers)
        hot.close()
        for day in reversed(days(data_dir)):
            history = open_reader(path_of(data_dir, day))
            if history is not None:
                yield from _damage(history, path_of(data_dir, day).name)
                blocks = "SELECT first_seq, last_seq, events, lines FROM blocks ORDER BY first_seq"
                yield from _blocks(history, blocks, path_of(data_dir, day).name, numbers)
                history.close()
    except sqlite3.Error as error:
        yield f"the store cannot be read: {error}"
    yield from _gaps(numbers)


def copied(data_dir: Path, name: str) -> tuple[int, str, bytes]:
    """How far a copy of the events has come: block and place; and the key of the store.  Raises: ResourceError."""
    path = data_dir / STORE_FILE
    _require(path)
    hot = connect(path, is_reader=True)
    try:
        row = hot.execute("SELECT seq, position FROM copies WHERE name = ?", (name,)).fetchone() or (0, "")
        key = hot.execute("SELECT value FROM meta WHERE key = 'reference_key'").fetchone()[0]
    finally:
        hot.close()
    return int(row[0]), str(row[1]), bytes(key)


def block_lines(data_dir: Path, until: int) -> Iterator[bytes]:
    """The lines of every event block up to one, oldest first, from history and the hot file, each block once.

    Raises: sqlite3.Error.
    """
    unzip = zstandard.ZstdDecompressor().decompress
    hot = connect(data_dir / STORE_FILE, is_reader=True)
    hot.execute("BEGIN")
    hot.execute("SELECT 1 FROM meta").fetchone()
    reached = 0
    for day in reversed(days(data_dir)):
        history = open_reader(path_of(data_dir, day))
        if history is not None:
            query = "SELECT last_seq, lines FROM blocks WHERE first_seq > ? AND last_seq <= ? ORDER BY first_seq"
            for last, lines in history.execute(query, (reached, until)):
                reached = last
                yield unzip(lines)
            history.close()
    query = "SELECT lines FROM event_blocks WHERE seq > ? AND seq <= ? ORDER BY seq"
    for (lines,) in hot.execute(query, (reached, until)):
        yield unzip(lines)
    hot.close()


def _require(path: Path) -> None:
    if not path.exists():
        raise ResourceError(f"no store at {path}: name the settings file of the gateway with --config")


def _copy_database(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    reader = connect(source, is_reader=True)
    copy = sqlite3.connect(target, isolation_level=None)
    try:
        reader.backup(copy)
        told = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        if told != "ok":
            raise sqlite3.DatabaseError(f"the copy of {source.name} is damaged: {told}")
        copy.execute("PRAGMA journal_mode = DELETE")
    finally:
        copy.close()
        reader.close()


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _damage(connection: sqlite3.Connection, name: str) -> Iterator[str]:
    for (told,) in connection.execute(f"PRAGMA integrity_check({NAMED})"):
        if told != "ok":
            yield f"{name}: {told}"


def _named(told: str, ids: list[int]) -> Iterator[str]:
    for message_id in ids[:NAMED]:
        yield told.format(message_id)
    if len(ids) > NAMED:
        yield told.format(f"… and {len(ids) - NAMED} more")


def _blocks(connection: sqlite3.Connection, query: str, name: str, numbers: list[tuple[int, int]]) -> Iterator[str]:
    """Each block holds as many lines as it says; note which numbers there are."""
    unzip = zstandard.ZstdDecompressor().decompress
    for first, last, events, lines in connection.execute(query):
        numbers.append((first, last))
        found = unzip(lines).count(b"\n")
        if found != events:
            yield f"{name}: event block {first} says {events} events and holds {found}"


def _gaps(numbers: list[tuple[int, int]]) -> Iterator[str]:
    """A block that was copied and not yet deleted is there twice, which is no fault; a number that is missing is."""
    reached: list[tuple[int, int]] = []
    for first, last in sorted(numbers):
        if not reached or last > reached[-1][1]:
            reached.append((first, last))
    for (_, before), (after, _) in pairwise(reached):
        if after > before + 1:
            yield f"event blocks {before + 1} to {after - 1} are missing"

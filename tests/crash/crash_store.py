"""Reads what a stopped gateway left behind: lives in the store and its history, what waits, what is held, event lines.

It must never use the engine that it is a witness about: plain SQL and files only.
"""

import gzip
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import msgspec
import zstandard

from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Message
from chappe.sim.tags import tag_of

_decode = msgspec.msgpack.Decoder(Message).decode


@dataclass(frozen=True, slots=True)
class StoredLife:
    """One message: which way it went, its simulator's tag and what became of it."""

    direction: Direction
    tag: str
    status: Status


@dataclass(slots=True)
class Stored:
    """Everything that the reckoning needs; `faults` are contradictions within the store itself."""

    lives: dict[int, StoredLife] = field(default_factory=dict)
    held: set[int] = field(default_factory=set)
    queued: list[tuple[str, int]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    #: What a client knows a message as, where that is not its id → the id.
    ids: dict[str, int] = field(default_factory=dict)

    def name(self, known_as: str, message_id: int) -> None:
        """A client knows a message by this; over UCP no other may bear it."""
        if not known_as:
            return
        if self.ids.setdefault(known_as, message_id) != message_id:
            self.faults.append(f"messages {self.ids[known_as]} and {message_id} are both known as {known_as}")

    def id_of(self, told: str) -> int:
        """The id that a client means; 0 for none."""
        return self.ids.get(told, int(told) if told.isdecimal() else 0)


def read_store(data_dir: Path) -> Stored:
    """Read the store of a stopped gateway."""
    stored = Stored()
    for path in sorted((data_dir / "history").glob("*.db")):
        _read_lives(path, "lives", stored)
    with sqlite3.connect(data_dir / "chappe.db") as connection:
        _read_lives(data_dir / "chappe.db", "messages", stored)
        stored.held = {each for (each,) in connection.execute("SELECT id FROM held")}
        waiting = "SELECT n.name, q.id FROM queue q JOIN names n ON n.number = q.queue"
        stored.queued = list(connection.execute(waiting))
        (integrity,) = connection.execute("PRAGMA integrity_check").fetchone()
    if integrity != "ok":
        stored.faults.append(f"integrity_check: {integrity}")
    stored.faults += _faults_of_events(data_dir)
    connection.close()
    return stored


def _read_lives(path: Path, table: str, stored: Stored) -> None:
    connection = sqlite3.connect(path)
    for message_id, status, body in connection.execute(f"SELECT id, status, body FROM {table}"):
        message = _decode(body)
        known = stored.lives.get(message_id)
        if known is not None and known.status is not Status(status):
            stored.faults.append(
                f"message {message_id} is {known.status.word} in history and {Status(status).word} here"
            )
        stored.lives[message_id] = StoredLife(
            message.direction, tag_of(message.octets, message.data_coding), Status(status)
        )
        stored.name(message.known_as, message_id)
    connection.close()


def tags_of(connection: sqlite3.Connection) -> set[str]:
    """The tags of all messages in the hot tables."""
    messages = (_decode(body) for (body,) in connection.execute("SELECT body FROM messages"))
    return {tag_of(message.octets, message.data_coding) for message in messages}


def _faults_of_events(data_dir: Path) -> Iterator[str]:
    """The CSV files hold each line of each block exactly once, in order, and the blocks have no gaps."""
    ranges, lines = _blocks(data_dir)
    for (_, last), (first, _) in pairwise(ranges):
        if first != last + 1:
            yield f"event block {last} is followed by {first}"
    written = event_lines(data_dir)
    if written == lines:
        return
    first_bad = next((at for at, pair in enumerate(zip(written, lines, strict=False)) if pair[0] != pair[1]), None)
    where = "one ends early" if first_bad is None else f"{written[first_bad]!r} is not {lines[first_bad]!r}"
    yield f"event files hold {len(written)} lines, the blocks {len(lines)}; line {first_bad}: {where}"


def _blocks(data_dir: Path) -> tuple[list[tuple[int, int]], list[bytes]]:
    """First and last number of all blocks, and their lines: those of history, then those that are only hot."""
    unzip = zstandard.ZstdDecompressor().decompress
    found: list[tuple[int, int, bytes]] = []
    for path in sorted((data_dir / "history").glob("*.db")):
        found += _query(path, "SELECT first_seq, last_seq, lines FROM blocks ORDER BY first_seq")
    moved_until = found[-1][1] if found else 0
    hot = f"SELECT seq, seq, lines FROM event_blocks WHERE seq > {moved_until} ORDER BY seq"
    found += _query(data_dir / "chappe.db", hot)
    lines = [line for _, _, packed in found for line in unzip(packed).splitlines()]
    return [(first, last) for first, last, _ in found], lines


def _query(path: Path, query: str) -> list[tuple[int, int, bytes]]:
    connection = sqlite3.connect(path)
    rows = connection.execute(query).fetchall()
    connection.close()
    return rows


def event_lines(data_dir: Path) -> list[bytes]:
    """All lines of all event files, oldest file first, without their headers."""
    return event_lines_of(data_dir, "*/*.csv*")


def event_lines_of(data_dir: Path, pattern: str) -> list[bytes]:
    """All lines of the event files of a pattern."""
    lines: list[bytes] = []
    for path in sorted((data_dir / "events").glob(pattern)):
        octets = path.read_bytes()
        if path.suffix == ".gz":
            octets = gzip.decompress(octets)
        lines += octets.splitlines()[1:]
    return lines

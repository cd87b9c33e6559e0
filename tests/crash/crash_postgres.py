"""Reads what stopped nodes left behind in PostgreSQL: lives, what waits, what is held, event lines, counts.

It must never use the engine that it is a witness about: plain SQL and files only.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
import zstandard
from crash_store import Stored, StoredLife, event_lines_of

from chappe.model.lifecycle import Status
from chappe.model.message import Message
from chappe.sim.tags import tag_of

_decode = msgspec.msgpack.Decoder(Message).decode
_LIVES: Final = (
    "SELECT id, status, body, 'history' AS place FROM history UNION ALL SELECT id, status, body, 'hot' FROM messages"
)
_WAITING: Final = "SELECT convert_from(n.name, 'UTF8') AS name, q.id FROM queue q JOIN names n ON n.number = q.queue"
_BLOCKS: Final = (
    "SELECT convert_from(n.name, 'UTF8') AS writer, b.seq, counts, lines, b.seq <= coalesce(c.seq, 0) AS is_counted,"
    " b.seq <= coalesce(e.seq, 0) AS is_filed FROM event_blocks b JOIN names n ON n.number = b.writer"
    " LEFT JOIN copies c ON c.writer = b.writer AND c.name = 'counters'"
    " LEFT JOIN copies e ON e.writer = b.writer AND e.name = 'events' ORDER BY 1, 2"
)
_COUNTED: Final = "SELECT event, client, operator, sum(count) AS count FROM counters GROUP BY 1, 2, 3"
#: What a node may have to say of its own end, after its files were closed.
LAST_WORDS: Final = {"node_stopped", "store_slow"}
_counts = msgspec.msgpack.Decoder(list[tuple[str, str, str, int]]).decode


_AT_WORK: Final = "SELECT count(DISTINCT node) FROM runs WHERE ended_at IS NULL AND beat_at > to_timestamp($1)"


async def is_at_rest(dsn: str, nodes: int, since_s: float) -> bool:
    """Nothing waits in any queue, and so many nodes were heard of since a Unix second: the last start."""
    connection = await asyncpg.connect(dsn)
    try:
        if await connection.fetchval("SELECT EXISTS (SELECT 1 FROM queue)"):
            return False
        return bool(await connection.fetchval(_AT_WORK, since_s) >= nodes)
    finally:
        await connection.close()


async def read_database(dsn: str, data_dir: Path) -> Stored:
    """Read the store of nodes that are all stopped, and the event files beside it."""
    stored = Stored()
    connection = await asyncpg.connect(dsn)
    try:
        for row in await connection.fetch(_LIVES):
            message = _decode(row["body"])
            if row["id"] in stored.lives:
                stored.faults.append(f"message {row['id']} is in history and in the hot table")
            tag = tag_of(message.octets, message.data_coding)
            stored.lives[row["id"]] = StoredLife(message.direction, tag, Status(row["status"]))
            stored.name(message.known_as, row["id"])
        stored.held = {row["id"] for row in await connection.fetch("SELECT id FROM held")}
        stored.queued = [(row["name"], row["id"]) for row in await connection.fetch(_WAITING)]
        if left := await connection.fetchval("SELECT count(*) FROM sending"):
            stored.faults.append(f"{left} messages bear the mark of a write though nothing is under way")
        blocks = await connection.fetch(_BLOCKS)
        stored.faults += _faults_of_events(blocks, data_dir)
        stored.faults += _faults_of_counts(blocks, await connection.fetch(_COUNTED))
    finally:
        await connection.close()
    return stored


def _faults_of_events(blocks: Sequence[Any], data_dir: Path) -> Iterator[str]:
    """Each node's CSV files hold each line of its blocks exactly once, in order, and its blocks have no gaps.

    The last block of a stop may only tell how long that stop took to be written: the next start copies it.
    """
    unzip = zstandard.ZstdDecompressor().decompress
    for writer in sorted({row["writer"] for row in blocks}):
        own = [row for row in blocks if row["writer"] == writer]
        for before, after in pairwise(own):
            if after["seq"] != before["seq"] + 1:
                yield f"event block {before['seq']} of {writer} is followed by {after['seq']}"
        unfiled = [row for row in own if not row["is_filed"]]
        said = {event for row in unfiled for event, *_ in _counts(row["counts"])}
        if len(unfiled) > 1 or said - LAST_WORDS:
            yield f"{writer} stopped, and its files lack more than its last words: {len(unfiled)} blocks of {said}"
        lines = [line for row in own if row["is_filed"] for line in unzip(row["lines"]).splitlines()]
        name = writer.replace("/", "-").replace(":", "-").replace("#", "-")
        written = event_lines_of(data_dir, f"*/??-{name}.csv*")
        if written != lines:
            strange = Counter(written) - Counter(lines), Counter(lines) - Counter(written)
            told = [each.most_common(2) for each in strange]
            yield f"event files of {writer} hold {len(written)} lines, its blocks {len(lines)}: {told}"


def _faults_of_counts(blocks: Sequence[Any], counted: Sequence[Any]) -> Iterator[str]:
    """The counters are the sum of all blocks that they claim to hold: those of all nodes, but for a last few."""
    happened: Counter[tuple[str, str, str]] = Counter()
    for row in blocks:
        for event, client, operator, count in _counts(row["counts"]):
            happened[event, client, operator] += count if row["is_counted"] else 0
    known = Counter({(row[0], row[1].decode(), row[2].decode()): int(row[3]) for row in counted})
    if not known:
        yield "the counters know nothing"
    if known != happened:
        strange = (known - happened) or (happened - known)
        yield f"counters know {known.total()} events, the blocks {happened.total()}: {strange.most_common(3)}"

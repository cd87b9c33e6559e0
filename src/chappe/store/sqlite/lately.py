"""One life whole, what happened lately, reports that match nothing: what people look at beside lists of messages.

Read-only and in short transactions, as everything that reads from another process.
"""

import sqlite3
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import zstandard

from chappe.model.events import stamp
from chappe.model.lifecycle import Status
from chappe.store.bodies import unpack_report
from chappe.store.happenings import events_named
from chappe.store.lives import Life
from chappe.store.sqlite import rows
from chappe.store.sqlite.history import day_of, days, find_life, open_reader, path_of
from chappe.store.views import RECENT_BLOCKS, RECENT_EVENTS, RECENT_US, ParkedView, parked_view

_RECENT: Final = "SELECT seq, seq, lines FROM event_blocks WHERE at_us >= ? ORDER BY seq DESC LIMIT ?"
_RECENT_MOVED: Final = "SELECT first_seq, last_seq, lines, last_us FROM blocks ORDER BY first_seq DESC LIMIT ?"
_RECENT_MOVED_BLOCKS: Final = 100
#: Lines of one look at what happened lately, in octets.
_RECENT_OCTETS: Final = 8_000_000
_PARKED: Final = "SELECT body FROM parked ORDER BY id DESC LIMIT ?"
_LIFE: Final = (
    "SELECT m.id, m.status, m.body, o.name, m.operator_ref, m.sent_at_us, m.final_at_us, m.error"
    " FROM messages m LEFT JOIN names o ON o.number = m.operator WHERE m.id = ?"
)
_PARTS: Final = "SELECT status, operator_ref FROM parts WHERE id = ? ORDER BY part"

#: First block, last block, lines.
_Block = tuple[int, int, bytes]


def life_in(hot: sqlite3.Connection, data_dir: Path, message_id: int) -> Life | None:
    """All that is stored of one message.  Raises: sqlite3.Error."""
    row = hot.execute(_LIFE, (message_id,)).fetchone()
    if row is None:
        return find_life(data_dir, message_id)
    found = rows.life_of(row, row[3] or "")
    parts = hot.execute(_PARTS, (message_id,)).fetchall()
    found.parts = [Status(status) for status, _ in parts] or None
    found.part_refs = [str(reference) for _, reference in parts] or None
    return found


def parked_in(hot: sqlite3.Connection, limit: int) -> list[ParkedView]:
    """Reports that match nothing, youngest first.  Raises: sqlite3.Error."""
    return [parked_view(unpack_report(body)) for (body,) in hot.execute(_PARKED, (limit,))]


def recent_in(hot: sqlite3.Connection, data_dir: Path, names: Collection[str]) -> list[dict[str, str]]:
    """The last events of these names, oldest first.  Raises: sqlite3.Error."""
    since_us = int(time.time() * 1_000_000) - RECENT_US
    found: dict[int, list[dict[str, str]]] = {}
    octets, unzip = 0, zstandard.ZstdDecompressor().decompress
    for first, last, lines in _recent_blocks(hot, data_dir, since_us):
        # A block that was moved meanwhile is in both places, perhaps within a greater one: that one counts.
        for each in [number for number in found if first <= number <= last]:
            del found[each]
        text = unzip(lines)
        found[first] = events_named(text, names)
        octets += len(text)
        if octets > _RECENT_OCTETS:
            break
    oldest = stamp(since_us)
    events = [event for _, of_block in sorted(found.items()) for event in of_block]
    return [event for event in events if event["time"] >= oldest][-RECENT_EVENTS:]


def _recent_blocks(hot: sqlite3.Connection, data_dir: Path, since_us: int) -> Iterator[_Block]:
    """The youngest first: those of the hot file, then those that have moved."""
    yield from hot.execute(_RECENT, (since_us, RECENT_BLOCKS)).fetchall()
    for day in days(data_dir):
        connection = open_reader(path_of(data_dir, day)) if day >= day_of(since_us / 1e6) else None
        if connection is None:
            continue
        try:
            moved = connection.execute(_RECENT_MOVED, (_RECENT_MOVED_BLOCKS,)).fetchall()
        finally:
            connection.close()
        yield from (block[:3] for block in moved if block[3] >= since_us)

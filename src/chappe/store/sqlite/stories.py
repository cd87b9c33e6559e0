"""Stories: the events of one message, found in the blocks of the hot file and of history.

Made for a process of its own, beside the gateway.  Blocks have no index of messages, which would cost every event; the
time of a message says in which of them to look, and there is a limit to how many.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import zstandard

from chappe.model.ids import made_at_ms
from chappe.store.happenings import happenings_in
from chappe.store.port import Happening
from chappe.store.sqlite.history import day_of, days, open_reader, path_of

#: Blocks of the hot file that one look reads at most.
LOOK_BLOCKS: Final = 20_000
#: How far the moments of events, judged by nodes, may be from those of ids and ends.
MARGIN_US: Final = 1_000_000

#: Two questions: asked for together both ends would cost a look at every row.
_ENDS: Final = (
    "SELECT (SELECT coalesce(min(seq), 0) FROM event_blocks), (SELECT coalesce(max(seq), 0) FROM event_blocks)"
)
_HOT: Final = "SELECT seq, seq, lines FROM event_blocks WHERE seq BETWEEN ? AND ? AND instr(ids, ?) > 0"
_MOVED: Final = (
    "SELECT first_seq, last_seq, lines FROM blocks"
    " WHERE ? BETWEEN min_id AND max_id AND last_us >= ? AND first_us <= ? AND instr(ids, ?) > 0"
)

#: First block, last block, lines.
_Block = tuple[int, int, bytes]


def story_of(hot: sqlite3.Connection, data_dir: Path, message_id: int, until_us: int) -> list[Happening]:
    """The events of a message that ended at `until_us` (0: it has not), oldest first.  Raises: sqlite3.Error."""
    since_us = made_at_ms(message_id) * 1000 - MARGIN_US
    last_us = until_us + MARGIN_US if until_us else (1 << 62)
    packed = message_id.to_bytes(8, "little", signed=True)
    first, last = _first_since(hot, since_us), _first_since(hot, last_us)
    blocks: list[_Block] = hot.execute(_HOT, (first, min(last, first + LOOK_BLOCKS), packed)).fetchall()
    moved = list(_moved(data_dir, message_id, packed, since_us, last_us))
    hot_only = [block for block in blocks if not any(first <= block[0] <= last for first, last, _ in moved)]
    unzip = zstandard.ZstdDecompressor().decompress
    return [told for _, _, lines in sorted(moved + hot_only) for told in happenings_in(unzip(lines), message_id)]


def _first_since(hot: sqlite3.Connection, since_us: int) -> int:
    """The first block of the hot file at or after a moment, found by halves; the last one where none is, 0 for none."""
    low, high = hot.execute(_ENDS).fetchone()
    while low < high:
        middle = (low + high) // 2
        row = hot.execute("SELECT at_us FROM event_blocks WHERE seq >= ? ORDER BY seq LIMIT 1", (middle,)).fetchone()
        if row is None or row[0] >= since_us:
            high = middle
        else:
            low = middle + 1
    return int(low)


def _moved(data_dir: Path, message_id: int, packed: bytes, since_us: int, last_us: int) -> Iterator[_Block]:
    born = day_of(max(since_us, 0) / 1e6)
    for day in days(data_dir):
        connection = open_reader(path_of(data_dir, day)) if day >= born else None
        if connection is not None:
            try:
                yield from connection.execute(_MOVED, (message_id, since_us, last_us, packed)).fetchall()
            finally:
                connection.close()

"""The mover: a process of its own that carries finished lives and copied event blocks from the hot file to history.

It only reads the hot file, in short transactions.  It copies, syncs, then says on its standard output what the
gateway may delete, and waits for the gateway's line before it goes on; the end of its input is the end of its work.
Every step may be cut short: what was copied and not deleted is found there and copied no second time.
"""

import fcntl
import gc
import sys
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import IO, Any, Final

import msgspec
import zstandard

from chappe.crash import CrashPoint, reach
from chappe.model.ids import made_at_ms
from chappe.model.lifecycle import Direction
from chappe.model.message import Message
from chappe.store.sqlite import rows
from chappe.store.sqlite.beside import ended_with_the_gateway
from chappe.store.sqlite.history import (
    Finished,
    HistoryDay,
    Merged,
    day_of,
    days,
    drop_before,
    first_day_kept,
    path_of,
)
from chappe.store.sqlite.opening import connect

#: Lives of one move at most: a run of the indexes should be long, and this much fits into memory.
MOVE_LIVES: Final = 50_000
#: A move waits until it is worth a run, or at most so long.
MOVE_EVERY_S: Final = 300.0
LOOK_EVERY_S: Final = 2.0
#: Finished lives stay hot for so long: repeated receipts of theirs are told with all they need.
REST_US: Final = 60_000_000
#: Those from handsets longer: a start looks among them for copies that operators may send again.
REST_MO_US: Final = 900_000_000
#: How often those that had to rest longer are looked at again.
LOOK_BACK_US: Final = 300_000_000
#: Events of one block in history, and hot blocks that one move takes at most.
BLOCK_EVENTS: Final = 10_000
MOVE_BLOCKS: Final = 20_000
#: Rows that one read transaction takes: the gateway's log must not grow behind a long one.
READ_ROWS: Final = 5_000

_pack = msgspec.msgpack.Encoder().encode


class Order(msgspec.Struct, frozen=True):
    """What the gateway may delete: it is in history."""

    #: Ranges of `finished.seq`, both ends included.
    finished: list[tuple[int, int]] = []
    #: Event blocks up to this one; 0 for none.
    blocks_until: int = 0
    #: Generations of references past retention.
    generations: list[int] = []


class Mover:
    """Moves one bulk after another."""

    def __init__(self, data_dir: Path, store_file: str, retention_days: int) -> None:
        self._data_dir = data_dir
        self._connection = connect(data_dir / store_file, is_reader=True)
        self._retention_days = retention_days
        self._days: dict[date, HistoryDay] = {}
        self._blocks_until = self._known_blocks()
        #: Lives up to here in the order of their ends are gone, but for some that rest longer.
        self._after = 0
        self._looked_back_at_us = 0

    def has_bulk(self, now_us: int) -> bool:
        """A whole bulk of finished lives may leave; answered without reading them."""
        row = self._connection.execute(_LAST_OF_BULK, (self._after, MOVE_LIVES - 1)).fetchone()
        return row is not None and self._may_leave(row[0], row[1], now_us)

    def _may_leave(self, sent_at_us: int | None, final_at_us: int | None, now_us: int) -> bool:
        """A life has rested, and its references are on disk."""
        settled_us = self._meta("references_until_us")
        return (sent_at_us or 0) <= settled_us and (final_at_us or 0) <= now_us - REST_US

    def move(self, now_us: int) -> Order:
        """Copy one bulk; what it names may be deleted.  Synced when this returns."""
        lives, ranges = self._read_lives(now_us)
        blocks = list(self._read_blocks())
        by_day: dict[date, tuple[list[Finished], list[Merged]]] = {}
        for life in lives:
            by_day.setdefault(day_of(made_at_ms(life.id) / 1000), ([], []))[0].append(life)
        for block in blocks:
            by_day.setdefault(day_of(block.first_us / 1e6), ([], []))[1].append(block)
        kept_from = first_day_kept(day_of(now_us / 1e6), self._retention_days)
        for day in sorted(by_day):
            # What is past retention already need not be written to be dropped at once.
            if day >= kept_from:
                history = HistoryDay(path_of(self._data_dir, day))
                history.add(*by_day[day])
                history.close()
        drop_before(self._data_dir, kept_from)
        if blocks:
            self._blocks_until = blocks[-1].last_seq
        reach(CrashPoint.AFTER_HISTORY_COPY)
        return Order(ranges, self._blocks_until if blocks else 0, self._old_generations(now_us))

    # -- lives --------------------------------------------------------------------------------------

    def _read_lives(self, now_us: int) -> tuple[list[Finished], list[tuple[int, int]]]:
        """Finished lives that may leave, and where they stand in the order of their ends."""
        names = {int(number): str(name) for number, name in self._connection.execute("SELECT number, name FROM names")}
        settled_us, proved = self._meta("references_until_us"), self._proved()
        if now_us - self._looked_back_at_us >= LOOK_BACK_US:
            self._after, self._looked_back_at_us = 0, now_us
        lives: list[Finished] = []
        seqs: list[int] = []
        is_young = False
        while len(lives) < MOVE_LIVES and not is_young:
            found = self._connection.execute(_FINISHED, (self._after, READ_ROWS)).fetchall()
            for seq, message_id, *row in found:
                if message_id is None:
                    # Its row is gone: an earlier deletion was cut short behind it.
                    seqs.append(seq)
                    continue
                sent_at_us, final_at_us = row[4], row[5]
                if sent_at_us > settled_us or final_at_us > now_us - REST_US:
                    # What follows ended later still, nearly.
                    is_young = True
                    continue
                message = rows.message_or_none(row[7])
                if (
                    message is None
                    or message.direction is Direction.MT
                    or self._may_forget_mo(message, final_at_us, now_us, proved)
                ):
                    lives.append(_life(message_id, row, message, names))
                    seqs.append(seq)
            if found and not is_young:
                self._after = found[-1][0]
            is_young = is_young or len(found) < READ_ROWS
        return self._with_parts(lives), _ranges(seqs)

    def _may_forget_mo(self, message: Message, final_at_us: int, now_us: int, proved: dict[str, int]) -> bool:
        """The operator has read our answer to it, or it is too late for a copy."""
        return message.id < proved.get(message.operator, 0) or final_at_us <= now_us - REST_MO_US

    def _proved(self) -> dict[str, int]:
        """Operator → the id below which every answer to its MO was read."""
        query = "SELECT substr(key, 11), value FROM meta WHERE key LIKE 'mo_proved:%'"
        return {str(operator): int(value) for operator, value in self._connection.execute(query)}

    def _with_parts(self, lives: list[Finished]) -> list[Finished]:
        """Add the parts of long messages."""
        ids = {life.id for life in lives}
        parts: dict[int, list[tuple[int, int, str]]] = {}
        if ids:
            query = "SELECT id, part, status, operator_ref FROM parts WHERE id BETWEEN ? AND ?"
            for message_id, part, status, reference in self._connection.execute(query, (min(ids), max(ids))):
                if message_id in ids:
                    parts.setdefault(message_id, []).append((part, status, reference))
        if not parts:
            return lives
        return [
            msgspec.structs.replace(life, parts=_pack(parts[life.id])) if life.id in parts else life for life in lives
        ]

    # -- blocks -------------------------------------------------------------------------------------

    def _read_blocks(self) -> Iterator[Merged]:
        """Blocks that every copy has taken, merged within their day."""
        until = int(self._connection.execute(_COPIED).fetchone()[0] or 0)
        group: list[tuple[Any, ...]] = []
        events = 0
        unzip = zstandard.ZstdDecompressor().decompress
        squeeze = zstandard.ZstdCompressor(level=1).compress
        found = self._connection.execute(_BLOCKS, (self._blocks_until, until, MOVE_BLOCKS)).fetchall()
        for block in found:
            is_other_day = bool(group) and day_of(block[1] / 1e6) != day_of(group[0][1] / 1e6)
            if group and (is_other_day or events + block[2] > BLOCK_EVENTS):
                yield _merge(group, unzip, squeeze)
                group, events = [], 0
            group.append(block)
            events += block[2]
        if group:
            yield _merge(group, unzip, squeeze)

    def _known_blocks(self) -> int:
        """How far an earlier mover came, as the files say; what the gateway deleted is surely there."""
        until = self._meta("blocks_until")
        newest = int(self._connection.execute("SELECT coalesce(max(seq), 0) FROM event_blocks").fetchone()[0])
        for day in days(self._data_dir)[:3]:
            history = HistoryDay(path_of(self._data_dir, day))
            last = history.last_seq()
            history.close()
            # Files of another store whose numbers went further are not ours to trust.
            until = max(until, last) if last <= newest else until
        return until

    def _old_generations(self, now_us: int) -> list[int]:
        """Generations whose every part was sent before retention; the newest one always stays."""
        before_us = now_us - self._retention_days * 86_400_000_000
        query = "SELECT generation, newest_us FROM reference_generations ORDER BY generation DESC LIMIT -1 OFFSET 1"
        return [int(generation) for generation, newest_us in self._connection.execute(query) if newest_us < before_us]

    def _meta(self, key: str) -> int:
        row = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return int(row[0]) if row else 0


_LAST_OF_BULK: Final = (
    "SELECT m.sent_at_us, m.final_at_us FROM finished f LEFT JOIN messages m ON m.id = f.id"
    " WHERE f.seq = (SELECT seq FROM finished WHERE seq > ? ORDER BY seq LIMIT 1 OFFSET ?)"
)
_FINISHED: Final = (
    "SELECT f.seq, m.id, m.client, m.operator, m.operator_ref, m.status, m.sent_at_us, m.final_at_us, m.error, m.body"
    " FROM finished f LEFT JOIN messages m ON m.id = f.id WHERE f.seq > ? ORDER BY f.seq LIMIT ?"
)
#: What every copy has taken; 0 before each of them has begun.  The newest block stays: it tells the next run the time.
_COPIED: Final = (
    "SELECT min(seq, (SELECT max(seq) - 1 FROM event_blocks)) FROM"
    " (SELECT CASE count(*) WHEN 2 THEN min(seq) ELSE 0 END AS seq FROM copies WHERE name IN ('events', 'counters'))"
)
_BLOCKS: Final = (
    "SELECT seq, at_us, events, ids, lines FROM event_blocks WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
)


def _life(message_id: int, row: Sequence[Any], message: Message | None, names: dict[int, str]) -> Finished:
    client, operator, operator_ref, status, sent_at_us, final_at_us, error, body = row
    return Finished(
        message_id,
        names.get(client, ""),
        names.get(operator, ""),
        status,
        message.handset if message else "",
        message.number if message else "",
        message.reference if message else "",
        operator_ref or "",
        sent_at_us,
        final_at_us,
        error or "",
        body,
    )


def _merge(
    group: Sequence[tuple[Any, ...]], unzip: Callable[[bytes], bytes], squeeze: Callable[[bytes], bytes]
) -> Merged:
    ids: set[int] = set()
    for _, _, _, packed, _ in group:
        numbers = array("q")
        numbers.frombytes(packed)
        ids.update(numbers)
    ids.discard(0)
    return Merged(
        group[0][0],
        group[-1][0],
        min(block[1] for block in group),
        max(block[1] for block in group),
        sum(block[2] for block in group),
        sorted(ids),
        squeeze(b"".join([unzip(block[4]) for block in group])),
    )


def _ranges(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Rising numbers as ranges, both ends included."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def serve(mover: Mover, asked: IO[str], told: IO[str], *, pause: Callable[[float], None] = time.sleep) -> None:
    """Move until the gateway closes our input: one line for each bulk, one line back when it is deleted."""
    # What rested while no mover ran leaves at once.
    moved_at = time.monotonic() - MOVE_EVERY_S
    while True:
        now_us = time.time_ns() // 1000
        is_worth_it = time.monotonic() - moved_at >= MOVE_EVERY_S or mover.has_bulk(now_us)
        order = mover.move(now_us) if is_worth_it else Order()
        moved_at = time.monotonic() if order.finished else moved_at
        told.write(msgspec.json.encode(order).decode() + "\n")
        told.flush()
        if not asked.readline():
            return
        if not order.finished:
            pause(LOOK_EVERY_S)


def main(arguments: Sequence[str]) -> int:
    """`python -m chappe.store.sqlite.mover DATA_DIR STORE_FILE RETENTION_DAYS`."""
    data_dir, store_file, retention_days = arguments
    # A bulk is fifty thousand small objects without cycles: looking for cycles among them costs a tenth.
    gc.disable()
    with open(Path(data_dir) / "mover.lock", "a") as lock:
        # A mover whose gateway was killed may still be at its last bulk.
        fcntl.flock(lock, fcntl.LOCK_EX)
        with ended_with_the_gateway():
            serve(Mover(Path(data_dir), store_file, int(retention_days)), sys.stdin, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

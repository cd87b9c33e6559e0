"""From an operator's reference to the part that it names: recent ones in memory, older ones on disk.

A reference is an index, not a key: operators use one twice, so an entry leads to the older one
behind it.  Memory is bounded; what leaves it goes to disk in sorted runs, because one random key at
a time costs ten times as much.  The durable form of what is in memory are the message rows themselves.
"""

import sqlite3
from collections import deque
from collections.abc import Iterable
from hashlib import blake2b
from itertools import islice
from typing import Final

import msgspec

from chappe.model.address import handset_key
from chappe.store.port import Life
from chappe.store.sqlite.statements import Batched, insert, with_list

#: Entries kept in memory, and how many leave together when there are more.
MEMORY_ENTRIES: Final = 100_000
SPILL_ENTRIES: Final = 15_000
#: Entries that one transaction hashes, or carries to disk, while a spill is under way: more would be felt.
SPILL_STEP: Final = 1_000
#: Entries older than this leave memory even when there is room, so that finished lives can move on.
SPILL_AFTER_US: Final = 120_000_000
#: Rows of one generation on disk; few generations make probing cheap, small ones make inserting cheap.
GENERATION_ROWS: Final = 300_000

# Ignoring what is there already makes a repeated step harmless.
_INSERT = Batched(insert("refs", "generation, hash, id, part, handset", "INSERT OR IGNORE"))
_PROBE = Batched(with_list("SELECT hash, id, part, handset FROM refs WHERE generation = ? AND hash IN ({list})"))

Key = tuple[str, str]
Row = tuple[int, int, int, int]


class Entry(msgspec.Struct, eq=False, gc=False):
    """One part that an operator named: `older` and `newer` are other parts that it named alike.

    Whoever takes one out unlinks it, so the garbage collector has nothing to find.
    """

    key: Key
    life: Life
    part: int
    at_us: int
    older: "Entry | None"
    newer: "Entry | None" = None


class References:
    """Finds the parts that a reference may mean, newest first."""

    def __init__(self, key: bytes) -> None:
        """`key` makes the hashes of this store unguessable to whoever chooses references."""
        self._key = key
        self._recent: dict[Key, Entry] = {}
        #: The same entries in the order in which they came: the oldest leave memory first.
        self._in_order: deque[Entry] = deque()
        #: Those among them that were sent before one that came earlier: answers are not written quite in order.
        self._strays: deque[Entry] = deque()
        self._newest_us = 0
        #: The spill under way: entries chosen, strays among them, their rows, and until when they may have been sent.
        self._leaving = 0
        self._leaving_strays = 0
        self._chosen: list[Row] = []
        self._choose_until_us = 0
        self._spilling: list[Row] = []
        self._spill_mark_us = 0
        self._generations: list[int] = []
        self._rows = 0
        #: Every part sent until this moment is on disk or forgotten by retention.
        self.settled_until_us = 0

    def __len__(self) -> int:
        return len(self._in_order)

    def hash(self, operator: str, reference: str) -> int:
        """63 bits that stand for a reference."""
        octets = f"{operator}\0{reference}".encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(octets, digest_size=8, key=self._key).digest(), "big") >> 1

    def after_mark(self, at_us: int) -> int:
        """The moment that an entry may bear: what is settled stays settled, even if an answer is written late."""
        return max(at_us, self._spill_mark_us + 1)

    def add(self, operator: str, reference: str, life: Life, part: int, at_us: int) -> bool:
        """A part was sent.  False: the same part was there already, nothing changed."""
        key = (operator, reference)
        known = self._recent.get(key)
        if known is not None and known.life.id == life.id and known.part == part:
            return False
        entry = Entry(key, life, part, at_us, known)
        if known is not None:
            known.newer = entry
        self._recent[key] = entry
        self._in_order.append(entry)
        if at_us < self._newest_us:
            self._strays.append(entry)
        else:
            self._newest_us = at_us
        return True

    def undo(self, count: int) -> None:
        """The transaction failed: its last `count` additions never happened."""
        if self._leaving > len(self._in_order) - count:
            self._start_over()
        for _ in range(count):
            entry = self._in_order.pop()
            if self._strays and self._strays[-1] is entry:
                self._strays.pop()
            self._drop(entry)

    def recent(self, operator: str, reference: str) -> Entry | None:
        """The newest entry in memory; `older` leads to the ones before."""
        return self._recent.get((operator, reference))

    def note(
        self,
        connection: sqlite3.Connection,
        operator: str,
        reference: str,
        message_id: int,
        part: int,
        handset: str,
        *,
        now_us: int,
    ) -> None:
        """Put one further reference of a part on disk, within the caller's transaction; nothing in memory knows it."""
        self._open_generation(connection, 1, now_us)
        self._rows += 1
        row = (self._generations[0], self.hash(operator, reference), message_id, part, handset_key(handset))
        _INSERT.run(connection, [row])

    # -- on disk ------------------------------------------------------------------------------------

    def load(self, connection: sqlite3.Connection) -> None:
        """Read which generations there are (at start)."""
        rows = connection.execute("SELECT generation, rows FROM reference_generations ORDER BY generation DESC")
        generations = [(int(generation), int(count)) for generation, count in rows]
        self._generations = [generation for generation, _ in generations]
        self._rows = generations[0][1] if generations else 0
        found = connection.execute("SELECT value FROM meta WHERE key = 'references_until_us'").fetchone()
        self.settled_until_us = self._spill_mark_us = int(found[0]) if found else 0

    def probe(self, connection: sqlite3.Connection, hashes: Iterable[int]) -> dict[int, list[tuple[int, int, int]]]:
        """Look hashes up on disk: hash → [(message id, part, handset key)], newest generation first."""
        found: dict[int, list[tuple[int, int, int]]] = {}
        wanted = sorted(set(hashes))
        for generation in self._generations if wanted else ():
            for row in _PROBE.fetch(connection, wanted, before=(generation,)):
                key, message_id, part, handset = map(int, row)
                found.setdefault(key, []).append((message_id, part, handset))
        return found

    def spill(self, connection: sqlite3.Connection, now_us: int) -> bool:
        """Do one step of carrying old entries to disk, within the caller's transaction.

        True: something was written, and `spilled` must follow the commit.
        """
        if not self._spilling:
            if self._leaving or self._must_spill(now_us):
                self._choose()
            return False
        step = self._spilling[:SPILL_STEP]
        self._open_generation(connection, len(step), now_us)
        generation = self._generations[0]
        _INSERT.run(connection, [(generation, *row) for row in step])
        if len(step) == len(self._spilling):
            connection.execute(
                "INSERT INTO meta VALUES ('references_until_us', ?)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (self._spill_mark_us,),
            )
        return True

    def spilled(self) -> None:
        """The transaction of the last `spill` is committed: forget what it carried."""
        self._rows += min(SPILL_STEP, len(self._spilling))
        self._spilling = self._spilling[SPILL_STEP:]
        if self._spilling:
            return
        for _ in range(self._leaving):
            self._drop(self._in_order.popleft())
        for _ in range(self._leaving_strays):
            self._strays.popleft()
        self._leaving = self._leaving_strays = 0
        self.settled_until_us = self._spill_mark_us

    def forget_generation(self, generation: int) -> None:
        """Its rows are past retention and deleted.  The newest generation is never forgotten."""
        if generation in self._generations[1:]:
            self._generations.remove(generation)

    def _drop(self, entry: Entry) -> None:
        """Unlink an entry that is the oldest or the newest of its reference."""
        if entry.newer is not None:
            entry.newer.older = None
        elif entry.older is not None:
            entry.older.newer = None
            self._recent[entry.key] = entry.older
        else:
            del self._recent[entry.key]

    def _must_spill(self, now_us: int) -> bool:
        """There are too many entries, or the oldest is too old."""
        if not self._in_order:
            return False
        is_full = len(self._in_order) > MEMORY_ENTRIES
        self._choose_until_us = now_us if is_full else now_us - SPILL_AFTER_US // 2
        return is_full or self._in_order[0].at_us <= now_us - SPILL_AFTER_US

    def _choose(self) -> None:
        """Choose and hash the next of those that leave memory, oldest first; sort them when they are enough."""
        leaving, strays, hashed = self._leaving, self._strays, self.hash
        for entry in islice(self._in_order, leaving, min(leaving + SPILL_STEP, SPILL_ENTRIES)):
            if entry.at_us > self._choose_until_us:
                return self._end_choosing()
            self._leaving += 1
            if self._leaving_strays < len(strays) and strays[self._leaving_strays] is entry:
                self._leaving_strays += 1
            self._chosen.append((hashed(*entry.key), entry.life.id, entry.part, handset_key(entry.life.handset)))
        if self._leaving < leaving + SPILL_STEP:
            return self._end_choosing()
        return None

    def _end_choosing(self) -> None:
        """What stays in memory is not settled: the mark lies below the oldest of it."""
        if not self._leaving:
            return
        staying = [entry.at_us for entry in islice(self._strays, self._leaving_strays, None)]
        if self._leaving < len(self._in_order):
            staying.append(self._in_order[self._leaving].at_us)
        mark_us = min(staying) - 1 if staying else self._newest_us
        self._spill_mark_us = max(self.settled_until_us, mark_us)
        self._spilling, self._chosen = sorted(self._chosen), []

    def _start_over(self) -> None:
        """Forget the spill under way; rows that it has written already do no harm."""
        self._leaving = self._leaving_strays = 0
        self._chosen, self._spilling = [], []

    def _open_generation(self, connection: sqlite3.Connection, rows: int, now_us: int) -> None:
        if not self._generations or self._rows >= GENERATION_ROWS:
            self._generations.insert(0, (self._generations[0] if self._generations else 0) + 1)
            self._rows = 0
        connection.execute(
            "INSERT INTO reference_generations VALUES (?, ?, ?) ON CONFLICT (generation)"
            " DO UPDATE SET rows = rows + excluded.rows, newest_us = excluded.newest_us",
            (self._generations[0], rows, now_us),
        )

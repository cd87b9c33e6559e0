"""From an operator's reference to the part that it names: recent ones in memory, older ones on disk.

A reference is an index, not a key: operators use one twice, so an entry keeps the older one
behind it.  Memory is bounded; what leaves it goes to disk in sorted runs, because one random key at
a time costs ten times as much.  The durable form of what is in memory are the message rows themselves.
"""

import sqlite3
from collections import deque
from collections.abc import Iterable
from hashlib import blake2b
from operator import itemgetter
from typing import Final

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

Row = tuple[int, int, int, int, int]


class Entry:
    """One part that an operator named."""

    __slots__ = ("life", "older", "part")

    def __init__(self, life: Life, part: int, older: "Entry | None") -> None:
        self.life = life
        self.part = part
        self.older = older


class References:
    """Finds the parts that a reference may mean, newest first."""

    def __init__(self, key: bytes) -> None:
        """`key` makes the hashes of this store unguessable to whoever chooses references."""
        self._key = key
        self._recent: dict[tuple[str, str], Entry] = {}
        #: Keys in the order in which they came; one that came again stands in it again.
        self._order: deque[tuple[str, str]] = deque()
        self._chosen: list[tuple[tuple[str, str], Entry]] = []
        self._rows_chosen: list[Row] = []
        self._spilling: list[Row] = []
        self._is_choosing = False
        self._is_full = False
        self._limit_us = 0
        self._spill_mark_us = 0
        self._generations: list[int] = []
        self._rows = 0
        #: Every part sent before this moment is on disk or forgotten by retention.
        self.settled_until_us = 0

    def __len__(self) -> int:
        return len(self._recent)

    def hash(self, operator: str, reference: str) -> int:
        """63 bits that stand for a reference."""
        octets = f"{operator}\0{reference}".encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(octets, digest_size=8, key=self._key).digest(), "big") >> 1

    def add(self, operator: str, reference: str, life: Life, part: int) -> None:
        """A part was sent.  Adding the same part again changes nothing."""
        key = (operator, reference)
        recent = self._recent
        known = recent.get(key)
        if known is None:
            recent[key] = Entry(life, part, None)
            self._order.append(key)
            return
        if known.life.id == life.id and known.part == part:
            return
        recent[key] = Entry(life, part, known)
        self._order.append(key)

    def recent(self, operator: str, reference: str) -> Entry | None:
        """The newest entry in memory; `older` leads to the ones before."""
        return self._recent.get((operator, reference))

    # -- on disk ------------------------------------------------------------------------------------

    def load(self, connection: sqlite3.Connection) -> None:
        """Read which generations there are (at start)."""
        rows = connection.execute("SELECT generation, rows FROM reference_generations ORDER BY generation DESC")
        generations = [(int(generation), int(count)) for generation, count in rows]
        self._generations = [generation for generation, _ in generations]
        self._rows = generations[0][1] if generations else 0
        found = connection.execute("SELECT value FROM meta WHERE key = 'references_until_us'").fetchone()
        self.settled_until_us = int(found[0]) if found else 0

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
            if self._is_choosing or self._must_spill(now_us):
                self._choose()
            return False
        step = self._spilling[:SPILL_STEP]
        self._open_generation(connection, len(step), now_us)
        generation = self._generations[0]
        _INSERT.run(connection, [(generation, *row[1:]) for row in step])
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
        for key, entry in self._chosen:
            if self._recent.get(key) is entry:
                del self._recent[key]
        self._chosen = []
        self.settled_until_us = self._spill_mark_us

    def _must_spill(self, now_us: int) -> bool:
        """There are too many entries, or the oldest is too old."""
        if not self._order:
            return False
        self._is_full = len(self._recent) > MEMORY_ENTRIES
        entry = self._recent.get(self._order[0])
        is_old = entry is None or entry.life.sent_at_us < now_us - SPILL_AFTER_US
        self._limit_us = now_us if self._is_full else now_us - SPILL_AFTER_US // 2
        return self._is_full or is_old

    def _choose(self) -> None:
        """Choose and hash the next of those that leave memory, oldest first; sort them when they are enough."""
        self._is_choosing = True
        for _ in range(SPILL_STEP):
            if not self._order or len(self._chosen) >= SPILL_ENTRIES:
                return self._end_choosing()
            key = self._order[0]
            entry = self._recent.get(key)
            if entry is not None and entry.life.sent_at_us > self._limit_us:
                return self._end_choosing()
            self._order.popleft()
            if entry is not None:
                self._chosen.append((key, entry))
                self._rows_chosen += self._rows_of(key, entry)
        return None

    def _end_choosing(self) -> None:
        self._is_choosing = False
        if not self._chosen:
            return
        # All parts sent in this very microsecond may not be among the chosen: the mark stays just below.
        self._spill_mark_us = self._chosen[-1][1].life.sent_at_us - 1
        self._spilling = sorted(self._rows_chosen, key=itemgetter(1))
        self._rows_chosen = []

    def _rows_of(self, key: tuple[str, str], first: Entry) -> Iterable[Row]:
        hashed = self.hash(*key)
        entry: Entry | None = first
        while entry is not None:
            yield 0, hashed, entry.life.id, entry.part, handset_key(entry.life.handset)
            entry = entry.older

    def _open_generation(self, connection: sqlite3.Connection, rows: int, now_us: int) -> None:
        if not self._generations or self._rows >= GENERATION_ROWS:
            self._generations.insert(0, (self._generations[0] if self._generations else 0) + 1)
            self._rows = 0
        connection.execute(
            "INSERT INTO reference_generations VALUES (?, ?, ?) ON CONFLICT (generation)"
            " DO UPDATE SET rows = rows + excluded.rows, newest_us = excluded.newest_us",
            (self._generations[0], rows, now_us),
        )

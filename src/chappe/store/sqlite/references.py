"""From an operator's reference to the part that it names: recent ones in memory, older ones on disk.

A reference is an index, not a key: operators use one twice, so an entry keeps the older one
behind it.  Memory is bounded; what leaves it goes to disk in sorted runs, because one random key at
a time costs ten times as much.  The durable form of what is in memory are the message rows themselves.
"""

import sqlite3
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

from chappe.model.address import handset_key
from chappe.store.port import Life
from chappe.store.sqlite.statements import Batched, insert, with_list

#: Entries kept in memory, and how many leave together when there are more.
MEMORY_ENTRIES: Final = 100_000
SPILL_ENTRIES: Final = 50_000
#: Rows that one transaction carries to disk while a spill is under way.
SPILL_STEP: Final = 1_500
#: Entries older than this leave memory even when there is room, so that finished lives can move on.
SPILL_AFTER_US: Final = 120_000_000
#: Rows of one generation on disk; few generations make probing cheap, small ones make inserting cheap.
GENERATION_ROWS: Final = 1_000_000

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
        self._spilling: list[Row] = []
        self._spilled: list[tuple[tuple[str, str], Entry]] = []
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
            return
        if known.life.id == life.id and known.part == part:
            return
        # The newest use of a reference goes last, so that age order holds for the spill.
        del recent[key]
        recent[key] = Entry(life, part, known)

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
        """Carry one step of old entries to disk, within the caller's transaction.  True: something was written."""
        if not self._spilling and not self._begin_spill(now_us):
            return False
        step, rest = self._spilling[:SPILL_STEP], self._spilling[SPILL_STEP:]
        self._open_generation(connection, len(step), now_us)
        generation = self._generations[0]
        _INSERT.run(connection, [(generation, *row[1:]) for row in step])
        if not rest:
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
        for key, entry in self._spilled:
            if self._recent.get(key) is entry:
                del self._recent[key]
        self._spilled = []
        self.settled_until_us = self._spill_mark_us

    def _begin_spill(self, now_us: int) -> bool:
        """Choose what leaves memory: the oldest, when there are too many or they are too old."""
        recent = self._recent
        if not recent:
            return False
        oldest_us = next(iter(recent.values())).life.sent_at_us
        is_full = len(recent) > MEMORY_ENTRIES
        if not is_full and oldest_us > now_us - SPILL_AFTER_US:
            return False
        limit_us = now_us if is_full else now_us - SPILL_AFTER_US // 2
        for key, entry in recent.items():
            if len(self._spilled) >= SPILL_ENTRIES or entry.life.sent_at_us > limit_us:
                break
            self._spilled.append((key, entry))
        # All parts sent in this very microsecond may not be among the chosen: the mark stays just below.
        self._spill_mark_us = self._spilled[-1][1].life.sent_at_us - 1
        self._spilling = sorted(self._rows_of(self._spilled), key=lambda row: row[1])
        return True

    def _rows_of(self, chosen: list[tuple[tuple[str, str], Entry]]) -> Iterable[Row]:
        for (operator, reference), first in chosen:
            hashed = self.hash(operator, reference)
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

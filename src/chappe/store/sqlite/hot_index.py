"""What people know hot messages by, kept in memory by a process that is asked again and again.

The hot file has no indexes of handsets and references: they would cost every life.  Whoever only reads keeps these, and
reads at each question what came since the last.  It must never be the only way to a message: a command looks at rows.
"""

import sqlite3
from array import array
from bisect import bisect_left
from typing import Final

import msgspec

from chappe.model.address import handset_key
from chappe.model.ids import first_id_at, made_at_ms
from chappe.store.sqlite.history import hash_of

#: Ids are made before the commit: a message may become visible so much later than one with a greater id.
LATE_MS: Final = 5_000
#: Messages of one run: so many are read at once, and no run grows further.
RUN_LIVES: Final = 50_000
#: What has left the hot file is forgotten once it may be half of all, and this much.
SLACK_KEYS: Final = 400_000

_NEW: Final = "SELECT id, body FROM messages WHERE id > ? ORDER BY id"
_RECENT: Final = "SELECT id FROM messages WHERE id BETWEEN ? AND ?"
_ONE: Final = "SELECT id, body FROM messages WHERE id = ?"
_SKIPPED = msgspec.Raw


class _Known(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """As much of `Message` as people know it by, in its order."""

    id: int
    #: 0 for MT, 1 for MO.
    direction: int
    client: _SKIPPED
    operator: _SKIPPED
    source_ton: _SKIPPED
    source_npi: _SKIPPED
    source: str
    dest_ton: _SKIPPED
    dest_npi: _SKIPPED
    dest: str
    octets: _SKIPPED
    data_coding: _SKIPPED = _SKIPPED(b"")
    esm_class: _SKIPPED = _SKIPPED(b"")
    protocol_id: _SKIPPED = _SKIPPED(b"")
    priority_flag: _SKIPPED = _SKIPPED(b"")
    registered_delivery: _SKIPPED = _SKIPPED(b"")
    service_type: _SKIPPED = _SKIPPED(b"")
    reference: str = ""


_read = msgspec.msgpack.Decoder(_Known).decode
#: Bits for the place of a message within its run.
_PLACE: Final = 24
_PLACES: Final = (1 << _PLACE) - 1
#: Keys of references lie above every key of a handset.
_REFERENCES: Final = 1 << 34


def keys_of(text: str) -> tuple[int, int]:
    """The keys of what a text may mean: a handset, a client's reference."""
    return handset_key(text), _REFERENCES + hash_of(text)


class _Run:
    """Keys in order; each leads to the place of its message among `ids`."""

    def __init__(self, ids: "array[int]", placed: list[int]) -> None:
        """`placed` are keys, each with its place below: sorted as one number they cost a fifth of what pairs do."""
        placed.sort()
        self.ids = ids
        self.placed = array("q", placed)

    def find(self, key: int) -> set[int]:
        """The messages under a key."""
        at, found = bisect_left(self.placed, key << _PLACE), set[int]()
        while at < len(self.placed) and self.placed[at] >> _PLACE == key:
            found.add(self.ids[self.placed[at] & _PLACES])
            at += 1
        return found

    def without(self, still: set[int]) -> "_Run":
        """The same without messages that are no longer hot."""
        ids, moved = array("q"), dict[int, int]()
        for place, each in enumerate(self.ids):
            if each in still:
                moved[place] = len(ids)
                ids.append(each)
        kept = (each for each in self.placed if each & _PLACES in moved)
        return _Run(ids, [each >> _PLACE << _PLACE | moved[each & _PLACES] for each in kept])


class HotIndex:
    """Follows one hot file.  Every method may raise sqlite3.Error."""

    def __init__(self) -> None:
        self._runs: list[_Run] = []
        self._last_id = 0
        #: Messages so young that one before them may still become visible.
        self._young: set[int] = set()
        self._keys_kept = 0

    def follow(self, hot: sqlite3.Connection) -> None:
        """Read what came since the last time."""
        late = self._late(hot)
        if late:
            self._add(late)
        newest = hot.execute(_NEW, (self._last_id,))
        while found := newest.fetchmany(RUN_LIVES):
            self._last_id = found[-1][0]
            self._young.update(each for each, _ in found)
            self._add(found)
        floor = self._floor()
        self._young = {each for each in self._young if each >= floor}
        if sum(len(run.placed) for run in self._runs) > 2 * self._keys_kept + SLACK_KEYS:
            self._forget(hot)

    def find(self, text: str) -> list[int]:
        """Messages that a text may mean, newest first; the caller compares."""
        keys = keys_of(text)
        return sorted({each for run in self._runs for key in keys for each in run.find(key)}, reverse=True)

    def _floor(self) -> int:
        """Below it nothing can become visible any more."""
        return first_id_at(made_at_ms(self._last_id) - LATE_MS) if self._last_id else 0

    def _late(self, hot: sqlite3.Connection) -> list[tuple[int, bytes]]:
        """What has become visible before messages that were seen already."""
        recent = hot.execute(_RECENT, (self._floor(), self._last_id)) if self._last_id else ()
        late = [each for (each,) in recent if each not in self._young]
        self._young.update(late)
        return [row for each in late for row in hot.execute(_ONE, (each,))]

    def _add(self, found: list[tuple[int, bytes]]) -> None:
        """Short runs at the end grow together, so that there are few."""
        ids, placed = array("q"), list[int]()
        while self._runs and len(self._runs[-1].ids) <= len(found) + len(ids) < RUN_LIVES:
            last, shift = self._runs.pop(), len(ids)
            ids += last.ids
            placed += [each + shift for each in last.placed]
        for place, (message_id, body) in enumerate(found, start=len(ids)):
            ids.append(message_id)
            try:
                known = _read(body)
            except (msgspec.MsgspecError, ValueError):
                continue
            placed.append(handset_key(known.source if known.direction else known.dest) << _PLACE | place)
            if known.reference:
                placed.append((_REFERENCES + hash_of(known.reference)) << _PLACE | place)
        self._runs.append(_Run(ids, placed))

    def _forget(self, hot: sqlite3.Connection) -> None:
        """Drop what has moved to history."""
        still = {row[0] for row in hot.execute("SELECT id FROM messages")}
        runs = [run.without(still) for run in self._runs]
        self._runs = [run for run in runs if run.placed]
        self._keys_kept = sum(len(run.placed) for run in self._runs)

"""Lives of messages as one transaction sees them: read from the hot tables, kept in memory, ended.

It must never know who says that a message has ended: an answer, a report, a person.
"""

import sqlite3
from collections.abc import Sequence

from chappe.model.lifecycle import FINAL, Status
from chappe.store.applying import Applying
from chappe.store.port import Life
from chappe.store.sqlite import rows
from chappe.store.sqlite.names import Names
from chappe.store.sqlite.references import Entry
from chappe.store.sqlite.writes import Writes


class Lives:
    """Finds lives by id.  `long` are the messages in parts that memory knows from earlier transactions."""

    __slots__ = ("_connection", "_names", "_read", "end", "long")

    def __init__(
        self, connection: sqlite3.Connection, names: Names, long_lives: dict[int, Life], writes: Writes
    ) -> None:
        self._connection = connection
        self._names = names
        self.long = long_lives
        #: The message has a new status: write it, tell its client, close it when it is final.
        self.end = Applying(writes).end
        #: Lives read from disk: what this transaction does to one counts for the next report about it.
        self._read: dict[int, Life] = {}

    def read(self, ids: Sequence[int]) -> dict[int, Life]:
        """Read lives from the hot tables."""
        if not ids:
            return {}
        found = rows.LIVES.fetch(self._connection, ids)
        lives = {life.id: life for life in (rows.life_of(row, self._names.name(row[3])) for row in found)}
        for message_id, part, status, reference in rows.PARTS_OF.fetch(self._connection, list(lives)):
            life = lives[message_id]
            if life.parts is None and life.message is not None:
                life.parts = [Status.QUEUED] * life.message.parts
                life.part_refs = [""] * life.message.parts
            if life.parts is not None and life.part_refs is not None:
                life.parts[int(part) - 1], life.part_refs[int(part) - 1] = Status(status), str(reference)
        for life in lives.values():
            if life.parts is None and life.status not in FINAL and life.message is not None and life.message.parts > 1:
                life.parts = [Status.QUEUED] * life.message.parts
            elif life.parts is not None and life.status in FINAL and not FINAL.issuperset(life.parts):
                # It ended before all of its parts did: reports about them meet its end.
                life.parts = None
        return lives

    def long_life(self, message_id: int) -> Life | None:
        """A message in parts as it is now; None when it is no longer in the hot tables."""
        life = self.long.get(message_id)
        if life is None:
            life = self.read([message_id]).get(message_id)
            if life is not None and life.status not in FINAL:
                self.long[message_id] = life
        return life

    def current(self, entry: Entry) -> Life:
        """The life of a part: that of a message in parts may have left memory and come back since."""
        life = entry.life
        return life if life.parts is None else self.long_life(life.id) or life

    def now(self, ids: Sequence[int]) -> dict[int, Life]:
        """Lives as they are within this transaction."""
        missing = [each for each in ids if each not in self._read and each not in self.long]
        self._read.update(self.read(missing))
        known = ((each, self.long.get(each) or self._read.get(each)) for each in ids)
        return {each: life for each, life in known if life is not None}

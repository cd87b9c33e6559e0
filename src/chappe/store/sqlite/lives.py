"""Lives of messages as one transaction sees them: read from the hot tables, kept in memory, ended.

It must never know who says that a message has ended: an answer, a report, a person.
"""

import sqlite3
from collections.abc import Sequence

from chappe.model.lifecycle import FINAL, Status
from chappe.model.message import Message
from chappe.rules import asked
from chappe.rules.match import receipt_item, receipt_of, wants_receipt
from chappe.store.port import Life, Report
from chappe.store.sqlite import rows
from chappe.store.sqlite.names import Names
from chappe.store.sqlite.references import Entry
from chappe.store.sqlite.writes import Writes


class Lives:
    """Finds lives by id.  `long` are the messages in parts that memory knows from earlier transactions."""

    __slots__ = ("_connection", "_names", "_read", "_writes", "long")

    def __init__(
        self, connection: sqlite3.Connection, names: Names, long_lives: dict[int, Life], writes: Writes
    ) -> None:
        self._connection = connection
        self._names = names
        self.long = long_lives
        self._writes = writes
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

    def end(self, life: Life, error: str, at_us: int, report: Report | None = None) -> None:
        """The message has a new status: write it, tell its client, close it when it is final."""
        message = life.message
        is_final = life.status in FINAL
        life.error, life.final_at_us = error, at_us if is_final else 0
        self._writes.moved.append((life.id, int(life.status), error, life.final_at_us))
        if message is None:
            return
        if wants_receipt(message.registered_delivery, life.status) and (
            not message.callback_url or asked.wants(message.callback_url, life.status)
        ):
            self._enqueue_receipt(life, message, at_us, report)
        if is_final:
            self._writes.finished.append((life.id,))
            self._writes.effects.closed.append(message.client)
            self.long.pop(life.id, None)
            # The index needs only the handset from now on.
            life.message = None

    def _enqueue_receipt(self, life: Life, message: Message, at_us: int, report: Report | None) -> None:
        receipt = receipt_of(
            message,
            life.status,
            error=life.error,
            submitted_at_ms=life.sent_at_us // 1000,
            done_at_ms=at_us // 1000,
            operator=life.operator,
            network_error=report.network_error if report else b"",
            operator_reference=report.references[0] if message.is_called_back and report and report.references else "",
        )
        # A report's own id orders receipts as they came; one made by a late answer takes the message's.
        number = report.id if report else life.id
        self._writes.tell(life.id, receipt_item(message, receipt, number))

"""Parts that an operator took and named: their messages leave their queues, and reports find them by the name.

It must never know whether the yes came in time.
"""

import sqlite3
from typing import Final

import msgspec

from chappe.model.lifecycle import FINAL, NEVER_SENT, Status, status_of_parts
from chappe.model.message import Item, Message
from chappe.store.port import Life, Sent
from chappe.store.sqlite import rows
from chappe.store.sqlite.lives import Lives
from chappe.store.sqlite.names import Names
from chappe.store.sqlite.references import References
from chappe.store.sqlite.writes import Writes

#: Where no operator's yes is known yet.
WITHOUT_YES: Final = NEVER_SENT | {Status.SENDING, Status.HELD}


class Naming:
    """The yeses of one transaction."""

    __slots__ = ("_connection", "_lives", "_names", "_references", "_writes")

    def __init__(
        self, connection: sqlite3.Connection, names: Names, references: References, lives: Lives, writes: Writes
    ) -> None:
        self._connection = connection
        self._names = names
        self._references = references
        self._lives = lives
        self._writes = writes

    def settle_whole(self, sent: Sent, message: Message) -> None:
        """The operator took a message of one part."""
        at_us = self._references.after_mark(sent.at_us)
        self._writes.sent.append((message.id, self._names.number(sent.operator), sent.operator_ref, at_us))
        if sent.receipt is not None:
            self._writes.tell_sending(message.id, sent.receipt)
        life = Life(message.id, Status.SENT, message, sent.operator, sent.operator_ref, at_us, handset=message.dest)
        self._refer(sent, life, at_us)

    def settle_part(self, sent: Sent, message: Message) -> None:
        """One part of several: the message is sent when its last part is."""
        life = self._lives.long_life(message.id)
        if life is None or life.parts is None or life.status in FINAL:
            # It ended while this part was under way.
            self.note(sent, message)
            return
        at_us = self._references.after_mark(sent.at_us)
        if life.parts[sent.part - 1] not in (Status.QUEUED, Status.SENDING):
            # It was taken twice: a report may mean either copy.
            self.note(sent, message)
            self._refer(sent, life, at_us)
            return
        self._writes.remember(life)
        life.parts[sent.part - 1] = Status.SENT
        life.operator, life.sent_at_us = sent.operator, at_us
        operator = self._names.number(sent.operator)
        row = (message.id, sent.part, int(life.parts[sent.part - 1]), operator, sent.operator_ref, at_us)
        rows.PARTS_SENT.run(self._connection, [row])
        self._refer(sent, life, at_us)
        if Status.QUEUED in life.parts:
            return
        self._writes.sent.append((message.id, operator, sent.operator_ref, at_us))
        self.leave_queue(sent.item)
        life.status = status_of_parts(life.parts)
        if life.status is not Status.SENT:
            # Receipts of the first parts overtook the last part's answer.
            self._lives.end(life, life.error or "000", at_us)
        elif sent.receipt is not None:
            self._writes.tell_sending(message.id, sent.receipt)

    def settle_again(self, sent: Sent, message: Message) -> None:
        """The operator had taken the message already: its receipt may come under either name."""
        life = self._lives.read([message.id]).get(message.id)
        if life is not None and (life.operator, life.operator_ref) == (sent.operator, sent.operator_ref):
            return
        self.note(sent, message)
        entry = None if life is None else self._references.recent(life.operator, life.operator_ref)
        while entry is not None and entry.life.id != message.id:
            entry = entry.older
        if entry is not None:
            # One life under both names: what a report under one does, a report under the other must find done.
            self._refer(sent, entry.life, self._references.after_mark(sent.at_us))

    def note(self, sent: Sent, message: Message) -> None:
        """Rows of messages hold one name for each part: a further one goes to disk at once."""
        at_us = self._writes.events.at_us
        named = (sent.operator, sent.operator_ref, message.id, sent.part, message.handset)
        self._references.note(self._connection, *named, now_us=at_us)

    def leave_queue(self, item: Item) -> None:
        """Take a message from where it is now, which may be another place than where it was leased."""
        values = (item.id,)
        row = self._connection.execute(rows.PLACE, values).fetchone()
        if row is None:
            self._writes.dequeue(item)
            return
        queue, due_at_ms, status, has_row = row
        if status == Status.HELD:
            self._connection.execute(rows.DELETE_HELD, values)
            return
        place = {"queue": self._names.name(queue), "due_at_ms": due_at_ms, "has_row": bool(has_row)}
        self._writes.dequeue(msgspec.structs.replace(item, **place))

    def _refer(self, sent: Sent, life: Life, at_us: int) -> None:
        """A part became known: reports may mean it from now on."""
        self._writes.references_added += self._references.add(sent.operator, sent.operator_ref, life, sent.part, at_us)
        self._writes.added.append((sent.operator, sent.operator_ref))

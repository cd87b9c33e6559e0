"""Late answers: a yes to what was requeued, held or leased anew meanwhile still is a yes, and nothing goes again.

A peer that answers after its time has the message all the same.  Everything else that comes late is left alone:
whoever has the item now decides.
"""

import sqlite3
from collections.abc import Sequence

import msgspec

from chappe.model.lifecycle import FINAL, Status
from chappe.model.message import Item, Message
from chappe.store.port import Delivered, Sent, Settlement
from chappe.store.sqlite import rows
from chappe.store.sqlite.accepting import Accepting
from chappe.store.sqlite.names import Names
from chappe.store.sqlite.naming import WITHOUT_YES, Naming
from chappe.store.sqlite.writes import Writes

Lane = tuple[str, int, str]


class LateSettling:
    """The settlements of one transaction whose items are no longer where they were leased."""

    def __init__(
        self, connection: sqlite3.Connection, names: Names, naming: Naming, accepting: Accepting, writes: Writes
    ) -> None:
        self._connection = connection
        self._names = names
        self._naming = naming
        self._accepting = accepting
        self._writes = writes

    def settle(self, settlements: Sequence[Settlement]) -> None:
        """Take the yeses; what was settled before and waits nowhere any more is left as it is."""
        yeses = [each for each in settlements if isinstance(each, Sent | Delivered)]
        if not yeses:
            return
        # What this transaction has already said of them counts.
        self._writes.flush(self._connection)
        receipts: list[Item] = []
        for each in yeses:
            if isinstance(each, Sent):
                self._sent(each)
            elif isinstance(each.item.content, Message):
                self._delivered(each)
            else:
                receipts.append(each.item)
            self._writes.flush(self._connection)
        if receipts:
            self._drop_receipts(receipts)

    def _sent(self, sent: Sent) -> None:
        message = sent.item.content
        assert isinstance(message, Message)
        if message.parts > 1:
            self._naming.settle_part(sent, message)
        elif self._status(message) in WITHOUT_YES:
            self._naming.leave_queue(sent.item)
            self._naming.settle_whole(sent, message)
            self._writes.withdraw(message.id, is_message=True)
        else:
            self._naming.settle_again(sent, message)

    def _delivered(self, delivered: Delivered) -> None:
        """A client has an MO that was to be sent to it again."""
        item = delivered.item
        status = self._status(item.content)  # type: ignore[arg-type]
        if status is None or status in FINAL:
            return
        self._naming.leave_queue(item)
        self._writes.withdraw(item.id, is_message=True)
        self._writes.moved.append((item.id, int(Status.DELIVERED), None, delivered.at_us))
        self._writes.finished.append((item.id,))
        if delivered.reply is not None:
            self._accepting.accept([delivered.reply])

    def _drop_receipts(self, receipts: Sequence[Item]) -> None:
        """A client has receipts that were to be sent to it again: they wait for a moment in their own lanes."""
        by_lane: dict[Lane, dict[int, Item]] = {}
        for item in receipts:
            by_lane.setdefault((item.queue, item.priority, item.lane), {})[item.id] = item
        for (queue, priority, lane), items in by_lane.items():
            key = (self._names.known(queue), priority, self._names.known(lane))
            for due_at_ms, each in rows.DEFERRED_OF_LANE.fetch(self._connection, list(items), before=key):
                self._writes.dequeue(msgspec.structs.replace(items[each], due_at_ms=due_at_ms, has_row=True))
                self._writes.withdraw(each, is_message=False)

    def _status(self, message: Message) -> Status | None:
        row = self._connection.execute(rows.STATUS_OF, (message.id,)).fetchone()
        return None if row is None else Status(row[0])

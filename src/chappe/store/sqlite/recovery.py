"""Recovery: what a start finds in the file becomes what memory must know."""

import asyncio
from collections.abc import Callable, Iterator

from chappe.model.events import EventBatch, EventName
from chappe.model.lifecycle import FINAL, NEVER_SENT, Status
from chappe.model.message import Item, Message
from chappe.store.applying import EARLY_MS
from chappe.store.calls import Call
from chappe.store.port import Held, Life
from chappe.store.sqlite import rows
from chappe.store.sqlite.committing import Committing
from chappe.store.sqlite.depths import SLICE_SHIFT
from chappe.store.sqlite.early import EARLY_REPORTS
from chappe.store.sqlite.memory import Memory
from chappe.store.sqlite.queues import Queues
from chappe.store.sqlite.store_file import StoreFile


class Recovery:
    """Done once, before anyone asks for anything."""

    def __init__(
        self, file: StoreFile, queues: Queues, memory: Memory, committing: Committing, now_us: Callable[[], int]
    ) -> None:
        self._file = file
        self._queues = queues
        self._memory = memory
        self._committing = committing
        self._now_us = now_us

    def recover(self) -> None:
        """Rebuild what memory must know: lanes, counts, recent references, parked reports."""
        self._recover_rows()
        final = ",".join(str(int(status)) for status in FINAL)
        sent = ",".join(str(int(status)) for status in (Status.SENT, Status.BUFFERED, Status.UNKNOWN))
        execute, name = self._file.connection.execute, self._file.names.name
        lanes = "SELECT queue, priority, lane, min(due_at_ms), max(due_at_ms) FROM queue GROUP BY queue, priority, lane"
        for queue, priority, lane, first_ms, last_ms in execute(lanes):
            if first_ms == 0:
                self._queues.head(name(queue)).remember(priority, name(lane))
            if last_ms > 0:
                self._queues.note_due(name(queue), (priority, name(lane)), 1)
        # An MO bears the operator that brought it, an MT bears one from when it was sent.
        counts = execute(
            f"SELECT client, count(*) FROM messages WHERE status NOT IN ({final})"
            f" AND (operator IS NULL OR status IN ({sent})) GROUP BY client"
        )
        self._memory.open_by_client.update({name(client): count for client, count in counts})
        self._memory.parked = int(execute("SELECT count(*) FROM parked").fetchone()[0])
        since_ms = self._now_us() // 1000 - EARLY_MS
        recent = execute("SELECT body FROM parked WHERE at_ms >= ? ORDER BY id DESC LIMIT ?", (since_ms, EARLY_REPORTS))
        self._memory.early.add(reversed([rows.unpack_report(body) for (body,) in recent]))
        waiting = execute(f"SELECT queue, id >> {SLICE_SHIFT} AS slice, count(*) FROM queue GROUP BY queue, slice")
        self._queues.depths.load((name(queue), piece, count) for queue, piece, count in waiting)
        self._recover_references()

    def _recover_rows(self) -> None:
        """Messages that only memory queued get rows; of those marked `sending` nobody knows the outcome."""
        execute = self._file.connection.execute
        execute("BEGIN IMMEDIATE")
        never = ",".join(str(int(status)) for status in NEVER_SENT)
        execute(
            "INSERT OR IGNORE INTO queue (queue, priority, lane, due_at_ms, id)"
            f" SELECT queue, priority, lane, due_at_ms, id FROM messages WHERE status IN ({never})"
        )
        execute("COMMIT")
        query = f"SELECT queue, priority, lane, due_at_ms, id, body FROM messages WHERE status = {Status.SENDING:d}"
        name = self._file.names.name
        in_doubt = [
            Item(name(queue), priority, name(lane), due, each, message, 0, True)
            for queue, priority, lane, due, each, body in execute(query).fetchall()
            if (message := rows.message_or_none(body)) is not None
        ]
        if in_doubt:
            self._hold(in_doubt, "the gateway died between write and response")

    def _hold(self, items: list[Item], reason: str) -> None:
        events = EventBatch(self._now_us())
        for item in items:
            message: Message = item.content  # type: ignore[assignment]
            events.add(
                EventName.MT_HELD,
                item.id,
                message.client,
                item.queue.partition(":")[2],
                message.dest,
                message.source,
                message.reference,
                "",
                reason,
            )
        call = Call(
            "settle", [Held(item, reason) for item in items], events, asyncio.get_running_loop().create_future()
        )
        self._queues.leased.update((item.id, item) for item in items)
        _, block = self._committing.commit([call])
        for item in items:
            self._queues.leased.pop(item.id, None)
        if block is not None:
            self._memory.seq = block.seq
        self._file.names.committed()

    def _recover_references(self) -> None:
        transaction = self._committing.transaction()
        since = self._memory.references.settled_until_us
        for piece in self._pieces("SELECT id FROM messages WHERE sent_at_us > ? ORDER BY sent_at_us", since):
            lives = transaction.lives(piece)
            for life in (lives[each] for each in piece):
                if life.parts is None and life.message is not None and life.message.parts == 1:
                    self._memory.references.add(life.operator, life.operator_ref, life, 1, life.sent_at_us)
                    self._forget_content(life)
        # Of messages in parts also those whose last part has not left.
        for piece in self._pieces("SELECT DISTINCT id FROM parts WHERE sent_at_us > ?", since):
            for life in transaction.lives(piece).values():
                self._recover_long(life)

    def _pieces(self, query: str, since_us: int) -> Iterator[list[int]]:
        ids = [int(row[0]) for row in self._file.connection.execute(query, (since_us,))]
        for start in range(0, len(ids), 1000):
            yield ids[start : start + 1000]

    def _recover_long(self, life: Life) -> None:
        self._memory.long[life.id] = life
        for part, reference, operator, at_us in self._file.connection.execute(rows.SENT_PARTS, (life.id,)):
            life.operator = self._file.names.name(operator)
            self._memory.references.add(life.operator, str(reference), life, int(part), int(at_us))
        self._forget_content(life)

    def _forget_content(self, life: Life) -> None:
        if life.status in FINAL:
            life.message = None
            self._memory.long.pop(life.id, None)

"""Sweeping: waiting messages that have outlived their validity, taken wherever they stand.

Who sweeps judges and settles; here such messages are found and leased.
"""

from collections.abc import Callable, Sequence
from typing import Final

from chappe.model.ids import first_id_at
from chappe.model.lifecycle import NEVER_SENT, Status
from chappe.model.message import Item
from chappe.store.calls import Ask, ignore
from chappe.store.sqlite import rows
from chappe.store.sqlite.queues import Queues
from chappe.store.sqlite.store_file import StoreFile

#: Messages that one look for overdue ones takes, and when one that is held or on its way is looked at again.
OVERDUE_ITEMS: Final = 500
EXPIRY_AGAIN_MS: Final = 60_000
_MAY_WAIT_AGAIN: Final = (Status.SENDING, Status.HELD)


class Sweeping:
    """Leases what nothing was sent of and nothing will be."""

    def __init__(self, file: StoreFile, queues: Queues, ask: Ask) -> None:
        self._file = file
        self._queues = queues
        self._ask = ask

    def expired(self, now_ms: int, limit: int = 500) -> list[Item]:
        """Lease messages whose named moment has passed and that nothing was sent of yet.

        The caller settles each as `Ended`; rows of messages that are gone or too far are forgotten, those of
        messages that are held or just being sent are looked at again a minute later.
        """
        if self._file.is_away:
            return []
        found = self._file.connection.execute(rows.PASSED_EXPIRIES, (now_ms, limit)).fetchall()
        waiting = self._waiting_rows([each for _, each, _ in found])
        over = [row for row in found if row[1] not in waiting]
        if over:
            later = [(now_ms + EXPIRY_AGAIN_MS, each) for _, each, status in over if status in _MAY_WAIT_AGAIN]
            forgotten = [(at_ms, each) for at_ms, each, _ in over]
            statements = [(rows.FORGET_EXPIRIES, forgotten), (rows.NEW_EXPIRY, later)]
            self._ask("write", [statements], None).add_done_callback(ignore)
        return self._queues.take_out([item for item in waiting.values() if item.id not in self._queues.leased])

    def overdue(self, queue: str, before_ms: Callable[[str], int], is_over: Callable[[Item], bool]) -> list[Item]:
        """Lease messages of a queue that `is_over` says are worthless and of which nothing was sent.

        Only messages that came before `before_ms(lane)` are asked about.
        """
        if self._file.is_away:
            return []
        head, ids = self._queues.head(queue), []
        for priority, lane in self._queues.lanes(queue):
            before_id = first_id_at(before_ms(lane))
            key = (self._file.names.known(queue), priority, self._file.names.known(lane))
            ids += [
                each for (each,) in self._file.connection.execute(rows.OLD_OF_LANE, (*key, before_id, OVERDUE_ITEMS))
            ]
            ids += [each for (each,) in self._file.connection.execute(rows.OLD_DUE_OF_LANE, (*key, before_id))]
            ids += [item.id for item in head.older_than(lane, before_id, OVERDUE_ITEMS)]
        waiting = self._waiting_rows(list(dict.fromkeys(ids))[:OVERDUE_ITEMS]) if ids else {}
        return self._queues.take_out(
            [item for item in waiting.values() if item.id not in self._queues.leased and is_over(item)]
        )

    def _waiting_rows(self, ids: Sequence[int]) -> dict[int, Item]:
        """Of these messages, the ones of which nothing was sent: id → item."""
        never = ",".join(str(int(status)) for status in NEVER_SENT)
        marks = ",".join("?" * len(ids))
        query = (
            "SELECT m.id, m.queue, m.priority, m.lane, m.due_at_ms, coalesce(q.attempts, 0), q.id IS NOT NULL, m.body"
            " FROM messages m LEFT JOIN queue q ON"
            " q.queue = m.queue AND q.priority = m.priority AND q.lane = m.lane AND q.due_at_ms = m.due_at_ms"
            f" AND q.id = m.id WHERE m.id IN ({marks}) AND m.status IN ({never})"
        )
        name = self._file.names.name
        return {
            each: Item(name(queue), priority, name(lane), due, each, message, attempts, bool(has_row))
            for each, queue, priority, lane, due, attempts, has_row, body in self._file.connection.execute(
                query, list(ids)
            )
            if (message := rows.message_or_none(body)) is not None
        }

"""Queue rows that cannot be read stop nobody else: they are held for a person."""

from collections.abc import Callable

from chappe.model.events import EventBatch, EventName
from chappe.model.message import Item
from chappe.store.calls import Ask, ignore
from chappe.store.postgres.transaction import Transaction


class Unreadable:
    """Moves such rows from their queue to what is held, as they are."""

    def __init__(self, ask: Ask, now_us: Callable[[], int]) -> None:
        self._ask = ask
        self._now_us = now_us

    def hold(self, item: Item, why: str) -> None:
        """A leased item without content, and what was wrong with its octets."""
        events = EventBatch(self._now_us())
        events.add(EventName.ITEM_POISONED, item.id, detail=f"{item.queue}: {why}")

        async def move(transaction: Transaction) -> None:
            number, at_us = transaction.names.number, transaction.writes.events.at_us
            key = (number(item.queue), item.priority, number(item.lane), item.place, item.id)
            moved = await transaction.connection.fetchval(_MOVE, *key, at_us, why.encode())
            if moved:
                transaction.writes.effects.left.append((item.queue, item.id))
                transaction.writes.effects.held += 1

        self._ask("sweep", [move], events).add_done_callback(ignore)


_MOVE = """
WITH gone AS (
  DELETE FROM queue WHERE (queue, priority, lane, place, id) = ($1::integer, $2::smallint, $3::integer, $4::bigint,
    $5::bigint) RETURNING queue, priority, lane, id, body
)
INSERT INTO held (id, queue, at_us, reason, priority, lane, body)
SELECT id, queue, $6::bigint, $7::bytea, priority, lane, body FROM gone ON CONFLICT (id) DO NOTHING RETURNING id"""

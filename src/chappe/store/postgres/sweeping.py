"""Sweeping: waiting messages that have outlived their validity, taken wherever they stand.

Who sweeps judges and settles; here such messages are found and leased.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from chappe.model.ids import first_id_at
from chappe.model.lifecycle import NEVER_SENT, Status
from chappe.model.message import Item
from chappe.store.bodies import message_or_none
from chappe.store.postgres import lease_statements as leases
from chappe.store.postgres import statements as sql
from chappe.store.postgres.looking import FLOORS_HOLD_S, SETTLED_MS
from chappe.store.postgres.names import Names
from chappe.store.postgres.opening import Session
from chappe.store.postgres.queues import Queues
from chappe.store.postgres.writes import columns

#: Messages that one look for overdue ones takes, and when one that is held or on its way is looked at again.
OVERDUE_ITEMS: Final = 500
EXPIRY_AGAIN_MS: Final = 60_000
_MAY_WAIT_AGAIN: Final = (Status.SENDING, Status.HELD)
#: Looks at a queue take at most this share of the time: dead rows are passed over there.
LOOK_SHARE: Final = 0.02

_LANES: Final = """
WITH RECURSIVE found AS (
  (SELECT priority, lane FROM queue WHERE queue = $1 ORDER BY priority, lane LIMIT 1)
  UNION ALL
  SELECT next.priority, next.lane FROM found CROSS JOIN LATERAL (
    SELECT q.priority, q.lane FROM queue q WHERE q.queue = $1 AND (q.priority, q.lane) > (found.priority, found.lane)
    ORDER BY q.priority, q.lane LIMIT 1
  ) next
) SELECT priority, lane FROM found"""


class Sweeping:
    """Leases what nothing was sent of and nothing will be."""

    def __init__(self, session: Session, names: Names, queues: Queues) -> None:
        self._session = session
        self._names = names
        self._queues = queues
        self._look_again_at: dict[str, float] = {}
        #: Named moments before this one are all dealt with: that is believed until a moment.
        self._floor_ms = 0
        self._floor_until = 0.0

    async def expired(self, now_ms: int, limit: int) -> list[Item]:
        """Lease messages whose named moment has passed.  Raises: StoreAway."""
        if time.monotonic() >= self._floor_until:
            self._floor_ms, self._floor_until = 0, time.monotonic() + FLOORS_HOLD_S
        async with self._session.lend() as connection:
            rows = await connection.fetch(leases.PASSED_EXPIRIES, now_ms, limit, self._floor_ms)
            waiting = [row for row in rows if row["status"] in NEVER_SENT]
            over = [row for row in rows if row["status"] not in NEVER_SENT]
            if over:
                later = [(now_ms + EXPIRY_AGAIN_MS, row["id"]) for row in over if row["status"] in _MAY_WAIT_AGAIN]
                forgotten = [(row["at_ms"], row["id"]) for row in over]
                async with connection.transaction():
                    await connection.execute(sql.FORGET_EXPIRIES, *columns(forgotten))
                    if later:
                        await connection.execute(sql.EXPIRIES, *columns(later))
            await self._meet(connection, waiting)
        open_ones = (row["at_ms"] for row in waiting)
        first_ms = min(open_ones, default=rows[-1]["at_ms"] if len(rows) == limit else now_ms)
        # A moment that had passed when it was named is there by then.
        self._floor_ms = max(self._floor_ms, min(first_ms, now_ms - SETTLED_MS))
        return await self._queues.claim([item for item in map(self._item, waiting) if item is not None])

    async def overdue(self, queue: str, before_ms: Callable[[str], int], is_over: Callable[[Item], bool]) -> list[Item]:
        """Lease messages of a queue that are over, of those that came before a moment per lane.  Raises: StoreAway."""
        began = time.monotonic()
        if began < self._look_again_at.get(queue, 0.0):
            return []
        async with self._session.lend() as connection:
            await self._names.look(connection, [queue])
            number = self._names.known(queue)
            if number is None:
                return []
            items = await self._old_items(connection, queue, number, before_ms)
        self._look_again_at[queue] = began + (time.monotonic() - began) / LOOK_SHARE
        return await self._queues.claim([item for item in items if is_over(item)])

    async def _old_items(self, connection: Any, queue: str, number: int, before_ms: Callable[[str], int]) -> list[Item]:
        lanes = await connection.fetch(_LANES, number)
        await self._names.meet(connection, {row["lane"] for row in lanes})
        items: list[Item] = []
        for priority, lane in lanes:
            name = self._names.name(lane)
            before_id = first_id_at(before_ms(name))
            rows = await connection.fetch(leases.OLD_OF_LANE, number, priority, lane, before_id, OVERDUE_ITEMS)
            for row in rows:
                message = message_or_none(row["body"])
                if message is not None:
                    due = row["due_at_ms"]
                    items.append(Item(queue, priority, name, due, row["id"], message, 0, True, row["place"]))
        return items[:OVERDUE_ITEMS]

    async def _meet(self, connection: Any, rows: list[Any]) -> None:
        await self._names.meet(connection, {number for row in rows for number in (row["queue"], row["lane"])})

    def _item(self, row: Any) -> Item | None:
        message = message_or_none(row["body"])
        if message is None:
            return None
        queue, lane = self._names.name(row["queue"]), self._names.name(row["lane"])
        return Item(queue, row["priority"], lane, row["due_at_ms"], row["id"], message, 0, True, row["place"])

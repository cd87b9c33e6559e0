"""Finished lives: a partition for each UTC day, where the indexes for searching are.

A message belongs to the day in which it came.  It must never know why a life ended.
"""

from datetime import UTC, date, datetime
from typing import Any, Final

from chappe.model.ids import made_at_ms
from chappe.model.lifecycle import Status
from chappe.store.bodies import life_of
from chappe.store.port import Life
from chappe.store.postgres.names import Names

_FIND: Final = (
    "SELECT id, status, operator, operator_ref, sent_at_us, final_at_us, error, body, part_statuses, part_refs"
    " FROM history WHERE day = $1 AND id = $2"
)


def day_of(message_id: int) -> date:
    """The UTC day in which a message came."""
    return datetime.fromtimestamp(made_at_ms(message_id) / 1000, UTC).date()


async def find_life(connection: Any, names: Names, message_id: int) -> Life | None:
    """One finished life that has moved."""
    row = await connection.fetchrow(_FIND, day_of(message_id), message_id)
    if row is None:
        return None
    await names.meet(connection, [row["operator"]])
    life = life_of(row, names.name(row["operator"]))
    if row["part_statuses"]:
        life.parts = [Status(status) for status in row["part_statuses"]]
        life.part_refs = [reference.decode() for reference in row["part_refs"]]
    return life

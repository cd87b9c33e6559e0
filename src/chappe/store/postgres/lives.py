"""Lives of messages as one transaction sees them: read and locked in the order of their ids."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from chappe.model.lifecycle import Status
from chappe.store.bodies import life_of, with_parts
from chappe.store.port import Life
from chappe.store.postgres import statements as sql
from chappe.store.postgres.names import Names

#: The columns of a life.
LIFE: Final = "id, status, operator, operator_ref, sent_at_us, final_at_us, error, body"


class Lives:
    """What this transaction does to a life counts for the next report about it."""

    def __init__(self, connection: Any, names: Names, place_by_id: dict[int, int]) -> None:
        """`place_by_id` learns where that lies which other transactions told last of each."""
        self._connection = connection
        self._names = names
        self._place_by_id = place_by_id
        self._locked: dict[int, Life] = {}

    async def lock(self, ids: Iterable[int]) -> dict[int, Life]:
        """These lives, nobody else's until the end of the transaction; those in history are not among them."""
        wanted = set(ids)
        missing = sorted(wanted.difference(self._locked))
        if missing:
            found = await self._connection.fetch(sql.LOCKED_LIVES, missing)
            self._place_by_id.update([(row["id"], row["place"]) for row in found if not row["is_ours"]])
            self._locked.update(await _lives_in(self._connection, self._names, found))
        return {each: self._locked[each] for each in wanted if each in self._locked}


async def read_lives(connection: Any, names: Names, ids: Iterable[int]) -> dict[int, Life]:
    """Read lives from the hot tables."""
    return await _lives_in(connection, names, await connection.fetch(sql.LIVES, list(ids)))


async def _lives_in(connection: Any, names: Names, found: Sequence[Any]) -> dict[int, Life]:
    await names.meet(connection, {row["operator"] for row in found})
    lives = {row["id"]: life_of(row, names.name(row["operator"])) for row in found}
    long = [life.id for life in lives.values() if life.message is not None and life.message.parts > 1]
    if long:
        known: dict[int, dict[int, Status]] = {}
        references: dict[int, dict[int, str]] = {}
        for message_id, part, status, reference in await connection.fetch(sql.PARTS_OF, long):
            known.setdefault(message_id, {})[part] = Status(status)
            references.setdefault(message_id, {})[part] = reference.decode()
        for each in long:
            with_parts(lives[each], known.get(each, {}), references.get(each, {}))
    return lives

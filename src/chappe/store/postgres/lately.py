"""One life whole, what happened lately, reports that match nothing: what people look at beside lists of messages."""

from collections.abc import Collection
from typing import Any, Final

import zstandard

from chappe.model.lifecycle import Status
from chappe.store.bodies import life_of, unpack_report
from chappe.store.happenings import events_named
from chappe.store.lives import Life
from chappe.store.postgres.history import day_of
from chappe.store.postgres.lives import LIFE, read_lives
from chappe.store.postgres.names import Names
from chappe.store.views import RECENT_BLOCKS, RECENT_EVENTS, RECENT_US, ParkedView, parked_view

_RECENT: Final = (
    "SELECT lines FROM event_blocks WHERE at_us >= (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - $1"
    " ORDER BY at_us DESC LIMIT $2"
)
_PARKED: Final = "SELECT body FROM parked ORDER BY id DESC LIMIT $1"
_MOVED_LIFE: Final = f"SELECT {LIFE}, part_statuses, part_refs FROM history WHERE day = $2 AND id = $1"


async def life_in(connection: Any, message_id: int) -> Life | None:
    """All that is stored of one message."""
    names = Names()
    found = (await read_lives(connection, names, [message_id])).get(message_id)
    if found is not None:
        return found
    row = await connection.fetchrow(_MOVED_LIFE, message_id, day_of(message_id))
    if row is None:
        return None
    await names.meet(connection, [row["operator"]])
    moved = life_of(row, names.name(row["operator"]))
    moved.parts = [Status(each) for each in row["part_statuses"] or ()] or None
    moved.part_refs = [(each or b"").decode("utf-8", "replace") for each in row["part_refs"] or ()] or None
    return moved


async def recent_in(connection: Any, names: Collection[str]) -> list[dict[str, str]]:
    """The last events of these names, oldest first."""
    blocks = await connection.fetch(_RECENT, RECENT_US, RECENT_BLOCKS)
    unzip = zstandard.ZstdDecompressor().decompress
    events = [event for (lines,) in blocks for event in events_named(unzip(lines), names)]
    return sorted(events, key=lambda event: event["time"])[-RECENT_EVENTS:]


async def parked_in(connection: Any, limit: int) -> list[ParkedView]:
    """Reports that match nothing, youngest first."""
    return [parked_view(unpack_report(row[0])) for row in await connection.fetch(_PARKED, limit)]

"""Searching: messages of one client, newest first, from the hot table and from history; and the events of one message.

It looks at windows of ids, one short statement after the other, over a connection that nothing else waits for.  Of each
window the hot table is read first: what moves meanwhile is seen in history.  Clients have their turns.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import zstandard

from chappe.model.address import handset_key
from chappe.model.ids import first_id_at, made_at_ms
from chappe.model.lifecycle import Direction
from chappe.model.message import Message
from chappe.store.bodies import life_of
from chappe.store.happenings import happenings_in
from chappe.store.port import Happening, Life, Overloaded, Page, Search
from chappe.store.postgres.hashing import ref_key
from chappe.store.postgres.history import day_of
from chappe.store.postgres.lives import LIFE
from chappe.store.postgres.names import Names
from chappe.store.postgres.opening import Session

#: Rows that one statement looks at, and those after which a call ends with what it has.
WINDOW_ROWS: Final = 2_000
MAX_ROWS: Final = 100_000
#: Searches of one client that may wait, and of all.
MAX_WAITING_OF_CLIENT: Final = 4
MAX_WAITING: Final = 200
#: How far the moments of events, judged by nodes, may be from those of ids and ends.
MARGIN_US: Final = 60_000_000
#: Blocks that one story reads at most.
STORY_BLOCKS: Final = 1_000

_MAX_ID: Final = (1 << 63) - 1
_WINDOW: Final = (
    "SELECT min(id) AS low, count(*) AS rows FROM"
    " (SELECT id FROM {table} id BETWEEN $1 AND $2 ORDER BY id DESC LIMIT $3) AS window_rows"
)
_NEWEST: Final = "SELECT coalesce(max(id), 0) FROM messages WHERE id < $1"
DAYS: Final = (
    "SELECT to_date(substr(c.relname, 9), 'YYYYMMDD') AS day FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
    " WHERE i.inhparent = 'history'::regclass ORDER BY day DESC"
)
_STORY: Final = (
    "SELECT lines FROM event_blocks WHERE at_us BETWEEN $1 AND $2 AND position($3::bytea IN ids) > 0"
    " ORDER BY at_us, writer, seq LIMIT $4"
)


class Searching:
    """Raises StoreAway while the database cannot be read, Overloaded when too many wait."""

    def __init__(self, session: Session, names: Names) -> None:
        self._session = session
        self._names = names
        #: Client → its searches that are asked or wait.
        self._waiting: dict[str, int] = {}

    async def search(self, search: Search) -> Page:
        """One page, in the client's turn."""
        waiting, client = self._waiting, search.client
        if waiting.get(client, 0) >= MAX_WAITING_OF_CLIENT or sum(waiting.values()) >= MAX_WAITING:
            raise Overloaded("too many searches wait")
        waiting[client] = waiting.get(client, 0) + 1
        try:
            async with self._session.lend() as connection:
                return await self._search(connection, search)
        finally:
            waiting[client] -= 1
            if not waiting[client]:
                del waiting[client]

    async def story(self, message_id: int, ended_at_us: int) -> list[Happening]:
        """The events of one message, oldest first."""
        since_us = made_at_ms(message_id) * 1000 - MARGIN_US
        until_us = ended_at_us + MARGIN_US if ended_at_us else 1 << 62
        packed = message_id.to_bytes(8, "little", signed=True)
        async with self._session.lend() as connection:
            blocks = await connection.fetch(_STORY, since_us, until_us, packed, STORY_BLOCKS)
        unzip = zstandard.ZstdDecompressor().decompress
        return [told for (lines,) in blocks for told in happenings_in(unzip(lines), message_id)]

    async def _search(self, connection: Any, search: Search) -> Page:
        """It ends when it is full, when there is nothing more, or when enough was looked at."""
        await self._names.look(connection, [search.client])
        client = self._names.known(search.client)
        if client is None:
            return Page([])
        days = [row["day"] for row in await connection.fetch(DAYS)]
        found: list[Life] = []
        before, rows_left = search.before_id or _MAX_ID, MAX_ROWS
        while (top := await self._newest_below(connection, days, before)) >= max(search.from_id, 1):
            lives, before, looked = await self._window(connection, search, client, top)
            found += lives
            rows_left -= looked + 1
            if len(found) > search.limit:
                return Page(found[: search.limit], found[search.limit - 1].id)
            if rows_left <= 0:
                return Page(found, before)
        return Page(found)

    async def _newest_below(self, connection: Any, days: Sequence[date], before: int) -> int:
        """The newest message of all below an id; 0 for none."""
        newest = int(await connection.fetchval(_NEWEST, before))
        last_day = day_of(before - 1)
        for day in days:
            if day > last_day or first_id_of(day) + _DAY_IDS <= newest:
                continue
            query = "SELECT coalesce(max(id), 0) FROM history WHERE day = $1 AND id < $2"
            in_day = int(await connection.fetchval(query, day, before))
            if in_day:
                return max(newest, in_day)
        return newest

    async def _window(self, connection: Any, search: Search, client: int, top: int) -> tuple[list[Life], int, int]:
        """Some messages from `top` down, of one day: those that fit, the lowest id seen, rows looked at."""
        day = day_of(top)
        floor = max(first_id_of(day), search.from_id, 1)
        hot_low, hot_rows = await connection.fetchrow(_WINDOW.format(table="messages WHERE"), floor, top, WINDOW_ROWS)
        low = hot_low if hot_rows == WINDOW_ROWS else floor
        query, narrowed = _narrowed(search)
        hot = await connection.fetch(f"SELECT {LIFE} FROM messages WHERE {query}", low, top, client, *narrowed)
        in_day = "history WHERE day = '" + day.isoformat() + "' AND"
        index, keys = _index_of(search, len(narrowed) + 4)
        moved_low, moved_rows = await connection.fetchrow(_WINDOW.format(table=in_day), low, top, WINDOW_ROWS)
        if moved_rows == WINDOW_ROWS and not keys:
            low = moved_low
        statement = f"SELECT {LIFE} FROM {in_day} {query}{index}"
        moved = await connection.fetch(statement, low, top, client, *narrowed, *keys)
        await self._names.meet(connection, {row["operator"] for row in (*hot, *moved)})
        by_id = {row["id"]: life_of(row, self._names.name(row["operator"])) for row in (*moved, *hot)}
        lives = [by_id[each] for each in sorted(by_id, reverse=True) if each >= low]
        return [life for life in lives if _fits(life.message, search)], low, hot_rows + moved_rows


def _narrowed(search: Search) -> tuple[str, list[Any]]:
    """What SQL can judge without reading the message."""
    query, values = "id BETWEEN $1 AND $2 AND client = $3", list[Any]()
    if search.direction is Direction.MO:
        # An MO bears the operator that brought it and was never sent to one.
        query += " AND operator IS NOT NULL AND sent_at_us = 0"
    if search.statuses:
        query += " AND status = ANY($4::smallint[])"
        values.append([int(status) for status in search.statuses])
    return query, values


def _index_of(search: Search, number: int) -> tuple[str, list[int]]:
    """The index of history that narrows a search most, and the key in it."""
    if search.reference and search.direction is Direction.MT:
        return f" AND client_ref = ${number}", [ref_key(search.reference)]
    handset = search.to if search.direction is Direction.MT else search.source
    return (f" AND handset = ${number}", [handset_key(handset)]) if handset else ("", [])


def _fits(message: Message | None, search: Search) -> bool:
    return (
        message is not None
        and message.direction is search.direction
        and message.client == search.client
        and search.to in ("", message.dest)
        and search.source in ("", message.source)
        and search.reference in ("", message.reference)
    )


def first_id_of(day: date) -> int:
    """The lowest id that a message of that UTC day can have."""
    return first_id_at(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000))


#: Ids of one day.
_DAY_IDS: Final = first_id_of(date(2030, 1, 2)) - first_id_of(date(2030, 1, 1))

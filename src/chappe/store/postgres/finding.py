"""Finding messages for people: by what they are known by, or by client, time and status; newest first, page by page.

The hot tables are read before history: what moves meanwhile is seen at least once.  A page ends when it is full or when
its time is over, and says where the next one goes on.
"""

import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any, Final

from chappe.model.address import handset_key
from chappe.model.ids import made_at_ms
from chappe.model.lifecycle import Direction, Status
from chappe.store.bodies import message_or_none
from chappe.store.postgres.hashing import ref_key
from chappe.store.postgres.history import day_of
from chappe.store.postgres.led_to import led_to
from chappe.store.postgres.names import Names
from chappe.store.postgres.searching import DAYS, first_id_of
from chappe.store.views import LifeView, Look, Looked, ids_in, is_known_by

#: How long one page may look through history before it ends with what it has.
BUDGET_S: Final = 0.2
#: Rows of history that are looked at between two looks at the clock, where no index helps.
WINDOW_ROWS: Final = 20_000
_STATUSES: Final = {int(each): each for each in Status}

_LIFE: Final = "m.id, c.name, o.name, m.status, m.operator_ref, m.sent_at_us, m.final_at_us, m.error, m.body"
_NAMED: Final = "JOIN names c ON c.number = m.client LEFT JOIN names o ON o.number = m.operator"
#: What each way of knowing a message is called in the tables; each has an index of its own in history.
_BY_HANDSET: Final = "handset = $3"
_BY_CLIENT: Final = "client_ref = $3"
_BY_OPERATOR: Final = "operator_ref = $3"
_BY_PART: Final = "part_refs @> ARRAY[$3::bytea]"
_BY_ID: Final = "day = ANY($4::date[]) AND id = ANY($3::bigint[])"
#: Each key by an index of its own; one statement, so that nothing moves in its midst.  A table that is believed to be
#: empty would be read along the index of ids.
_BY_KEYS: Final = "SET LOCAL enable_indexscan = off"
_HOT_KNOWN: Final = (
    "WITH known AS MATERIALIZED (SELECT unnest($3::bigint[]) AS id"
    " UNION SELECT id FROM messages WHERE handset = $4 UNION SELECT id FROM messages WHERE client_ref = $5)"
    f" SELECT {_LIFE}, ARRAY(SELECT operator_ref FROM parts p WHERE p.id = m.id) FROM messages m {_NAMED}"
    " WHERE m.id = ANY(ARRAY(SELECT id FROM known WHERE id >= $1 AND id < $2)) ORDER BY m.id DESC LIMIT $6"
)
_HOT_ANY: Final = (
    f"SELECT {_LIFE}, NULL::bytea[] FROM messages m {_NAMED} WHERE {{narrowed}} ORDER BY m.id DESC LIMIT {{most}}"
)
_MOVED: Final = (
    f"SELECT {_LIFE}, m.part_refs FROM (SELECT * FROM history h WHERE {{narrowed}} ORDER BY id DESC LIMIT {{most}}) m"
    f" {_NAMED} ORDER BY m.id DESC"
)
_WINDOW: Final = (
    "SELECT min(id), count(*) FROM"
    " (SELECT id FROM history WHERE day = $1 AND id >= $2 AND id < $3 ORDER BY id DESC LIMIT $4) AS window_rows"
)


class Finder:
    """Looks over one connection that only reads."""

    def __init__(
        self,
        connection: Any,
        look: Look,
        *,
        budget_s: float = BUDGET_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._look = look
        self._clock = clock
        self._budget_s = budget_s
        self._until = 0.0
        self._low, self._high = look.ids
        self._most = look.limit + 1
        self._octets = look.text.encode("utf-8", "replace")
        self._ids = [each for each in ids_in(look.text) if self._low <= each < self._high]
        self._found: dict[int, LifeView] = {}

    async def page(self) -> Looked:
        """What fits best: the newest."""
        floor = await (self._known() if self._look.text else self._any())
        limit, seen = self._look.limit, sorted((each for each in self._found if each >= floor), reverse=True)
        lives = [self._found[each] for each in seen[:limit]]
        if len(seen) > limit:
            return Looked(lives, seen[limit - 1])
        return Looked(lives, 0 if floor <= self._low else floor)

    def _add(self, found: Sequence[Any], *, is_moved: bool) -> int:
        """Keep what fits of rows that are ordered from the newest; returns down to which id they tell all."""
        for row in found:
            view = _view(row, day_of(row["id"]).isoformat() if is_moved else "")
            is_meant = not self._look.text or self._is_meant(row)
            if is_meant and self._look.fits(view, _STATUSES[row["status"]]):
                self._found.setdefault(view.id, view)
        return int(found[-1]["id"]) if len(found) == self._most else self._low

    def _is_meant(self, row: Any) -> bool:
        """Keys are numbers that several numbers and references share."""
        references = [row[4] or b"", *(row[9] or ())]
        message = message_or_none(row["body"])
        is_named = row["id"] in self._ids or self._octets in references
        return is_named or (message is not None and is_known_by(message, self._look.text))

    def _is_enough(self, floor: int) -> bool:
        return sum(each >= floor for each in self._found) > self._look.limit

    # -- by what they are known by ------------------------------------------------------------------

    async def _known(self) -> int:
        """Returns the lowest id down to which everything was looked at."""
        text = self._look.text
        number = handset_key(text) if any(each.isdigit() for each in text) else None
        hot = ([*self._ids, *await led_to(self._connection, text)], number, ref_key(text), self._most)
        async with self._connection.transaction():
            await self._connection.execute(_BY_KEYS)
            rows = await self._connection.fetch(_HOT_KNOWN, self._low, self._high, *hot)
        floor = self._add(rows, is_moved=False)
        self._until = self._clock() + self._budget_s
        if self._ids:
            days = sorted({day_of(each) for each in self._ids})
            self._add(await self._moved(_BY_ID, self._high, self._ids, days), is_moved=True)
        ways = (
            (_BY_HANDSET, number),
            (_BY_CLIENT, ref_key(text)),
            (_BY_OPERATOR, self._octets),
            (_BY_PART, self._octets),
        )
        for way, key in ways:
            if key is not None:
                floor = max(floor, await self._along(way, key, floor))
        return floor

    async def _along(self, way: str, key: object, floor: int) -> int:
        """Rows of history that one key leads to: those of other handsets and references have the same ones."""
        high = self._high
        while high > floor:
            high = self._add(await self._moved(way, high, key), is_moved=True)
            if self._is_enough(high) or self._clock() > self._until:
                return high
        return floor

    async def _moved(self, way: str, high: int, *keys: object) -> Any:
        query = _MOVED.format(narrowed=f"id >= $1 AND id < $2 AND {way}", most=self._most)
        return await self._connection.fetch(query, self._low, high, *keys)

    # -- by client, operator, time and status -------------------------------------------------------

    async def _any(self) -> int:
        narrowed, values = await self._narrowed()
        if narrowed is None:
            return self._low
        hot = _HOT_ANY.format(
            narrowed=f"m.id >= $1 AND m.id < $2{narrowed.replace(' AND ', ' AND m.')}", most=self._most
        )
        floor = self._add(await self._connection.fetch(hot, self._low, self._high, *values), is_moved=False)
        self._until = self._clock() + self._budget_s
        has_looked = False
        for row in await self._connection.fetch(DAYS):
            first, end = first_id_of(row["day"]), first_id_of(row["day"] + timedelta(days=1))
            if first >= self._high or end <= floor:
                continue
            if self._is_enough(end) or (has_looked and self._clock() > self._until):
                return max(floor, end)
            has_looked = True
            seen = await self._through(row["day"], max(first, floor), min(end, self._high), narrowed, values)
            if seen > max(first, floor):
                return seen
        return floor

    async def _narrowed(self) -> tuple[str | None, list[Any]]:
        """Conditions beyond the ids, None when no message can fit; and their values."""
        look, narrowed, values = self._look, "", list[Any]()
        names = Names()
        wanted = {"client": look.client, "operator": look.operator}
        await names.look(self._connection, [name for name in wanted.values() if name])
        for column, name in wanted.items():
            if name:
                number = names.known(name)
                if number is None:
                    return None, []
                values.append(number)
                narrowed += f" AND {column} = ${len(values) + 2}"
        if look.statuses:
            values.append([int(status) for status in look.statuses])
            narrowed += f" AND status = ANY(${len(values) + 2}::smallint[])"
            if Status.DELIVERED not in look.statuses:
                # The index of what did not go well is found by this.
                narrowed += f" AND status <> {int(Status.DELIVERED)}"
        if look.direction == "mo":
            # An MO bears the operator that brought it and was never sent to one.
            narrowed += " AND operator IS NOT NULL AND sent_at_us = 0"
        return narrowed, values

    async def _through(self, day: date, low: int, high: int, narrowed: str, values: list[Any]) -> int:
        """One day, window after window; returns the lowest id down to which it was looked at."""
        is_indexed = bool(self._look.client) or bool(
            self._look.statuses and Status.DELIVERED not in self._look.statuses
        )
        of_day = f"day = '{day.isoformat()}' AND id >= $1 AND id < $2{narrowed}"
        query, rows_at_once = _MOVED.format(narrowed=of_day, most=self._most), max(2 * self._most, 200)
        while high > low:
            start = low
            if not is_indexed:
                start, count = await self._connection.fetchrow(_WINDOW, day, low, high, rows_at_once)
                start = start if count == rows_at_once else low
                rows_at_once = min(rows_at_once * 4, WINDOW_ROWS)
            found = await self._connection.fetch(query, start, high, *values)
            seen = self._add(found, is_moved=True)
            high = seen if len(found) == self._most else start
            if self._is_enough(high) or self._clock() > self._until:
                return high
        return low


def _view(row: Any, history: str) -> LifeView:
    message_id, client, operator, status, operator_ref, sent_at_us, final_at_us, error, body = tuple(row)[:9]
    message = message_or_none(body)
    is_mo = message is not None and message.direction is Direction.MO
    return LifeView(
        message_id,
        "mo" if is_mo else "mt",
        client.decode(),
        (operator or b"").decode(),
        _STATUSES[status].word,
        message.handset if message else "",
        message.number if message else "",
        message.reference if message else "",
        (operator_ref or b"").decode("utf-8", "replace"),
        message.parts if message else 1,
        (error or b"").decode(),
        made_at_ms(message_id) * 1000,
        sent_at_us,
        final_at_us,
        history,
    )

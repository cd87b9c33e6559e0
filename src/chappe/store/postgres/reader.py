"""Reading a database for people while nodes work on it: messages, their events, what is held.

Every question is a connection of its own that cannot write.  The hot tables are read before history: what moves
meanwhile is seen at least once, and what is seen twice is told once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import asyncpg
import zstandard

from chappe.model.address import handset_key
from chappe.model.errors import ResourceError
from chappe.model.ids import made_at_ms
from chappe.model.lifecycle import Direction, Status
from chappe.rules.opt_outs import OptOut
from chappe.store.bodies import message_or_none
from chappe.store.credit import Balance
from chappe.store.happenings import events_in
from chappe.store.port import MAX_ID, CallbacksOff
from chappe.store.postgres import opting
from chappe.store.postgres.crediting import list_balances
from chappe.store.postgres.hashing import ref_key
from chappe.store.postgres.history import day_of
from chappe.store.postgres.names import Names
from chappe.store.postgres.reaching import AWAY, connect, shown
from chappe.store.postgres.resolving import list_failed, list_off
from chappe.store.postgres.searching import MARGIN_US
from chappe.store.postgres.versions import find_version, list_versions
from chappe.store.versions import Version
from chappe.store.views import FailedView, HeldView, LifeView, failed_view, ids_in, is_known_by

#: How long one question may take; people ask again with something narrower.
QUESTION_S: Final = 14

_READ_ONLY: Final = f"SET default_transaction_read_only = on; SET statement_timeout = '{QUESTION_S}s'"
_LIFE: Final = "m.id, c.name, o.name, m.status, m.operator_ref, m.sent_at_us, m.final_at_us, m.error, m.body"
_NAMED: Final = "JOIN names c ON c.number = m.client LEFT JOIN names o ON o.number = m.operator"
#: $1 ids, $2 the handset's key, $3 the key of a client's reference, $4 an operator's reference, $5 how many.
_KNOWN: Final = "m.id = ANY($1::bigint[]) OR m.handset = $2 OR m.client_ref = $3 OR m.operator_ref = $4"
_HOT: Final = (
    f"SELECT {_LIFE}, ARRAY(SELECT operator_ref FROM parts p WHERE p.id = m.id)"
    f" FROM messages m {_NAMED} WHERE {_KNOWN} OR m.id IN (SELECT id FROM parts WHERE operator_ref = $4)"
    " ORDER BY m.id DESC LIMIT $5"
)
#: Each condition has an index of its own: together they would have none.
_MOVED: Final = (
    f"SELECT {_LIFE}, m.part_refs FROM history m {_NAMED} WHERE (m.day, m.id) IN ("
    "(SELECT day, id FROM history WHERE day = ANY($6::date[]) AND id = ANY($1::bigint[]))"
    " UNION (SELECT day, id FROM history WHERE handset = $2 ORDER BY id DESC LIMIT $5)"
    " UNION (SELECT day, id FROM history WHERE client_ref = $3 ORDER BY id DESC LIMIT $5)"
    " UNION (SELECT day, id FROM history WHERE operator_ref = $4 ORDER BY id DESC LIMIT $5)"
    ") ORDER BY m.id DESC"
)
#: The operator's references of all parts but the first are in no index of history.
_MOVED_PART: Final = (
    f"SELECT {_LIFE}, m.part_refs FROM history m {_NAMED} WHERE m.part_refs @> ARRAY[$1::bytea]"
    " ORDER BY m.id DESC LIMIT $2"
)
_EVENTS: Final = (
    "SELECT lines FROM event_blocks WHERE at_us >= $1 AND position($2::bytea IN ids) > 0 ORDER BY at_us, writer, seq"
)
_HELD: Final = (
    "SELECT h.id, n.name, h.at_us, h.reason FROM held h JOIN names n ON n.number = h.queue ORDER BY h.at_us, h.id"
    " LIMIT $1"
)
#: No reference of a client or an operator: nothing has this key.
_NO_KEY: Final = None

Found = TypeVar("Found")


class PostgresReader:
    """The database of a DSN.  See `views.Reader`."""

    hot = "the hot tables"

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def find_messages(self, text: str, limit: int = 50) -> list[LifeView]:
        return self._ask(lambda connection: _find(connection, text, limit))

    def life_events(self, message_id: int) -> list[dict[str, str]]:
        return self._ask(lambda connection: _events(connection, message_id))

    def held_items(self, limit: int = 1_000) -> list[HeldView]:
        return self._ask(lambda connection: _held(connection, limit))

    def failed_callbacks(self, client: str, limit: int) -> list[FailedView]:
        return self._ask(lambda connection: _failed(connection, client, limit))

    def opt_outs(self) -> list[OptOut]:
        return self._ask(_opt_outs)

    def versions(self, limit: int) -> list[Version]:
        return self._ask(lambda connection: list_versions(connection, limit))

    def version(self, number: int) -> Version | None:
        return self._ask(lambda connection: find_version(connection, number))

    def balances(self) -> list[Balance]:
        return self._ask(list_balances)

    def callbacks_off(self) -> list[CallbacksOff]:
        return self._ask(list_off)

    def _ask(self, question: Callable[[Any], Awaitable[Found]]) -> Found:
        """Raises: ResourceError, SettingsError."""
        return asyncio.run(self._answer(question))

    async def _answer(self, question: Callable[[Any], Awaitable[Found]]) -> Found:
        connection = await connect(self._dsn, "command")
        try:
            await connection.execute(_READ_ONLY)
            return await question(connection)
        except asyncpg.UndefinedTableError as error:
            raise ResourceError(f"no store at {shown(self._dsn)} yet: start a box of it with: chappe up") from error
        except asyncpg.QueryCanceledError as error:
            raise ResourceError(f"looking took more than {QUESTION_S} s: ask for one id") from error
        except AWAY as error:
            raise ResourceError(f"{shown(self._dsn)}: {error or type(error).__name__}") from error
        finally:
            await connection.close(timeout=2)


async def _find(connection: Any, text: str, limit: int) -> list[LifeView]:
    ids, octets = ids_in(text), text.encode("utf-8", "replace")
    number = handset_key(text) if any(each.isdigit() for each in text) else _NO_KEY
    values = (ids, number, ref_key(text), octets, limit)
    rows = list(await connection.fetch(_HOT, *values))
    moved = await connection.fetch(_MOVED, *values, sorted({day_of(each) for each in ids}))
    found = {row["id"]: _view(row, "") for row in rows if _is_meant(row, text, ids)}
    for row in moved:
        if _is_meant(row, text, ids):
            found.setdefault(row["id"], _view(row, day_of(row["id"]).isoformat()))
    if not found:
        rows = await connection.fetch(_MOVED_PART, octets, limit)
        found = {row["id"]: _view(row, day_of(row["id"]).isoformat()) for row in rows}
    return [found[each] for each in sorted(found, reverse=True)][:limit]


def _is_meant(row: Any, text: str, ids: list[int]) -> bool:
    """Keys are numbers that several numbers and references share."""
    references = [row[4] or b"", *(row[9] or ())]
    message = message_or_none(row["body"])
    is_named = row["id"] in ids or text.encode("utf-8", "replace") in references
    return is_named or (message is not None and is_known_by(message, text))


def _view(row: Any, history: str) -> LifeView:
    message_id, client, operator, status, operator_ref, sent_at_us, final_at_us, error, body = tuple(row)[:9]
    message = message_or_none(body)
    is_mo = message is not None and message.direction is Direction.MO
    return LifeView(
        message_id,
        "mo" if is_mo else "mt",
        client.decode(),
        (operator or b"").decode(),
        Status(status).word,
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


async def _events(connection: Any, message_id: int) -> list[dict[str, str]]:
    """Of all nodes: each told its own events in order, and moments put those of several together."""
    since_us = made_at_ms(message_id) * 1000 - MARGIN_US
    blocks = await connection.fetch(_EVENTS, since_us, message_id.to_bytes(8, "little", signed=True))
    unzip, wanted = zstandard.ZstdDecompressor().decompress, str(message_id)
    events = [event for (lines,) in blocks for event in events_in(unzip(lines)) if event["id"] == wanted]
    return sorted(events, key=lambda event: event["time"])


async def _opt_outs(connection: Any) -> list[OptOut]:
    return opting.said_of(await connection.fetch(opting.SINCE, 0))


async def _held(connection: Any, limit: int) -> list[HeldView]:
    rows = await connection.fetch(_HELD, limit)
    return [HeldView(row[0], row[1].decode(), row[2], row[3].decode("utf-8", "replace")) for row in rows]


async def _failed(connection: Any, client: str, limit: int) -> list[FailedView]:
    names, number = Names(), None
    if client:
        await names.look(connection, [client])
        number = names.known(client)
        if number is None:
            return []
    return [failed_view(each) for each in await list_failed(connection, names, number, MAX_ID, limit)]

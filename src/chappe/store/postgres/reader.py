"""Reading a database for people while nodes work on it: messages, their events, what is held.

Every question is a connection of its own that cannot write.  The hot tables are read before history: what moves
meanwhile is seen at least once, and what is seen twice is told once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final, TypeVar

import asyncpg
import zstandard

from chappe.model.errors import ResourceError
from chappe.model.ids import made_at_ms
from chappe.rules.opt_outs import OptOut
from chappe.store.credit import Balance
from chappe.store.happenings import events_in
from chappe.store.lives import Life
from chappe.store.port import MAX_ID, CallbacksOff
from chappe.store.postgres import opting
from chappe.store.postgres.crediting import list_balances
from chappe.store.postgres.finding import Finder
from chappe.store.postgres.lately import life_in, parked_in, recent_in
from chappe.store.postgres.names import Names
from chappe.store.postgres.reaching import AWAY, connect, shown
from chappe.store.postgres.resolving import list_failed, list_off
from chappe.store.postgres.searching import MARGIN_US
from chappe.store.postgres.versions import find_version, list_versions
from chappe.store.versions import Version
from chappe.store.views import FailedView, HeldView, LifeView, Look, Looked, ParkedView, failed_view

#: How long one question may take; people ask again with something narrower.
QUESTION_S: Final = 14

_READ_ONLY: Final = f"SET default_transaction_read_only = on; SET statement_timeout = '{QUESTION_S}s'"
_EVENTS: Final = (
    "SELECT lines FROM event_blocks WHERE at_us >= $1 AND position($2::bytea IN ids) > 0 ORDER BY at_us, writer, seq"
)
_HELD: Final = (
    "SELECT h.id, n.name, h.at_us, h.reason FROM held h JOIN names n ON n.number = h.queue ORDER BY h.at_us, h.id"
    " LIMIT $1"
)
Found = TypeVar("Found")


class PostgresReader:
    """The database of a DSN.  See `views.Reader`."""

    hot = "the hot tables"

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def find_messages(self, text: str, limit: int = 50) -> list[LifeView]:
        look = Look(text, limit=limit)
        return self._ask(lambda connection: Finder(connection, look, budget_s=QUESTION_S).page()).lives

    def look(self, look: Look) -> Looked:
        return self._ask(lambda connection: Finder(connection, look).page())

    def follow(self) -> None:
        """Nothing: the database knows."""

    def life_events(self, message_id: int) -> list[dict[str, str]]:
        return self._ask(lambda connection: _events(connection, message_id))

    def life(self, message_id: int) -> Life | None:
        return self._ask(lambda connection: life_in(connection, message_id))

    def recent_events(self, names: Collection[str]) -> list[dict[str, str]]:
        return self._ask(lambda connection: recent_in(connection, names))

    def parked_reports(self, limit: int = 1_000) -> list[ParkedView]:
        return self._ask(lambda connection: parked_in(connection, limit))

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

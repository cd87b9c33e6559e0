"""Looking: what clients ask for that no index leads to, found by going through rows beside the loop.

Each look has a connection and a thread of its own and changes nothing.  A body holds addresses and names as they are,
so that the rows of all others are passed over without being read.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from itertools import islice
from typing import TypeVar

from chappe.model.ids import made_at_ms
from chappe.model.message import Message
from chappe.store.port import Life, StoreAway
from chappe.store.sqlite import rows
from chappe.store.sqlite.history import day_of, find_lives
from chappe.store.sqlite.opening import connect
from chappe.store.sqlite.store_file import StoreFile

T = TypeVar("T")


class Looking:
    """Raises StoreAway while the files cannot be read."""

    def __init__(self, file: StoreFile) -> None:
        self._file = file

    async def waiting(self, client: str, source: str, dest: str, after_id: int, limit: int) -> list[Message]:
        """A client's messages from one address to another of which nothing was sent, oldest first."""
        values = (after_id, self._file.names.known(client), dest.encode(), source.encode())

        def look(connection: sqlite3.Connection) -> list[Message]:
            messages = (rows.message_or_none(body) for (body,) in connection.execute(rows.WAITING, values))
            fitting = (each for each in messages if each is not None and (each.source, each.dest) == (source, dest))
            return list(islice(fitting, limit))

        return await self._beside(look)

    async def known_as(self, client: str, text: str, from_id: int, below_id: int) -> list[Life]:
        """A client's messages that it knows as `text`, of those whose ids lie between two."""
        names, folder = self._file.names, self._file.path.parent
        values = (from_id, below_id, names.known(client), text.encode())

        def look(connection: sqlite3.Connection) -> list[Life]:
            # History after the hot rows: what moves meanwhile was copied before it is deleted.
            found = {row[0]: rows.life_of(row, names.name(row[3])) for row in connection.execute(rows.KNOWN_AS, values)}
            for day in dict.fromkeys(day_of(made_at_ms(each) / 1000) for each in (from_id, below_id - 1)):
                for life in find_lives(folder, day, from_id, below_id, text.encode()):
                    found.setdefault(life.id, life)
            return [life for _, life in sorted(found.items()) if _is_known_as(life, client, text)]

        return await self._beside(look)

    async def _beside(self, look: Callable[[sqlite3.Connection], T]) -> T:
        path = self._file.path

        def opened() -> T:
            connection = connect(path, is_reader=True)
            try:
                return look(connection)
            finally:
                connection.close()

        try:
            return await asyncio.get_running_loop().run_in_executor(None, opened)
        except sqlite3.Error as error:
            raise StoreAway(f"store {path}: {error}") from error


def _is_known_as(life: Life, client: str, text: str) -> bool:
    message = life.message
    return message is not None and (message.client, message.known_as) == (client, text)

"""Which MO an operator may bring again: it has perhaps not read our answer to them."""

from array import array
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from chappe.model.lifecycle import Direction
from chappe.model.message import Message
from chappe.store.bodies import unpack_message
from chappe.store.port import MoMemory
from chappe.store.sqlite import rows
from chappe.store.sqlite.store_file import StoreFile

#: MO that a start looks at for answers which were perhaps not read.
MO_REMEMBERED: Final = 100_000


Write = Callable[[str, Sequence[Sequence[object]]], Awaitable[None]]


class MoProofs:
    """Kept by operator."""

    def __init__(self, file: StoreFile, write: Write) -> None:
        """`write(statement, values)` is the store's."""
        self._file = file
        self._write = write

    def memory(self, operator: str, since_ms: int) -> MoMemory:
        """What a start must know of an operator's MO."""
        return MoMemory(self._proved_until(operator), self._unproved(operator), self._identities(operator, since_ms))

    def _proved_until(self, operator: str) -> int:
        """The id below which every answer to an operator's MO was read."""
        return self._file.meta_int(f"mo_proved:{operator}")

    def _unproved(self, operator: str) -> list[Message]:
        """MO whose answers the operator has perhaps not read: a copy of one may come."""
        since, noted = self._proved_until(operator), f"mo_unproved:{operator}"
        # An MT bears its operator too, from when it was sent.
        query = "SELECT id FROM messages WHERE id >= ? AND operator = ? AND sent_at_us = 0 ORDER BY id DESC LIMIT ?"
        found = self._file.connection.execute(query, (since, self._file.names.known(operator), MO_REMEMBERED))
        ids = {int(row[0]) for row in found}
        row = self._file.connection.execute("SELECT value FROM meta WHERE key = ?", (noted,)).fetchone()
        ids.update(array("q", row[0]) if row else ())
        lives = rows.LIVES.fetch(self._file.connection, sorted(ids))
        messages = sorted((unpack_message(life[2]) for life in lives), key=lambda message: message.id)
        return [message for message in messages if message.direction is Direction.MO]

    async def prove(self, operator: str, below_id: int, except_ids: Sequence[int] = ()) -> None:
        """The operator has read the answers to its MO below an id, but for some."""
        statement = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        unproved = array("q", except_ids).tobytes()
        await self._write(statement, [(f"mo_proved:{operator}", below_id), (f"mo_unproved:{operator}", unproved)])

    def _identities(self, operator: str, since_ms: int) -> list[tuple[bytes, int]]:
        """What tells an operator's MO from others, since a moment in Unix ms: identity and moment, oldest first."""
        query = "SELECT identity, at_ms FROM mo_identities WHERE operator = ? AND at_ms >= ? ORDER BY at_ms"
        return list(self._file.connection.execute(query, (self._file.names.known(operator), since_ms)))

    async def note_identities(self, operator: str, identities: Sequence[tuple[bytes, int]]) -> None:
        """Remember what tells these MO from others."""
        # The operator has a number: its MO are written first.  See `ORDER`.
        statement = "INSERT OR REPLACE INTO mo_identities SELECT number, ?, ? FROM names WHERE name = ?"
        await self._write(statement, [(identity, at_ms, operator) for identity, at_ms in identities])

"""Reading: what is asked of the file without changing it."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import zstandard

from chappe.model.lifecycle import Status
from chappe.store.port import Block, CallbacksOff, Cancel, FailedCallback, Granted, Kept, Life, StoreAway, Wish
from chappe.store.sqlite import callbacks, rows
from chappe.store.sqlite.history import find_life
from chappe.store.sqlite.keeping import read_kept
from chappe.store.sqlite.store_file import StoreFile

#: Held messages are counted no further.
HELD_COUNTED: Final = 10_000


class Reading:
    """Raises StoreAway while the file cannot be read."""

    def __init__(self, file: StoreFile, lives: Callable[[Sequence[int]], dict[int, Life]]) -> None:
        """`lives(ids)` reads lives from the hot tables."""
        self._file = file
        self._lives = lives

    async def find(self, message_id: int) -> Life | None:
        """A message by its id, from the hot tables or from history.  Raises: StoreAway."""
        with self._file.reading():
            life = self._lives([message_id]).get(message_id)
        if life is not None:
            return life
        try:
            return await asyncio.get_running_loop().run_in_executor(None, find_life, self._file.path.parent, message_id)
        except sqlite3.Error as error:
            raise StoreAway(f"history of {self._file.path.parent}: {error}") from error

    async def granted(self, wish: Wish) -> Granted:
        """What became of a wish about a message that the hot tables do not hold.  Raises: StoreAway."""
        life = await self.find(wish.id)
        if life is None or life.message is None or life.message.client != wish.client:
            return Granted.UNKNOWN
        is_cancelled = isinstance(wish, Cancel) and life.status is Status.CANCELLED
        return Granted.ALREADY if is_cancelled else Granted.TOO_LATE

    def parts_sent(self, message_id: int) -> set[int]:
        """Which parts of a long message an operator has already taken."""
        found = rows.PARTS_OF.fetch(self._file.connection, [message_id])
        return {int(part) for _, part, _, _ in found}

    def kept(self, keys: Sequence[bytes], now_ms: int) -> dict[bytes, Kept]:
        """What is kept under these keys.  Raises: StoreAway."""
        with self._file.reading():
            return read_kept(self._file.connection, keys, now_ms)

    def has_kept_until(self, now_ms: int) -> bool:
        """Some keys are over.  Raises: StoreAway."""
        with self._file.reading():
            query = "SELECT 1 FROM kept WHERE until_ms <= ? LIMIT 1"
            return self._file.connection.execute(query, (now_ms,)).fetchone() is not None

    def oldest_block(self) -> int:
        """The first event block that the hot file still holds; 0 for none."""
        with self._file.reading():
            return int(self._file.connection.execute("SELECT coalesce(min(seq), 0) FROM event_blocks").fetchone()[0])

    def has_references(self, generation: int) -> bool:
        """Rows of this generation of references are left."""
        with self._file.reading():
            query = "SELECT 1 FROM refs WHERE generation = ? LIMIT 1"
            return self._file.connection.execute(query, (generation,)).fetchone() is not None

    def copied(self, name: str) -> tuple[int, str] | None:
        """How far a copy of the event blocks has come: block and position; None when it never began."""
        with self._file.reading():
            return self._file.connection.execute(rows.COPIED, (name,)).fetchone()  # type: ignore[no-any-return]

    def held_messages(self) -> int:
        """How many messages wait for a person or a receipt, counted as far as `HELD_COUNTED`.  Raises: StoreAway."""
        query = "SELECT count(*) FROM (SELECT 1 FROM held LIMIT ?)"
        with self._file.reading():
            return int(self._file.connection.execute(query, (HELD_COUNTED,)).fetchone()[0])

    def failed_callbacks(self, client: str, before_id: int, limit: int) -> list[FailedCallback]:
        """Callbacks that were given up, those made last first; of all clients when none is named."""
        with self._file.reading():
            number = self._file.names.known(client) if client else None
            return callbacks.list_failed(self._file.connection, number, before_id, limit)

    def has_failed_callbacks(self, before_id: int) -> bool:
        """A callback that was made before `before_id` is among them."""
        with self._file.reading():
            return callbacks.has_failed(self._file.connection, before_id)

    def callbacks_off(self) -> list[CallbacksOff]:
        """Clients whose own URL is gone."""
        with self._file.reading():
            return callbacks.list_off(self._file.connection)

    def blocks_after(self, seq: int, limit: int = 100) -> list[Block]:
        """Event blocks that follow `seq`, in order (for copies that must catch up).  Raises: StoreAway."""
        query = "SELECT seq, at_us, counts, lines FROM event_blocks WHERE seq > ? ORDER BY seq LIMIT ?"
        unzip = zstandard.ZstdDecompressor().decompress
        with self._file.reading():
            return [
                Block(each, at_us, unzip(lines), {(a, b, c): n for a, b, c, n in msgspec.msgpack.decode(counts)})
                for each, at_us, counts, lines in self._file.connection.execute(query, (seq, limit))
            ]

"""Keeping: what a key guards is stored once, and whoever comes later with the key gets the first one's answer.

Each key is one row; it is inserted, and what did not go in is read.  It must never know what a key or an answer means.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final

from chappe.store.port import Kept, Once
from chappe.store.sqlite.accepting import Accepting
from chappe.store.sqlite.statements import Batched, insert, with_list

#: Rows that one call deletes.
FORGET_ROWS: Final = 500

_KEEP: Final = Batched(
    insert(
        "kept",
        "key, id, fingerprint, answer, at_ms, until_ms",
        after=" ON CONFLICT (key) DO UPDATE SET id = excluded.id, fingerprint = excluded.fingerprint,"
        " answer = excluded.answer, at_ms = excluded.at_ms, until_ms = excluded.until_ms"
        # What is over and not yet swept gives way.
        " WHERE kept.until_ms <= excluded.at_ms RETURNING key",
    )
)
_KEPT: Final = Batched(with_list("SELECT key, id, fingerprint, answer, until_ms FROM kept WHERE key IN ({list})"))
FORGET: Final = "DELETE FROM kept WHERE key IN (SELECT key FROM kept WHERE until_ms <= ? ORDER BY until_ms LIMIT ?)"


class Keeping:
    """The guarded messages of one transaction."""

    __slots__ = ("_accepting", "_connection", "_first_by_key", "_now_ms", "left_out")

    def __init__(self, connection: sqlite3.Connection, accepting: Accepting, now_ms: int) -> None:
        self._connection = connection
        self._accepting = accepting
        self._now_ms = now_ms
        #: Key → whoever came first with it in this transaction.
        self._first_by_key: dict[bytes, Once] = {}
        #: Messages that are not stored, because what they ask for was done before.
        self.left_out: set[int] = set()

    def accept(self, batch: Sequence[Once]) -> list[Kept | None]:
        """Store what is new; for the rest, in order, what is kept of it."""
        first_by_key = self._first_by_key
        new = {once.key: once for once in reversed(batch) if once.key not in first_by_key}
        first_by_key.update(new)
        won = self._keep(list(new.values()))
        lost = [once.key for once in batch if once.key not in won]
        kept_by_key = {key: (by, Kept(*told)) for key, by, *told, _ in _KEPT.fetch(self._connection, lost)}
        outcomes: list[Kept | None] = []
        for once in batch:
            if once.key in won and first_by_key[once.key] is once:
                self._accepting.accept(once.items)
                outcomes.append(None)
                continue
            self.left_out.update([item.id for item in once.items])
            first = first_by_key[once.key]
            by, kept = kept_by_key.get(once.key) or (first.id, Kept(first.fingerprint, first.answer))
            # The very same again: its node did not hear that it was stored.
            outcomes.append(None if by == once.id else kept)
        return outcomes

    def _keep(self, new: Sequence[Once]) -> set[bytes]:
        """Insert these keys; returns those that were free."""
        now_ms = self._now_ms
        rows = [(once.key, once.id, once.fingerprint, once.answer, now_ms, once.until_ms) for once in new]
        return {key for (key,) in _KEEP.fetch_rows(self._connection, rows)}


def read_kept(connection: sqlite3.Connection, keys: Sequence[bytes], now_ms: int) -> dict[bytes, Kept]:
    """What is kept under these keys and not over."""
    return {
        key: Kept(fingerprint, answer)
        for key, _, fingerprint, answer, until_ms in _KEPT.fetch(connection, keys)
        if until_ms > now_ms
    }

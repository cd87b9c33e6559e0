"""Keeps what look-ups said: in memory, where rules ask, and on disk for the next start and other processes of the box.

The file is a cache and no store: it is not synced, and whoever cannot read or write it goes on without it.
It must never know who is asked, nor a message.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from chappe.rules.looked_up import LookedUp, LookUps

#: How often what other processes of the box have heard is read.
LOOK_EVERY_S: Final = 1.0
#: Lines that are read at once: others have their turn in between.
LINES: Final = 5_000
FILE: Final = "lookups.db"
#: How long another process's write is waited for.
BUSY_S: Final = 0.05
#: Lines beyond the bound that are let be before they are deleted together.
SLACK: Final = 1_000

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS answers (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, number TEXT NOT NULL UNIQUE, network TEXT NOT NULL, until_ms INTEGER NOT NULL
)
"""
_NEWER: Final = "SELECT seq, number, network, until_ms FROM answers WHERE seq > ? ORDER BY seq LIMIT ?"


class NetworkCache:
    """What is known of numbers on this box."""

    def __init__(self, look_ups: LookUps, path: Path | None = None, *, limit: int = 0) -> None:
        """`path` is the file, None for none; `limit` bounds how many numbers it keeps."""
        self._look_ups = look_ups
        self._limit = limit
        self._seq = 0
        self._path: Path | None = None
        self._file: sqlite3.Connection | None = None
        self.keep_in(path, limit=limit)

    def keep_in(self, path: Path | None, *, limit: int) -> None:
        """Keep answers there from now on."""
        self._limit = limit
        if path == self._path:
            return
        self.close()
        self._path, self._seq = path, 0
        self._file = self._open(path) if path is not None else None

    @property
    def is_on_disk(self) -> bool:
        """There is a file that can be used."""
        return self._file is not None

    def _open(self, path: Path) -> sqlite3.Connection | None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("PRAGMA synchronous = OFF")
            file.execute(_TABLE)
        except (sqlite3.Error, OSError):
            return None
        return file

    def recall(self) -> bool:
        """Learn some of what was written since the last call; True while there may be more."""
        if self._file is None:
            return False
        try:
            lines = self._file.execute(_NEWER, (self._seq, LINES)).fetchall()
        except sqlite3.Error:
            return False
        self._look_ups.learn(LookedUp(number, network, until_ms) for _, number, network, until_ms in lines)
        if lines:
            self._seq = lines[-1][0]
        return len(lines) == LINES

    async def run(self) -> None:
        """Follow what other processes hear, until cancelled."""
        while True:
            await asyncio.sleep(0 if self.recall() else LOOK_EVERY_S)

    def note(self, found: Sequence[LookedUp]) -> None:
        """Keep what was said; in memory at once, on disk where that works."""
        self._look_ups.learn(found)
        if self._file is None:
            return
        try:
            self._file.execute("BEGIN IMMEDIATE")
            # A number that is said anew gets a new place, so that whoever follows sees it.
            self._file.executemany(
                "INSERT OR REPLACE INTO answers (number, network, until_ms) VALUES (?, ?, ?)",
                [(each.number, each.network, each.until_ms) for each in found],
            )
            self._bound()
            self._file.execute("COMMIT")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                self._file.execute("ROLLBACK")

    def _bound(self) -> None:
        assert self._file is not None
        ((first, last),) = self._file.execute("SELECT min(seq), max(seq) FROM answers").fetchall()
        if last - first >= self._limit + SLACK:
            self._file.execute("DELETE FROM answers WHERE seq <= ?", (last - self._limit,))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

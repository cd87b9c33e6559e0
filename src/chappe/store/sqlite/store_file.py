"""The database file while it is open: its connection, its names, and whether the disk takes anything.

It must never know what the rows mean.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from chappe.store.port import StoreAway
from chappe.store.sqlite import rows
from chappe.store.sqlite.names import Names
from chappe.store.sqlite.opening import connect

#: Octets that a disk must take before the store is back.
PROBE_OCTETS: Final = 65_536


class StoreFile:
    """One file of the engine.  Its connection changes when it is opened again: nobody keeps it."""

    def __init__(self, path: Path, now_us: Callable[[], int]) -> None:
        self.path = path
        self._now_us = now_us
        self.connection: sqlite3.Connection
        self.names: Names
        self.is_away = False
        self.away_reason = ""
        self.away_at_us = 0

    def open(self) -> None:
        """Open the file and migrate it.  Raises: StoreAway, SettingsError."""
        self.connection = connect(self.path)

    def load_names(self) -> None:
        """Take over the names that rows repeat."""
        self.names = Names(self.connection)

    def close(self) -> None:
        """Carry the log over and close the file."""
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.connection.close()

    def meta_int(self, key: str) -> int:
        """A number that is noted under a name; 0 when nothing is."""
        row = self.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return int(row[0]) if row else 0

    @contextmanager
    def reading(self) -> Iterator[None]:
        """While the store is away the file may not even be open."""
        try:
            yield
        except sqlite3.Error as error:
            raise StoreAway(f"store {self.path}: {error}") from error

    def go_away(self, reason: str) -> None:
        """The disk does not take it."""
        if not self.is_away:
            self.is_away, self.away_reason, self.away_at_us = True, reason, self._now_us()

    def away_error(self) -> StoreAway:
        """What everyone hears who asks meanwhile."""
        return StoreAway(f"store {self.path}: {self.away_reason}; nothing of the batch is stored")

    def roll_back(self) -> None:
        """End a transaction of which nothing may be left."""
        try:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            # The next try opens the file again.
            self.go_away(str(error))

    def reopen(self) -> None:
        """Open the file again.  Raises: StoreAway, sqlite3.Error."""
        try:
            self.connection.close()
        except sqlite3.Error:
            pass
        self.connection = connect(self.path)
        self.names.reconnect(self.connection)

    def is_back(self) -> bool:
        """The store is away: find out whether the disk takes octets again."""
        try:
            self.reopen()
            self.connection.execute(rows.PROBE, (PROBE_OCTETS,))
            self.connection.execute(rows.PROBE, (0,))
        except (sqlite3.Error, StoreAway) as error:
            self.away_reason = str(error)
            return False
        self.is_away = False
        return True

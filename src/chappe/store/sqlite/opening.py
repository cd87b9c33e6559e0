"""Opening the database file: its settings, its migrations, and the run that begins with it."""

import os
import sqlite3
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Final

from chappe.model.errors import SettingsError
from chappe.model.ids import first_id_at
from chappe.store.port import StoreAway

#: UPDATE … FROM came with 3.33, RETURNING with 3.35.
MINIMUM_SQLITE: Final = (3, 35, 0)
#: Enough statements for each kind and size that the message path prepares.
CACHED_STATEMENTS: Final = 800
PAGE_OCTETS: Final = 4096
CACHE_KIB: Final = 65_536

#: Names within the data folder.
STORE_FILE: Final = "chappe.db"
HISTORY_FOLDER: Final = "history"


def connect(path: Path, *, is_reader: bool = False) -> sqlite3.Connection:
    """Open the file with the durability that the promise needs: WAL, synced at each commit.

    Raises: SettingsError when SQLite is too old, StoreAway when the file cannot be opened.
    """
    if sqlite3.sqlite_version_info < MINIMUM_SQLITE:
        wanted = ".".join(map(str, MINIMUM_SQLITE))
        raise SettingsError(f"SQLite {sqlite3.sqlite_version} is too old for the store: install {wanted} or newer")
    try:
        if is_reader:
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, timeout=5)
            connection.execute("PRAGMA query_only = ON")
            return connection
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            path, isolation_level=None, cached_statements=CACHED_STATEMENTS, check_same_thread=False, timeout=10
        )
        connection.execute(f"PRAGMA page_size = {PAGE_OCTETS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("PRAGMA temp_store = MEMORY")
        migrate(connection)
    except sqlite3.OperationalError as error:
        raise StoreAway(f"store {path}: {error}") from error
    return connection


def migrations() -> list[tuple[int, str]]:
    """All migrations there are: number and SQL, in order."""
    folder = files("chappe.store.sqlite") / "migrations"
    found = [(int(each.name[:4]), each.read_text("utf-8")) for each in folder.iterdir() if each.name.endswith(".sql")]
    return sorted(found)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the newest version; each migration is one transaction.

    Raises: SettingsError when the file is newer than this program.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    known = migrations()
    if version > known[-1][0]:
        raise SettingsError(
            f"the store is of version {version}, this program knows {known[-1][0]}: install the newer one"
        )
    for number, sql in known:
        if number > version:
            connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")


def open_run(connection: sqlite3.Connection, version: str) -> tuple[int, int, bytes]:
    """Begin a run: its number, the greatest id ever made, and the key of reference hashes."""
    connection.execute("BEGIN IMMEDIATE")
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    run = connection.execute("INSERT INTO runs (started_at, version) VALUES (?, ?)", (started_at, version)).lastrowid
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('reference_key', ?)", (os.urandom(16),))
    key = connection.execute("SELECT value FROM meta WHERE key = 'reference_key'").fetchone()[0]
    newest = "SELECT max((SELECT coalesce(max(id), 0) FROM messages), (SELECT coalesce(max(id), 0) FROM queue))"
    last_id = int(connection.execute(newest).fetchone()[0])
    last_us = connection.execute("SELECT max(at_us) FROM event_blocks").fetchone()[0] or 0
    connection.execute("COMMIT")
    # A clock that was set back while we were away must not make ids a second time.
    return int(run or 0), max(last_id, first_id_at(last_us // 1000 + 1) if last_us else 0), key

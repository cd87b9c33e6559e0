"""The versions of the configuration in the hot file, read at once and written with the group commit."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final, Protocol

from chappe.store.versions import COLUMNS, Version, row_of, version_of

_SELECT: Final = f"SELECT {COLUMNS} FROM configurations"
_ADD: Final = f"INSERT OR IGNORE INTO configurations ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
#: With the version or not at all.
_NOTE_WITH: Final = (
    "INSERT INTO configuration_files SELECT ?, digest FROM configurations WHERE number = ? AND digest = ?"
    " ON CONFLICT (box) DO UPDATE SET digest = excluded.digest"
)
_NOTE: Final = "INSERT INTO configuration_files VALUES (?, ?) ON CONFLICT (box) DO UPDATE SET digest = excluded.digest"


class Engine(Protocol):
    """What is asked of the engine."""

    def fetch(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        """Rows of one statement that reads.  Raises: StoreAway."""
        ...

    async def write(self, statement: str, values: Sequence[Sequence[object]]) -> None:
        """Execute a statement for each row.  Raises: StoreAway."""
        ...

    async def write_together(self, statements: Sequence[tuple[str, Sequence[Sequence[object]]]]) -> None:
        """Execute several statements in one transaction.  Raises: StoreAway."""
        ...


class SqliteVersions:
    """See `store.versions.Versions`."""

    def __init__(self, store: Engine) -> None:
        self._store = store

    async def newest(self) -> Version | None:
        return self._one(f"{_SELECT} ORDER BY number DESC LIMIT 1")

    async def newest_number(self) -> int:
        return int(self._fetch("SELECT coalesce(max(number), 0) FROM configurations")[0][0])

    async def version(self, number: int) -> Version | None:
        return self._one(f"{_SELECT} WHERE number = ?", number)

    async def versions(self, limit: int) -> Sequence[Version]:
        return [version_of(row) for row in self._fetch(f"{_SELECT} ORDER BY number DESC LIMIT ?", limit)]

    async def made_by(self, instruction: int) -> Version | None:
        return self._one(f"{_SELECT} WHERE instruction = ?", instruction)

    async def add(self, version: Version, box: str = "") -> bool:
        if await self.version(version.number) is not None:
            return False
        row = row_of(version)
        statements: list[tuple[str, Sequence[Sequence[object]]]] = [(_ADD, [row])]
        if box:
            statements.append((_NOTE_WITH, [(box, version.number, version.digest)]))
        await self._store.write_together(statements)
        return await self.version(version.number) == version

    async def close(self) -> None:
        """The file is the store's."""

    async def file_of(self, box: str) -> str:
        rows = self._fetch("SELECT digest FROM configuration_files WHERE box = ?", box)
        return str(rows[0][0]) if rows else ""

    async def note_file(self, box: str, digest: str) -> None:
        await self._store.write(_NOTE, [(box, digest)])

    async def knows(self, digest: str) -> bool:
        return bool(self._fetch("SELECT 1 FROM configurations WHERE digest = ? LIMIT 1", digest))

    def _one(self, statement: str, *values: object) -> Version | None:
        rows = self._fetch(statement, *values)
        return version_of(rows[0]) if rows else None

    def _fetch(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return self._store.fetch(statement, values)


def list_versions(connection: sqlite3.Connection, limit: int) -> list[Version]:
    """The youngest versions, for who only reads."""
    return [version_of(row) for row in connection.execute(f"{_SELECT} ORDER BY number DESC LIMIT ?", (limit,))]


def find_version(connection: sqlite3.Connection, number: int) -> Version | None:
    """One version, for who only reads."""
    row = connection.execute(f"{_SELECT} WHERE number = ?", (number,)).fetchone()
    return None if row is None else version_of(row)

"""The versions of the configuration in the database, over a connection of its own: they need no run."""

from collections.abc import Sequence
from typing import Any, Final

from chappe.store.postgres.opening import Session
from chappe.store.versions import COLUMNS, Version, row_of, version_of

_SELECT: Final = f"SELECT {COLUMNS} FROM configurations"
_ADD: Final = (
    f"INSERT INTO configurations ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    " ON CONFLICT DO NOTHING RETURNING number"
)
_NOTE: Final = (
    "INSERT INTO configuration_files VALUES ($1, $2) ON CONFLICT (box) DO UPDATE SET digest = excluded.digest"
)


class PostgresVersions:
    """See `store.versions.Versions`.  Every method raises StoreAway, SettingsError."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def newest(self) -> Version | None:
        return await self._one(f"{_SELECT} ORDER BY number DESC LIMIT 1")

    async def newest_number(self) -> int:
        async with self._session.lend() as connection:
            return int(await connection.fetchval("SELECT coalesce(max(number), 0) FROM configurations"))

    async def version(self, number: int) -> Version | None:
        return await self._one(f"{_SELECT} WHERE number = $1", number)

    async def versions(self, limit: int) -> Sequence[Version]:
        async with self._session.lend() as connection:
            return await list_versions(connection, limit)

    async def made_by(self, instruction: int) -> Version | None:
        return await self._one(f"{_SELECT} WHERE instruction = $1", instruction)

    async def add(self, version: Version, box: str = "") -> bool:
        async with self._session.lend() as connection, connection.transaction():
            if await connection.fetchval(_ADD, *row_of(version)) is None:
                return False
            if box:
                await connection.execute(_NOTE, box, version.digest)
            return True

    async def file_of(self, box: str) -> str:
        async with self._session.lend() as connection:
            found = await connection.fetchval("SELECT digest FROM configuration_files WHERE box = $1", box)
        return found or ""

    async def note_file(self, box: str, digest: str) -> None:
        async with self._session.lend() as connection:
            await connection.execute(_NOTE, box, digest)

    async def knows(self, digest: str) -> bool:
        async with self._session.lend() as connection:
            found = await connection.fetchval("SELECT 1 FROM configurations WHERE digest = $1 LIMIT 1", digest)
        return found is not None

    async def close(self) -> None:
        """Give the connection back."""
        await self._session.close()

    async def _one(self, statement: str, *values: object) -> Version | None:
        async with self._session.lend() as connection:
            row = await connection.fetchrow(statement, *values)
        return None if row is None else version_of(row)


async def list_versions(connection: Any, limit: int) -> list[Version]:
    """The youngest versions, youngest first."""
    return [version_of(row) for row in await connection.fetch(f"{_SELECT} ORDER BY number DESC LIMIT $1", limit)]


async def find_version(connection: Any, number: int) -> Version | None:
    """One version."""
    row = await connection.fetchrow(f"{_SELECT} WHERE number = $1", number)
    return None if row is None else version_of(row)

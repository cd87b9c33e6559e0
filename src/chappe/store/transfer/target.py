"""The PostgreSQL store that is moved into: rows as they travel become rows, each batch with how far it has come.

A death in the midst of a batch leaves nothing of it, so going on is going on from the last one that is there.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from chappe.model.errors import ResourceError
from chappe.store.postgres import statements as sql
from chappe.store.postgres.hashing import gathered
from chappe.store.postgres.names import Names
from chappe.store.postgres.opening import check_server, migrate
from chappe.store.postgres.reaching import connect, shown
from chappe.store.postgres.runs import LEASE_S
from chappe.store.transfer.tables import Column, Row, Table

#: Rows that are read at once when what was moved is looked at again.
READ_ROWS: Final = 5_000

_ALIVE: Final = (
    "SELECT box || '/' || node FROM runs WHERE ended_at IS NULL"
    " AND beat_at > clock_timestamp() - make_interval(secs => $1) LIMIT 1"
)
_SOURCE: Final = "SELECT value FROM meta WHERE key = 'moved_from'"
_KEYS: Final = (
    "INSERT INTO meta VALUES ('moved_from', $1), ('reference_key', $1)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_PLACE: Final = "SELECT value FROM meta WHERE key = $1"
_NOTE: Final = "INSERT INTO meta VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
_FORGET_PLACES: Final = "DELETE FROM meta WHERE key LIKE 'moved:%'"
_PROVE: Final = (
    "INSERT INTO mo_proofs (operator, writer, proved, unproved) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
)
_COUNT: Final = (
    "INSERT INTO counts (run, kind, name, n) VALUES (0, $1, $2, $3)"
    " ON CONFLICT (run, kind, name) DO UPDATE SET n = excluded.n"
)


class References(msgspec.Struct, frozen=True):
    """Hash → what a reference leads to: parts, or reports that wait; `day` is the newest of them, counted from 1970."""

    found: Sequence[tuple[int, bytes]]
    is_reports: bool
    day: int


class Target:
    """A database of PostgreSQL that nobody uses yet."""

    def __init__(self, connection: Any, dsn: str, names: Names, writer: int) -> None:
        self._connection = connection
        self._dsn = dsn
        self._names = names
        self._writer = writer

    @classmethod
    async def open(cls, dsn: str, source_key: bytes, writer: str, *, allow_single_copy: bool) -> "Target":
        """Reach it, migrate it, and make it this source's.

        Raises: StoreAway, SettingsError; ResourceError when somebody else's messages lie there or a gateway runs on it.
        """
        connection = await connect(dsn, "store copy")
        await check_server(connection, dsn, allow_single_copy=allow_single_copy)
        await migrate(connection)
        alive = await connection.fetchval(_ALIVE, LEASE_S)
        if alive is not None:
            raise ResourceError(f"{shown(dsn)}: node {alive} runs on it: stop every box, then copy")
        known = await connection.fetchval(_SOURCE)
        if known is None and await connection.fetchval("SELECT EXISTS (SELECT 1 FROM messages)"):
            raise ResourceError(f"{shown(dsn)}: it holds messages already: name an empty database")
        if known is not None and bytes(known) != source_key:
            raise ResourceError(f"{shown(dsn)}: another store was copied there: name an empty database")
        await connection.execute(_KEYS, source_key)
        names = Names()
        await names.learn(connection, [writer, ""])
        return cls(connection, dsn, names, names.number(writer))

    async def close(self) -> None:
        """Give the connection back."""
        await self._connection.close()

    async def learn(self, names: Sequence[str]) -> None:
        """Give these names numbers."""
        await self._names.learn(self._connection, names)

    # -- writing ------------------------------------------------------------------------------------

    async def place(self, what: str) -> Any:
        """How far something has come; None before its first batch."""
        value = await self._connection.fetchval(_PLACE, f"moved:{what}")
        return None if value is None else msgspec.msgpack.decode(value)

    async def write(
        self,
        what: str,
        place: Any,
        batches: Sequence[tuple[Table, Sequence[Row]]],
        references: References | None = None,
    ) -> None:
        """Write rows of some tables, what references lead to, and the place behind them, all or nothing."""
        async with self._connection.transaction():
            for table, rows in batches:
                if rows:
                    await self._connection.execute(_insert(table), *self._columns(table, rows))
            if references is not None and references.found:
                statement = sql.WAIT if references.is_reports else sql.NAME
                await self._connection.execute(statement, *gathered(references.found), references.day)
            await self._connection.execute(_NOTE, f"moved:{what}", msgspec.msgpack.encode(place))

    def _columns(self, table: Table, rows: Sequence[Row]) -> list[list[Any]]:
        return [
            [self._arriving(column, value) for value in values]
            for column, values in zip(table.columns, zip(*rows, strict=True), strict=True)
        ]

    def _arriving(self, column: Column, value: Any) -> Any:
        if column.travels_as == "name":
            return None if value is None else self._names.number(value)
        return self._writer if column.travels_as == "writer" else value

    async def prove(self, proofs: Sequence[tuple[str, int, bytes]]) -> None:
        """What is known of operators that have read our answers."""
        await self.learn([operator for operator, _, _ in proofs])
        for operator, proved, unproved in proofs:
            await self._connection.execute(_PROVE, self._names.number(operator), self._writer, proved, unproved)

    async def count(self, counts: Mapping[tuple[int, str], int]) -> None:
        """How much is open; counted for nobody in particular."""
        await self.learn([name for _, name in counts])
        for (kind, name), number in counts.items():
            await self._connection.execute(_COUNT, kind, self._names.number(name), number)

    async def finish(self) -> None:
        """Forget how far everything has come: all is there."""
        await self._connection.execute(_FORGET_PLACES)

    # -- reading ------------------------------------------------------------------------------------

    async def rows(self, table: Table) -> AsyncIterator[list[Row]]:
        """Everything that lies in a table, as it travels."""
        names = {row[0]: row[1].decode() for row in await self._connection.fetch("SELECT number, name FROM names")}
        columns = ", ".join(column.name for column in table.columns)
        where = f" WHERE writer = {self._writer}" if any(each.name == "writer" for each in table.columns) else ""
        async with self._connection.transaction(readonly=True):
            cursor = await self._connection.cursor(f"SELECT {columns} FROM {table.name}{where}")
            while found := await cursor.fetch(READ_ROWS):
                yield [
                    tuple(_leaving(column, value, names) for column, value in zip(table.columns, row, strict=True))
                    for row in found
                ]


def _leaving(column: Column, value: Any, names: Mapping[int, str]) -> Any:
    if column.travels_as == "name":
        return None if value is None else names[value]
    return None if column.travels_as == "writer" else value


def _insert(table: Table) -> str:
    names = ", ".join(column.name for column in table.columns)
    arrays = ", ".join(f"${number}::{column.pg_type}[]" for number, column in enumerate(table.columns, 1))
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"

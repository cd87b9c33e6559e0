"""Instructions of a gateway whose store is PostgreSQL: one table for all boxes.

Whoever may insert into it asks; the one conf node that holds the lock carries out.  It must never know what they do.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import Any, Final, TypeVar

import asyncpg
import msgspec

from chappe.instructions.ids import new_instruction_id
from chappe.instructions.kinds import Instruction, kind_of
from chappe.instructions.outcome import Asked, Outcome, asked_of, body_of
from chappe.model.errors import ResourceError
from chappe.store.postgres.reaching import AWAY, connect, shown

_ASK: Final = "INSERT INTO instructions (id, kind, body, asked_by) VALUES ($1, $2, $3, $4)"
_SELECT: Final = "SELECT id, kind, body, asked_by, state, result, asked_at, done_at FROM instructions"
_WAITING: Final = f"{_SELECT} WHERE state = 'waiting' AND id > $1 ORDER BY id LIMIT $2"
_ONE: Final = f"{_SELECT} WHERE id = $1"
_RECENT: Final = f"{_SELECT} ORDER BY id DESC LIMIT $1"
_NOTE: Final = (
    "UPDATE instructions SET state = $2, result = $3, done_at = clock_timestamp(), body = coalesce($4, body)"
    " WHERE id = $1 AND state IN ('waiting', 'waiting_approval')"
)
_FORGET: Final = "UPDATE instructions SET result = $2 WHERE id = $1"

Found = TypeVar("Found")


class SharedInstructions:
    """The table, for commands and pages: every call is a connection of its own.

    Every method raises ResourceError when the database cannot be used.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def ask(self, instruction: Instruction, asked_by: str) -> int:
        """Lay an instruction in; returns its id once it is committed."""
        number = new_instruction_id()
        row = (number, kind_of(instruction), body_of(instruction), asked_by)
        self._with(lambda connection: connection.execute(_ASK, *row))
        return number

    def find(self, number: int) -> Asked | None:
        """One instruction."""
        return self._with(lambda connection: find(connection, number))

    def recent(self, limit: int) -> list[Asked]:
        """The youngest instructions, youngest first."""
        return self._with(lambda connection: recent(connection, limit))

    def close(self) -> None:
        """Nothing stays open."""

    def _with(self, work: Callable[[Any], Awaitable[Found]]) -> Found:
        return asyncio.run(self._reach(work))

    async def _reach(self, work: Callable[[Any], Awaitable[Found]]) -> Found:
        connection = await connect(self._dsn, "instructions")
        try:
            return await work(connection)
        except asyncpg.UndefinedTableError as error:
            raise ResourceError(f"no store at {shown(self._dsn)} yet: start a box of it with: chappe up") from error
        except asyncpg.InsufficientPrivilegeError as error:
            raise ResourceError(f"{shown(self._dsn)}: {error}") from error
        except AWAY as error:
            raise ResourceError(f"{shown(self._dsn)}: {error or type(error).__name__}") from error
        finally:
            await connection.close(timeout=2)


async def waiting(connection: Any, limit: int, after: int = 0) -> list[Asked]:
    """Instructions that are not carried out yet, in the order in which they were asked."""
    return [_asked(row) for row in await connection.fetch(_WAITING, after, limit)]


async def find(connection: Any, number: int) -> Asked | None:
    """One instruction."""
    row = await connection.fetchrow(_ONE, number)
    return None if row is None else _asked(row)


async def recent(connection: Any, limit: int) -> list[Asked]:
    """The youngest instructions, youngest first."""
    return [_asked(row) for row in await connection.fetch(_RECENT, limit)]


async def note(connection: Any, number: int, outcome: Outcome, bare: bytes | None = None) -> None:
    """Write what came of an instruction; one that has ended keeps its first outcome.

    `bare` is what it asked for without its secrets: from now on nobody needs them.
    """
    await connection.execute(_NOTE, number, outcome.state.value, msgspec.json.encode(outcome), bare)


async def forget_secret(connection: Any, number: int) -> None:
    """The secret of an outcome has been here long enough."""
    asked = await find(connection, number)
    if asked is not None and asked.outcome is not None and asked.outcome.secret:
        bare = msgspec.structs.replace(asked.outcome, secret="")
        await connection.execute(_FORGET, number, msgspec.json.encode(bare))


def _asked(row: Any) -> Asked:
    number, kind, body, asked_by, state, result, asked_at, done_at = row
    return asked_of((number, kind, bytes(body), asked_by, state, bytes(result), _iso(asked_at), _iso(done_at)))


def _iso(moment: Any) -> str:
    return "" if moment is None else moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

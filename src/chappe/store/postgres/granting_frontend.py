"""The role of the web pages in a database: it reads, and lays instructions in, and can do nothing else.

Run by whoever owns the tables.  It must never be used by a node.
"""

import asyncio
from importlib.resources import files
from typing import Any, Final

import asyncpg

from chappe.model.errors import ResourceError
from chappe.store.postgres.reaching import AWAY, connect, shown

_PRODUCT: Final = "chappe"
ROLE: Final = f"{_PRODUCT}_frontend"
_PASSWORD: Final = "SELECT format('ALTER ROLE chappe_frontend PASSWORD %L', $1::text)"


def grant_frontend(dsn: str, password: str = "") -> None:
    """Make the role, or bring it back to what it may do.  Raises: ResourceError, SettingsError."""
    asyncio.run(_grant(dsn, password))


async def _grant(dsn: str, password: str) -> None:
    connection = await connect(dsn, "grant-frontend")
    try:
        await _make(connection, password)
    except asyncpg.UndefinedTableError as error:
        raise ResourceError(f"no store at {shown(dsn)} yet: start a box of it with: chappe up") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise ResourceError(
            f"{shown(dsn)}: {error}; who makes roles may do it: run the statements of {_FILE}"
        ) from error
    except AWAY as error:
        raise ResourceError(f"{shown(dsn)}: {error or type(error).__name__}") from error
    finally:
        await connection.close(timeout=2)


_FILE: Final = "chappe/store/postgres/frontend_role.sql"


async def _make(connection: Any, password: str) -> None:
    text = (files("chappe.store.postgres") / "frontend_role.sql").read_text("utf-8")
    async with connection.transaction():
        await connection.execute(text)
        if password:
            await connection.execute(await connection.fetchval(_PASSWORD, password))

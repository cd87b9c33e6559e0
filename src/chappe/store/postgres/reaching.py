"""How a database is reached: whichever server of the DSN takes writes, and what means that none does.

It must never know what is asked of it.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

from chappe.model.errors import SettingsError
from chappe.store.port import StoreAway
from chappe.store.postgres.arrays import speed_up

CONNECT_S: Final = 5.0
#: No statement of ours takes as long; a server that does not answer is taken for lost.
COMMAND_S: Final = 15.0
#: Prepared statements that a connection keeps.
CACHED_STATEMENTS: Final = 200

#: Plans are made once: the tables grow and shrink too fast for statistics.
_SESSION: Final = {
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_mergejoin": "off",
    "idle_in_transaction_session_timeout": "30s",
    "lock_timeout": "10s",
    "timezone": "UTC",
}

#: The server, the network or the disk is away; nothing is wrong with what was asked.
AWAY: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # What asyncpg raises when a connection is lost in the midst of its own talk.
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.InternalServerError,
    asyncpg.InvalidTransactionStateError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidAuthorizationSpecificationError,
    OSError,
    TimeoutError,
)
#: The same again may go well.
AGAIN: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


async def connect(dsn: str, name: str) -> Any:
    """Open one connection to whichever server of the DSN takes writes.  Raises: StoreAway, SettingsError.

    All are tried at once: one that is only silent, as a machine without power is, must not stand before the others.
    """
    hosts = hosts_of(dsn)
    if len(hosts) < 2:
        return await _connect(dsn, name)
    tries = [
        asyncio.create_task(_connect(dsn, name, host=host, port=port), name=f"store connects to {host}")
        for host, port in hosts
    ]
    try:
        return await _first_of(tries)
    finally:
        for each in tries:
            each.cancel()


async def _first_of(tries: Sequence["asyncio.Task[Any]"]) -> Any:
    """The first connection that comes about; the others are given up.

    What one server says of the database counts only when no other may know better: a standby lags behind.
    """
    waiting, errors = set(tries), list[BaseException]()
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        found = [each.result() for each in done if each.exception() is None]
        if found:
            for each in waiting:
                each.add_done_callback(_let_go)
            for further in found[1:]:
                further.terminate()
            return found[0]
        errors += [error for each in done if (error := each.exception()) is not None]
    raise next((error for error in errors if not isinstance(error, SettingsError)), errors[0])


def _let_go(late: "asyncio.Task[Any]") -> None:
    """A connection that came about after all is not needed."""
    if not late.cancelled() and late.exception() is None:
        late.result().terminate()


async def _connect(dsn: str, name: str, **where: Any) -> Any:
    settings = {**_SESSION, "application_name": f"chappe {name}"[:63]}
    try:
        connection = await asyncpg.connect(
            dsn,
            timeout=CONNECT_S,
            command_timeout=COMMAND_S,
            statement_cache_size=CACHED_STATEMENTS,
            server_settings=settings,
            target_session_attrs="read-write",
            **where,
        )
        speed_up(connection)
        return connection
    except asyncpg.ClientConfigurationError as error:
        raise SettingsError(f"gateway.store: {error}") from error
    except asyncpg.ProtocolViolationError as error:
        raise SettingsError(f"{shown(dsn)}: {error}; a pooler does not do, connect to the server itself") from error
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidCatalogNameError) as error:
        raise SettingsError(f"{shown(dsn)}: {error}") from error
    except (*AWAY, asyncpg.PostgresError) as error:
        raise StoreAway(f"{shown(dsn)}: {error or type(error).__name__}") from error


def hosts_of(dsn: str) -> list[tuple[str, int | None]]:
    """The hosts that a DSN names before its path, each with its port if it has one."""
    addresses = urlsplit(dsn).netloc.rpartition("@")[2]
    hosts: list[tuple[str, int | None]] = []
    for each in addresses.split(","):
        host, colon, port = each.rpartition(":")
        if not colon or not port.isdecimal():
            host, port = each, ""
        hosts.append((unquote(host.strip("[]")), int(port) if port else None))
    return [] if addresses == "" else hosts


def shown(dsn: str) -> str:
    """The DSN without its password."""
    parts = urlsplit(dsn)
    user, at, hosts = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}{at}{hosts}"))

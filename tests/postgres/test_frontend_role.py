"""The role of the web pages reads and asks, and the database refuses it everything else."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from chappe.instructions.kinds import PauseOperator
from chappe.instructions.shared import SharedInstructions
from chappe.store.postgres.engine import PostgresStore
from chappe.store.postgres.granting_frontend import ROLE, grant_frontend
from chappe.store.postgres.reader import PostgresReader
from postgres_server import Reached

#: What nobody but the gateway may do.
DENIED = (
    "UPDATE instructions SET state = 'done'",
    "UPDATE instructions SET asked_by = 'somebody else'",
    "DELETE FROM instructions",
    "INSERT INTO instructions (id, kind, body, asked_by, state) VALUES (1, 'x', '', 'x', 'done')",
    "INSERT INTO configurations SELECT * FROM configurations",
    "UPDATE configurations SET author = ''",
    "DELETE FROM configurations",
    "DELETE FROM messages",
    "UPDATE messages SET status = 1",
    "DELETE FROM queue",
    "INSERT INTO orders VALUES (1, 1, '')",
    "TRUNCATE messages",
    "SELECT value FROM meta",
    "CREATE TABLE mine (x integer)",
    "DROP TABLE messages",
    "ALTER TABLE messages ADD x integer",
    "CREATE ROLE another",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> current_user",
    "COPY messages TO PROGRAM 'true'",
)


async def made(dsn: str) -> None:
    store = PostgresStore(dsn, version="test", allow_single_copy=True)
    await store.open()
    await store.close()


def as_frontend(dsn: str) -> str:
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{ROLE}@{parts.netloc.rpartition('@')[2]}"))


@pytest.fixture
def dsn(postgres_server: Reached) -> str:
    made_dsn = postgres_server.new_database()
    asyncio.run(made(made_dsn))
    for _ in range(2):
        grant_frontend(made_dsn)
    return as_frontend(made_dsn)


def test_it_reads_and_asks(dsn: str) -> None:
    asking, reader = SharedInstructions(dsn), PostgresReader(dsn)

    number = asking.ask(PauseOperator(name="three"), "ada")

    assert [each.id for each in asking.recent(5)] == [number]
    assert reader.find_messages("37120000001") == []
    assert reader.held_items() == []
    assert reader.versions(5) == []


def test_everything_else_is_refused(dsn: str) -> None:
    async def tried(statement: str) -> str:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.fetch(statement)
        except (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidObjectDefinitionError) as error:
            return type(error).__name__
        finally:
            await connection.close()
        return "done"

    for statement in DENIED:
        assert asyncio.run(tried(statement)) != "done", statement

"""An ordinary role does for a gateway, if the tables are its own; another one is told who must say what."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from generation_steps import close_one, drop_old
from store_pair import Node, nodes
from test_history_over_postgres import DAY_US, moved

from chappe.model.errors import SettingsError
from chappe.model.lifecycle import Status
from chappe.store.postgres.cleaning import Cleaning
from postgres_server import Reached

PLAIN, OTHER = f"chappe_plain_{os.getpid()}", f"chappe_other_{os.getpid()}"


class Roles:
    """A database, and two roles of which nobody has heard."""

    def __init__(self, server: Reached) -> None:
        self._server = server
        self._dsn = server.new_database()
        self.database = self._dsn.partition("?")[0].rpartition("/")[2]
        for role in (PLAIN, OTHER):
            self.say(f"CREATE ROLE {role} LOGIN PASSWORD 'a password'")

    def say(self, statement: str) -> None:
        """As who may do anything."""
        self._server.sql(statement, self.database)

    def dsn(self, role: str) -> str:
        parts = urlsplit(self._dsn)
        return urlunsplit(parts._replace(netloc=f"{role}:a%20password@{parts.netloc.rpartition('@')[2]}"))

    def drop(self) -> None:
        for role in (PLAIN, OTHER):
            self.say(f"ALTER DATABASE {self.database} OWNER TO CURRENT_USER; REASSIGN OWNED BY {role} TO CURRENT_USER")
            self.say(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


@pytest.fixture
def roles(postgres_server: Reached) -> Iterator[Roles]:
    made = Roles(postgres_server)
    yield made
    made.drop()


def opened(dsn: str) -> None:
    async def once() -> None:
        async with nodes(dsn, "all"):
            pass

    asyncio.run(asyncio.wait_for(once(), 30))


def test_a_role_that_owns_its_database_does_for_all_that_a_node_does(roles: Roles) -> None:
    roles.say(f"ALTER DATABASE {roles.database} OWNER TO {PLAIN}")
    asyncio.run(asyncio.wait_for(_all_of_it(roles.dsn(PLAIN)), 60))


async def _all_of_it(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    async with nodes(dsn, "all") as (node,):
        await _life(node, "R1")
        await close_one(connection)
        await drop_old(connection, 4)
        await moved(node, dsn, 2 * 60_000_000)
        assert await connection.fetchval("SELECT count(*) FROM history") == 1
        await moved(node, dsn, 40 * DAY_US)
        assert await connection.fetchval("SELECT count(*) FROM history") == 0
        cleaning = Cleaning(node.store)
        async with connection.transaction(isolation="repeatable_read"):
            await connection.fetchval("SELECT count(*) FROM meta")
            beside = await asyncpg.connect(dsn)
            for _ in range(8):
                await cleaning.look(beside)
        await cleaning.look(beside)
        await beside.close()
        await _life(node, "R2")
    await connection.close()


async def _life(node: Node, reference: str) -> None:
    item = node.mt()
    await node.accept(item)
    await node.send(((await node.leased())[0], reference))
    await node.report(node.report_on(reference))
    assert await node.status(item) is Status.DELIVERED


def test_a_role_without_the_tables_is_told_who_has_them(roles: Roles) -> None:
    roles.say(f"ALTER DATABASE {roles.database} OWNER TO {PLAIN}")
    opened(roles.dsn(PLAIN))

    with pytest.raises(SettingsError, match=f'belong to role .{PLAIN}.*GRANT "{PLAIN}" TO "{OTHER}"'):
        opened(roles.dsn(OTHER))

    roles.say(f'GRANT "{PLAIN}" TO "{OTHER}"')
    opened(roles.dsn(OTHER))


def test_a_role_that_may_make_no_tables_is_told_what_to_grant(roles: Roles) -> None:
    grant = f'GRANT CREATE, USAGE ON SCHEMA "public" TO "{PLAIN}"'

    with pytest.raises(SettingsError, match=grant):
        opened(roles.dsn(PLAIN))

    roles.say(grant)
    opened(roles.dsn(PLAIN))

"""The servers that other tests rely on: commits survive a kill, and the standby has them all."""

from __future__ import annotations

import asyncio

import asyncpg

from postgres_server import OLDEST, Pair, PostgresServer, Reached, until


def value(dsn: str, statement: str) -> object:
    """The first column of the first row, asked over the wire as the gateway asks."""

    async def asked() -> object:
        connection = await asyncpg.connect(dsn, timeout=10)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(asked())


def is_confirmed(dsn: str, statement: str, within_s: float) -> bool:
    """Whether a write is confirmed in time; it stays without an answer otherwise."""

    async def tried() -> bool:
        connection = await asyncpg.connect(dsn, timeout=10)
        try:
            async with asyncio.timeout(within_s):
                await connection.execute(statement)
            return True
        except TimeoutError:
            return False
        finally:
            connection.terminate()

    return asyncio.run(tried())


def test_each_new_database_is_empty_and_of_a_version_that_is_supported(postgres_server: Reached) -> None:
    one, other = postgres_server.new_database(), postgres_server.new_database()

    assert one != other
    assert int(str(value(one, "SHOW server_version_num"))) // 10_000 >= OLDEST
    assert value(other, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    assert value(one, "SHOW server_encoding") == "UTF8"


def test_what_a_server_confirmed_is_there_after_it_was_killed(own_postgres: PostgresServer) -> None:
    dsn = own_postgres.new_database()
    database = dsn.rpartition("/")[2]
    own_postgres.sql("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)", database)

    own_postgres.kill()
    assert not own_postgres.is_running
    own_postgres.start()

    assert value(dsn, "SELECT n FROM kept") == 7


def test_standby_takes_over_with_every_commit_and_the_dead_primary_comes_back_behind_it(postgres_pair: Pair) -> None:
    dsn = postgres_pair.new_database()
    database = dsn.partition("?")[0].rpartition("/")[2]
    postgres_pair.primary.sql("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)", database)

    postgres_pair.primary.kill()
    postgres_pair.fail_over()

    assert value(dsn, "SELECT n FROM kept") == 7
    assert not is_confirmed(dsn, "INSERT INTO kept VALUES (9)", within_s=0.5), "a commit that one server alone has"

    postgres_pair.rejoin()
    postgres_pair.primary.sql("INSERT INTO kept VALUES (8)", database)
    until(lambda: "8" in postgres_pair.standby.sql("SELECT n FROM kept", database).split(), "the standby shows no 8")

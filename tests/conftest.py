"""What every folder of tests may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from postgres_server import Pair, PostgresServer, Reached, one_server, own_server, pair

# A busy machine may take long over any example, and that says nothing about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Reached]:
    """One real PostgreSQL for all tests of this process; each test asks it for a `new_database()`."""
    with one_server() as server:
        yield server
        server.drop_databases()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server that the test may kill, freeze and start again; what it confirmed is on disk."""
    with own_server(is_durable=True) as server:
        yield server


@pytest.fixture
def postgres_pair() -> Iterator[Pair]:
    """A primary and the standby that confirms each of its commits."""
    with pair() as two:
        yield two

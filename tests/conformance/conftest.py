"""Every test of this folder runs once for each engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from store_box import ENGINES, SERVER, Box


@pytest.fixture(autouse=True)
def _server(request: pytest.FixtureRequest) -> None:
    """PostgreSQL runs only for tests of its engine."""
    if "postgres" in request.node.callspec.params.values():
        SERVER[:] = [request.getfixturevalue("postgres_server")]


@pytest.fixture(params=sorted(ENGINES))
def box(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Box]:
    made = Box(request.param, tmp_path)
    yield made
    made.close()

"""Whole ways through a gateway whose store is PostgreSQL: what is promised over SQLite is promised here too."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import test_fairness
import test_http_journeys
import test_http_lookup
import test_http_repeats
import test_http_trials
import test_smpp_journeys

import house
from postgres_server import Reached

#: What tells of SQLite's own file, or of links alone.
_OF_NO_CONCERN = ("disk_is_full", "links_that_are_cut", "refused_links", "wrong_password")

MODULES = (
    test_smpp_journeys,
    test_http_journeys,
    test_http_lookup,
    test_http_repeats,
    test_http_trials,
    test_fairness,
)
#: Journeys of other files that ask for nothing but a folder.
JOURNEYS = [
    pytest.param(test, id=f"{module.__name__}.{name}")
    for module in MODULES
    for name, test in inspect.getmembers(module, inspect.isfunction)
    if name.startswith("test_") and list(inspect.signature(test).parameters) == ["tmp_path"]
    if not any(word in name for word in _OF_NO_CONCERN)
]


@pytest.fixture(autouse=True)
def _over_postgres(postgres_server: Reached, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # What the journeys themselves ask for.
    monkeypatch.setattr("chappe.operators.failover.FAILOVER_AFTER_S", 0.3)
    monkeypatch.setattr("chappe.operators.failover.FAILOVER_EVERY_S", 0.2)
    house.STORE[0] = postgres_server.new_database()
    yield
    house.STORE[0] = "sqlite"


@pytest.mark.parametrize("journey", JOURNEYS)
def test_a_journey_ends_as_it_does_over_sqlite(journey: Callable[[Path], None], tmp_path: Path) -> None:
    journey(tmp_path)

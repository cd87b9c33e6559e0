"""Whole ways through a gateway whose store is PostgreSQL: what is promised over SQLite is promised here too."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import test_callback_journeys
import test_doors
import test_fairness
import test_http_journeys
import test_http_lookup
import test_http_repeats
import test_http_trials
import test_joined_texts
import test_lists
import test_lookup_journeys
import test_route_explained
import test_smpp_journeys

import house
from postgres_server import Reached

#: What tells of SQLite's own file, or of links alone.
_OF_NO_CONCERN = ("disk_is_full", "links_that_are_cut", "refused_links", "wrong_password", "of_the_page")

MODULES = (
    test_smpp_journeys,
    test_http_journeys,
    test_http_lookup,
    test_http_repeats,
    test_http_trials,
    test_fairness,
)
#: Their stores are asked for little that others are not: all of them where there is time, and a few everywhere.
SLOW_MODULES = (
    test_callback_journeys,
    test_joined_texts,
    test_doors,
    test_lookup_journeys,
    test_lists,
    test_route_explained,
)
_EVERYWHERE = (
    "stay_in_order_when_the_gateway_is_started_again",
    "is_refused_for_too_long_is_listed",
    "parts_in_any_order_reach",
    "half_a_text",
    "a_number_that_went_elsewhere",
    "are_explained_by_the_configuration",
)


def marks_of(module: ModuleType, name: str) -> tuple[pytest.MarkDecorator, ...]:
    is_slow = module in SLOW_MODULES and not any(each in name for each in _EVERYWHERE)
    return (pytest.mark.slow,) if is_slow else ()


#: Journeys of other files that ask for nothing but a folder.
JOURNEYS = [
    pytest.param(test, id=f"{module.__name__}.{name}", marks=marks_of(module, name))
    for module in (*MODULES, *SLOW_MODULES)
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

"""The model of docs/scaling.md: bounds of processes, and what was measured against it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "bench"))

from model import Costs, Machines, predict, processes_for

COSTS = Costs(client_us=25, operator_us=50, server_us=100, rest_us=15, others_us=10)


def test_all_cores_busy_is_the_end_when_no_kind_of_node_is_before() -> None:
    found = predict(COSTS, Machines(clients=2, operators=2, cores=2))

    assert (found.lives_a_second, found.bound) == (10_000, "cores")


def test_a_kind_of_node_that_has_no_time_left_holds_up_all_others() -> None:
    found = predict(COSTS, Machines(clients=1, operators=1, cores=64))

    assert (found.lives_a_second, found.bound) == (20_000, "operator nodes")


def test_a_second_node_of_that_kind_raises_the_whole_until_the_next_one_is_at_its_end() -> None:
    found = predict(COSTS, Machines(clients=1, operators=3, cores=64))

    assert (found.lives_a_second, found.bound) == (40_000, "client nodes")


def test_nodes_that_get_a_share_of_a_core_do_that_share() -> None:
    found = predict(COSTS, Machines(clients=1, operators=1, cores=2, share=0.2))

    assert (found.lives_a_second, found.bound) == (4_000, "operator nodes")


def test_a_database_on_cores_of_its_own_leaves_those_of_the_boxes_to_them() -> None:
    found = predict(COSTS, Machines(clients=8, operators=8, cores=4, server_cores=2))

    assert (found.lives_a_second, found.bound) == (20_000, "database")


@pytest.mark.parametrize(("wanted", "number"), [(1_000, 1), (10_000, 1), (100_000, 9)])
def test_so_many_operator_nodes_are_at_most_six_tenths_busy(wanted: float, number: int) -> None:
    assert processes_for(COSTS, wanted)["operator nodes"] == number

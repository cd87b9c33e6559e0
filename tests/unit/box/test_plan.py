"""Which processes the settings of a box mean."""

from __future__ import annotations

import pytest

from chappe.box.plan import Process, process_of, processes_of


def names(*nodes: str) -> list[str]:
    return [each.name for each in processes_of(nodes, ["three", "north"])]


def test_all_is_one_process_of_each_kind_and_of_each_operator() -> None:
    found = names("all")

    assert found[:5] == ["client-smpp", "client-http", "client-ucp", "operator:three", "operator:north"]
    assert {"router", "counter", "conf"} <= set(found)


def test_what_carries_out_instructions_runs_on_every_box() -> None:
    assert names("operator:three") == ["operator:three", "conf"]


def test_a_star_makes_several_of_one_node() -> None:
    assert names("client-smpp*2", "operator*2") == [
        "client-smpp",
        "client-smpp#2",
        "operator:three",
        "operator:three#2",
        "operator:north",
        "operator:north#2",
        "conf",
    ]


def test_a_node_that_is_named_twice_runs_as_often_as_the_greater_number_says() -> None:
    assert names("all", "operator:three*2").count("operator:three") == 1
    assert "operator:three#2" in names("all", "operator:three*2")


@pytest.mark.parametrize("name", ["router", "operator:three", "operator:three#2"])
def test_a_process_is_found_again_by_its_name(name: str) -> None:
    assert process_of(name).name == name


def test_a_process_names_its_files_without_signs_that_need_quoting() -> None:
    assert Process("operator:three", 2).file_name == "operator-three-2"


def test_a_box_without_a_door_for_ucp_has_no_process_for_it() -> None:
    assert "client-ucp" not in [each.name for each in processes_of(("all",), (), has_ucp=False)]

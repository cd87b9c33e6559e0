"""Times, sizes and boxes as people read them."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from rich.console import Console

from chappe.cli.status_view import duration, octets, view
from chappe.observe.status import ELSEWHERE, BoxStatus, LinkStatus, NodeStatus, OperatorStatus, RunStatus, StoreStatus

STORE = StoreStatus("postgresql://db1/chappe", 0, 0, is_away=False)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.4, "0 s"), (59.9, "59 s"), (75, "1 min 15 s"), (7_980, "2 h 13 min"), (270_000, "3 d 3 h")],
)
def test_a_time_is_told_in_its_two_greatest_units(seconds: float, told: str) -> None:
    assert duration(seconds) == told


@pytest.mark.parametrize(
    ("number", "told"),
    [(0, "0 octets"), (1_023, "1023 octets"), (1_536, "1.5 KiB"), (5 << 30, "5.0 GiB"), (3 << 40, "3.0 TiB")],
)
def test_a_size_is_told_in_the_unit_that_keeps_it_short(number: int, told: str) -> None:
    assert octets(number) == told


def test_every_node_of_every_box_is_shown_and_a_silent_one_stands_out() -> None:
    nodes = [
        RunStatus("riga1", "operator:three", "0.1.0", 7, "running", 60.0, 0.4, {"three": (1, 2)}),
        RunStatus("riga2", "router", "0.2.0", 9, "running", 60.0, 31.0),
    ]

    empty = BoxStatus("0.1.0", 7, "riga1", "running", 1.0, [], [], [], [], 0, 0, STORE, [], {}, nodes)
    console = Console(width=160, record=True, file=StringIO())
    console.print(view(empty))
    text = console.export_text()

    assert re.search(r"riga1\s+operator:three\s+0\.1\.0\s+7\s+running\s+three 1/2\s+1 min 0 s\s+0 s", text)
    assert re.search(r"riga2\s+router\s+0\.2\.0\s+9\s+silent\s+1 min 0 s\s+31 s", text)


def test_a_link_that_other_nodes_hold_is_not_shown_as_lost() -> None:
    links = [LinkStatus(1, "down", 0, 50, 3.0, ELSEWHERE), LinkStatus(2, "down", 0, 50, 3.0, "connection refused")]
    box = BoxStatus(
        "0.1.0", 7, "riga1", "running", 1.0, [], [OperatorStatus("three", links)], [], [], 0, 0, STORE, [], {}
    )

    console = Console(width=160, record=True, file=StringIO())
    console.print(view(box))
    text = console.export_text()

    assert re.search(r"three\s+1\s+○ elsewhere", text)
    assert re.search(r"three\s+2\s+● down", text)
    assert "of log" not in text
    assert "in postgresql://db1/chappe" in text


def test_a_node_that_was_drained_is_shown_as_that_with_and_without_a_run_that_the_store_remembers() -> None:
    kept = [
        NodeStatus("operator:three", "drained"),
        NodeStatus("router", "draining", 7),
        NodeStatus("conf", "running", 8),
    ]
    runs = [
        RunStatus("riga1", name, "0.1.0", run, "running", 60.0, 0.4) for run, name in ((7, "router"), (8, "conf"))
    ] + [RunStatus("riga2", "operator:three", "0.1.0", 9, "running", 60.0, 0.4)]
    box = BoxStatus("0.1.0", 7, "riga1", "running", 1.0, kept, [], [], [], 0, 0, STORE, [], {}, runs)

    console = Console(width=160, record=True, file=StringIO())
    console.print(view(box))
    text = console.export_text()

    assert re.search(r"riga1\s+operator:three\s+drained", text)
    assert re.search(r"riga1\s+router\s+0\.1\.0\s+7\s+draining", text)
    assert re.search(r"riga1\s+conf\s+0\.1\.0\s+8\s+running", text)
    assert re.search(r"riga2\s+operator:three\s+0\.1\.0\s+9\s+running", text)

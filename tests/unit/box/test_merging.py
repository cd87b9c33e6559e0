"""One page of metrics and one status from those of several processes."""

from __future__ import annotations

from chappe.box.merging import KeptNode, merged_metrics, merged_status
from chappe.observe.status import (
    BoxStatus,
    ClientStatus,
    CopyStatus,
    LinkStatus,
    NodeStatus,
    OperatorStatus,
    QueueStatus,
    StoreStatus,
)

KEPT = {"one": KeptNode("running", is_up=True, restarts=2), "two": KeptNode("waiting", is_up=False, restarts=0)}
HISTOGRAM = """# HELP chappe_store_seconds How long.
# TYPE chappe_store_seconds histogram
chappe_store_seconds_bucket{le="1.0",verb="accept"} 3.0
chappe_store_seconds_bucket{le="+Inf",verb="accept"} 3.0
chappe_store_seconds_count{verb="accept"} 3.0
chappe_store_seconds_sum{verb="accept"} 0.5
# HELP chappe_receipts_parked Parked.
# TYPE chappe_receipts_parked gauge
chappe_receipts_parked 5.0
"""


def status(name: str, *, links: int = 1, binds: int = 1, sent: float = 1.0) -> BoxStatus:
    return BoxStatus(
        version="1",
        run=7,
        box="box1",
        state="running",
        uptime_s=1.0,
        nodes=[NodeStatus(name, "running")],
        operators=[OperatorStatus("three", [LinkStatus(each, "up", 0, 10, 1.0) for each in range(1, links + 1)])],
        clients=[ClientStatus("acme", binds, 40)],
        queues=[QueueStatus("operator:three", 9, 1.0)],
        parked=1,
        held=2,
        store=StoreStatus("pg", 1, 1, is_away=False),
        copies=[CopyStatus("events", 3)],
        events_per_second={"mt_sent": sent},
    )


def test_each_sample_bears_its_node_and_the_store_is_told_of_once() -> None:
    page = merged_metrics({"one": HISTOGRAM, "two": HISTOGRAM}, KEPT).decode()

    assert 'chappe_store_seconds_bucket{le="1.0",node="one",verb="accept"} 3.0' in page
    assert 'chappe_store_seconds_sum{node="two",verb="accept"} 0.5' in page
    assert page.count("# TYPE chappe_store_seconds histogram") == 1
    assert page.count("\nchappe_receipts_parked 5.0") == 1
    assert 'chappe_node_up{node="two"} 0.0' in page
    assert 'chappe_node_restarts_total{node="one"} 2.0' in page


def test_the_box_has_the_links_and_binds_of_all_its_processes() -> None:
    merged = merged_status({"one": status("one", links=2), "two": status("two", binds=3)}, KEPT, status("box"))

    assert [link.link for link in merged.operators[0].links] == [1, 2, 3]
    assert merged.clients == [ClientStatus("acme", 4, 40)]
    assert merged.queues == [QueueStatus("operator:three", 9, 1.0)]
    assert merged.events_per_second == {"mt_sent": 2.0}
    assert [copy.name for copy in merged.copies] == ["events of one", "events of two"]
    assert merged.nodes == [NodeStatus("one", "running"), NodeStatus("two", "waiting")]


def test_a_box_none_of_whose_processes_answers_still_shows_itself() -> None:
    merged = merged_status({}, KEPT, status("box"))

    assert merged.nodes == [NodeStatus("one", "running"), NodeStatus("two", "waiting")]

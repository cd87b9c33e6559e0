"""The page that Prometheus reads."""

from __future__ import annotations

from memory_source import NOON_US
from prometheus_client.parser import text_string_to_metric_families

from chappe.model.ids import first_id_at
from chappe.observe.metrics import Metrics, Readings
from chappe.observe.status import CopyStatus, LinkStatus, OperatorStatus
from chappe.store.port import Block, QueueDepth

LINKS = [OperatorStatus("three", [LinkStatus(1, "up", 40, 100, 9.0), LinkStatus(2, "down", 0, 100, 3.0, "refused")])]


def metrics() -> Metrics:
    readings = Readings(
        queues=lambda: [QueueDepth("operator:three", 12, 3.5)],
        operators=lambda: LINKS,
        copies=lambda: [CopyStatus("events", 7)],
        parked=lambda: 2,
    )
    return Metrics(readings, version="1.2.3", run=9)


def samples(told: Metrics) -> dict[tuple[str, ...], float]:
    """(name, label values in the order of the label names …) → value."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(told.text().decode())
        for sample in family.samples
    }


def test_events_are_counted_by_direction_event_client_and_operator() -> None:
    told = metrics()
    for _ in range(2):
        told.on_block(
            Block(
                1,
                NOON_US,
                b"",
                {("mt_accepted", "acme", ""): 3, ("dr_matched", "acme", "three"): 1, ("link_up", "", "three"): 1},
            )
        )

    found = samples(told)
    assert found["chappe_messages_total", "acme", "mt", "mt_accepted", ""] == 6
    assert found["chappe_messages_total", "acme", "dr", "dr_matched", "three"] == 2
    assert found["chappe_messages_total", "", "", "link_up", "three"] == 2


def test_queues_links_windows_parked_reports_and_copies_are_read_when_scraped() -> None:
    found = samples(metrics())

    assert found["chappe_queue_messages", "operator:three"] == 12
    assert found["chappe_queue_oldest_seconds", "operator:three"] == 3.5
    assert found["chappe_link_up", "1", "three"] == 1
    assert found["chappe_link_up", "2", "three"] == 0
    assert found["chappe_window_used", "1", "three"] == 40
    assert found["chappe_receipts_parked",] == 2
    assert found["chappe_copy_behind_blocks", "events"] == 7
    assert found["chappe_node_info", "9", "1.2.3"] == 1


def test_the_first_message_sent_in_a_block_speaks_for_all_that_its_operator_took() -> None:
    told = metrics()
    message_id = first_id_at(NOON_US // 1000 - 2_000)
    sent = [f"t,mt_sent,{each},acme,three,1,2,,ref,\n" for each in (message_id, 77)]
    lines = "".join(["t,mt_accepted,9,acme,,1,2,,,\n", *sent])

    told.on_block(Block(1, NOON_US, lines.encode(), {("mt_sent", "acme", "three"): 1, ("mt_sent", "bank", "three"): 1}))

    found = samples(told)
    assert found["chappe_submit_seconds_count", "three"] == 2
    assert found["chappe_submit_seconds_sum", "three"] == 4.0
    assert found["chappe_submit_seconds_bucket", "2.5", "three"] == 2
    assert found["chappe_submit_seconds_bucket", "1.0", "three"] == 0


def test_receipts_and_commits_are_counted_by_how_long_they_took() -> None:
    told = metrics()

    told.on_receipts("three", 3.0, 50)
    told.on_receipts("three", -1.0, 1)
    told.on_call("accept", 0.002)

    found = samples(told)
    assert found["chappe_receipt_seconds_count", "three"] == 51
    assert found["chappe_receipt_seconds_sum", "three"] == 150.0
    assert found["chappe_store_seconds_bucket", "0.0025", "accept"] == 1


def test_every_metric_tells_what_it_is() -> None:
    families = list(text_string_to_metric_families(metrics().text().decode()))

    assert len(families) == 14
    assert [family.name for family in families if not family.documentation.endswith(".")] == []

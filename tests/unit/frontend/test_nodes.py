"""Nodes of all boxes are drained from the first page, by those who may."""

from __future__ import annotations

import pytest
from site_house import Site

from chappe.frontend import here
from chappe.frontend.figures import Sample
from chappe.observe.status import BoxStatus, NodeStatus, RunStatus, StoreStatus

BOX = BoxStatus(
    version="1", run=1, box="riga1", state="running", uptime_s=1.0,
    nodes=[NodeStatus("router", "running"), NodeStatus("counter", "drained"), NodeStatus("conf", "running")],
    operators=[], clients=[], queues=[], parked=0, held=0, store=StoreStatus("", 0, 0, is_away=False), copies=[],
    events_per_second={},
    fleet=[
        RunStatus("riga2", "client-smpp#2", "1", 2, "running", 9.0, 1.0),
        RunStatus("riga2", "client-http", "1", 3, "running", 9.0, 60.0),
        RunStatus("riga1", "router", "1", 4, "running", 9.0, 1.0),
    ],
)  # fmt: skip


@pytest.fixture
def boxes(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    reading = here.reading()
    monkeypatch.setattr(reading, "samples", lambda: [Sample(0.0, {}, {}, BOX)])
    return site


def test_the_page_offers_each_living_node_but_the_one_that_carries_it_out(boxes: Site) -> None:
    shown = boxes.signed_in("operator").get("/").content.decode()

    assert "Drain router of box riga1?" in shown
    assert "Drain client-smpp#2 of box riga2?" in shown
    assert "Start counter of box riga1 again" in shown
    assert "Drain client-http" not in shown
    assert "Drain conf" not in shown


def test_a_node_of_another_box_is_drained_and_had_back(boxes: Site) -> None:
    browser = boxes.signed_in("operator", "ada")

    assert browser.post("/drain", {"node": "client-smpp#2", "box": "riga2"})["Location"] == "/"
    browser.post("/drain", {"node": "client-smpp#2", "box": "riga2", "resumes": "yes"})
    assert browser.post("/drain", {"box": "riga2"}).status_code == 404

    drain = {"node": "client-smpp#2", "box": "riga2", "resumes": False}
    assert boxes.hands.asked == [("drain_node", drain, "ada"), ("drain_node", drain | {"resumes": True}, "ada")]


@pytest.mark.parametrize("role", ["viewer", "client"])
def test_who_has_no_hands_is_offered_none(boxes: Site, role: str) -> None:
    browser = boxes.signed_in(role, client="demo" if role == "client" else "")

    assert b"drain one" not in browser.get("/").content
    assert browser.post("/drain", {"node": "router", "box": "riga1"}).status_code == 403

"""Demo traffic is offered where a demo runs, to those who may ask for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from site_house import Site

from chappe.frontend import here
from chappe.frontend.reading import Reading


def test_a_demo_offers_its_traffic_and_asks_for_it(site: Site) -> None:
    here.show(Reading(replace(site.terms, is_demo=True)))
    browser = site.signed_in("administrator", "ada")

    assert b"Demo traffic" in browser.get("/").content
    assert b"Demo traffic" in browser.get("/welcome").content
    assert browser.post("/demo", {"pace": "5"})["Location"] == "/"
    assert browser.post("/demo", {"pace": "5000"}).status_code == 404
    assert site.hands.asked == [("set_demo_traffic", {"per_s": 5.0}, "ada")]


def test_a_real_gateway_offers_none(site: Site) -> None:
    browser = site.signed_in("administrator")

    assert b"Demo traffic" not in browser.get("/").content
    assert browser.post("/demo", {"pace": "5"}).status_code == 404


@pytest.mark.parametrize("role", ["viewer", "client"])
def test_who_has_no_hands_is_offered_none(site: Site, role: str) -> None:
    here.show(Reading(replace(site.terms, is_demo=True)))
    browser = site.signed_in(role, client="demo" if role == "client" else "")

    assert b"Demo traffic" not in browser.get("/").content
    assert browser.post("/demo", {"pace": "5"}).status_code == 403

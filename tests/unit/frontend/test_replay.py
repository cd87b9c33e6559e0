"""Fix and replay in the receipt doctor: a draft of the profile that cures, and an instruction that tries again."""

from __future__ import annotations

import time
from typing import Any

import pytest
from site_house import Site

from chappe.frontend import here
from chappe.frontend.wishes import Reply
from chappe.store.views import ParkedView


def park(site: Site, monkeypatch: pytest.MonkeyPatch, count: int = 30) -> None:
    """Receipts of the demo's operator whose ids are decimal, beside answers whose ids were hexadecimal."""
    at_us = int(time.time() * 1e6)
    handsets = [f"3712000{each:04}" for each in range(count)]
    site.store.parked = [
        ParkedView(each + 1, "sim", (str(each + 0xABC0),), handset, "delivered", "000", at_us)
        for each, handset in enumerate(handsets)
    ]
    pairs = [(handset, f"{each + 0xABC0:x}") for each, handset in enumerate(handsets)]
    monkeypatch.setattr(type(here.reading()), "sent_pairs", lambda self: {"sim": pairs})


def page_of(browser: Any) -> str:
    return str(browser.get("/receipts").content.decode())


def test_what_is_proved_can_be_fixed_by_a_draft_of_the_profile(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    park(site, monkeypatch)
    browser = site.signed_in("operator")

    assert "Fix: review the change" in page_of(browser)
    draft = browser.post("/receipts/fix", {"operator": "sim"})

    assert draft.status_code == 200
    assert b"hex_to_decimal" in draft.content
    assert site.hands.asked == []


def test_what_nothing_proves_is_not_fixed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    park(site, monkeypatch)
    monkeypatch.setattr(type(here.reading()), "sent_pairs", lambda self: {})
    browser = site.signed_in("operator")

    assert "Fix: review the change" not in page_of(browser)
    assert browser.post("/receipts/fix", {"operator": "sim"}).status_code == 404


@pytest.mark.parametrize(("way", "said"), [("", {}), ("id_base=hex_to_decimal", {"id_base": "hex_to_decimal"})])
def test_a_replay_is_asked_for_and_told(
    site: Site, monkeypatch: pytest.MonkeyPatch, way: str, said: dict[str, str]
) -> None:
    park(site, monkeypatch)
    site.hands.reply = Reply("done", count=29, remaining=1)
    browser = site.signed_in("operator", "bob")

    answer = browser.post("/receipts/replay", {"operator": "sim", "way": way}, follow=True)

    assert site.hands.asked == [("replay_receipts", {"operator": "sim", **said}, "bob")]
    assert b"29 receipts of sim found their message, 1 stay parked." in answer.content


def test_a_way_that_nobody_offers_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    park(site, monkeypatch)

    assert site.signed_in("operator").post("/receipts/replay", {"operator": "sim", "way": "guess"}).status_code == 404
    assert site.hands.asked == []


def test_a_viewer_sees_no_button(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    park(site, monkeypatch)

    page = page_of(site.signed_in("viewer"))

    assert "30 parked" in page
    assert "Replay</button>" not in page
    assert "Fix:" not in page

"""Changing the configuration on the pages: a draft with its differences first, then one instruction."""

from __future__ import annotations

import re
from typing import Any

from site_house import Site

from chappe.frontend.drafts import changes_between, unmasked
from chappe.frontend.forms import CLIENT, OPERATOR, table_of
from chappe.frontend.keywords import claims_of
from chappe.frontend.wishes import Reply
from chappe.runtime.settings_routing import Direction, Route
from chappe.runtime.settings_table import MASK

NEW = {"name": "three", "protocol": "smpp", "address": "127.0.0.1:2790", "system_id": "chappe", "password": "topsecrt"}


def sealed(page: bytes) -> str:
    found = re.search(b'name="draft" value="([^"]+)"', page)
    assert found, page
    return found[1].decode()


def test_a_form_becomes_a_draft_and_the_draft_one_instruction(site: Site) -> None:
    browser = site.signed_in("operator", "bob")
    review = browser.post("/configure/operators/add", NEW)

    assert b"operators.three" in review.content
    assert b"topsecrt" not in review.content
    assert site.hands.asked == []

    browser.post("/configure/apply", {"draft": sealed(review.content)})

    ((kind, values, who),) = site.hands.asked
    assert (kind, who) == ("add_operator", "bob")
    assert values["operator"]["password"] == "topsecrt"


def test_a_draft_of_somebody_else_or_a_changed_one_is_refused(site: Site) -> None:
    draft = sealed(site.signed_in("operator", "bob").post("/configure/operators/add", NEW).content)

    assert site.signed_in("operator", "eve").post("/configure/apply", {"draft": draft}).status_code == 404
    site.signed_in("operator", "bob").post("/configure/apply", {"draft": draft[:-2] + "xx"})
    assert site.hands.asked == []


def test_what_the_gateway_would_refuse_is_refused_in_the_review(site: Site) -> None:
    review = site.signed_in("operator").post("/configure/operators/add", {**NEW, "name": "sim"})

    assert review.status_code == 422
    assert b'name="draft"' not in review.content


def test_what_is_no_toml_is_told_and_what_was_written_stays(site: Site) -> None:
    page = site.signed_in("operator").post("/configure/operators/add", {**NEW, "more": "rate ="}).content

    assert b"not TOML" in page
    assert b"127.0.0.1:2790" in page


def test_a_change_of_one_key_asks_for_that_key_alone(site: Site) -> None:
    browser = site.signed_in("operator")
    form = {
        "name": "sim",
        "protocol": "smpp",
        "bind": "transceiver",
        "address": "127.0.0.1:2776",
        "system_id": "chappe",
        "rate": "7",
    }
    browser.post("/configure/apply", {"draft": sealed(browser.post("/configure/operators/of/sim", form).content)})

    assert [values["changes"] for _, values, _ in site.hands.asked] == [{"rate": 7}]


def test_routes_are_moved_and_removed_by_drafts_too(site: Site) -> None:
    browser = site.signed_in("operator")

    review = browser.post("/configure/act", {"kind": "remove_route", "place": "1"})
    assert b"minus" in review.content
    assert site.hands.asked == []
    assert browser.post("/configure/act", {"kind": "resolve_held"}).status_code == 404


def test_a_viewer_reads_the_configuration_without_secrets_and_changes_nothing(site: Site) -> None:
    browser = site.signed_in("viewer")
    pages = [browser.get(f"/configure/{each}") for each in ("operators/of/sim", "clients/of/demo", "routes")]

    assert [each.status_code for each in pages] == [200, 200, 200]
    assert b"demo-token" not in pages[1].content
    for path in ("operators/of/sim", "routes", "lists/senders", "profiles"):
        assert browser.post(f"/configure/{path}", NEW).status_code == 404
    for path in ("operators/add", "clients/add", "act", "apply"):
        assert browser.post(f"/configure/{path}", NEW).status_code == 403
    assert site.hands.asked == []


def test_every_page_of_the_configuration_answers(site: Site) -> None:
    browser = site.signed_in("operator")
    paths = (
        "", "/operators/add", "/clients/add", "/routes?place=0", "/numbers", "/lists/senders", "/lists/conf",
        "/profiles", "/versions", "/changes", "/explain?to=371",
    )  # fmt: skip

    assert [browser.get(f"/configure{each}").status_code for each in paths] == [200] * len(paths)
    assert browser.get("/configure/versions/9").status_code == 404
    assert browser.get("/configure/operators/of/nobody").status_code == 404


def test_an_outcome_that_holds_in_part_says_where_not(site: Site) -> None:
    site.hands.reply = Reply("partly", version=2, unmoved={"operator:sim": "cannot bind"})
    browser = site.signed_in("operator")
    draft = sealed(browser.post("/configure/operators/add", NEW).content)

    page = browser.post("/configure/apply", {"draft": draft}, follow=True).content

    assert b"operator:sim: cannot bind" in page


def test_a_secret_that_stays_masked_stays_as_it_is() -> None:
    old: dict[str, Any] = {"name": "acme", "smpp": {"password": "one", "window": 5}, "previous": ["two"]}

    assert unmasked({"smpp": {"password": MASK, "window": 6}, "previous": [MASK]}, old) == {
        "smpp": {"password": "one", "window": 6},
        "previous": ["two"],
    }


def test_changes_name_what_differs_and_take_away_what_is_gone() -> None:
    old = {"name": "a", "rate": 5, "smpp": {"window": 1, "max_binds": 2}}

    assert changes_between(old, {"name": "a", "smpp": {"window": 3}}) == {
        "rate": None,
        "smpp": {"window": 3, "max_binds": None},
    }


def test_a_new_client_gets_secrets_of_the_right_form() -> None:
    table = table_of({"name": "acme", "smpp.system_id": "acme", "http.token": "make"}, CLIENT, None)

    assert len(table["smpp"]["password"]) == 8
    assert len(table["http"]["token"]) > 30
    assert "password" not in table_of({"name": "x"}, OPERATOR, None)


def test_two_routes_for_one_keyword_are_a_conflict() -> None:
    def mo(to: str, keyword: str | None, client: str) -> Route:
        return Route(direction=Direction.MO, to=to, keyword=keyword, client=client)

    claims = claims_of(
        [mo("12345", "VOTE", "a"), mo("12345", "vote", "b"), mo("12345", "QUIZ", "c"), mo("9", None, "d")]
    )

    assert [(each.client, bool(each.conflict)) for each in claims] == [
        ("c", False),
        ("a", False),
        ("b", True),
        ("d", False),
    ]

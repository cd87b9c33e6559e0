"""Differences are told key by key, and no secret with them."""

from __future__ import annotations

from typing import Any

import pytest

from chappe.configuration.differences import differences, masked, secret_keys, sections_of


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({}, {"loops": {"limit": 3}}, ["+ loops.limit = 3"]),
        ({"loops": {"limit": 3}}, {}, ["- loops.limit = 3"]),
        (
            {"operators": [{"name": "a", "rate": 1}]},
            {"operators": [{"name": "a", "rate": 2.5}]},
            ["~ operators.a.rate: 1 -> 2.5"],
        ),
        (
            {"operators": [{"name": "a"}, {"name": "b"}]},
            {"operators": [{"name": "b"}, {"name": "c"}]},
            ['- operators.a = { name = "a" }', '+ operators.c = { name = "c" }'],
        ),
        ({"operators": [{"name": "a"}, {"name": "b"}]}, {"operators": [{"name": "b"}, {"name": "a"}]}, []),
        (
            {"routes": [{"to": "1*"}, {"to": "2*"}, {"to": "3*"}]},
            {"routes": [{"to": "1*"}, {"to": "9*"}, {"to": "3*"}]},
            ['- routes[1] = { to = "2*" }', '+ routes[1] = { to = "9*" }'],
        ),
        (
            {"clients": [{"name": "a", "smpp": {"password": "old"}}]},
            {"clients": [{"name": "a", "smpp": {"password": "new"}}]},
            ["~ clients.a.smpp.password: ******** (before) -> ******** (after)"],
        ),
        (
            {},
            {"clients": [{"name": "a", "http": {"token": "t0ps3cret"}}]},
            ['+ clients.a = { name = "a", http = { token = "********" } }'],
        ),
    ],
)
def test_what_differs_is_told(before: dict[str, Any], after: dict[str, Any], told: list[str]) -> None:
    assert [str(each) for each in differences(before, after)] == told


def test_sections_are_those_that_are_touched() -> None:
    found = differences({"routes": [{"to": "1*"}], "loops": {"limit": 1}}, {"routes": [], "prices": [{"to": "*"}]})

    assert sections_of(found) == ("routes", "loops", "prices")


def test_every_secret_of_the_settings_is_known() -> None:
    assert {"password", "token", "token_hash", "secret", "previous_secrets", "previous_password"} <= secret_keys()
    shown = masked({"clients": [{"http": {"token": "t0ps3cret", "test_token": "x"}, "name": "a"}]})
    assert "t0ps3cret" not in str(shown)


def test_headers_and_fields_that_are_secret_by_their_name_are_masked() -> None:
    request = {"headers": {"X-Api-Key": "s3cret", "Accept": "text/plain", "Authorization": "Bearer {password}"}}
    after = {"lookup": {"url": "http://a", "request": {**request, "query": {"key": "s3cret", "to": "{to}"}}}}

    told = "\n".join(map(str, differences({}, after)))

    assert "s3cret" not in told
    assert "s3cret" not in str(masked(after))
    assert "text/plain" in told
    assert "Bearer {password}" in told
    assert "s3cret" not in str(
        list(map(str, differences({"operators": []}, {"operators": [{"name": "a", **request}]})))
    )

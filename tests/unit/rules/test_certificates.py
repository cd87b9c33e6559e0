"""Which client a certificate stands for."""

from __future__ import annotations

import re

import pytest

from chappe.rules.certificates import PATTERN, Shown, rule_of, stands_for

SHOWN = Shown("ab" * 32, frozenset({("CN", "acme"), ("O", "Acme, Ltd"), ("C", "LV")}))


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("sha256:" + "ab" * 32, True),
        ("SHA256:" + ":".join(["AB"] * 32), True),
        ("sha256:" + "ac" * 32, False),
        ("CN=acme", True),
        ("cn=acme,C=LV", True),
        (r"CN=acme,O=Acme\, Ltd", True),
        ("CN=acme,O=Acme", False),
        ("CN=acm", False),
        ("OU=acme", False),
    ],
)
def test_a_certificate_is_meant_by_its_fingerprint_or_by_parts_of_its_subject(text: str, fits: bool) -> None:
    assert rule_of(text).fits(SHOWN) is fits
    assert stands_for((rule_of(text),), SHOWN) is fits


def test_who_shows_nothing_stands_for_nobody() -> None:
    assert not stands_for((rule_of("CN=acme"),), None)
    assert not stands_for((), SHOWN)


@pytest.mark.parametrize("text", ["", "acme", "sha256:", "sha256:" + "ab" * 31, "CN=", "=acme", "CN=a,", "CN=a,b"])
def test_what_means_no_certificate_is_no_setting(text: str) -> None:
    assert re.search(PATTERN, text) is None

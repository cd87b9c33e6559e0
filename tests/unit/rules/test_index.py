"""The index finds the same rule as asking every one in turn, whatever the rules name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chappe.model.address import compile_pattern, folded, international
from chappe.rules.conditions import Conditions, Facts, questions_of
from chappe.rules.index import Index

PATTERNS = st.sampled_from(["*", "4*", "44*", "447*", "4477", "4477*", "4470-4479", "*7", "4*7*", "1*"])
SOURCES = st.sampled_from(["*", "SHOP", "shop", "SH*", "12345", "123*"])
CLIENTS = st.sampled_from(["", "acme", "beta"])
KEYWORDS = st.sampled_from(["", "vote", "VOTE", "stop"])
RULES = st.builds(
    Conditions,
    to=PATTERNS,
    source=SOURCES,
    client=CLIENTS,
    operator=st.sampled_from(["", "three"]),
    keyword=KEYWORDS,
    networks=st.sampled_from([(), ("247",), ("24701", "23410")]),
    text=st.sampled_from(["", "*5*"]),
    tags=st.sampled_from([(), ("otp",)]),
)
NUMBERS = st.sampled_from(["4477", "4471", "447", "44", "4", "12", "447700900001", "99"])


def fits(rule: Conditions, number: str, source: str, client: str, keyword: str, facts: Facts, operator: str) -> bool:
    """Ask one rule, without an index."""
    to = rule.to == "4470-4479" or compile_pattern(rule.to)(international(number))
    return (
        to
        and compile_pattern(rule.source)(international(source))
        and rule.client in ("", client)
        and rule.operator in ("", operator)
        and rule.keyword.casefold() in ("", keyword)
        and all(test(number, source, facts) for _, test in questions_of(rule, has_source=False))
    )


@given(
    rules=st.lists(RULES, max_size=12),
    number=NUMBERS,
    source=st.sampled_from(["SHOP", "12345", "12", "BANK"]),
    client=st.sampled_from(["acme", "beta", "other"]),
    keyword=st.sampled_from(["", "vote", "stop"]),
    network=st.sampled_from(["", "24701", "24702", "23410"]),
    text=st.sampled_from(["", "VOTE 5"]),
    operator=st.sampled_from(["", "three"]),
)
def test_the_first_rule_that_fits_wins_as_if_each_were_asked(
    rules: list[Conditions],
    number: str,
    source: str,
    client: str,
    keyword: str,
    network: str,
    text: str,
    operator: str,
) -> None:
    facts = Facts(0, text, ("otp",) if text else (), network)
    asked = (number, source, client, keyword, facts, operator)

    slowly = next((place for place, rule in enumerate(rules) if fits(rule, *asked)), None)

    assert Index(rules).first(*asked) == slowly


@given(rule=RULES, number=NUMBERS, source=st.sampled_from(["SHOP", "12345", "BANK"]))
def test_a_rule_that_holds_misses_nothing_and_one_that_does_not_says_what(
    rule: Conditions, number: str, source: str
) -> None:
    index, facts = Index([rule]), Facts(0, "", (), "24701")

    missed = index.why_not(0, number, source, "acme", "", facts)

    assert (index.first(number, source, "acme", "", facts) is None) == bool(missed)


def test_a_sender_is_the_same_however_it_is_written() -> None:
    index = Index([Conditions(source="+37120000001"), Conditions(source="Shop ")])

    assert index.first("1", "0037120000001") == 0
    assert index.first("1", " SHOP") == 1
    assert folded("+371 20000001") == "37120000001"


EXACT_RULES = st.builds(
    Conditions,
    to=st.sampled_from(["*", "4*", "44*", "447*", "4477*", "1*"]),
    source=st.sampled_from(["*", "SHOP", "12345"]),
    client=CLIENTS,
)


@given(
    rules=st.lists(st.one_of(EXACT_RULES, EXACT_RULES, EXACT_RULES, RULES), min_size=2, max_size=8)
    | st.lists(EXACT_RULES, min_size=2, max_size=8),
    asked=st.lists(
        st.tuples(NUMBERS, st.sampled_from(["SHOP", "shop", "12345", "BANK"]), st.sampled_from(["acme", "beta", ""])),
        max_size=30,
    ),
)
def test_what_was_asked_before_is_answered_as_if_each_rule_were_asked_again(
    rules: list[Conditions], asked: list[tuple[str, str, str]]
) -> None:
    index, facts = Index(rules), Facts(0, "", (), "")

    found = [index.first(number, source, client, "", facts) for number, source, client in asked]

    assert found == [
        next((place for place, rule in enumerate(rules) if fits(rule, number, source, client, "", facts, "")), None)
        for number, source, client in asked
    ]


def test_only_so_many_answers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chappe.rules.index._REMEMBERED", 10)
    index = Index([Conditions(to="4477*", source="SHOP"), Conditions(to="44*", client="acme"), Conditions()])

    found = [index.first(f"44{number:02}", "SHOP", "beta") for _ in range(2) for number in range(100)]

    assert found == [*([2] * 77), 0, *([2] * 22)] * 2
    assert index._known is not None
    assert len(index._known) <= 10

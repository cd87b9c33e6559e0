"""Doubts about rules: those that no message can reach are named, and no others."""

from __future__ import annotations

from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chappe.rules.conditions import Conditions, Facts
from chappe.rules.index import Index
from chappe.rules.validate import Doubt, covers, unreachable

NUMBERS = st.sampled_from(["4477", "4471", "447", "44", "4", "12", "447700900001", "99"])
RULES = st.builds(
    Conditions,
    to=st.sampled_from(["*", "4*", "44*", "447*", "4477", "4477*", "4470-4479", "*7", "4*7*", "1*"]),
    source=st.sampled_from(["*", "SHOP", "shop", "SH*", "12345", "123*"]),
    client=st.sampled_from(["", "acme", "beta"]),
    operator=st.sampled_from(["", "three"]),
    keyword=st.sampled_from(["", "vote", "VOTE", "stop"]),
    networks=st.sampled_from([(), ("247",), ("24701", "23410")]),
    text=st.sampled_from(["", "*5*"]),
    tags=st.sampled_from([(), ("otp",)]),
)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Conditions(), Conditions(to="44*", source="SHOP", client="acme")),
        (Conditions(to="44*"), Conditions(to="+447700900001")),
        (Conditions(to="44*"), Conditions(to="4477*", networks=("23410",))),
        (Conditions(keyword="vote"), Conditions(keyword="VOTE", to="12345")),
        (Conditions(networks=("234",)), Conditions(networks=("23410", "23415"))),
        (Conditions(tags=("a", "b")), Conditions(tags=("a",))),
    ],
)
def test_a_rule_behind_a_wider_one_is_never_reached(first: Conditions, second: Conditions) -> None:
    assert list(unreachable(Index([first, second]))) == [Doubt(1, 0, False)]
    assert list(unreachable(Index([second, first]))) == []


def test_the_same_rule_twice_is_told_as_such() -> None:
    assert list(unreachable(Index([Conditions(to="44*"), Conditions(to="44*")]))) == [Doubt(1, 0, True)]


@given(one=RULES, other=RULES, number=NUMBERS, source=st.sampled_from(["SHOP", "12345", "BANK"]))
def test_what_a_rule_is_said_to_cover_it_does(one: Conditions, other: Conditions, number: str, source: str) -> None:
    if not covers(one, other):
        return
    facts = Facts(0, "VOTE 5", ("otp",), "24701")
    for client in ("acme", "beta"):
        for keyword in ("vote", "stop"):
            asked = (number, source, client, keyword, facts, "three")
            if Index([other]).first(*asked) is not None:
                assert Index([one]).first(*asked) == 0


def test_ten_thousand_rules_are_judged_in_no_time() -> None:
    rules = [Conditions(to=f"44{number:05}*", client=f"c{number % 1_000}") for number in range(10_000)]

    begun = perf_counter()
    doubts = list(unreachable(Index([*rules, Conditions(to="4400001*", client="c1")])))

    assert doubts == [Doubt(10_000, 1, True)]
    assert perf_counter() - begun < 20

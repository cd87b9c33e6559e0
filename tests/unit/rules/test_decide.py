"""Routes: the first that fits wins, however many there are; keywords; the next operator."""

from __future__ import annotations

import random

import pytest

from chappe.model.address import compile_pattern, international
from chappe.model.lifecycle import Direction
from chappe.rules.decide import Routes, Rule, keyword_of, next_operator, other_operators


def mt(to: str, *operators: str, source: str = "*", of_client: str = "") -> Rule:
    return Rule(Direction.MT, to=to, source=source, of_client=of_client, operators=operators or (f"for {to}",))


def found(rules: list[Rule], to: str, source: str = "SHOP", client: str = "acme") -> str | None:
    rule = Routes(rules, Direction.MT).find(to, source, client=client)
    return None if rule is None else rule.operators[0]


def test_the_first_route_that_fits_wins_even_over_a_longer_prefix() -> None:
    assert found([mt("44*", "first"), mt("4477*", "second")], "447700900001") == "first"
    assert found([mt("4477*", "first"), mt("44*", "second")], "447700900001") == "first"
    assert found([mt("4478*", "first"), mt("*", "second"), mt("44*", "third")], "447700900001") == "second"


def test_a_first_route_for_everything_hides_the_others_and_a_later_one_does_not() -> None:
    for to in ("37120000001", "12345", "SHOP"):
        assert found([mt("*", "all"), mt("371*", "baltic"), mt("12345", "code")], to) == "all"
    assert found([mt("371*", "baltic"), mt("*", "all")], "37120000001") == "baltic"
    assert found([mt("*", "one", of_client="other"), mt("*", "all")], "37120000001") == "all"


def test_no_route_is_none() -> None:
    assert found([mt("44*"), mt("371*")], "33612345678") is None
    assert found([], "33612345678") is None


@pytest.mark.parametrize("pattern", ["44*", "+44*", "0044*"])
@pytest.mark.parametrize("number", ["447700900001", "+447700900001", "00447700900001", "+44 7700 900001"])
def test_an_international_prefix_may_be_written_in_any_way(pattern: str, number: str) -> None:
    assert found([mt(pattern, "uk")], number) == "uk"


def test_a_whole_number_fits_itself_alone() -> None:
    assert found([mt("12345", "code")], "12345") == "code"
    assert found([mt("12345", "code")], "123456") is None


def test_a_route_may_be_for_one_client_or_one_sender() -> None:
    rules = [mt("*", "theirs", of_client="other"), mt("*", "shop", source="SHOP*"), mt("*", "rest")]

    assert found(rules, "447700900001", client="other") == "theirs"
    assert found(rules, "447700900001", source="shopping") == "shop"
    assert found(rules, "447700900001", source="BANK") == "rest"


def test_an_mo_finds_its_route_by_number_and_keyword() -> None:
    rules = [
        Rule(Direction.MO, to="12345", keyword="VOTE", client="tv", queue="client:tv"),
        Rule(Direction.MO, to="12345", client="rest", queue="client:rest"),
    ]
    routes = Routes(rules, Direction.MO)

    voted = routes.find("12345", "37120000001", keyword=keyword_of("vote 5"))
    other = routes.find("12345", "37120000001", keyword=keyword_of("votes 5"))

    assert voted is not None
    assert voted.client == "tv"
    assert other is not None
    assert other.client == "rest"


def test_routes_of_the_other_direction_do_not_count() -> None:
    assert Routes([mt("*")], Direction.MO).find("12345", "1") is None


@pytest.mark.parametrize(
    ("text", "keyword"), [("VOTE 5", "vote"), ("  Vote\n5", "vote"), ("", ""), ("\t ", ""), ("STRASSE", "strasse")]
)
def test_the_keyword_is_the_first_word_folded(text: str, keyword: str) -> None:
    assert keyword_of(text) == keyword


def test_prefixes_decide_like_asking_every_route_in_turn() -> None:
    chance = random.Random(5)
    digits = ["4", "44", "447", "37", "371", "3712", "1"]
    rules = [mt(chance.choice(digits) + chance.choice(["*", "*", "", "*1"]), f"o{number}") for number in range(60)]
    numbers = ["".join(chance.choice("1347") for _ in range(chance.randrange(1, 8))) for _ in range(400)]

    for number in numbers:
        slowly = next((r.operators[0] for r in rules if compile_pattern(r.to)(international(number))), None)
        assert found(rules, number) == slowly


def test_failover_goes_to_the_operators_of_the_route_in_turn_and_ends() -> None:
    operators = ("one", "two", "three")

    assert next_operator(operators, "one", 0) == "two"
    assert next_operator(operators, "two", 1) == "three"
    assert next_operator(operators, "three", 2) is None
    assert next_operator(operators, "three", 0) == "one"
    assert next_operator(("one",), "one", 0) is None
    assert next_operator(operators, "gone", 0) is None


def test_an_operator_that_is_down_has_no_turn() -> None:
    operators = ("one", "two", "three")

    assert next_operator(operators, "one", 0, {"three"}.__contains__) == "three"
    assert next_operator(operators, "two", 1, {"one"}.__contains__) == "one"
    assert next_operator(operators, "one", 0, {"one"}.__contains__) is None


def test_other_operators_are_those_behind_the_current_one_and_then_those_before_it() -> None:
    assert other_operators(("one", "two", "three"), "two") == ["three", "one"]
    assert other_operators(("one",), "one") == []
    assert other_operators(("one", "two"), "gone") == ("one", "two")

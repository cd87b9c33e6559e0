"""What a rule asks: ranges, texts, kinds of senders, networks, moments."""

from __future__ import annotations

import pytest

from chappe.rules.conditions import Conditions, Facts, SenderKind, kind_of, prefix_of, range_of, text_test
from chappe.rules.index import Index


def holds(rule: Conditions, number: str = "37120000001", source: str = "SHOP", facts: Facts | None = None) -> bool:
    return Index([rule]).first(number, source, facts=facts or Facts()) is not None


def test_a_range_has_its_ends_and_what_lies_between_of_the_same_length() -> None:
    rule = Conditions(to="37120000000-37120999999")

    assert prefix_of(rule.to) == "37120"
    assert [
        holds(rule, each) for each in ("37120000000", "37120999999", "37121000000", "3712050000", "371205000000")
    ] == [
        True,
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize("text", ["200-100", "100-2000"])
def test_a_range_whose_ends_do_not_fit_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="must go from a number to a greater one of as many digits"):
        range_of(text)


@pytest.mark.parametrize(
    ("pattern", "text", "does_fit"),
    [
        ("*code*", "Your CODE is 1", True),
        ("*code*", "Your cod is 1", False),
        ("hello", "Hello", True),
        ("hello", "Hello you", False),
        ("your*code*is*", "Your new code here is 5", True),
        ("your*code*is*", "Your is code", False),
        ("a*a", "a", False),
        ("*STRASSE*", "in der Straße", True),
        ("*", "", True),
    ],
)
def test_a_pattern_over_a_text_finds_its_pieces_in_their_order(pattern: str, text: str, does_fit: bool) -> None:
    assert text_test(pattern)(text) is does_fit


def test_a_pattern_of_many_stars_costs_no_more_than_the_text_is_long() -> None:
    assert text_test("*a" * 90 + "*b")("a" * 5_000) is False


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("SHOP", SenderKind.ALPHANUMERIC),
        ("12345", SenderKind.SHORT_CODE),
        ("+37120000001", SenderKind.NUMBER),
        ("", SenderKind.NONE),
        ("007bond", SenderKind.ALPHANUMERIC),
    ],
)
def test_a_sender_has_a_kind(source: str, kind: SenderKind) -> None:
    assert kind_of(source) is kind
    assert holds(Conditions(kinds=(kind,)), source=source)


def test_an_mcc_is_every_network_of_its_country() -> None:
    rule = Conditions(networks=("247", "23410"))

    assert holds(rule, facts=Facts(network="24705"))
    assert holds(rule, facts=Facts(network="23410"))
    assert not holds(rule, facts=Facts(network="23415"))
    assert not holds(rule, facts=Facts(network=""))


def test_what_has_an_end_holds_until_then() -> None:
    rule = Conditions(until_ms=1_000)

    assert holds(rule, facts=Facts(999))
    assert not holds(rule, facts=Facts(1_000))

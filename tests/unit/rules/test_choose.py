"""Whose turn it is: by order, weight and price, and never one that cannot be sent to while another can."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from chappe.rules.choose import Choice, Chosen, Price, Prices, chosen
from chappe.rules.conditions import Facts

THREE = ("one", "two", "three")
NOBODY: frozenset[str] = frozenset()


def turns(choice: Choice, number: str = "37120000001", **keys: object) -> Chosen:
    terms = {"weights": (), "prices": Prices(), "facts": Facts(), "sick": NOBODY, **keys}
    return chosen(THREE, choice, terms["weights"], terms["prices"], number, terms["facts"], terms["sick"])  # type: ignore[arg-type]


def test_weights_are_kept_over_many_handsets_and_each_keeps_its_operator() -> None:
    first = [turns(Choice.WEIGHT, f"3712{n:07}", weights=(3, 1, 0)).operators[0] for n in range(4_000)]
    again = [turns(Choice.WEIGHT, f"3712{n:07}", weights=(3, 1, 0)).operators[0] for n in range(4_000)]
    counts = Counter(first)

    assert first == again
    assert 2_800 < counts["one"] < 3_200
    assert counts["one"] + counts["two"] == 4_000
    assert turns(Choice.WEIGHT, weights=(3, 1, 0)).why in ("weight 3 of 4", "weight 1 of 4")


def test_the_cheapest_goes_first_and_one_without_a_price_last() -> None:
    prices = Prices(
        [Price("two", Decimal("0.5")), Price("three", Decimal("0.05"), to="371*"), Price("three", Decimal(9))]
    )

    assert turns(Choice.PRICE, prices=prices) == Chosen(("three", "two", "one"), "cheapest: three 0.05, two 0.5")
    assert turns(Choice.PRICE, "447700900001", prices=prices).operators == ("two", "three", "one")
    assert turns(Choice.PRICE) == Chosen(THREE, "no operator has a price")


def test_a_price_may_be_for_a_network() -> None:
    prices = Prices(
        [Price("one", Decimal(1)), Price("two", Decimal("0.2"), networks=("24701",)), Price("two", Decimal(2))]
    )

    assert turns(Choice.PRICE, prices=prices, facts=Facts(network="24701")).operators[0] == "two"
    assert turns(Choice.PRICE, prices=prices, facts=Facts(network="24702")).operators[0] == "one"


def test_who_cannot_be_sent_to_has_its_turn_after_the_others_unless_none_can() -> None:
    assert turns(Choice.ORDER, sick=frozenset({"one"})) == Chosen(("two", "three", "one"), "one has no link")
    assert turns(Choice.ORDER, sick=frozenset({"two"})) == Chosen(THREE, "")
    assert turns(Choice.ORDER, sick=frozenset(THREE)) == Chosen(THREE, "")

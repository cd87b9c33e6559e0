"""The first tariff that fits a client and a number says what a part costs."""

from chappe.rules.tariffs import Tariff, Tariffs

TARIFFS = Tariffs(
    [
        Tariff(45, "371*", client="acme"),
        Tariff(30, networks=("24701",)),
        Tariff(50, "371*"),
        Tariff(90),
    ],
    lambda number: "24701" if number.startswith("3712") else "",
)


def test_a_tariff_of_the_client_comes_before_one_for_all() -> None:
    assert TARIFFS.units("acme", "37129000001") == 45
    assert TARIFFS.units("other", "37160000001") == 50


def test_a_number_is_priced_by_its_network_and_however_it_is_written() -> None:
    assert TARIFFS.units("other", "+37129000001") == 30
    assert TARIFFS.units("other", "0037129000001") == 30


def test_what_nothing_else_fits_costs_what_the_last_one_says() -> None:
    assert TARIFFS.units("acme", "447700900001") == 90


def test_without_a_tariff_a_part_costs_nothing() -> None:
    assert Tariffs([], lambda number: "").units("acme", "447700900001") == 0

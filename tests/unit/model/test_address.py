"""Addresses: normal forms, tolerant comparison, index keys and the patterns of routes."""

import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis.strategies import integers, sampled_from, text

from chappe.model.address import Address, compile_pattern, handset_key, international, same_handset

any_address = text(max_size=24)
numbers = text("0123456789", min_size=1, max_size=20)


def test_an_address_is_a_value_that_cannot_change() -> None:
    address = Address(ton=1, npi=1, digits="37120000001")

    assert address == Address(1, 1, "37120000001")
    with pytest.raises(AttributeError):
        address.digits = "1"  # type: ignore[misc]
    assert msgspec.json.decode(msgspec.json.encode(address), type=Address) == address


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("37120000001", "37120000001"),
        ("+37120000001", "37120000001"),
        ("0037120000001", "37120000001"),
        (" +371 2000-0001 ", "37120000001"),
        ("+44 (20) 7946.0000", "442079460000"),
        ("020123456", "020123456"),  # a national number keeps its trunk prefix
        ("00123", "00123"),  # a short code keeps its zeros
        ("12345", "12345"),
        (" SHOP ", "SHOP"),
        ("+SHOP", "+SHOP"),
        ("", ""),
        ("+", "+"),
        ("٣٧١٢٠٠٠٠٠٠١", "٣٧١٢٠٠٠٠٠٠١"),  # other scripts' digits are no number of ours
        ("3712000000²", "3712000000²"),
    ],
)
def test_a_number_has_one_normal_form(written: str, normal: str) -> None:
    assert international(written) == normal


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("37120000001", "+37120000001"),
        ("37120000001", "0037120000001"),
        ("37120000001", "20000001"),
        ("0612345678", "31612345678"),
        ("0031612345678", "0612345678"),
        ("1234567", "3701234567"),
        ("12345", "12345"),
        ("SHOP", "shop "),
        ("Straße", "STRASSE"),
    ],
)
def test_national_and_international_forms_are_one_handset_under_one_key(one: str, other: str) -> None:
    assert same_handset(one, other)
    assert same_handset(other, one)
    assert handset_key(one) == handset_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("37120000001", "37120000002"),
        ("37120000001", "37220000001"),
        ("123456", "37123456"),  # six digits are a short code: no tail comparison
        ("12345", "2345"),
        ("SHOP", "SHOPS"),
        ("SHOP", "12345678"),
        ("", "37120000001"),
    ],
)
def test_different_handsets_are_told_apart(one: str, other: str) -> None:
    assert not same_handset(one, other)
    assert not same_handset(other, one)


def test_short_codes_do_not_share_keys_with_numbers_that_end_alike() -> None:
    keys = {handset_key(address) for address in ("12345", "3710012345", "345", "0012345678", "A", "")}

    assert len(keys) == 6


@given(one=any_address, other=any_address)
def test_equal_handsets_always_have_equal_keys(one: str, other: str) -> None:
    assert 0 <= handset_key(one) < 2**33
    if same_handset(one, other):
        assert handset_key(one) == handset_key(other)


@given(number=numbers, prefix=sampled_from(["", "+", "00", "0", "371", "+371", "00371"]), cut=integers(0, 6))
def test_equal_numbers_always_have_equal_keys(number: str, prefix: str, cut: int) -> None:
    other = prefix + number[cut:]

    assert same_handset(number, other) == same_handset(other, number)
    if same_handset(number, other):
        assert handset_key(number) == handset_key(other)


@given(address=any_address)
def test_the_normal_form_is_stable_and_names_the_same_handset(address: str) -> None:
    normal = international(address)

    assert same_handset(address, normal)
    if "00" not in address:
        assert international(normal) == normal


def test_the_key_of_a_name_is_the_same_in_another_process() -> None:
    program = "from chappe.model.address import handset_key; print(handset_key('Shop'))"

    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout

    assert int(printed) == handset_key("SHOP")


@pytest.mark.parametrize(
    ("pattern", "address", "is_match"),
    [
        ("*", "37120000001", True),
        ("*", "", True),
        ("44*", "447700900001", True),
        ("44*", "4", False),
        ("44*", "37144", False),
        ("+44*", "447700900001", True),
        ("0044*", "447700900001", True),
        ("00*", "00123", True),
        ("00*", "447700900001", False),
        ("+44 7700*", "447700900001", True),
        ("12345", "12345", True),
        ("12345", "123456", False),
        ("00123", "00123", True),
        ("+37120000001", "37120000001", True),
        ("*55", "12355", True),
        ("*55", "12345", False),
        ("44*55*6", "44001255996", True),
        ("44*55*6", "4400125996", False),
        ("SHOP*", "shop24", True),
        ("shop", "SHOP", True),
        ("shop", "SHOPS", False),
        ("A.C", "ABC", False),  # only the star is special
        ("[1]*", "1", False),
    ],
)
def test_a_pattern_matches_addresses_in_normal_form(pattern: str, address: str, is_match: bool) -> None:
    assert compile_pattern(pattern)(address) is is_match


@pytest.mark.parametrize("pattern", ["", "  "])
def test_an_empty_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        compile_pattern(pattern)


@given(number=numbers, kept=integers(0, 20))
def test_a_prefix_pattern_matches_what_begins_with_it(number: str, kept: int) -> None:
    normal = international("+1" + number)
    prefix = normal[:kept]

    assert compile_pattern(prefix + "*")(normal)
    assert compile_pattern(normal)(normal)

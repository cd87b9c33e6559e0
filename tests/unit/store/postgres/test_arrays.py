"""Columns in the server's binary form: what the server would read of them, and what comes back."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers, lists, none

from chappe.store.postgres.arrays import decode_numbers, decode_octets, encode_numbers, encode_octets

BIGINT, SMALLINT, INTEGER = 20, 21, 23
OCTETS = {BIGINT: 8, SMALLINT: 2, INTEGER: 4}


def read(octets: bytes) -> tuple[tuple[int, ...], list[bytes | None]]:
    """Header and elements, read one by one as the server does."""
    dimensions, has_null, element = struct.unpack_from(">iii", octets)
    if not dimensions:
        return (0, has_null, element), []
    count, first = struct.unpack_from(">ii", octets, 12)
    place, found = 20, list[bytes | None]()
    for _ in range(count):
        (length,) = struct.unpack_from(">i", octets, place)
        found.append(None if length < 0 else octets[place + 4 : place + 4 + length])
        place += 4 + max(0, length)
    assert place == len(octets)
    return (dimensions, has_null, element, first), found


def numbers(element: int) -> Any:
    most = 1 << (8 * OCTETS[element] - 1)
    return lists(integers(-most, most - 1) | none(), max_size=20)


@pytest.mark.parametrize("element", [BIGINT, SMALLINT, INTEGER])
def test_numbers_are_what_the_server_reads_and_come_back(element: int) -> None:
    @given(values=numbers(element))
    def holds(values: list[int | None]) -> None:
        octets = encode_numbers(element, values)

        header, found = read(octets)

        size = OCTETS[element]
        assert found == [None if each is None else each.to_bytes(size, "big", signed=True) for each in values]
        assert header == ((1, None in values, element, 1) if values else (0, 0, element))
        assert decode_numbers(element, octets) == values

    holds()


@given(values=lists(binary(max_size=30) | none(), max_size=20))
def test_octets_are_what_the_server_reads_and_come_back(values: list[bytes | None]) -> None:
    octets = encode_octets(values)

    header, found = read(octets)

    assert found == values
    assert header == ((1, None in values, 17, 1) if values else (0, 0, 17))
    assert decode_octets(octets) == values


def test_long_octets_have_their_whole_length() -> None:
    values = [bytes(1_023), bytes(1_024), bytes(70_000)]

    assert decode_octets(encode_octets(values)) == values


@pytest.mark.parametrize(("element", "value"), [(BIGINT, 1 << 63), (INTEGER, 1 << 31), (SMALLINT, 1 << 15)])
def test_a_number_beyond_its_column_is_refused(element: int, value: int) -> None:
    with pytest.raises(OverflowError):
        encode_numbers(element, [value])


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(TypeError):
        encode_numbers(BIGINT, ["1"])

"""Parameters of an operator's own in a request to Jasmin's door."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chappe.clients.jasmin_answers import Refused
from chappe.clients.jasmin_tlvs import tlvs_of


def read(*tlvs: Any) -> tuple[tuple[int, bytes], ...]:
    return tlvs_of(json.dumps(tlvs).encode())


def test_each_type_is_written_as_jasmin_writes_it() -> None:
    assert read(
        [12288, None, "COctetString", "billing-ref-42"],
        [12289, None, "Int2", 5000],
        [12290, 1, "Int1", "0xFF"],
        [12291, None, "Int4", "1234"],
        [0x1400, 3, "OctetString", "abc"],
    ) == (
        (12288, b"billing-ref-42\0"),
        (12289, b"\x13\x88"),
        (12290, b"\xff"),
        (12291, b"\0\0\x04\xd2"),
        (0x1400, b"abc"),
    )


def test_none_is_none() -> None:
    assert [tlvs_of(each) for each in (b"", b" ", b"[]")] == [()] * 3


@pytest.mark.parametrize(
    "bad",
    [
        [1, None, "Int1", 1],
        [0x0424, None, "OctetString", "x"],
        [0x4000, None, "Int1", 1],
        ["12288", None, "Int1", 1],
        [12288, None, "Int3", 1],
        [12288, None, "Int1", 256],
        [12288, None, "Int1", -1],
        [12288, None, "Int1", True],
        [12288, None, "Int1", "x"],
        [12288, None, "Int1", "9" * 5000],
        [12288, 2, "Int1", 1],
        [12288, None, "OctetString", 5],
        [12288, None, "OctetString", "x" * 1025],
        [12288, None, "OctetString"],
        "0x3000,Int1,1",
        {"tag": 12288},
    ],
)
def test_what_is_no_parameter_is_refused_and_why(bad: Any) -> None:
    with pytest.raises(Refused, match=r"custom_tlvs"):
        read(bad)


@given(given=st.binary(max_size=60) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_whatever_is_given_is_read_or_refused(given: bytes | str) -> None:
    try:
        tlvs_of(given if isinstance(given, bytes) else given.encode())
    except Refused:
        pass

"""What user data says, whatever it is written in and whatever header stands before it."""

import pytest
from hypothesis import given
from hypothesis.strategies import binary, booleans, integers

from chappe.text import national, udh
from chappe.text.encoding import Encoding
from chappe.text.national import Shift
from chappe.text.national_tables import Language
from chappe.text.reading import read

HEADER = udh.build([udh.concatenation_8(7, 2, 1)])
TURKISH = Shift(single=Language.TURKISH)


@pytest.mark.parametrize(
    ("octets", "data_coding", "has_udh", "text"),
    [
        (b"VOTE 5", 0, False, "VOTE 5"),
        (b"\x00\x1be", 0, False, "@€"),
        (HEADER + b"VOTE 5", 0, True, "VOTE 5"),
        (HEADER + "дa".encode("utf-16-be"), 8, True, "дa"),
        (b"caf\xe9", 3, False, "café"),
        (b"\x01\x02", 4, False, ""),
        (HEADER + b"\x01\x02", 4, True, ""),
        (udh.build(TURKISH.elements) + national.encode("şık", TURKISH), 0, True, "şık"),
        (udh.build(TURKISH.elements) + "şık".encode("utf-16-be"), 8, True, "şık"),
        (b"\x09bare", 0, True, "\tbare".replace("\t", "Ç")),  # UDHI on a bare text: its length is beyond the end
    ],
)
def test_user_data_reads_as_its_sender_meant_it(octets: bytes, data_coding: int, has_udh: bool, text: str) -> None:
    assert read(octets, data_coding, has_udh=has_udh) == text


def test_data_coding_0_is_what_the_peer_means_by_it() -> None:
    assert read(b"caf\xe9", 0, has_udh=False, default=Encoding.LATIN1) == "café"


@given(octets=binary(max_size=300), data_coding=integers(0, 255), has_udh=booleans())
def test_any_octets_read_as_some_text(octets: bytes, data_coding: int, has_udh: bool) -> None:
    assert isinstance(read(octets, data_coding, has_udh=has_udh), str)

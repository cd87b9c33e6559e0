"""TLVs of vendors by name: what settings write strictly, and what clients of Kannel write as it does."""

import pytest

from chappe.wire.smpp.named_tlvs import NamedTlv, TlvType


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        ("5", b"\0\5"),
        ("007", b"\0\7"),
        (" +12ab", b"\0\x0c"),
        ("0x10", b"\0\0"),
        ("abc", b"\0\0"),
        ("", b"\0\0"),
        ("-1", b"\xff\xff"),
        ("70000", b"\x11p"),
    ],
)
def test_an_integer_of_a_request_is_the_number_that_it_begins_with(value: str, octets: bytes) -> None:
    assert NamedTlv(0x1501, TlvType.INTEGER, 2).write_loosely(value) == (0x1501, octets)


@pytest.mark.parametrize(
    ("kind", "octets"),
    [(TlvType.STRING, b"a\0\xff"), (TlvType.C_STRING, b"a\0\xff\0"), (TlvType.OCTETS, b"a\0\xff")],
)
def test_a_text_of_a_request_is_its_octets(kind: TlvType, octets: bytes) -> None:
    assert NamedTlv(0x1501, kind).write_loosely("a\0\xff") == (0x1501, octets)


@pytest.mark.parametrize(("kind", "value"), [(TlvType.INTEGER, "007"), (TlvType.INTEGER, "256"), (TlvType.OCTETS, "x")])
def test_settings_say_values_that_are_what_they_should_be(kind: TlvType, value: str) -> None:
    with pytest.raises(ValueError):
        NamedTlv(0x1501, kind).write(value)

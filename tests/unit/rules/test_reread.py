"""Further forms of a parked report's reference: only of what the operator wrote, behind what it came with."""

from chappe.rules.learn import Conversion
from chappe.rules.reread import reread

HEX = Conversion("hex_to_decimal")


def test_further_forms_follow_what_was_written() -> None:
    assert reread(("48879",), HEX)[:3] == ("48879", "beef", "BEEF")
    assert reread(("48879",), Conversion()) == ("48879",)
    assert reread((), HEX) == ()


def test_zeros_and_case_are_read_as_asked() -> None:
    assert "77" in reread(("00077",), Conversion(ignores_zeros=True))
    assert reread(("AbC",), Conversion(ignores_case=True)) == ("AbC", "abc", "ABC")


def test_what_a_conversion_made_is_not_converted_once_more() -> None:
    came_with = ("16", "10", "00000010")

    assert reread(came_with, HEX) == reread(("16",), HEX)
    assert "a" not in reread(came_with, HEX)


def test_both_ids_that_the_operator_wrote_are_read() -> None:
    forms = reread(("uuid-1", "48879"), HEX)

    assert forms[:2] == ("uuid-1", "48879")
    assert "beef" in forms

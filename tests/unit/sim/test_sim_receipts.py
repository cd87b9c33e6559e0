"""Receipts as the simulated SMSC writes them: appendix B, its wild forms, and ids in other bases."""

import pytest

from chappe.sim.faults import ReceiptForm, ReceiptIdBase
from chappe.sim.receipts import STATLESS_FORMS, ReceiptText, write, write_id

GOOD = ReceiptText("1234", "DELIVRD", "2601161238", "2601161239", b"Your code is 1234 and more")


def test_a_good_receipt_is_that_of_appendix_b() -> None:
    written = write(GOOD)

    assert written.short_message == (
        b"id:1234 sub:001 dlvrd:001 submit date:2601161238 done date:2601161239 stat:DELIVRD err:000"
        b" Text:Your code is 1234 an"
    )
    assert written.tlvs == ((0x001E, b"1234\x00"), (0x0427, b"\x02"))


def test_a_failure_names_its_error_in_text_and_tlv() -> None:
    written = write(ReceiptText("7", "UNDELIV"))

    assert b"dlvrd:000" in written.short_message
    assert b"stat:UNDELIV err:027" in written.short_message
    assert (0x0423, b"\x03\x00\x1b") in written.tlvs


def test_an_smsc_without_tlvs_sends_the_text_alone() -> None:
    assert write(GOOD, has_tlvs=False).tlvs == ()


@pytest.mark.parametrize("form", [form for form in ReceiptForm if form is not ReceiptForm.GOOD])
def test_every_wild_form_differs_from_the_good_one(form: ReceiptForm) -> None:
    assert write(GOOD, form) != write(GOOD)


@pytest.mark.parametrize("form", sorted(STATLESS_FORMS))
def test_forms_without_a_stat_say_nothing_about_it(form: ReceiptForm) -> None:
    written = write(GOOD, form)

    assert b"DELIVRD" not in written.short_message or form is ReceiptForm.NO_ID
    assert written.tlvs == ()


def test_a_receipt_without_id_still_has_its_stat() -> None:
    written = write(GOOD, ReceiptForm.NO_ID)

    assert written.short_message.startswith(b"sub:001")
    assert b"1234 sub" not in written.short_message


def test_a_receipt_in_ucs2_says_so() -> None:
    written = write(GOOD, ReceiptForm.UCS2)

    assert written.data_coding == 8
    assert written.short_message.decode("utf-16-be").startswith("id:1234 sub:001")


def test_all_may_be_in_the_tlvs() -> None:
    written = write(GOOD, ReceiptForm.TLV_ONLY)

    assert written.short_message == b""
    assert written.tlvs == write(GOOD).tlvs


@pytest.mark.parametrize(
    ("message_id", "base", "expected"),
    [
        ("255", ReceiptIdBase.SAME, "255"),
        ("255", ReceiptIdBase.HEX, "ff"),
        ("000000ff", ReceiptIdBase.DECIMAL, "0000000255"),
        ("00ab", ReceiptIdBase.UPPER, "00AB"),
        ("255", ReceiptIdBase.PADDED, "00000000000000000255"),
        ("zz", ReceiptIdBase.HEX, "zz"),
        ("f81d4fae-7dec", ReceiptIdBase.DECIMAL, "f81d4fae-7dec"),
    ],
)
def test_ids_are_written_in_another_base_where_they_can_be(message_id: str, base: ReceiptIdBase, expected: str) -> None:
    assert write_id(message_id, base) == expected

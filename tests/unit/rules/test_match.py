"""What a delivery report changes, and what a client is told of it."""

from __future__ import annotations

import pytest

from chappe.model.lifecycle import FINAL, Direction, Status
from chappe.model.message import Message
from chappe.rules.match import Verdict, judge, receipt_of, wants_receipt


@pytest.mark.parametrize("was", [Status.SENT, Status.BUFFERED, Status.UNKNOWN])
@pytest.mark.parametrize("reported", [Status.DELIVERED, Status.FAILED, Status.EXPIRED, Status.REJECTED])
def test_a_final_report_moves_what_is_open(was: Status, reported: Status) -> None:
    assert judge(was, reported) is Verdict.MOVE


@pytest.mark.parametrize("status", sorted(FINAL))
def test_the_same_final_report_again_is_a_repeat(status: Status) -> None:
    assert judge(status, status) is Verdict.REPEATED


def test_another_final_state_contradicts() -> None:
    assert judge(Status.DELIVERED, Status.FAILED) is Verdict.CONTRADICTED
    assert judge(Status.EXPIRED, Status.DELIVERED) is Verdict.CONTRADICTED
    assert judge(Status.CANCELLED, Status.DELIVERED) is Verdict.CONTRADICTED


def test_a_report_on_the_way_after_the_final_one_only_came_late() -> None:
    assert judge(Status.DELIVERED, Status.BUFFERED) is Verdict.REPEATED
    assert judge(Status.BUFFERED, Status.BUFFERED) is Verdict.REPEATED


@pytest.mark.parametrize(
    ("registered_delivery", "told"),
    [
        (0x00, set()),
        (0x01, {Status.DELIVERED, Status.FAILED}),
        (0x02, {Status.FAILED}),
        (0x03, {Status.DELIVERED}),
        (0x10, {Status.BUFFERED}),
        (0x11, {Status.DELIVERED, Status.FAILED, Status.BUFFERED}),
        (0x12, {Status.FAILED, Status.BUFFERED}),
        (0x04, set()),
    ],
)
def test_a_client_hears_what_it_asked_to_hear(registered_delivery: int, told: set[Status]) -> None:
    statuses = (Status.DELIVERED, Status.FAILED, Status.BUFFERED)

    assert {status for status in statuses if wants_receipt(registered_delivery, status)} == told


def message(**fields: object) -> Message:
    values: dict[str, object] = {"octets": b"Hello, this text is longer than twenty octets", **fields}
    return Message(28, Direction.MT, "acme", "", 5, 0, "SHOP", 1, 1, "37120000001", **values)  # type: ignore[arg-type]


def told(given: Message):  # type: ignore[no-untyped-def]
    return receipt_of(given, Status.DELIVERED, error="000", submitted_at_ms=1, done_at_ms=2, operator="three")


def test_a_receipt_goes_back_the_way_the_message_came() -> None:
    receipt = told(message(reference="KK1", service_type="CMT"))

    assert (receipt.source_ton, receipt.source_npi, receipt.source) == (1, 1, "37120000001")
    assert (receipt.dest_ton, receipt.dest_npi, receipt.dest) == (5, 0, "SHOP")
    assert (receipt.message_id, receipt.client, receipt.reference, receipt.operator) == (28, "acme", "KK1", "three")
    assert (receipt.submitted_at_ms, receipt.done_at_ms, receipt.service_type) == (1, 2, "CMT")


def test_a_receipt_repeats_the_first_twenty_octets_of_a_text() -> None:
    assert told(message()).text == b"Hello, this text is "


@pytest.mark.parametrize("fields", [{"data_coding": 8}, {"data_coding": 4}, {"esm_class": 0x40}])
def test_a_receipt_repeats_nothing_that_is_no_plain_text(fields: dict[str, int]) -> None:
    assert told(message(**fields)).text == b""


def test_a_receipt_carries_the_clients_own_number_for_the_message() -> None:
    assert told(message(tlvs=((0x0204, b"\x01\x02"),))).user_message_reference == b"\x01\x02"
    assert told(message()).user_message_reference == b""

"""What a client is told of a message that did not arrive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chappe.model.lifecycle import Status
from chappe.rules.failure import Failure, failure_of


@pytest.mark.parametrize(
    ("status", "error", "failure"),
    [
        (Status.FAILED, "027", Failure("subscriber_absent", "handset", False, "027")),
        (Status.FAILED, "1", Failure("unknown_subscriber", "number", True, "1")),
        (Status.FAILED, "000", Failure("delivery_failed", "operator", False, "")),
        (Status.FAILED, "E7", Failure("delivery_failed", "operator", False, "E7")),
        (Status.FAILED, "٣", Failure("delivery_failed", "operator", False, "٣")),
        (Status.REJECTED, "999", Failure("operator_rejected", "operator", True, "999")),
        (Status.EXPIRED, "", Failure("expired", "validity", False, "")),
        (Status.EXPIRED, "033", Failure("inbox_full", "handset", False, "033")),
    ],
)
def test_a_receipt_that_says_no_has_a_word_and_keeps_the_operators_code(
    status: Status, error: str, failure: Failure
) -> None:
    assert failure_of(status, error, was_sent=True) == failure


@pytest.mark.parametrize(
    ("error", "code"), [("00B", "invalid_destination"), ("00A", "invalid_source"), ("045", "operator_rejected")]
)
def test_a_refused_submit_is_read_as_a_command_status(error: str, code: str) -> None:
    failure = failure_of(Status.REJECTED, error, was_sent=False)

    assert failure is not None
    assert (failure.code, failure.operator_code) == (code, error)


@pytest.mark.parametrize("status", set(Status) - {Status.FAILED, Status.REJECTED, Status.EXPIRED})
def test_what_has_not_failed_has_no_failure(status: Status) -> None:
    assert failure_of(status, "027", was_sent=True) is None


@given(st.sampled_from(Status), st.text(max_size=5), st.booleans())
def test_no_error_breaks_the_judgement(status: Status, error: str, was_sent: bool) -> None:
    failure = failure_of(status, error, was_sent=was_sent)

    assert failure is None or failure.operator_code in (error, "")


@pytest.mark.parametrize(
    ("rsn", "code", "is_permanent"),
    [
        ("107", "subscriber_absent", False),
        ("101", "unknown_subscriber", True),
        ("001", "system_failure", False),
        ("206", "invalid_destination", True),
        ("000", "delivery_failed", False),
        ("999", "delivery_failed", False),
    ],
)
def test_the_reason_of_a_notification_over_ucp_is_read_as_such(rsn: str, code: str, is_permanent: bool) -> None:
    failure = failure_of(Status.FAILED, rsn, was_sent=True, reference="37120000001:231126084310")

    assert failure is not None
    assert (failure.code, failure.is_permanent) == (code, is_permanent)


@pytest.mark.parametrize(
    ("error", "code", "operator_code"),
    [
        ("U06", "invalid_destination", "06"),
        ("U24", "invalid_message", "24"),
        ("U05", "subscriber_barred", "05"),
        ("U07", "operator_rejected", "07"),
        ("006", "operator_rejected", "006"),
    ],
)
def test_a_refusal_over_ucp_is_read_by_its_own_numbers(error: str, code: str, operator_code: str) -> None:
    failure = failure_of(Status.REJECTED, error, was_sent=False)

    assert failure is not None
    assert (failure.code, failure.operator_code) == (code, operator_code)

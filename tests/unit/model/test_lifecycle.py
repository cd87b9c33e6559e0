"""The table of legal moves, and the status of a message in parts."""

from __future__ import annotations

from itertools import permutations, product

import pytest

from chappe.model.lifecycle import FINAL, MOVES, NEVER_SENT, Status, may_move, status_of_parts


def test_every_status_has_its_line_in_the_table() -> None:
    assert set(MOVES) == set(Status)


@pytest.mark.parametrize("final", sorted(FINAL))
def test_nothing_follows_a_final_status(final: Status) -> None:
    assert not any(may_move(final, status) for status in Status)


@pytest.mark.parametrize("status", sorted({Status.SENT, Status.BUFFERED, Status.UNKNOWN}))
def test_what_was_sent_is_never_queued_again(status: Status) -> None:
    assert not any(may_move(status, other) for other in NEVER_SENT | {Status.SENDING})


@pytest.mark.parametrize("status", sorted({Status.SENT, Status.BUFFERED, Status.UNKNOWN}))
def test_what_an_operator_deleted_ends(status: Status) -> None:
    assert may_move(status, Status.CANCELLED)


@pytest.mark.parametrize("status", sorted(set(Status) - FINAL))
def test_every_open_status_may_still_be_delivered_or_fail(status: Status) -> None:
    assert may_move(status, Status.DELIVERED)
    assert may_move(status, Status.FAILED)


def test_unknown_is_not_final_and_a_later_receipt_moves_it() -> None:
    assert Status.UNKNOWN not in FINAL
    assert may_move(Status.SENT, Status.UNKNOWN)
    assert may_move(Status.UNKNOWN, Status.DELIVERED)


def test_the_numbers_that_are_stored_do_not_change() -> None:
    assert [status.name for status in sorted(Status)] == [
        "ACCEPTED", "SCHEDULED", "QUEUED", "SENDING", "SENT", "BUFFERED", "DELIVERED",
        "FAILED", "EXPIRED", "REJECTED", "CANCELLED", "HELD", "UNKNOWN",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ([Status.DELIVERED, Status.DELIVERED], Status.DELIVERED),
        ([Status.DELIVERED, Status.FAILED], Status.FAILED),
        ([Status.DELIVERED, Status.SENT], Status.SENT),
        ([Status.FAILED, Status.SENT], Status.SENT),
        ([Status.QUEUED, Status.SENT], Status.QUEUED),
        ([Status.HELD, Status.QUEUED], Status.HELD),
        ([Status.BUFFERED, Status.SENT], Status.SENT),
        ([Status.UNKNOWN, Status.DELIVERED], Status.UNKNOWN),
    ],
)
def test_the_status_of_a_message_follows_from_its_parts(parts: list[Status], whole: Status) -> None:
    assert {status_of_parts(list(order)) for order in permutations(parts)} == {whole}


def test_a_message_is_final_exactly_when_all_its_parts_are() -> None:
    for parts in product(Status, repeat=3):
        assert (status_of_parts(list(parts)) in FINAL) == FINAL.issuperset(parts)

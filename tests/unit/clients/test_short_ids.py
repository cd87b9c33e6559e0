"""Short ids: eight digits, never twice in twelve days, and always a way back to the message."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chappe.clients.short_ids import A_SECOND, ShortIds, range_meant, range_of_group
from chappe.model.ids import EPOCH_MS, IdMaker

NOW_MS = 1_800_000_000_000


@given(
    moment_ms=st.integers(EPOCH_MS, EPOCH_MS + (1 << 41) - 1), slot=st.integers(0, 2047), age_s=st.integers(0, 10**6)
)
def test_a_short_id_leads_back_to_its_message(moment_ms: int, slot: int, age_s: int) -> None:
    message_id = IdMaker(slot).next(moment_ms)

    short = ShortIds().next(message_id)

    assert short is not None
    assert re.fullmatch("[0-9a-f]{8}", short)
    ((from_id, below_id),) = range_meant(short.upper(), moment_ms + age_s * 1000)
    assert from_id <= message_id < below_id


def test_no_short_id_is_given_twice_and_a_second_has_an_end() -> None:
    ids, short_ids = IdMaker(7), ShortIds()

    first = [short_ids.next(ids.next(NOW_MS)) for _ in range(A_SECOND)]
    none = short_ids.next(ids.next(NOW_MS))
    later = short_ids.next(ids.next(NOW_MS + 1000))

    assert None not in first
    assert len({*first, later}) == A_SECOND + 1
    assert none is None


def test_runs_that_follow_each_other_in_one_second_give_different_ids() -> None:
    given_ids = [ShortIds().next(IdMaker(run).next(NOW_MS)) for run in range(100, 104)]

    assert len(set(given_ids)) == 4


@pytest.mark.parametrize("text", ["", "1234567", "123456789", "1234567g", "0x123456"])
def test_what_is_no_short_id_means_nothing(text: str) -> None:
    assert list(range_meant(text, NOW_MS)) == []


def test_a_group_is_found_behind_its_first_message() -> None:
    ids = IdMaker(1)
    numbers = [ids.next(NOW_MS) for _ in range(5_000)]

    from_id, below_id = range_of_group(numbers[0])

    assert all(from_id <= each < below_id for each in numbers)

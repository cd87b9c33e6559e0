"""Whether an MO is a repeat: on evidence alone."""

from __future__ import annotations

from typing import Any

import pytest

from chappe.model.lifecycle import Direction
from chappe.model.message import Message
from chappe.rules import dedup
from chappe.rules.dedup import AnsweredMo, Repeat, RepeatJudge, content_of

VOTE, OTHER = b"vote", b"other"


def mo(**fields: Any) -> Message:
    values = {"source": "37120000001", "dest": "12345", "octets": b"VOTE 5", **fields}
    return Message(
        values.pop("id", 1), Direction.MO, "tv", "three", 1, 1, values.pop("source"), 0, 1, values.pop("dest"), **values
    )


def test_equal_content_is_equal_whatever_its_id_and_client() -> None:
    assert content_of(mo(id=1)) == content_of(mo(id=2))


@pytest.mark.parametrize(
    "change",
    [
        {"octets": b"VOTE 6"},
        {"source": "37120000002"},
        {"dest": "12346"},
        {"data_coding": 8},
        {"esm_class": 0x40},
        {"protocol_id": 1},
        {"service_type": "CMT"},
        {"tlvs": ((0x1400, b"1"),)},
    ],
)
def test_any_difference_makes_other_content(change: dict[str, Any]) -> None:
    assert content_of(mo(**change)) != content_of(mo())


def test_where_one_field_ends_and_the_next_begins_counts() -> None:
    assert content_of(mo(source="1", dest="23")) != content_of(mo(source="12", dest="3"))
    one, two = mo(tlvs=((1, b"\x00\x02"), (3, b""))), mo(tlvs=((1, b""), (2, b"\x00\x03\x00\x00")))
    assert content_of(one) != content_of(two)


def test_two_honest_votes_are_two() -> None:
    judge = RepeatJudge(300_000)

    assert judge.judge(VOTE, None, 1_000) is Repeat.NO
    assert judge.judge(VOTE, None, 2_000) is Repeat.NO


def test_one_answer_that_was_not_read_explains_one_repeat() -> None:
    judge = RepeatJudge(300_000)
    judge.suspect(VOTE, 1_000)

    assert judge.judge(OTHER, None, 2_000) is Repeat.NO
    assert judge.judge(VOTE, None, 2_000) is Repeat.PROVED
    assert judge.judge(VOTE, None, 3_000) is Repeat.NO


def test_a_copy_after_the_time_of_redelivery_goes_on_and_is_marked() -> None:
    judge = RepeatJudge(300_000)
    judge.suspect(VOTE, 1_000)

    assert judge.judge(VOTE, None, 301_001) is Repeat.POSSIBLE
    assert judge.judge(VOTE, None, 301_002) is Repeat.NO


def test_the_operators_own_identity_decides_where_there_is_one() -> None:
    judge = RepeatJudge(300_000)
    judge.remember(b"id 1", 1_000)
    judge.suspect(VOTE, 1_000)

    assert judge.judge(VOTE, b"id 1", 2_000) is Repeat.PROVED
    assert judge.judge(VOTE, b"id 2", 2_000) is Repeat.NO
    assert judge.judge(VOTE, b"id 1", 400_000) is Repeat.NO


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dedup, "KEPT", 3)
    judge = RepeatJudge(300_000)
    for number in range(5):
        judge.suspect(bytes([number]), 1_000)
        judge.remember(bytes([number]), 1_000)

    assert judge.judge(bytes([0]), None, 1_001) is Repeat.NO
    assert judge.judge(bytes([4]), None, 1_001) is Repeat.PROVED
    assert judge.judge(VOTE, bytes([1]), 1_001) is Repeat.NO
    assert judge.judge(VOTE, bytes([4]), 1_001) is Repeat.PROVED


def test_an_answer_is_proved_read_by_what_was_asked_after_it() -> None:
    answered = AnsweredMo()
    answered.answered(1.0, 11, VOTE)
    answered.answered(2.0, 12, OTHER)

    answered.proved(1.5)

    assert answered.oldest_id == 12
    assert answered.lost() == [(12, OTHER)]
    assert answered.oldest_id is None
    assert answered.lost() == []


def test_two_honest_votes_whose_answers_were_lost_explain_two_repeats() -> None:
    judge = RepeatJudge(300_000)
    judge.suspect(VOTE, 1_000, 7)
    judge.suspect(VOTE, 2_000, 8)

    assert judge.first_copy(VOTE) == 7
    assert judge.judge(VOTE, None, 3_000) is Repeat.PROVED
    assert judge.first_copy(VOTE) == 8
    assert judge.judge(VOTE, None, 3_000) is Repeat.PROVED
    assert judge.first_copy(VOTE) == 0
    assert judge.judge(VOTE, None, 3_000) is Repeat.NO


def test_suspects_are_told_by_their_ids_until_a_repeat_is_explained() -> None:
    judge = RepeatJudge(300_000)
    judge.suspect(VOTE, 1_000, 7)
    assert judge.suspect_ids == [7]
    judge.has_changed = False

    judge.judge(VOTE, None, 2_000)

    assert judge.has_changed
    assert judge.suspect_ids == []


def test_the_answer_to_a_suppressed_repeat_waits_for_proof_too_but_holds_no_mark_back() -> None:
    answered = AnsweredMo()
    answered.answered(1.0, 7, VOTE, is_repeat=True)
    answered.answered(2.0, 20, VOTE)

    assert answered.oldest_id == 20
    assert answered.repeat_ids == [7]
    answered.proved(1.5)
    assert answered.repeat_ids == []
    assert answered.is_waiting
    answered.proved(2.5)
    assert not answered.is_waiting

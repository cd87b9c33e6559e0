"""What any store must do when a person has parked reports tried again: match what is sure, and leave the rest."""

from __future__ import annotations

from store_box import OPERATOR, Box

from chappe.model.ids import MAX_ID
from chappe.model.lifecycle import Status
from chappe.rules.learn import Conversion
from chappe.store.parked import REPLAY_ROWS, Parked, Replayed

OTHER_HANDSET = "37120009999"
HEX = Conversion("hex_to_decimal")
AS_WRITTEN = Conversion()


def replay(box: Box, parked: Parked, reading: Conversion = HEX) -> Replayed:
    return box.run(box.store.replay_parked(parked, lambda operator: reading))


def test_a_report_whose_id_is_read_as_hexadecimal_finds_its_message(box: Box) -> None:
    item = box.send_one("0000beef")
    report = box.report_on(str(0xBEEF))
    box.report(report)
    assert box.store.parked_reports == 1

    assert replay(box, Parked(OPERATOR), AS_WRITTEN) == Replayed(parked=(report.id,))
    assert replay(box, Parked(OPERATOR)) == Replayed(matched=(report.id,))

    assert box.status(item) is Status.DELIVERED
    assert box.store.parked_reports == 0
    assert len(box.lease("client:acme")) == 1
    assert any("found by a replay" in line and ",dr_matched," in line for line in box.lines())


def test_a_replay_that_is_asked_for_again_changes_nothing(box: Box) -> None:
    box.send_one("0000beef")
    box.report(box.report_on(str(0xBEEF)))
    replay(box, Parked(OPERATOR))
    lines = len(box.lines())

    assert replay(box, Parked(OPERATOR)) == Replayed()

    assert len(box.lines()) == lines
    assert len(box.lease("client:acme")) == 1


def test_a_replay_never_guesses_another_handset(box: Box) -> None:
    item = box.send_one("0000beef")
    report = box.report_on(str(0xBEEF), handset=OTHER_HANDSET)
    box.report(report)

    assert replay(box, Parked(OPERATOR)) == Replayed(parked=(report.id,))

    assert box.status(item) is Status.SENT
    assert box.store.parked_reports == 1


def test_named_reports_are_replayed_and_all_others_stay(box: Box) -> None:
    items = [box.send_one(f"{number:08x}") for number in (0xABC1, 0xABC2)]
    reports = [box.report_on(str(number)) for number in (0xABC1, 0xABC2)]
    box.report(*reports)

    replayed = replay(box, Parked(ids=(reports[1].id, 4711, MAX_ID, 1 << 70, -1)))

    assert replayed == Replayed(matched=(reports[1].id,))
    assert [box.status(each) for each in items] == [Status.SENT, Status.DELIVERED]
    assert box.store.parked_reports == 1


def test_reports_of_other_operators_stay(box: Box) -> None:
    box.send_one("0000beef")
    box.report(box.report_on(str(0xBEEF)))

    assert replay(box, Parked("another")) == Replayed()
    assert box.store.parked_reports == 1


def test_a_replay_goes_on_after_a_restart_with_what_is_left(box: Box) -> None:
    item = box.send_one("0000beef")
    box.report(box.report_on(str(0xBEEF)))
    box.restart()
    assert box.store.parked_reports == 1

    assert len(replay(box, Parked(OPERATOR)).matched) == 1

    assert box.status(item) is Status.DELIVERED
    box.restart()
    assert box.store.parked_reports == 0
    assert replay(box, Parked(OPERATOR)) == Replayed()


def test_many_reports_are_tried_piece_by_piece(box: Box) -> None:
    reports = [box.report_on(f"nobody{number}") for number in range(REPLAY_ROWS + 1)]
    box.report(*reports)

    first = replay(box, Parked(OPERATOR))
    rest = replay(box, Parked(OPERATOR, after_id=first.next_id))

    assert first.parked == tuple(each.id for each in reports[:-1])
    assert first.next_id == reports[-2].id
    assert rest == Replayed(parked=(reports[-1].id,))
    assert replay(box, Parked(OPERATOR, before_id=reports[1].id)).parked == (reports[0].id,)


def test_a_report_long_before_the_part_was_sent_is_about_another_one(box: Box) -> None:
    report = box.report_on(str(0xBEEF))
    box.report(report)
    box.pass_s(2 * 3_600)
    item = box.send_one("0000beef")

    assert replay(box, Parked(OPERATOR)) == Replayed(parked=(report.id,))
    assert box.status(item) is Status.SENT

"""What any store must do with delivery reports: match, park, repeat, contradict, and messages in parts."""

from __future__ import annotations

import msgspec
import pytest
from store_box import HANDSET, OPERATOR, Box

from chappe.callbacks.render import sequence_of
from chappe.model.lifecycle import Status
from chappe.model.message import Item, Message, Receipt
from chappe.rules.match import receipt_item, receipt_of
from chappe.store.postgres.engine import PostgresStore

OTHER_HANDSET = "37129999999"


def receipts(box: Box, client: str = "acme") -> list[Receipt]:
    """What a client is told, taken and answered."""
    items = box.lease(f"client:{client}")
    box.settle(*(box.delivered(item) for item in items))
    return [item.content for item in items if isinstance(item.content, Receipt)]


def accepted_long(box: Box, parts: int = 3) -> Item:
    item = box.mt(parts=parts)
    box.accept(item)
    box.lease()
    return item


def test_a_report_moves_its_message_and_tells_its_client_once(box: Box) -> None:
    item = box.send_one("A1", reference="KK1544")
    box.pass_s(3)

    assert box.report(box.report_on("A1")) == [None]

    assert box.status(item) is Status.DELIVERED
    (receipt,) = receipts(box)
    assert (receipt.message_id, receipt.status, receipt.reference, receipt.operator) == (
        item.id,
        Status.DELIVERED,
        "KK1544",
        "three",
    )
    assert receipts(box) == []
    assert box.store.open_messages("acme") == 0
    assert [event for event in box.told(item.id) if event != "mt_moved"] == [
        "mt_accepted",
        "dr_received",
        "dr_matched",
        "mt_delivered",
    ]


def test_a_client_is_told_the_moment_that_the_operator_named(box: Box) -> None:
    item = box.send_one("A1")
    box.pass_s(300)
    done_at_ms = box.report_on("A1").at_ms - 200_000

    box.report(msgspec.structs.replace(box.report_on("A1"), done_at_ms=done_at_ms))

    (receipt,) = receipts(box)
    assert (receipt.told_at_ms, receipt.done_at_ms) == (done_at_ms, done_at_ms + 200_000)
    assert box.find(item.id).final_at_us == receipt.done_at_ms * 1000
    assert any("; done " in line for line in box.lines() if ",mt_delivered," in line)


def test_a_moment_before_the_sending_is_not_told(box: Box) -> None:
    box.send_one("A1")
    box.pass_s(300)
    report = box.report_on("A1")

    box.report(msgspec.structs.replace(report, done_at_ms=report.at_ms - 3_600_000))

    (receipt,) = receipts(box)
    assert receipt.told_at_ms == receipt.done_at_ms == report.at_ms


def test_a_parked_report_keeps_the_moment_that_it_names(box: Box) -> None:
    item = box.mt()
    box.accept(item)
    box.pass_s(300)
    report = box.report_on("A1")
    box.report(msgspec.structs.replace(report, done_at_ms=report.at_ms - 60_000))
    box.restart()
    box.lease()

    box.settle(box.sent(item, "A1"))

    (receipt,) = receipts(box)
    assert receipt.told_at_ms <= report.at_ms


def test_a_client_that_did_not_ask_is_not_told(box: Box) -> None:
    item = box.send_one("A1", registered_delivery=0)

    box.report(box.report_on("A1"))

    assert box.status(item) is Status.DELIVERED
    assert receipts(box) == []


def test_a_report_after_a_restart_finds_its_message(box: Box) -> None:
    item = box.send_one("A1")
    box.restart()

    box.report(box.report_on("A1"))

    assert box.status(item) is Status.DELIVERED
    assert len(receipts(box)) == 1


def test_a_report_that_came_before_the_answer_meets_it(box: Box) -> None:
    item = box.mt()
    box.accept(item)
    box.lease()
    box.report(box.report_on("A1"))
    assert box.store.parked_reports == 1

    box.settle(box.sent(item, "A1"))

    assert box.status(item) is Status.DELIVERED
    assert box.store.parked_reports == 0
    assert len(receipts(box)) == 1


def test_a_parked_report_outlives_a_restart(box: Box) -> None:
    item = box.mt()
    box.accept(item)
    box.report(box.report_on("A1"))
    box.restart()
    assert box.store.parked_reports == 1
    box.lease()

    box.settle(box.sent(item, "A1"))

    assert box.status(item) is Status.DELIVERED
    assert box.store.parked_reports == 0


def test_answer_and_report_of_one_turn_find_each_other(box: Box) -> None:
    item = box.mt()
    box.accept(item)
    box.lease()
    report = box.report_on("A1")

    box.together(
        lambda store: store.report([report], box.events()),
        lambda store: store.settle([box.sent(item, "A1")], box.events()),
    )

    assert box.status(item) is Status.DELIVERED
    assert box.store.parked_reports == 0
    # What two commits of one millisecond lay lies in two.
    box.pass_s(0.001)
    assert len(receipts(box)) == 1


def test_a_report_for_another_handset_is_parked_and_moves_nothing(box: Box) -> None:
    item = box.send_one("A1")

    box.report(box.report_on("A1", handset=OTHER_HANDSET))

    assert box.status(item) is Status.SENT
    assert box.store.parked_reports == 1
    box.settle(box.sent(box.mt(), "A1"))
    assert box.store.parked_reports == 1


def test_the_handset_may_be_written_nationally(box: Box) -> None:
    item = box.send_one("A1")

    box.report(box.report_on("A1", handset="20000001"))

    assert box.status(item) is Status.DELIVERED


def test_another_operators_report_is_not_ours(box: Box) -> None:
    item = box.send_one("A1")

    box.report(box.report_on("A1", operator="four"))

    assert box.status(item) is Status.SENT


def test_a_converted_form_matches_where_the_exact_one_does_not(box: Box) -> None:
    item = box.send_one("26")

    box.report(box.report_on("1A", forms=("26",)))

    assert box.status(item) is Status.DELIVERED


def test_the_exact_form_beats_the_converted_one(box: Box) -> None:
    exact, converted = box.send_one("10"), box.send_one("16")

    box.report(box.report_on("10", forms=("16",)))

    assert (box.status(exact), box.status(converted)) == (Status.DELIVERED, Status.SENT)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_of_two_messages_with_one_reference_the_handset_decides(box: Box, is_restarted: bool) -> None:
    first, second = box.send_one("A1"), box.send_one("A1", dest=OTHER_HANDSET)
    if is_restarted:
        box.restart()

    box.report(box.report_on("A1"))

    assert (box.status(first), box.status(second)) == (Status.DELIVERED, Status.SENT)
    box.report(box.report_on("A1", handset=OTHER_HANDSET))
    assert box.status(second) is Status.DELIVERED


@pytest.mark.parametrize("is_restarted", [False, True])
def test_of_two_messages_alike_the_newest_open_one_is_meant(box: Box, is_restarted: bool) -> None:
    first, second = box.send_one("A1"), box.send_one("A1")
    if is_restarted:
        box.restart()

    box.report(box.report_on("A1"))
    assert (box.status(first), box.status(second)) == (Status.SENT, Status.DELIVERED)
    box.report(box.report_on("A1"))

    assert (box.status(first), box.status(second)) == (Status.DELIVERED, Status.DELIVERED)
    assert len(receipts(box)) == 2


def test_a_repeated_report_is_told_and_changes_nothing(box: Box) -> None:
    item = box.send_one("A1")
    box.report(box.report_on("A1"))

    assert box.report(box.report_on("A1")) == [None]

    assert box.told(item.id)[-1] == "dr_repeated"
    assert len(receipts(box)) == 1


def test_a_doubled_report_within_one_turn_tells_the_client_once(box: Box) -> None:
    box.send_one("A1")
    one, two = box.report_on("A1"), box.report_on("A1")

    box.together(
        lambda store: store.report([one], box.events()),
        lambda store: store.report([two], box.events()),
    )

    assert len(receipts(box)) == 1


def test_a_contradiction_of_a_final_state_is_told_and_changes_nothing(box: Box) -> None:
    item = box.send_one("A1")
    box.report(box.report_on("A1"))

    box.report(box.report_on("A1", Status.FAILED))

    assert box.status(item) is Status.DELIVERED
    assert box.told(item.id)[-1] == "dr_contradicted"
    assert len(receipts(box)) == 1


def test_a_report_on_the_way_is_followed_by_the_final_one(box: Box) -> None:
    item = box.send_one("A1", registered_delivery=0x11)

    box.report(box.report_on("A1", Status.BUFFERED))
    assert box.status(item) is Status.BUFFERED
    assert box.store.open_messages("acme") == 1
    box.restart()
    box.report(box.report_on("A1", Status.EXPIRED))

    assert box.status(item) is Status.EXPIRED
    assert [receipt.status for receipt in receipts(box)] == [Status.BUFFERED, Status.EXPIRED]


def test_receipts_reach_the_client_in_the_order_of_the_reports(box: Box) -> None:
    items = [box.send_one(f"A{number}") for number in range(20)]
    backwards = items[::-1]

    for item in backwards:
        box.report(box.report_on(box.find(item.id).operator_ref))

    assert [receipt.message_id for receipt in receipts(box)] == [item.id for item in backwards]


def test_a_report_on_nothing_known_is_kept(box: Box) -> None:
    assert box.report(box.report_on("nobody sent this")) == [None]

    assert box.store.parked_reports == 1
    assert [line.split(",")[1] for line in box.lines()] == ["dr_received", "dr_parked"]


# -- parts --------------------------------------------------------------------------------------------


def test_a_message_in_parts_is_sent_when_its_last_part_is(box: Box) -> None:
    item = accepted_long(box)

    box.settle(box.sent(item, "P1", 1), box.sent(item, "P2", 2))
    assert box.status(item) is Status.QUEUED
    assert box.run(box.store.parts_sent(item.id)) == {1, 2}
    box.settle(box.sent(item, "P3", 3))

    assert box.status(item) is Status.SENT
    box.restart()
    assert box.lease() == []


def test_a_message_in_parts_is_delivered_when_all_are_and_its_client_hears_once(box: Box) -> None:
    item = accepted_long(box)
    box.settle(*(box.sent(item, f"P{part}", part) for part in (1, 2, 3)))

    box.report(box.report_on("P3"), box.report_on("P1"))
    assert box.status(item) is Status.SENT
    box.report(box.report_on("P2"))

    assert box.status(item) is Status.DELIVERED
    assert [receipt.status for receipt in receipts(box)] == [Status.DELIVERED]


def test_one_failed_part_fails_the_message_when_all_have_ended(box: Box) -> None:
    item = accepted_long(box)
    box.settle(*(box.sent(item, f"P{part}", part) for part in (1, 2, 3)))

    box.report(box.report_on("P1", Status.FAILED), box.report_on("P2"), box.report_on("P3"))

    assert box.status(item) is Status.FAILED
    assert len(receipts(box)) == 1


@pytest.mark.parametrize("restart_after", [1, 2, 3, 4, 5, 6])
def test_a_message_in_parts_outlives_a_restart_at_any_moment(box: Box, restart_after: int) -> None:
    item = accepted_long(box)
    steps = [
        lambda: box.settle(box.sent(item, "P1", 1)),
        lambda: box.report(box.report_on("P1")),
        lambda: box.settle(box.sent(item, "P2", 2)),
        lambda: box.settle(box.sent(item, "P3", 3)),
        lambda: box.report(box.report_on("P3")),
        lambda: box.report(box.report_on("P2")),
    ]

    for number, step in enumerate(steps, 1):
        step()
        if number == restart_after:
            box.restart()
            for again in box.lease():
                item = again

    assert box.status(item) is Status.DELIVERED
    assert len(receipts(box)) == 1
    assert box.store.parked_reports == 0
    assert box.lease() == []


def test_receipts_that_overtook_the_last_answer_end_the_message_with_it(box: Box) -> None:
    item = accepted_long(box, parts=2)
    box.settle(box.sent(item, "P1", 1))
    box.report(box.report_on("P1"), box.report_on("P2"))

    box.settle(box.sent(item, "P2", 2))

    assert box.status(item) is Status.DELIVERED
    assert len(receipts(box)) == 1


def test_a_message_in_parts_that_ended_stays_ended_whatever_is_reported_of_its_parts(box: Box) -> None:
    item = accepted_long(box)
    box.settle(box.sent(item, "P1", 1))
    box.settle(box.ended(item, Status.EXPIRED))

    box.report(box.report_on("P1"))
    assert box.status(item) is Status.EXPIRED
    box.restart()
    box.report(box.report_on("P1", Status.FAILED))

    assert box.status(item) is Status.EXPIRED
    assert box.store.open_messages("acme") == 0
    assert box.find(item.id).handset == HANDSET


@pytest.mark.parametrize("behind_ms", [1, 2, 40])
def test_what_is_told_of_a_message_comes_in_its_order_though_the_later_teller_has_a_slower_clock(
    box: Box, behind_ms: int
) -> None:
    item = box.mt(registered_delivery=0x11)
    box.accept(item)
    box.lease()
    # Ids of another process may be less than ours, too.
    ended = box.report_on("A1")
    buffered = msgspec.structs.replace(box.report_on("A1", Status.BUFFERED), id=ended.id + 2)
    box.pass_s(0.1)
    box.settle(msgspec.structs.replace(box.sent(item, "A1"), receipt=receipt_of_sending(item, ended.id + 3)))
    box.now_ms -= behind_ms
    box.report(buffered)
    box.now_ms -= behind_ms
    box.report(ended)
    box.pass_s(1)

    assert [each.status for each in receipts(box)] == [Status.SENT, Status.BUFFERED, Status.DELIVERED]


def test_what_clients_count_by_grows_though_the_last_word_was_heard_first(box: Box) -> None:
    if not isinstance(box.store, PostgresStore):
        pytest.skip("one process hears of one thing after the other")
    item = box.mt(registered_delivery=0x11, is_called_back=True)
    box.accept(item)
    box.lease()
    ended = box.report_on("A1")
    buffered = msgspec.structs.replace(box.report_on("A1", Status.BUFFERED), at_ms=ended.at_ms + 5)
    box.pass_s(0.1)
    box.settle(msgspec.structs.replace(box.sent(item, "A1"), receipt=receipt_of_sending(item, ended.id - 1)))

    box.report(buffered)
    box.report(ended)

    told = [each.content for each in box.lease("callback:acme")]
    assert [each.status for each in told] == [Status.SENT, Status.BUFFERED, Status.DELIVERED]
    assert [sequence_of(each) for each in told] == sorted({sequence_of(each) for each in told})


def receipt_of_sending(item: Item, number: int) -> Item:
    """What a client that wants to hear of everything is told first."""
    message = item.content
    assert isinstance(message, Message)
    return receipt_item(
        message, receipt_of(message, Status.SENT, error="", submitted_at_ms=0, done_at_ms=0, operator=OPERATOR), number
    )

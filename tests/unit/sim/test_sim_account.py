"""The account: what counts as lost, doubled, changed, and what excuses a copy."""

import json
from collections.abc import Sequence

import pytest

from chappe.sim.account import Account, account
from chappe.sim.ledger import Entry, Kind

SECOND = 1_000_000_000

OF_SMSC = Entry(0, Kind.OPENED, detail="role=smsc")
OF_CLIENT = Entry(0, Kind.OPENED, detail="role=client")


def sent(tag: str, *, at: float = 1.0, kind: Kind = Kind.SENT, rd: int = 1, octets: str = "4142") -> Entry:
    return Entry(int(at * SECOND), kind, tag, "", "SHOP", "+371200", f"link=1 dcs=0 rd={rd} octets={octets}")


def accepted(tag: str, message_id: str) -> Entry:
    return Entry(2 * SECOND, Kind.ACCEPTED, tag, message_id, detail="link=1")


def submit(tag: str, *, at: float = 3.0, link: int = 1, part: str = "1/1", octets: str = "4142") -> Entry:
    detail = f"link={link} dcs=0 rd=1 part={part} octets={octets}"
    return Entry(int(at * SECOND), Kind.SUBMIT, tag, "m" + tag, "SHOP", "371200", detail)


def response(tag: str, *, at: float = 3.0, link: int = 1, more: str = "") -> Entry:
    return Entry(int(at * SECOND), Kind.RESPONSE, tag, "m" + tag, detail=f"link={link}{more}")


def acked(tag: str, stat: str = "DELIVRD", more: str = "") -> Entry:
    return Entry(4 * SECOND, Kind.RECEIPT_ACKED, tag, "m" + tag, detail=f"link=1 stat={stat}{more}")


def seen(message_id: str, *, at: float = 5.0, link: int = 1, stat: str = "DELIVRD", more: str = "") -> Entry:
    return Entry(int(at * SECOND), Kind.RECEIPT, "", message_id, detail=f"link={link} stat={stat}{more}")


def mo(tag: str, *, at: float = 3.0, octets: str = "41") -> Entry:
    return Entry(int(at * SECOND), Kind.MO, tag, "", "371200", "12345", f"link=1 dcs=0 octets={octets}")


def link_down(at: float, link: int = 1) -> Entry:
    return Entry(int(at * SECOND), Kind.LINK_DOWN, detail=f"link={link} system_id=x")


def compare(client: Sequence[Entry] = (), smsc: Sequence[Entry] = ()) -> Account:
    return account([[OF_CLIENT, *client], [OF_SMSC, *smsc]])


def test_a_whole_life_is_final_and_clean() -> None:
    result = compare(
        [sent("a"), accepted("a", "1"), seen("1")],
        [submit("a"), response("a"), acked("a")],
    )

    assert (result.sent, result.accepted, result.final, result.open) == (1, 1, 1, 0)
    assert (result.receipts_due, result.receipts_seen) == (1, 1)
    assert result.is_clean


def test_accepted_and_never_taken_is_lost() -> None:
    result = compare([sent("a"), accepted("a", "1")])

    assert (result.accepted, result.open, result.lost) == (1, 1, 1)
    assert result.examples["lost"] == ["a"]
    assert not result.is_clean
    assert not result.is_lossless


def test_a_long_message_with_a_part_missing_is_lost() -> None:
    client = [sent("a", octets="4142"), accepted("a", "1")]

    assert compare(client, [submit("a", part="1/2", octets="41")]).lost == 1
    assert compare(client, [submit("a", part="1/2", octets="41"), submit("a", part="2/2", octets="42")]).is_clean


def test_refused_and_unanswered_messages_are_no_loss() -> None:
    refused = Entry(2, Kind.REFUSED, "a", detail="link=1 status=0x0b")

    result = compare([sent("a"), refused, sent("b")])

    assert (result.refused, result.unanswered, result.lost) == (1, 1, 0)
    assert result.is_clean


def test_what_the_smsc_took_though_the_client_heard_nothing_is_in_doubt_only() -> None:
    result = compare([sent("a")], [submit("a"), response("a")])

    assert (result.taken_unaccepted, result.lost, result.is_clean) == (1, 0, True)


def test_a_second_copy_is_doubled() -> None:
    result = compare(
        [sent("a"), accepted("a", "1")],
        [submit("a"), response("a"), submit("a", at=9.0), response("a", at=9.0)],
    )

    assert (result.extra.copies, result.extra.doubled) == (1, 1)
    assert result.examples["doubled"] == ["a"]
    assert not result.is_clean
    assert result.is_lossless


def test_a_copy_of_what_the_client_sent_twice_is_excused() -> None:
    result = compare(
        [sent("a"), sent("a", kind=Kind.RESENT), accepted("a", "1")],
        [submit("a"), response("a"), submit("a"), response("a")],
    )

    assert (result.extra.copies, result.extra.sent_again, result.extra.doubled) == (1, 1, 0)
    assert result.is_clean


def test_a_sending_that_was_refused_excuses_no_copy() -> None:
    result = compare(
        [sent("a"), Entry(2, Kind.REFUSED, "a", detail="status=0x58"), sent("a", kind=Kind.RESENT), accepted("a", "1")],
        [submit("a"), response("a"), submit("a"), response("a")],
    )

    assert result.extra.doubled == 1
    assert (result.accepted, result.refused) == (1, 0)


@pytest.mark.parametrize(
    ("first_answer", "is_excused"),
    [
        ([], True),
        ([response("a", at=3.0), link_down(3.5)], True),
        ([response("a", at=3.0), link_down(6.0)], False),
        ([response("a", at=3.0), link_down(3.5, link=2)], False),
        ([response("a", at=3.0)], False),
    ],
)
def test_a_copy_is_excused_when_nobody_can_prove_that_the_first_answer_was_read(
    first_answer: list[Entry], is_excused: bool
) -> None:
    result = compare(
        [sent("a"), accepted("a", "1")],
        [submit("a"), *first_answer, submit("a", at=8.0, link=2), response("a", at=8.0, link=2)],
    )

    assert result.extra.copies == 1
    assert result.extra.in_flight == int(is_excused)
    assert result.is_clean is is_excused


def test_links_of_two_ledgers_with_one_number_are_two_links() -> None:
    smsc = [OF_SMSC, submit("a"), response("a"), submit("a", at=8.0), response("a", at=8.0)]
    other = [OF_SMSC, link_down(3.1)]

    result = account([[OF_CLIENT, sent("a"), accepted("a", "1")], smsc, other])

    assert result.extra.doubled == 1


def test_links_of_a_ledger_opened_again_count_anew() -> None:
    smsc = [OF_SMSC, submit("a"), response("a"), OF_SMSC, link_down(3.1), submit("a", at=8.0)]

    result = account([[OF_CLIENT, sent("a"), accepted("a", "1")], smsc])

    assert result.extra.doubled == 1


def test_a_receipt_that_the_gateway_acknowledged_and_nobody_saw_is_lost() -> None:
    result = compare([sent("a"), accepted("a", "1")], [submit("a"), response("a"), acked("a")])

    assert (result.receipts_due, result.receipts_lost, result.open) == (1, 1, 1)
    assert not result.is_lossless


@pytest.mark.parametrize(
    "ack",
    [
        acked("a", more=" status=0x64"),
        acked("a", stat="ENROUTE"),
        acked("a", stat="-", more=" form=noise"),
    ],
)
def test_a_receipt_refused_or_not_final_or_unreadable_is_not_due(ack: Entry) -> None:
    result = compare([sent("a"), accepted("a", "1")], [submit("a"), response("a"), ack])

    assert (result.receipts_due, result.receipts_lost) == (0, 0)


@pytest.mark.parametrize(
    ("registered_delivery", "stat", "due"),
    [
        (0, "DELIVRD", 0),
        (1, "DELIVRD", 1),
        (2, "DELIVRD", 0),
        (2, "UNDELIV", 1),
        (3, "DELIVRD", 1),
        (3, "UNDELIV", 0),
        (0x11, "EXPIRED", 1),
    ],
)
def test_a_receipt_is_due_only_to_whom_asked_for_it(registered_delivery: int, stat: str, due: int) -> None:
    result = compare(
        [sent("a", rd=registered_delivery), accepted("a", "1")], [submit("a"), response("a"), acked("a", stat)]
    )

    assert result.receipts_due == due


def test_a_long_message_wants_its_receipt_when_all_parts_have_theirs() -> None:
    smsc = [submit("a", part="1/2", octets="41"), submit("a", part="2/2", octets="42"), acked("a")]
    client = [sent("a"), accepted("a", "1")]

    assert compare(client, smsc).receipts_due == 0
    assert compare(client, [*smsc, acked("a")]).receipts_lost == 1


def test_a_final_receipt_seen_twice_is_doubled_unless_its_answer_is_in_doubt() -> None:
    smsc = [submit("a"), response("a"), acked("a")]
    client = [sent("a"), accepted("a", "1"), seen("1"), seen("1", at=9.0, link=2)]

    assert compare(client, smsc).receipts_extra.doubled == 1
    assert compare([*client, link_down(5.5)], smsc).receipts_extra.in_flight == 1
    unanswered = [sent("a"), accepted("a", "1"), seen("1", more=" unanswered=1"), seen("1", at=9.0)]
    assert compare(unanswered, smsc).receipts_extra.doubled == 0


def test_a_receipt_for_an_id_that_nobody_was_told_is_counted() -> None:
    assert compare([seen("77")]).receipts_unknown == 1


def test_octets_or_addresses_that_changed_on_the_way_are_counted() -> None:
    client = [sent("a", octets="4142"), accepted("a", "1")]

    assert compare(client, [submit("a", octets="4143")]).differing == 1
    assert compare(client, [submit("a", octets="4142")._replace(destination="371201")]).differing == 1
    assert compare(client, [submit("a", octets="4142")._replace(destination="+371200")]).differing == 0


def test_what_one_side_does_not_say_is_not_compared() -> None:
    over_http = Entry(1, Kind.SENT, "a", "", "SHOP", "371200", "rd=0")

    result = compare([over_http, accepted("a", "1")], [submit("a"), response("a")])

    assert (result.differing, result.final, result.is_clean) == (0, 1, True)


def test_an_mo_acknowledged_and_never_seen_is_lost() -> None:
    mo_acked = Entry(4 * SECOND, Kind.MO_ACKED, "m1", detail="link=1")

    assert compare([], [mo("m1"), mo_acked]).mo_lost == 1
    assert compare([mo("m1", at=5.0)], [mo("m1"), mo_acked]).is_clean
    assert compare([], [mo("m1"), mo_acked._replace(detail="link=1 status=0x64")]).mo_lost == 0


def test_an_mo_seen_twice_is_doubled_unless_the_smsc_sent_it_twice() -> None:
    client = [mo("m1", at=5.0), mo("m1", at=6.0)]

    assert compare(client, [mo("m1")]).mo_extra.doubled == 1
    assert compare(client, [mo("m1"), mo("m1", at=4.0)]).mo_extra.sent_again == 1


def test_an_mo_whose_octets_changed_is_counted() -> None:
    assert compare([mo("m1", octets="42")], [mo("m1", octets="41")]).mo_differing == 1


def test_the_account_speaks_to_people_and_to_programs() -> None:
    result = compare([sent("a"), accepted("a", "1")])

    assert "accepted 1 = final 0 + open 1" in result.as_text()
    assert result.as_text().endswith("lost: a\nNOT CLEAN")
    told = json.loads(result.as_json())
    assert (told["accepted"], told["lost"], told["doubled"], told["is_clean"]) == (1, 1, 0, False)

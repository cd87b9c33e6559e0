"""The history of a message as its client sees it, from events and from what the message itself keeps."""

from datetime import UTC, datetime

from chappe.clients.http_history import history_of
from chappe.model.ids import EPOCH_MS, first_id_at
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Message
from chappe.store.port import Happening, Life
from chappe.wire.http.messages import HistoryEntry

NOW_MS = EPOCH_MS + 200_000_000_000
NOW_US = NOW_MS * 1000
ID = first_id_at(NOW_MS)


def message(*, send_at_ms: int = 0, parts: int = 1) -> Message:
    return Message(
        ID, Direction.MT, "acme", "", 1, 1, "SHOP", 1, 1, "37120000001", b"hi", send_at_ms=send_at_ms, parts=parts
    )


def happening(second: int, event: str, operator: str = "", reference: str = "", detail: str = "") -> Happening:
    return Happening(NOW_US + second * 1_000_000, event, operator, reference, detail)


def at(second: int) -> datetime:
    return datetime.fromtimestamp(NOW_MS / 1000 + second, UTC)


def told(entries: list[HistoryEntry]) -> list[tuple[str, str, str | None]]:
    return [(each.status, each.source, each.detail) for each in entries]


def test_every_turn_of_a_messages_way_is_told_with_who_brought_it_about() -> None:
    content = message()
    story = [
        happening(0, "mt_accepted"),
        happening(1, "mt_deferred", "three", "", "ESME_RTHROTTLED"),
        happening(2, "mt_moved", "three", "", "no link; to four"),
        happening(3, "mt_sent", "four", "A1"),
        happening(4, "dr_received", "four", "A1", "ENROUTE 000"),
        happening(4, "mt_buffered", "four", "A1", "ENROUTE 000"),
        happening(9, "mt_delivered", "four", "A1", "DELIVRD 000"),
        happening(9, "dr_delivered"),
    ]
    life = Life(ID, Status.DELIVERED, content, "four", "A1", NOW_US + 3_000_000, NOW_US + 9_000_000)

    entries = history_of(life, content, story, None)

    assert told(entries) == [
        ("accepted", "client", None),
        ("queued", "operator:three", "ESME_RTHROTTLED"),
        ("queued", "gateway", "no link; to four"),
        ("sent", "operator:four", "reference A1"),
        ("buffered", "operator:four", "ENROUTE 000"),
        ("delivered", "operator:four", "DELIVRD 000"),
    ]
    assert [each.at for each in entries] == [at(second) for second in (0, 1, 2, 3, 4, 9)]


def test_a_message_that_an_operator_rejected_is_called_what_its_status_is() -> None:
    content = message()
    story = [happening(0, "mt_accepted"), happening(2, "mt_failed", "three", "", "ESME_RINVSRCADR")]
    life = Life(ID, Status.REJECTED, content, "three", "", 0, NOW_US + 2_000_000, "00A")

    entries = history_of(life, content, story, "invalid_source")

    assert told(entries)[-1] == ("rejected", "operator:three", "invalid_source")


def test_who_cancels_is_the_client_a_person_or_the_operator() -> None:
    content = message()

    def source(operator: str, reference: str, detail: str) -> str:
        story = [happening(0, "mt_accepted"), happening(1, "mt_cancelled", operator, reference, detail)]
        life = Life(ID, Status.CANCELLED, content, operator, reference, 0, NOW_US + 1_000_000)
        return history_of(life, content, story, None)[-1].source

    assert source("", "", "") == "client"
    assert source("three", "", "dropped by a person") == "gateway"
    assert source("three", "A1", "DELETED 000") == "operator:three"


def test_an_end_that_is_newer_than_the_events_is_told_all_the_same() -> None:
    content = message(send_at_ms=NOW_MS + 1_000)
    story = [happening(0, "mt_accepted"), happening(1, "mt_sent", "three", "A1")]
    life = Life(ID, Status.DELIVERED, content, "three", "A1", NOW_US + 1_000_000, NOW_US + 2_000_000)

    entries = history_of(life, content, story, None)

    assert [each.status for each in entries] == ["accepted", "scheduled", "sent", "delivered"]
    assert entries[1].detail == f"to be sent at {at(1).isoformat().replace('+00:00', 'Z')}"
    assert entries[-1].at == at(2)


def test_a_sending_that_is_newer_than_the_events_is_told_too() -> None:
    content = message()
    story = [happening(0, "mt_accepted"), happening(1, "mt_deferred", "three", "", "ESME_RTHROTTLED")]
    life = Life(ID, Status.DELIVERED, content, "three", "A1", NOW_US + 2_000_000, NOW_US + 3_000_000)

    entries = history_of(life, content, story, None)

    assert [(each.status, each.at) for each in entries] == [
        ("accepted", at(0)),
        ("queued", at(1)),
        ("sent", at(2)),
        ("delivered", at(3)),
    ]


def test_without_events_the_moments_of_the_message_are_told() -> None:
    content = message()
    life = Life(ID, Status.UNKNOWN, content, "three", "A1", NOW_US + 1_000_000)

    entries = history_of(life, content, [], None)

    assert [(each.status, each.source) for each in entries] == [
        ("accepted", "client"),
        ("sent", "operator:three"),
        ("unknown", "gateway"),
    ]


def test_a_report_that_was_stored_before_the_sending_it_tells_of_is_told_behind_it() -> None:
    content = message()
    life = Life(ID, Status.DELIVERED, content, "four", "A1", NOW_US + 3_000_000, NOW_US + 2_000_000)
    early = [happening(0, "mt_accepted"), happening(2, "mt_delivered", "four", "A1", "DELIVRD 000")]

    for story in (early, [*early, happening(3, "mt_sent", "four", "A1")]):
        entries = history_of(life, content, story, None)

        assert [each.status for each in entries] == ["accepted", "sent", "delivered"]
        assert [each.at for each in entries] == [at(0), at(3), at(3)]

"""What needs a person is told with its cause in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from chappe.frontend.attention import Known, Level, in_words, troubles
from chappe.observe.status import (
    BoxStatus,
    ClientStatus,
    LinkStatus,
    OperatorStatus,
    QueueStatus,
    RunStatus,
    StoreStatus,
)

NOW = datetime(2026, 1, 16, 12, 0, tzinfo=UTC)


def box(**keys: Any) -> BoxStatus:
    told: dict[str, Any] = {
        "version": "1", "run": 1, "box": "box1", "state": "running", "uptime_s": 1.0, "nodes": [], "operators": [],
        "clients": [], "queues": [], "parked": 0, "held": 0, "store": StoreStatus("chappe.db", 1, 1, is_away=False),
        "copies": [], "events_per_second": {},
    }  # fmt: skip
    return BoxStatus(**{**told, **keys})


def event(name: str, **fields: str) -> dict[str, str]:
    names = ("id", "client", "operator", "msisdn", "number", "client_ref", "operator_ref", "detail")
    return {"time": "2026-01-16 11:59:59.000000", "event": name, **dict.fromkeys(names, ""), **fields}


def told(**keys: Any) -> str:
    known = {"box": box(), "now": NOW, **keys}
    return "\n".join(f"{each.title}: {each.cause}" for each in troubles(Known(**known)))


def test_nothing_is_told_of_a_gateway_that_is_well() -> None:
    assert told() == ""


def test_a_gateway_that_does_not_answer_comes_first() -> None:
    (trouble,) = troubles(Known(None, "no gateway answers at http://x: Connection refused"))

    assert trouble.level is Level.ALARM
    assert "Connection refused" in trouble.cause


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("bind refused with ESME_RINVPASWD", "wrong password (ESME_RINVPASWD)"),
        ("127.0.0.1:1 cannot be reached: Connection refused", "connection refused: nothing listens there"),
        ("x cannot be reached: timed out", "no answer: a firewall"),
        ("closed by the SMSC", "closed by the SMSC"),
    ],
)
def test_a_link_that_is_down_says_why(reason: str, words: str) -> None:
    links = [LinkStatus(1, "down", 0, 10, 65.0, reason)]

    assert words in in_words(reason)
    assert words in told(box=box(operators=[OperatorStatus("three", links)]))


def test_an_operator_that_throttles_is_told() -> None:
    assert "Operator three throttles us" in told(
        events=[event("throttled", operator="three", detail="ESME_RTHROTTLED")]
    )


def test_messages_without_a_route_are_counted() -> None:
    events = [event("mt_rejected", client="acme", msisdn="4412", detail="no_route; /to no route takes it")] * 3

    assert "No route for 3 messages of acme" in told(events=events)


def test_an_event_of_long_ago_needs_nobody() -> None:
    old = {**event("throttled", operator="three"), "time": "2026-01-16 11:00:00.000000"}

    assert told(events=[old]) == ""


def test_a_callback_that_fails_says_what_was_answered() -> None:
    clients = [ClientStatus("acme", 0, 0, "failing")]
    events = [event("callback_deferred", client="acme", detail="delivered: answered 500")]

    assert "Callbacks of acme fail: delivered: answered 500" in told(box=box(clients=clients), events=events)


def test_parked_receipts_whose_ids_are_written_otherwise_name_the_base() -> None:
    sent = {"three": [(f"3712000{n:04}", f"{n + 0xABC0:x}") for n in range(30)]}
    parked = {"three": [(f"3712000{n:04}", str(n + 0xABC0)) for n in range(30)]}

    lines = told(box=box(parked=30), sent=sent, parked=parked)

    assert "ids look hexadecimal in the response and decimal in the receipt: 30 of them would match" in lines


def test_held_items_unread_queues_and_an_absent_store_are_told() -> None:
    store = StoreStatus("chappe.db", 1, 1, is_away=True)
    lines = told(box=box(held=3, queues=[QueueStatus("client:old", 4, 9.0, "the client is gone")], store=store))

    assert "3 messages held" in lines
    assert "Nobody reads the queue client:old: 4 messages: the client is gone" in lines
    assert lines.startswith("The store is away")


def test_receipts_that_stop_to_match_are_an_alarm_until_they_match_again() -> None:
    lost = event("receipts_disagree", operator="three", detail="37 receipts of 15 min match nothing")
    found = {**event("receipts_agree", operator="three"), "time": "2026-01-16 11:59:59.500000"}

    assert "Receipts of three no longer match" in told(events=[lost])
    assert told(events=[lost, found]) == ""


def test_who_does_not_follow_the_configuration_is_named_with_its_cause() -> None:
    here = {"operator:web": "cannot listen on 127.0.0.1:9090: Address already in use"}
    there = RunStatus("riga2", "operator:three", "1", 7, "running", 1.0, 0.0, unmoved={"operator:three": "reset_link"})

    found = troubles(Known(box(unmoved=here, fleet=[there]), now=NOW))

    assert [(each.level, each.title, each.argument) for each in found] == [
        (Level.WARNING, "operator web does not follow the configuration", "web"),
        (Level.NOTE, "operator three on riga2 does not follow the configuration", "three"),
    ]
    assert "each minute" in found[0].hint

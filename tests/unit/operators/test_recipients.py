"""One submit for each recipient at a time, and nobody else waits for that."""

from typing import Any

from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message
from chappe.operators.link import InFlight
from chappe.operators.recipients import RecipientLink, Recipients
from chappe.runtime.backoff import Backoff


def flight(number: int, recipient: str, part: int = 1) -> InFlight:
    message = Message(number, Direction.MT, "acme", "", 0, 0, "12345", 1, 1, recipient, b"hello")
    return InFlight(Item("operator:four", 0, "", 0, number, message), part)


def link_of(recipients: Recipients, *flights: InFlight, number: int = 1) -> RecipientLink:
    link = RecipientLink(number, Backoff(1.0, 2.0), recipients=recipients)
    link.backlog.extend((f"operation {each.item.id}", each) for each in flights)
    return link


def ids(waiting: Any) -> list[int]:
    return [each.item.id for _, each in waiting]


def test_what_waits_for_its_recipient_is_passed_by_others() -> None:
    flights = [flight(1, "371"), flight(2, "371"), flight(3, "372"), flight(4, "371")]
    link = link_of(Recipients(), *flights)

    assert ids(link.take_waiting(10)) == [1, 3]
    assert ids(link.backlog) == [2, 4]
    assert ids(link.take_waiting(10)) == []


def test_a_recipient_that_is_free_again_gets_the_next_one() -> None:
    recipients = Recipients()
    flights = [flight(1, "371"), flight(2, "371"), flight(3, "371")]
    link = link_of(recipients, *flights)
    link.take_waiting(1)

    recipients.free(flights[0])

    assert ids(link.take_waiting(10)) == [2]
    assert ids(link.backlog) == [3]


def test_no_more_is_taken_than_there_is_room_for() -> None:
    link = link_of(Recipients(), flight(1, "371"), flight(2, "372"), flight(3, "373"))

    assert ids(link.take_waiting(2)) == [1, 2]
    assert ids(link.take_waiting(0)) == []
    assert ids(link.backlog) == [3]


def test_all_links_of_an_operator_share_its_recipients() -> None:
    recipients = Recipients()
    first = link_of(recipients, flight(1, "371"))
    second = link_of(recipients, flight(2, "371"), number=2)
    first.take_waiting(1)

    assert ids(second.take_waiting(1)) == []

    recipients.free_link(1)

    assert ids(second.take_waiting(1)) == [2]


def test_a_handset_is_the_same_however_its_number_is_written() -> None:
    """Its operator gets digits, and would give both messages one name."""
    link = link_of(Recipients(), flight(1, "37120000001"), flight(2, "+37120000001"), flight(3, "0037120000001"))

    assert ids(link.take_waiting(10)) == [1]
    assert ids(link.recall(flight(1, "+371 2000 0001"))) == [2, 3]


def test_what_never_left_frees_nobody() -> None:
    recipients = Recipients()
    first, second = flight(1, "371"), flight(2, "371")
    assert recipients.take(first, 1)

    recipients.free(second)

    assert not recipients.take(second, 1)


def test_what_waits_behind_a_message_is_recalled_and_the_rest_stays() -> None:
    link = link_of(Recipients(), flight(1, "371"), flight(2, "372"), flight(3, "371"))

    assert ids(link.recall(flight(4, "371"))) == [1, 3]
    assert ids(link.backlog) == [2]

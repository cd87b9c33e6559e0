"""When a number is asked about, asked again, and given up."""

from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message
from chappe.rules.patience import WaitingRoom

NOW_MS = 1_000_000


def item(number: int, handset: str) -> Item:
    message = Message(number, Direction.MT, "acme", "", 0, 0, "SHOP", 1, 1, handset, b"hi")
    return Item("route", 1, "acme", 0, number, message)


def room_with(*handsets: str, since_ms: int = NOW_MS) -> WaitingRoom:
    room = WaitingRoom(retry_s=1.0, patience_ms=10_000)
    for number, handset in enumerate(handsets):
        room.add(handset, item(number, handset), since_ms)
    return room


def test_a_number_is_asked_about_once_for_all_messages_that_wait_for_it() -> None:
    room = room_with("1", "2", "1")

    asked = list(room.to_ask(0.0, 8, 1))

    assert asked == [["1"], ["2"]]
    assert list(room.to_ask(0.0, 8, 1)) == []
    ready = room.said(["1"], {"1": "24701"}, "", 0.1)
    assert [(each.id, network) for each, network in ready] == [(0, "24701"), (2, "24701")]
    assert room.count == 1


def test_requests_are_as_large_and_as_many_as_they_may_be() -> None:
    room = room_with(*"abcdefg")

    assert list(room.to_ask(0.0, 2, 3)) == [["a", "b", "c"], ["d", "e", "f"]]
    assert list(room.to_ask(0.0, 2, 3)) == [["g"]]


def test_while_nobody_answers_one_request_tries_in_each_pause() -> None:
    room = room_with(*"abcd")
    list(room.to_ask(0.0, 2, 1))
    room.said(["a"], {}, "gone", 0.0)
    room.said(["b"], {}, "gone", 0.0)

    assert list(room.to_ask(0.5, 8, 1)) == []
    assert list(room.to_ask(1.0, 8, 1)) == [["a"]]
    assert list(room.to_ask(1.0, 8, 1)) == []
    room.said(["a"], {"a": ""}, "", 1.1)
    assert list(room.to_ask(1.2, 8, 1)) == [["b"], ["c"], ["d"]]


def test_a_message_is_given_up_after_its_patience_and_not_while_its_number_is_asked_about() -> None:
    room = room_with("a")
    list(room.to_ask(0.0, 8, 1))

    assert room.given_up(NOW_MS + 10_000) == []
    room.said(["a"], {}, "gone", 10.0)
    assert room.given_up(NOW_MS + 9_999) == []
    assert [each.id for each in room.given_up(NOW_MS + 10_000)] == [0]
    assert room.count == 0


def test_what_is_old_when_it_comes_is_asked_about_once_where_somebody_answers() -> None:
    room = room_with("old", since_ms=NOW_MS - 60_000)

    assert room.given_up(NOW_MS) == []
    assert list(room.to_ask(0.0, 8, 1)) == [["old"]]


def test_a_number_of_which_an_answer_says_nothing_is_asked_about_again_alone() -> None:
    room = room_with("a", "b")
    list(room.to_ask(0.0, 8, 2))

    ready = room.said(["a", "b"], {"a": "24701"}, "", 0.0)

    assert [each.id for each, _ in ready] == [0]
    assert list(room.to_ask(0.9, 8, 2)) == []
    assert list(room.to_ask(1.0, 8, 2)) == [["b"]]

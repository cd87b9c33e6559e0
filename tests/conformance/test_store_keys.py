"""What any store must do with messages that a key guards: store them once, and answer a repeat as the first time."""

from __future__ import annotations

import msgspec
import pytest
from store_box import Box

from chappe.model.message import Item
from chappe.store.port import Fault, Kept

DAY_S = 86_400


def kept(key: str, asked: str = "one message") -> Kept:
    return Kept(asked.encode(), f"answer to {key}".encode())


def waiting(box: Box) -> list[int]:
    return box.leased_ids()


def poisoned(box: Box) -> Item:
    item = box.mt()
    return msgspec.structs.replace(item, content=msgspec.structs.replace(item.content, dest="3712000\ud800"))


def test_what_a_new_key_guards_is_stored_as_any_message(box: Box) -> None:
    items = [box.mt(), box.mt()]

    assert box.accept_once(box.once("a", *items)) == [None]

    assert waiting(box) == [item.id for item in items]
    assert box.store.open_messages("acme") == 2
    assert [box.told(item.id) for item in items] == [["mt_accepted"], ["mt_accepted"]]


def test_a_repeat_stores_nothing_and_gets_the_first_answer(box: Box) -> None:
    first, again = box.mt(), box.mt()
    box.accept_once(box.once("a", first))

    assert box.accept_once(box.once("a", again, answer="another")) == [kept("a")]

    assert waiting(box) == [first.id]
    assert box.run(box.store.find(again.id)) is None
    assert box.told(again.id) == []
    assert box.store.open_messages("acme") == 1


def test_a_repeat_is_recognised_after_a_restart(box: Box) -> None:
    first = box.mt()
    box.accept_once(box.once("a", first))
    box.restart()

    assert box.accept_once(box.once("a", box.mt())) == [kept("a")]

    assert waiting(box) == [first.id]


def test_whoever_asks_for_something_else_under_a_key_can_see_that_from_what_was_asked_first(box: Box) -> None:
    box.accept_once(box.once("a", box.mt(), asked="one message"))

    (outcome,) = box.accept_once(box.once("a", box.mt(), asked="another message"))

    assert outcome == kept("a", "one message")


def test_of_two_equal_keys_in_one_batch_the_first_is_stored(box: Box) -> None:
    first, second, third = box.mt(), box.mt(), box.mt()

    outcomes = box.accept_once(box.once("a", first), box.once("a", second), box.once("b", third))

    assert outcomes == [None, kept("a"), None]
    assert waiting(box) == [first.id, third.id]
    assert box.told(second.id) == []


def test_of_two_equal_keys_that_come_at_the_same_time_one_is_stored(box: Box) -> None:
    first, second, plain = box.mt(), box.mt(), box.mt()

    outcomes = box.together(
        lambda store: store.accept_once([box.once("a", first)], box.events()),
        lambda store: store.accept_once([box.once("a", second)], box.events()),
        lambda store: store.accept([plain], box.events()),
    )

    assert sorted(map(str, outcomes)) == sorted(map(str, [[None], [kept("a")], [None]]))
    assert len(waiting(box)) == 2


def test_the_very_same_given_twice_is_stored_once_and_is_no_repeat(box: Box) -> None:
    once = box.once("a", box.mt())
    box.accept_once(once)

    assert box.accept_once(once) == [None]

    assert waiting(box) == [once.items[0].id]
    assert box.told(once.items[0].id) == ["mt_accepted"]


def test_a_key_without_messages_keeps_its_answer(box: Box) -> None:
    assert box.accept_once(box.once("a")) == [None]

    assert box.accept_once(box.once("a", box.mt())) == [kept("a")]
    assert waiting(box) == []


def test_a_key_may_keep_an_empty_answer(box: Box) -> None:
    marked = msgspec.structs.replace(box.once("a"), answer=b"")
    assert box.accept_once(marked) == [None]

    assert box.accept_once(box.once("a", box.mt())) == [Kept(marked.fingerprint, b"")]
    assert waiting(box) == []


def test_a_key_is_free_again_when_its_time_is_over(box: Box) -> None:
    box.accept_once(box.once("a", box.mt(), until_s=60))
    box.pass_s(61)
    second = box.mt()

    assert box.accept_once(box.once("a", second, asked="later", until_s=60)) == [None]

    assert box.accept_once(box.once("a", box.mt())) == [kept("a", "later")]
    assert second.id in waiting(box)


def test_what_is_kept_can_be_asked_for_until_its_time_is_over(box: Box) -> None:
    box.accept_once(box.once("a", box.mt(), until_s=60), box.once("b", box.mt(), until_s=600))

    def found(*keys: bytes) -> dict[bytes, Kept]:
        return dict(box.run(box.store.kept(keys, box.now_ms)))

    assert found(b"a", b"b", b"c") == {b"a": kept("a"), b"b": kept("b")}
    box.pass_s(61)
    assert found(b"a", b"b", b"c") == {b"b": kept("b")}
    assert found() == {}


def test_keys_whose_time_is_over_are_forgotten_in_steps_and_no_others(box: Box) -> None:
    box.accept_once(*(box.once(f"old {number}", until_s=60) for number in range(1_200)))
    box.accept_once(box.once("new", until_s=DAY_S))
    then_ms = box.now_ms
    box.pass_s(61)

    steps = 1
    while box.run(box.store.forget_kept(box.now_ms)):
        steps += 1

    assert steps > 1
    left = box.run(box.store.kept([f"old {number}".encode() for number in range(1_200)] + [b"new"], then_ms))
    assert dict(left) == {b"new": kept("new")}


def test_what_cannot_be_stored_leaves_its_key_free_and_harms_no_other(box: Box) -> None:
    first, second, good = box.mt(), box.mt(), box.mt()
    box.accept_once(box.once("known", first))

    outcomes = box.accept_once(
        box.once("known", box.mt()), box.once("bad", box.mt(), poisoned(box)), box.once("good", good)
    )

    assert isinstance(outcomes[1], Fault)
    assert [outcomes[0], outcomes[2]] == [kept("known"), None]
    assert box.accept_once(box.once("bad", second)) == [None]
    assert set(waiting(box)) == {first.id, good.id, second.id}
    assert box.told(good.id) == ["mt_accepted"]


def test_a_repeat_beside_what_cannot_be_stored_still_gets_its_answer(box: Box) -> None:
    repeats = [box.once(f"k{number}", box.mt()) for number in range(5)]
    box.accept_once(*repeats)

    outcomes = box.accept_once(
        *(box.once(f"k{number}", box.mt()) for number in range(5)), box.once("bad", poisoned(box))
    )

    assert list(outcomes[:5]) == [kept(f"k{number}") for number in range(5)]
    assert isinstance(outcomes[5], Fault)
    assert waiting(box) == [once.items[0].id for once in repeats]


@pytest.mark.parametrize("number", [1, 47, 48, 49, 200])
def test_any_number_of_keys_of_one_batch_is_kept(box: Box, number: int) -> None:
    batch = [box.once(f"k{each}", box.mt()) for each in range(number)]

    assert box.accept_once(*batch) == [None] * number
    assert box.accept_once(*(box.once(f"k{each}", box.mt()) for each in range(number))) == [
        kept(f"k{each}") for each in range(number)
    ]
    assert len(waiting(box)) == number


def test_every_octet_of_key_and_answer_comes_back(box: Box) -> None:
    every = bytes(range(256))
    once = msgspec.structs.replace(box.once("x", box.mt()), key=every[:32], fingerprint=every, answer=every)
    box.accept_once(once)

    repeat = msgspec.structs.replace(box.once("x", box.mt()), key=every[:32])

    assert box.accept_once(repeat) == [Kept(every, every)]

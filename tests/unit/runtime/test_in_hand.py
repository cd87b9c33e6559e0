"""What a process notes of what it has in hand, and what the next one reads from it."""

from pathlib import Path

import pytest

from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message
from chappe.runtime import in_hand
from chappe.runtime.in_hand import CAREFUL_ITEMS, CAREFUL_S, InHand
from chappe.runtime.supervisor import Crash, each

QUEUE = "operator:three"


class FakeClock:
    """Stands still until told otherwise."""

    def __init__(self) -> None:
        self.s = 0.0

    def utc_us(self) -> int:
        return int(self.s * 1e6)

    def monotonic(self) -> float:
        return self.s


def item(number: int = 1, queue: str = QUEUE) -> Item:
    message = Message(number, Direction.MT, "acme", "", 1, 1, "SHOP", 1, 1, "37120000001", b"hi")
    return Item(queue, 1, "acme", 0, number, message)


def started(folder: Path, clock: FakeClock | None = None) -> InHand:
    hand = InHand(clock or FakeClock())
    hand.begin(folder, "all")
    return hand


def died_with(folder: Path, *items: Item) -> InHand:
    """A process that took these one after the other and died with the last of them."""
    hand = started(folder)
    for each_item in items:
        hand.take(each_item)
    return hand


def test_the_first_start_and_one_after_a_clean_end_take_no_care(tmp_path: Path) -> None:
    first = started(tmp_path)
    assert first.of(QUEUE) is None
    first.end()

    second = started(tmp_path)

    assert (second.of(QUEUE), second.share(QUEUE, 1_000)) == (None, 1_000)


def test_after_an_unclean_end_items_are_read_one_by_one_for_a_while(tmp_path: Path) -> None:
    started(tmp_path)
    clock = FakeClock()
    hand = started(tmp_path, clock)

    assert (hand.of(QUEUE), hand.share(QUEUE, 1_000)) == (hand, 1)
    for number in range(CAREFUL_ITEMS):
        hand.take(item(number))
    assert hand.share(QUEUE, 1_000) == 1
    clock.s = CAREFUL_S
    assert hand.share(QUEUE, 1_000) == 1_000
    assert hand.share("client:acme", 1_000) == 1


def test_a_death_with_nothing_in_hand_blames_nobody(tmp_path: Path) -> None:
    for _ in range(5):
        hand = started(tmp_path)
        hand.take(item())
        hand.drop()

    last = started(tmp_path)
    assert last.suspect is None
    assert last.why_held(item()) == ""


def test_three_deaths_with_the_same_item_in_hand_are_proof(tmp_path: Path) -> None:
    for deaths in range(3):
        hand = started(tmp_path)
        assert hand.why_held(item(7)) == ""
        assert (hand.suspect.deaths if hand.suspect else 0) == deaths
        hand.take(item(6))
        hand.drop()
        hand.take(item(7))

    last = started(tmp_path)
    assert last.why_held(item(6)) == ""
    assert last.why_held(item(7)).startswith("ended its process three times while operator:three had it alone in hand")


def test_deaths_with_different_items_in_hand_prove_nothing(tmp_path: Path) -> None:
    for number in range(6):
        died_with(tmp_path, item(number))

    last = started(tmp_path)
    assert [last.why_held(item(number)) for number in range(6)] == [""] * 6


def test_equal_ids_in_two_queues_are_two_items(tmp_path: Path) -> None:
    for queue in (QUEUE, "client:acme", QUEUE):
        died_with(tmp_path, item(7, queue))

    last = started(tmp_path)
    assert (last.why_held(item(7)), last.why_held(item(7, "client:acme"))) == ("", "")


def test_a_clean_end_between_deaths_forgets_no_death(tmp_path: Path) -> None:
    died_with(tmp_path, item(7))
    died_with(tmp_path, item(7))
    started(tmp_path).end()
    hand = started(tmp_path)
    assert hand.of(QUEUE) is None
    hand._is_careful = True
    hand.take(item(7))

    assert started(tmp_path).why_held(item(7)) != ""


def test_a_proved_item_is_looked_for_also_after_a_clean_end(tmp_path: Path) -> None:
    for _ in range(3):
        died_with(tmp_path, item(7))
    started(tmp_path).end()

    hand = started(tmp_path)

    assert hand.of(QUEUE) is hand
    assert hand.why_held(item(7)) != ""


def test_what_was_held_is_tried_anew_when_a_person_lets_it_go_on(tmp_path: Path) -> None:
    for _ in range(3):
        died_with(tmp_path, item(7))
    started(tmp_path).forget(item(7))

    assert started(tmp_path).why_held(item(7)) == ""


def test_only_so_many_suspects_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_hand, "REMEMBERED", 3)
    for number in (1, 1, 2, 2, 3, 3, 4, 4, 1, 2):
        died_with(tmp_path, item(number))

    last = started(tmp_path)
    assert [last.why_held(item(number)) for number in range(1, 5)] == [""] * 4


@pytest.mark.parametrize("octets", [b"", b"\n", b"running {]\n[]", b"\xff\x00", b"running [1]\n[]", b"running\n{}"])
def test_a_note_that_cannot_be_read_means_care_and_blames_nobody(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "in-hand.all").write_bytes(octets)

    hand = started(tmp_path)

    assert (hand.of(QUEUE), hand.suspect) == (hand, None)


def test_where_nothing_can_be_written_the_work_goes_on(tmp_path: Path) -> None:
    (tmp_path / "in-hand.all.new").mkdir()
    (tmp_path / "in-hand.all").write_bytes(b"running\n[]")
    hand = started(tmp_path)

    hand.take(item())
    hand.drop()
    hand.forget(item())
    hand.end()

    assert (tmp_path / "in-hand.all").read_bytes() == b"running\n[]"


def test_the_last_words_of_a_fault_are_told(tmp_path: Path) -> None:
    died_with(tmp_path, item(7))
    words = "Fatal Python error: Segmentation fault\n\nCurrent thread 0x1:\n  File 'x'"
    (tmp_path / "last-words.all").write_text(words)

    hand = started(tmp_path)

    assert hand.suspect is not None
    assert hand.told(hand.suspect).endswith("operator:three had it alone in hand: Segmentation fault")
    assert hand.last_words == words


def test_a_proved_item_is_handed_to_the_desk_untouched_and_its_neighbours_are_done(tmp_path: Path) -> None:
    for _ in range(3):
        died_with(tmp_path, item(7))
    hand, done = started(tmp_path), list[int]()

    crashes = each([item(6), item(7), item(8)], lambda one: done.append(one.id), hand)

    assert done == [6, 8]
    assert [(crash.item.id, crash.is_proved) for crash in crashes] == [(7, True)]


def test_what_only_raises_is_no_death(tmp_path: Path) -> None:
    def act(_: Item) -> None:
        raise ValueError("no such number")

    started(tmp_path)
    hand = started(tmp_path)
    (crash,) = each([item(7)], act, hand)

    assert crash == Crash(item(7), "ValueError: no such number", crash.traceback)
    assert started(tmp_path).suspect is None

"""A client spends what is in hand; what is short is fetched, and is refused for good only where nobody has any."""

from __future__ import annotations

from chappe.clients.credit import Credit, Credits, Shortage, give_back_unreplaced, units_in
from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message
from chappe.model.money import Price
from chappe.store.port import Granted, Replace


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def message(parts: int = 1, price: Price | None = None) -> Message:
    return Message(7, Direction.MT, "acme", "", 0, 0, "SHOP", 1, 1, "37120000001", b"hi", parts=parts, price=price)


def item(parts: int = 1) -> Item:
    return Item("operator:three", 1, "acme", 0, 7, message(parts))


def credit(left: int = 0, clock: Clock | None = None) -> Credit:
    made = Credit("acme", "EUR", lambda to: 5, clock or Clock())
    made.left = left
    return made


def test_a_message_is_charged_for_all_its_parts() -> None:
    made = credit(left=12)

    paid = made.charge(item(parts=2))

    assert isinstance(paid, Item)
    assert isinstance(paid.content, Message)
    assert paid.content.price == Price(10, "EUR")
    assert made.left == 2


def test_what_exceeds_what_is_in_hand_is_asked_for_and_comes_later() -> None:
    made, woken = credit(left=4), []
    made.wake = lambda: woken.append(1)

    assert made.charge(item()) is Shortage.LATER
    assert made.left == 4
    assert woken
    assert made.needs() == 1


def test_a_slice_that_covers_the_wish_ends_the_shortage() -> None:
    made = credit()
    made.charge(item())

    assert not made.drawn(5, elsewhere=0)
    assert isinstance(made.charge(item()), Item)


def test_where_nobody_has_any_it_is_refused_from_memory_for_a_second() -> None:
    clock = Clock()
    made = credit(clock=clock)
    made.charge(item())

    assert made.drawn(0, elsewhere=0), "told once"
    assert made.charge(item()) is Shortage.NONE_LEFT
    clock.now_s += 1.1
    assert made.charge(item()) is Shortage.LATER
    assert not made.drawn(0, elsewhere=0), "not told again"


def test_what_others_have_is_waited_for_but_not_for_ever() -> None:
    clock = Clock()
    made = credit(clock=clock)
    made.charge(item())

    made.drawn(0, elsewhere=50)
    assert made.charge(item()) is Shortage.LATER
    clock.now_s += 3.1
    made.drawn(0, elsewhere=50)
    assert made.charge(item()) is Shortage.NONE_LEFT


def test_what_can_be_had_without_waiting_is_spent_at_once_and_its_end_is_final() -> None:
    made = credit()
    rest = [5]
    made.fetch_now = lambda: rest.pop() if rest else 0
    made.has_all = True

    assert isinstance(made.charge(item()), Item)
    assert made.charge(item()) is Shortage.NONE_LEFT


def test_what_is_just_being_spent_is_not_given_to_others() -> None:
    made = credit(left=30)
    made.charge(item())

    assert made.spare(100) == 20
    assert made.left == 5
    assert made.spare(100) == 0


def test_what_is_not_stored_may_be_spent_again() -> None:
    made = credit(left=10)
    paid = [each for each in (made.charge(item()), made.charge(item())) if isinstance(each, Item)]

    Credits([made]).give_back(paid[:1])

    assert units_in(paid) == 10
    assert made.left == 5


def test_a_new_text_that_did_not_come_to_be_gives_its_difference_back() -> None:
    made = credit()
    was, new = message(price=Price(5, "EUR")), message(price=Price(15, "EUR"))

    give_back_unreplaced(made, [Replace(was, new), Replace(was, new)], [Granted.DONE, Granted.TOO_LATE])

    assert made.left == 10

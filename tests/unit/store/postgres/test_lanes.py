"""Which lane is asked for what, and from which mark on."""

from chappe.store.postgres.lanes import Lanes, Share

NOW = 1_000
LANE = (1, 7)


def lane_with(*places: int) -> Lanes:
    lanes = Lanes()
    for place in places:
        lanes.laid(LANE, place, NOW)
    return lanes


def test_a_lane_is_asked_from_its_least_place_on() -> None:
    assert lane_with(20, 10, 30).allot(5, NOW) == [Share(1, 7, 10, 5)]


def test_a_lane_that_gave_less_than_its_share_is_left_alone_until_something_is_laid() -> None:
    lanes = lane_with(10)
    (share,) = lanes.allot(5, NOW)

    assert lanes.took(share, 2, 15)
    assert not lanes.is_ready(NOW)
    lanes.laid(LANE, 40, NOW)

    assert lanes.allot(5, NOW) == [Share(1, 7, 15, 5)]


def test_what_is_laid_while_a_lane_is_asked_is_asked_for_again_from_its_place_on() -> None:
    lanes = lane_with(10)
    (share,) = lanes.allot(5, NOW)
    lanes.laid(LANE, 12, NOW)

    assert not lanes.took(share, 2, 15)

    assert lanes.allot(5, NOW) == [Share(1, 7, 12, 5)]


def test_what_was_laid_before_a_lane_is_asked_does_not_hold_its_mark_back() -> None:
    lanes = lane_with(10)
    (share,) = lanes.allot(5, NOW)
    lanes.took(share, 5, 15)

    assert lanes.allot(5, NOW) == [Share(1, 7, 15, 5)]


def test_what_is_due_later_makes_its_lane_ready_at_its_moment() -> None:
    lanes = lane_with(NOW + 50)

    assert lanes.allot(5, NOW) == []
    assert lanes.allot(5, NOW + 50) == [Share(1, 7, NOW + 50, 5)]


def test_a_floor_is_where_the_first_row_lives_and_the_lane_is_asked_from_there_on() -> None:
    lanes = lane_with(500)
    (share,) = lanes.allot(5, NOW)
    lanes.took(share, 0, 0)

    lanes.raise_floors({LANE: 300}, 400, NOW)

    assert lanes.floors() == [(1, 7, 300)]
    assert lanes.allot(5, NOW) == [Share(1, 7, 300, 5)]


def test_no_floor_is_so_high_that_something_may_still_come_below_it() -> None:
    lanes = lane_with(500)

    lanes.raise_floors({}, 400, NOW)

    assert lanes.floors() == [(1, 7, 400)]


def test_floors_that_are_forgotten_are_looked_for_from_the_beginning() -> None:
    lanes = lane_with(500)
    lanes.raise_floors({LANE: 300}, 400, NOW)

    lanes.forget_floors()

    assert lanes.floors() == [(1, 7, 0)]


def test_where_order_counts_a_lane_is_asked_from_somewhat_below_what_it_gave_last() -> None:
    lanes = Lanes(late_ms=100)
    lanes.laid(LANE, 500, NOW)
    (share,) = lanes.allot(5, NOW)

    lanes.took(share, 5, 700)

    assert lanes.allot(5, NOW) == [Share(1, 7, 600, 5)]

"""Events a second over the last ten whole seconds."""

from __future__ import annotations

from memory_source import NOON_US

from chappe.observe.pace import Pace
from chappe.store.port import Block

NOON_S = NOON_US // 1_000_000


def happened(pace: Pace, second: int, **counts: int) -> None:
    tallies = {(event, "acme", ""): count for event, count in counts.items()}
    pace.on_block(Block(1, (NOON_S + second) * 1_000_000, b"", tallies))


def test_the_running_second_does_not_count_and_old_ones_are_forgotten() -> None:
    pace = Pace()
    happened(pace, 0, mt_accepted=1_000)
    happened(pace, 5, mt_accepted=20, mt_sent=30)
    happened(pace, 12, mt_accepted=999)

    assert pace.per_second(NOON_S + 12) == {"mt_sent": 3.0, "mt_accepted": 2.0}


def test_the_busiest_event_comes_first_and_clients_are_added_up() -> None:
    pace = Pace()
    pace.on_block(Block(1, NOON_US, b"", {("mt_sent", "a", ""): 10, ("mt_sent", "b", ""): 20, ("mt_held", "", ""): 5}))

    assert list(pace.per_second(NOON_S + 1).items()) == [("mt_sent", 3.0), ("mt_held", 0.5)]


def test_nothing_is_kept_of_a_clock_that_was_ahead() -> None:
    pace = Pace()
    happened(pace, 3_600, mt_sent=10)
    happened(pace, 0, mt_sent=10)

    assert pace.per_second(NOON_S + 1) == {"mt_sent": 1.0}


def test_silence_is_no_pace_at_all() -> None:
    assert Pace().per_second(NOON_S) == {}

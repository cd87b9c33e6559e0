"""When a process counts as standing still."""

from __future__ import annotations

from chappe.box.beats import Beat
from chappe.box.stalls import StallWatch


def test_silence_is_a_stall() -> None:
    watch = StallWatch(now=0.0, stall_s=10.0)

    watch.heard(Beat("running", {}), 5.0)

    assert watch.why_restart(15.0) == ""
    assert watch.why_restart(15.1) == "said nothing for 10 s"


def test_one_loop_that_stands_still_is_a_stall_while_another_goes_round() -> None:
    watch = StallWatch(now=0.0, stall_s=10.0)

    for now in range(20):
        watch.heard(Beat("running", {"send": 1, "settle": now}), float(now))

    assert watch.why_restart(19.0) == "its loop 'send' has not gone round for 19 s"


def test_standing_still_counts_for_nothing_while_the_store_is_away_and_from_anew_afterwards() -> None:
    watch = StallWatch(now=0.0, stall_s=10.0)
    for now in range(60):
        watch.heard(Beat("running", {"send": 1}, is_store_away=True), float(now))
    assert watch.why_restart(60.0) == ""

    watch.heard(Beat("running", {"send": 1}), 60.0)

    assert watch.why_restart(60.0) == ""
    watch.heard(Beat("running", {"send": 1}), 69.5)
    assert watch.why_restart(69.5) == "its loop 'send' has not gone round for 10 s"


def test_a_process_that_drains_may_stand_still() -> None:
    watch = StallWatch(now=0.0, stall_s=10.0)

    for now in range(30):
        watch.heard(Beat("draining", {"send": 1}), float(now))

    assert watch.why_restart(30.0) == ""


def test_a_loop_that_is_no_longer_told_of_is_forgotten() -> None:
    watch = StallWatch(now=0.0, stall_s=10.0)
    watch.heard(Beat("running", {"send": 1}), 0.0)

    watch.heard(Beat("running", {}), 20.0)

    assert watch.why_restart(20.0) == ""

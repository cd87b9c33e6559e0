"""An operator is sick once it was down for long enough, and well as soon as it is up."""

from __future__ import annotations

from chappe.runtime.sick_watch import SICK_AFTER_S, SickWatch


class Hands:
    """A clock that somebody turns."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def utc_us(self) -> int:
        return 0


def test_who_is_down_for_ten_seconds_is_sick_until_it_is_up_again() -> None:
    clock, up, noted = Hands(), {"one", "two"}, list[frozenset[str]]()
    watch = SickWatch(["one", "two"], up.__contains__, clock, noted.append)

    watch.look()
    up.discard("one")
    watch.look()
    clock.now = SICK_AFTER_S - 0.1
    watch.look()

    assert noted == []

    clock.now = SICK_AFTER_S
    watch.look()
    watch.look()
    up.add("one")
    watch.look()
    up.discard("one")
    watch.look()

    assert noted == [frozenset({"one"}), frozenset()]

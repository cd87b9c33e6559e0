"""Whether the box takes traffic."""

from __future__ import annotations

import pytest

from chappe.observe.health import Health, Phase


@pytest.mark.parametrize(
    ("phase", "is_away", "why"),
    [
        (Phase.STARTING, False, "starting"),
        (Phase.RUNNING, False, ""),
        (Phase.RUNNING, True, "the store is away"),
        (Phase.DRAINING, False, "draining"),
    ],
)
def test_traffic_is_taken_only_by_a_running_box_with_its_store(phase: Phase, is_away: bool, why: str) -> None:
    health = Health()
    health.watch_store(lambda: is_away)
    health.phase = phase

    assert health.why_not_ready == why
    assert health.is_ready is (why == "")

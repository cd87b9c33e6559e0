"""How much the SMPP door accepts in one turn: less while accepted messages wait on their way out."""

from __future__ import annotations

import pytest

from chappe.clients.accepting import ACCEPT_ITEMS, ACCEPT_LEAST, accept_limit
from chappe.store.heads import LANE_ITEMS


@pytest.mark.parametrize(("waiting", "limit"), [(0, ACCEPT_ITEMS), (400, ACCEPT_ITEMS - 50), (1_000_000, ACCEPT_LEAST)])
def test_the_more_waits_the_less_is_accepted_and_never_nothing(waiting: int, limit: int) -> None:
    assert accept_limit(waiting) == limit


def test_the_door_slows_down_while_all_that_waits_fits_into_the_memory_of_a_lane() -> None:
    assert accept_limit(LANE_ITEMS // 2) == ACCEPT_LEAST

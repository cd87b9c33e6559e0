"""When a waiting message is worthless."""

from __future__ import annotations

import pytest

from chappe.model.lifecycle import Direction
from chappe.model.message import Message
from chappe.rules.expiry import expires_at_ms

BORN_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


def over_after_ms(*, named_ms: int = 0, later_ms: int = 0, validity_h: float = 1, max_h: float = 48) -> int:
    """Ms from birth to end; `named_ms` and `later_ms` count from birth, 0 is none."""
    message = Message(
        1,
        Direction.MT,
        "acme",
        "",
        1,
        1,
        "SHOP",
        1,
        1,
        "37120000001",
        b"",
        expires_at_ms=BORN_MS + named_ms if named_ms else 0,
        send_at_ms=BORN_MS + later_ms if later_ms else 0,
    )
    return (
        expires_at_ms(
            message,
            born_ms=BORN_MS,
            validity_s=validity_h * 3600,
            max_validity_s=max_h * 3600,
        )
        - BORN_MS
    )


def test_the_moment_that_a_client_named_counts() -> None:
    assert over_after_ms(named_ms=5_000) == 5_000
    assert over_after_ms(named_ms=10 * HOUR_MS, validity_h=1) == 10 * HOUR_MS


def test_without_one_the_clients_validity_counts() -> None:
    assert over_after_ms(validity_h=2) == 2 * HOUR_MS


@pytest.mark.parametrize("named_ms", [0, 100 * HOUR_MS])
def test_nothing_waits_longer_than_the_operator_allows(named_ms: int) -> None:
    assert over_after_ms(named_ms=named_ms, validity_h=72, max_h=48) == 48 * HOUR_MS


def test_a_message_for_later_has_its_validity_from_then_on() -> None:
    assert over_after_ms(later_ms=10 * HOUR_MS, validity_h=2) == 12 * HOUR_MS


def test_what_the_operator_allows_counts_from_when_the_message_may_leave() -> None:
    assert over_after_ms(later_ms=100 * HOUR_MS, validity_h=72, max_h=48) == 148 * HOUR_MS

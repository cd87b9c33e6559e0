"""Blocks folded into minutes."""

from __future__ import annotations

from chappe.counters.tally import Tally
from chappe.store.port import Block

MINUTE_US = 60_000_000


def test_blocks_of_a_minute_add_up_and_the_next_minute_counts_for_itself() -> None:
    tally = Tally()

    tally.add(Block(5, 10 * MINUTE_US, b"", {("mt_sent", "acme", "three"): 2, ("link_up", "", "three"): 1}))
    tally.add(Block(6, 11 * MINUTE_US - 1, b"", {("mt_sent", "acme", "three"): 3}))
    tally.add(Block(7, 11 * MINUTE_US, b"", {("mt_sent", "acme", "three"): 4}))

    assert tally.counts == {
        (10, "mt_sent", "acme", "three"): 5,
        (10, "link_up", "", "three"): 1,
        (11, "mt_sent", "acme", "three"): 4,
    }

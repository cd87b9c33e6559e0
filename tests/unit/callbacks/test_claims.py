"""Each group of clients has one caller at a time, and changes hands only when nothing of it is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from chappe.callbacks.claims import GROUPS, Claims, group_of
from chappe.store.fleet import Run, fair_part

CLIENTS = {group_of(f"client{number}"): f"client{number}" for number in range(500)}


class FakeClock:
    """Time that passes when it is told to."""

    now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s

    def utc_us(self) -> int:
        return int(self.now_s * 1_000_000)


class Shares:
    """What all runs of a fleet hold; as exact as the real one, and no more."""

    def __init__(self) -> None:
        self.held: dict[str, dict[int, int]] = {}
        self.runs: list[Run] = []
        self.is_clear = True


class OneFleet:
    def __init__(self, shares: Shares, own: int) -> None:
        self._shares = shares
        self._own = own
        shares.runs.append(Run(own, "box1", "callback", "test", 0, 0.0))

    def tell(self, told: bytes) -> None: ...

    async def runs(self) -> Sequence[Run]:
        return self._shares.runs

    async def share(self, name: str, total: int, held: int) -> int:
        found = self._shares.held.setdefault(name, {})
        runs = sorted({*found, self._own})
        free = total - sum(units for run, units in found.items() if run != self._own)
        granted = max(0, min(fair_part(total, runs.index(self._own), len(runs)), free))
        found[self._own] = max(granted, held)
        assert sum(found.values()) <= total
        return granted

    async def leave(self, name: str) -> None:
        self._shares.held.get(name, {}).pop(self._own, None)

    async def is_buried(self) -> bool:
        return self._shares.is_clear


class Node:
    def __init__(self) -> None:
        self.begun: list[int] = []
        self.is_busy = False

    async def take_over(self, group: int) -> None:
        self.begun.append(group)

    async def let_go(self, group: int) -> bool:
        return not self.is_busy


def claims_of(shares: Shares, own: int, clock: FakeClock) -> Claims:
    return Claims(OneFleet(shares, own), own, clock)


def owned(claims: Claims) -> set[int]:
    return {group for group, client in CLIENTS.items() if claims.owns(client)}


def look(claims: Claims, node: Node) -> bool:
    return asyncio.run(claims.look(node))


def test_one_process_calls_everybody_back() -> None:
    claims, node = claims_of(Shares(), 7, FakeClock()), Node()

    assert look(claims, node)
    assert owned(claims) == set(range(GROUPS)) == set(node.begun)


def test_a_second_process_gets_half_once_nothing_of_it_is_under_way() -> None:
    shares, clock = Shares(), FakeClock()
    first, node = claims_of(shares, 7, clock), Node()
    look(first, node)
    second, other = claims_of(shares, 8, clock), Node()
    node.is_busy = True

    assert not look(first, node)
    assert not look(second, other)
    assert (len(owned(first)), len(owned(second))) == (GROUPS // 2, 0)

    node.is_busy = False
    look(first, node)
    assert look(second, other)
    assert owned(first) | owned(second) == set(range(GROUPS))
    assert not owned(first) & owned(second)


def test_what_a_dead_process_had_is_begun_only_when_its_leases_are_free() -> None:
    shares, clock = Shares(), FakeClock()
    first, second = claims_of(shares, 7, clock), claims_of(shares, 8, clock)
    node = Node()
    for claims in (first, second, first, second):
        look(claims, node)
    shares.runs.pop(0)
    for held in shares.held.values():
        held.pop(7, None)
    shares.is_clear = False

    assert not look(second, node)
    assert len(owned(second)) == GROUPS // 2

    shares.is_clear = True
    assert look(second, node)
    assert len(owned(second)) == GROUPS


def test_who_cannot_ask_again_calls_nobody_back_when_its_time_is_over() -> None:
    clock = FakeClock()
    claims = claims_of(Shares(), 7, clock)
    look(claims, Node())

    clock.now_s += 10.1

    assert owned(claims) == set()


def test_what_another_one_is_to_have_stays_ours_until_nothing_of_it_is_under_way() -> None:
    """The two do not agree yet who lives: both want everything, and the elder one gets it."""
    shares, clock = Shares(), FakeClock()
    younger, node = claims_of(shares, 8, clock), Node()
    look(younger, node)
    elder, other = claims_of(shares, 7, clock), Node()
    shares.runs.clear()
    node.is_busy = True
    look(elder, other)

    assert not look(younger, node)
    assert not look(younger, node)
    look(elder, other)
    assert (owned(younger), owned(elder)) == (set(), set())

    node.is_busy = False
    look(younger, node)
    look(elder, other)
    assert owned(elder) == set(range(GROUPS))

"""Nodes of one operator divide its links and its rate, and give up what others are to have."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from chappe.operators.link import InFlight
from chappe.operators.links import RESTS, LinkTerms
from chappe.operators.sharing import Sharing
from chappe.operators.smpp_links import SmppLinks
from chappe.store.fleet import SHARE_S, Alone, fair_part
from chappe.store.port import StoreAway


class FakeClock:
    def __init__(self) -> None:
        self.now = 100.0

    def utc_us(self) -> int:
        return int(self.now * 1_000_000)

    def monotonic(self) -> float:
        return self.now


class Fleet(Alone):
    """Grants what the test says, and remembers what each name was told to hold."""

    def __init__(self, **granted: int) -> None:
        self.granted = granted
        self.held: dict[str, list[int]] = {}
        self.left: list[str] = []
        self.is_away = False

    async def share(self, name: str, total: int, held: int) -> int:
        if self.is_away:
            raise StoreAway("away")
        self.held.setdefault(name, []).append(held)
        return self.granted[name.partition(":")[0]]

    async def leave(self, name: str) -> None:
        self.left.append(name)


class Peer:
    """A bound connection that notes how it is ended."""

    def __init__(self, in_flight: int = 0) -> None:
        self.session = SimpleNamespace(
            in_flight=in_flight, unanswered=0, is_bound=True, unbind=lambda now: self.ends.append("unbind")
        )
        self.ends: list[str] = []
        self.is_writable = True

    def flush(self) -> None:
        pass

    def close(self, why: str) -> None:
        self.ends.append(why)


class Notes:
    def add(self, *values: Any, **fields: Any) -> None:
        pass


def links_of(clock: FakeClock, links: int = 3) -> SmppLinks:
    terms = LinkTerms("three", "127.0.0.1", 1, "chappe", "secret", links=links)

    def nothing(*_: object) -> None:
        pass

    return SmppLinks(terms, clock, Notes(), on_facts=nothing, on_up=nothing, on_down=nothing)  # type: ignore[arg-type]


class Node:
    name = "three"

    def __init__(self, links: SmppLinks, rate: float = 0.0) -> None:
        self.links = links
        self.rate = rate
        self.allowed: tuple[int, float, float] = (-1, -1.0, -1.0)

    def allow(self, links: int, rate: float, until: float) -> None:
        self.allowed = (links, rate, until)
        self.links.allow(links)


def test_nothing_is_a_nodes_own_before_it_has_asked() -> None:
    clock = FakeClock()
    node = Node(links_of(clock))

    Sharing(node, Fleet(), clock)

    assert node.links.allowed == 0
    assert node.links.held == 0
    assert node.allowed[2] < clock.now


def test_a_node_uses_what_it_was_given_until_its_time_is_over() -> None:
    clock = FakeClock()
    node, fleet = Node(links_of(clock), rate=100.0), Fleet(links=2, rate=50_000)

    assert not asyncio.run(Sharing(node, fleet, clock).ask()), "it has not reported yet that it holds them"

    assert node.allowed == (2, 50.0, clock.now + SHARE_S)
    assert fleet.held == {"links:three": [0], "rate:three": [0]}


def test_a_node_that_cannot_ask_is_given_no_longer_than_it_was() -> None:
    clock = FakeClock()
    node, fleet = Node(links_of(clock)), Fleet(links=2)
    sharing = Sharing(node, fleet, clock)
    asyncio.run(sharing.ask())
    until = node.allowed[2]
    clock.now += 5
    fleet.is_away = True

    assert not asyncio.run(sharing.ask())

    assert node.allowed[2] == until


def test_a_node_without_links_leaves_the_rate_to_others() -> None:
    clock = FakeClock()
    node, fleet = Node(links_of(clock), rate=100.0), Fleet(links=0, rate=9)

    asyncio.run(Sharing(node, fleet, clock).ask())

    assert fleet.left == ["rate:three"]
    assert node.allowed[0] == 0
    assert 0 < node.allowed[1] < 0.01, "a rate of 0 would be no bound at all"


def test_a_link_that_is_to_be_given_up_takes_no_more_and_is_unbound_when_nothing_is_open() -> None:
    clock = FakeClock()
    links = links_of(clock)
    peer = Peer(in_flight=1)
    last = links.links[2]
    last.sender = last.receiver = peer  # type: ignore[assignment]
    last.kept = 1

    links.allow(2)
    links.retire(clock.now)

    assert not last.takes_work
    assert last.may_send, "what it has is still sent"
    assert (links.held, peer.ends) == (3, [])
    peer.session.in_flight = 0
    links.retire(clock.now)
    assert peer.ends == ["unbind"]
    clock.now += 3
    links.retire(clock.now)
    assert peer.ends == ["unbind", "given up to another node"]
    last.sender = last.receiver = None
    last.kept = 0
    assert links.held == 2


def test_a_link_whose_answers_never_come_is_given_up_all_the_same() -> None:
    clock = FakeClock()
    links = links_of(clock)
    peer = Peer(in_flight=1)
    links.links[0].sender = peer  # type: ignore[assignment]
    links.links[0].backlog.append((None, InFlight(None)))  # type: ignore[arg-type]

    links.allow(0)
    links.retire(clock.now)
    assert peer.ends == []
    clock.now += links.terms.response_s
    links.retire(clock.now)

    assert peer.ends == ["unbind"]


def test_a_link_that_rests_says_why() -> None:
    clock = FakeClock()
    links = links_of(clock)

    links.allow(1)

    assert [link.down_reason for link in links.links] == ["not bound yet", RESTS, RESTS]


def test_fair_parts_make_up_the_whole() -> None:
    assert [fair_part(7, place, 3) for place in range(3)] == [3, 2, 2]
    assert [fair_part(1, place, 3) for place in range(3)] == [1, 0, 0]

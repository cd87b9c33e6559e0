"""What an operator node tells of its links."""

from __future__ import annotations

from typing import Any

from chappe.net.smpp_peer import SmppPeer
from chappe.observe.status import LinkStatus
from chappe.operators.links import LinkTerms
from chappe.operators.smpp_links import SmppLinks
from chappe.operators.status import operator_status
from chappe.runtime.node import Notes
from chappe.wire.smpp.session import Role, Session, Timers


class StandingClock:
    """Ten seconds after its start, for ever."""

    def utc_us(self) -> int:
        return 1_768_564_800_000_000

    def monotonic(self) -> float:
        return 10.0


def links(*, is_pair: bool = False) -> SmppLinks:
    clock, nobody = StandingClock(), None
    terms = LinkTerms("three", "127.0.0.1", 2776, "chappe", "secret", is_pair=is_pair, links=2, window_pdus=100)
    ignore: Any = lambda *_: None  # noqa: E731
    return SmppLinks(terms, clock, Notes(nobody, clock), on_facts=ignore, on_up=ignore, on_down=ignore)  # type: ignore[arg-type]


def peer() -> SmppPeer:
    session = Session(Role.ESME, now=0.0, timers=Timers(), window_pdus=100)
    return SmppPeer(session, lambda *_: None, lambda *_: None)


def test_a_link_that_never_bound_is_down_since_the_start() -> None:
    told = operator_status(links(), now=14.0)

    assert told.name == "three"
    assert told.links[0] == LinkStatus(1, "down", 0, 100, 4.0, "not bound yet")


def test_a_bound_link_is_up_and_has_no_reason() -> None:
    three = links()
    three.links[0].sender = three.links[0].receiver = peer()
    three.links[0].down_reason = ""

    states = [(link.state, link.reason) for link in operator_status(three, now=14.0).links]

    assert states == [("up", ""), ("down", "not bound yet")]


def test_a_pair_is_up_only_with_both_of_its_connections() -> None:
    three = links(is_pair=True)
    three.links[0].sender = peer()
    three.links[1].sender, three.links[1].receiver = peer(), peer()

    assert [link.state for link in operator_status(three, now=14.0).links] == ["down", "up"]

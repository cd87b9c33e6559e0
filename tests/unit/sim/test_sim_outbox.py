"""The outbox: each account's deliveries go to its own links, spread evenly, in order."""

from dataclasses import dataclass, field

from chappe.sim.ledger import Kind
from chappe.sim.outbox import Delivery, Outbox
from chappe.wire.smpp.pdus import DeliverSm


@dataclass
class FakeLink:
    system_id: str
    window: int
    tags: list[str] = field(default_factory=list)

    def room(self) -> int:
        return self.window - len(self.tags)

    def deliver(self, delivery: Delivery) -> None:
        self.tags.append(delivery.tag)


def delivery(tag: str, system_id: str = "acme") -> Delivery:
    return Delivery(Kind.RECEIPT, system_id, tag, "1", "", DeliverSm())


def test_receipts_go_to_links_of_their_account_only() -> None:
    outbox, mine, other = Outbox(), FakeLink("acme", 10), FakeLink("other", 10)
    outbox.put(delivery("a"))

    outbox.pump([other])
    assert len(outbox) == 1
    outbox.pump([other, mine])

    assert (mine.tags, other.tags, len(outbox)) == (["a"], [], 0)


def test_what_belongs_to_nobody_goes_to_anyone() -> None:
    outbox, link = Outbox(), FakeLink("whoever", 10)
    outbox.put(delivery("m1", system_id=""))

    outbox.pump([link])

    assert link.tags == ["m1"]


def test_deliveries_are_spread_over_the_links() -> None:
    outbox, links = Outbox(), [FakeLink("acme", 10), FakeLink("acme", 10)]
    for number in range(6):
        outbox.put(delivery(str(number)))

    outbox.pump(links)

    assert [len(link.tags) for link in links] == [3, 3]


def test_a_full_window_leaves_the_rest_waiting() -> None:
    outbox, link = Outbox(), FakeLink("acme", 2)
    for tag in "abc":
        outbox.put(delivery(tag))

    outbox.pump([link])

    assert (link.tags, len(outbox)) == (["a", "b"], 1)


def test_what_a_link_did_not_get_through_comes_first_and_in_order() -> None:
    outbox, link = Outbox(), FakeLink("acme", 10)
    outbox.put(delivery("c"))

    outbox.put_back([delivery("a"), delivery("b")])
    outbox.pump([link])

    assert link.tags == ["a", "b", "c"]

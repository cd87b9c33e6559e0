"""What a simulated client does with what it is handed."""

from typing import Any

from chappe.sim.faults import LinkFault
from chappe.sim.inbox import Inbox
from chappe.sim.ledger import Ledger
from chappe.sim.script import Faults
from chappe.wire.smpp.pdus import AlertNotification, DeliverSm, DeliverSmResp, QuerySm


class Link:
    """Keeps what is answered."""

    number = 1

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any]] = []

    def respond(self, sequence_number: int, pdu: Any) -> None:
        self.answers.append((sequence_number, pdu))

    def refuse(self, sequence_number: int, command_status: int) -> None:
        self.answers.append((sequence_number, command_status))

    def drop(self, sequence_number: int) -> None:
        raise AssertionError("nothing was to be dropped")

    def strike(self, fault: LinkFault, now: float) -> None:
        raise AssertionError("no fault was asked for")


def test_a_delivery_is_answered_what_is_none_is_refused_and_an_alert_is_left_alone() -> None:
    link = Link()
    inbox = Inbox(Faults(), Ledger(), 0.0, remembers=True)

    for number, pdu in enumerate((DeliverSm(short_message=b"VOTE 5"), AlertNotification(), QuerySm("7")), start=1):
        inbox.receive(link, number, pdu, 1.0)

    assert link.answers == [(1, DeliverSmResp()), (3, 3)]
    assert (inbox.deliveries, [each.pdu.short_message for each in inbox.received]) == (1, [b"VOTE 5"])

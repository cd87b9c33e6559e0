"""What a simulated client does with the receipts and MO that it is handed: judge, note, answer.

It must never know a socket: links are asked to answer and to fail, and time comes in as `now`.
"""

import re
from random import Random
from typing import Any, Final, Protocol

import msgspec

from chappe.sim.faults import NO_FAULT, Event, LinkFault
from chappe.sim.ledger import Entry, Kind, Ledger
from chappe.sim.receipts import FINAL_STATS
from chappe.sim.script import Faults
from chappe.sim.tags import TagReader, octets_of
from chappe.wire.smpp.constants import EsmClass
from chappe.wire.smpp.pdus import AlertNotification, DataSm, DataSmResp, DeliverSm, DeliverSmResp
from chappe.wire.smpp.statuses import CommandStatus

#: Only the form that the gateway promises is read, octet for octet: an id must equal what the response said.
_RECEIPT: Final = re.compile(rb"id:([^ ]+) .*?stat:([A-Z]+)", re.DOTALL)

#: Receipts whose messages are not accepted yet, or never will be, by the ids that are remembered.
_EARLY_KEPT: Final = 100_000

_RECEIPT_TYPES: Final = (EsmClass.TYPE_DELIVERY_RECEIPT, EsmClass.TYPE_INTERMEDIATE_NOTIFICATION)


class Received(msgspec.Struct, frozen=True):
    """A receipt (with `message_id` and `stat`) or an MO (with `tag`) that was taken; `at` in monotonic seconds."""

    kind: Kind
    tag: str
    message_id: str
    stat: str
    pdu: DeliverSm | DataSm
    link: int
    at: float


class Receiver(Protocol):
    """A link that deliveries come from."""

    @property
    def number(self) -> int:
        """Names the link in the ledger."""

    def respond(self, sequence_number: int, pdu: Any) -> None:
        """Answer with yes."""

    def refuse(self, sequence_number: int, command_status: int) -> None:
        """Answer with no."""

    def drop(self, sequence_number: int) -> None:
        """Never answer."""

    def strike(self, fault: LinkFault, now: float) -> None:
        """Let a fault happen to the link."""


class Inbox:
    """Takes deliveries for one client; knows which accepted messages still wait for their final receipt."""

    def __init__(self, faults: Faults, ledger: Ledger, now: float, *, remembers: bool) -> None:
        self.received: list[Received] = []
        self.deliveries = self.receipts = self.mo = 0
        self.arrived_at = now
        self.awaiting: set[str] = set()
        self._early: dict[str, None] = {}
        self._faults = faults
        self._ledger = ledger
        self._remembers = remembers
        self._random = Random(faults.seed)
        self._started_at = now
        self._tags = TagReader()

    def expect(self, message_id: str) -> None:
        """A message was accepted and wants a final receipt, which may be there already."""
        if message_id in self._early:
            del self._early[message_id]
        else:
            self.awaiting.add(message_id)

    def receive(self, link: Receiver, sequence_number: int, pdu: Any, now: float) -> None:
        """Deal with one delivery."""
        if isinstance(pdu, AlertNotification):
            # Nobody answers it.  SMPP 3.4 §4.12.
            return
        if not isinstance(pdu, DeliverSm | DataSm):
            link.refuse(sequence_number, CommandStatus.ESME_RINVCMDID)
            return
        self.deliveries += 1
        self.arrived_at = now
        action = self._faults.judge(Event.DELIVER, now - self._started_at, self.deliveries, self._random)
        if action.status:
            link.refuse(sequence_number, action.status)
        else:
            self._take(link, pdu, now, is_answered=action.may_answer and action.link_fault in _ANSWERED)
            self._answer(link, sequence_number, pdu, may_answer=action.may_answer)
        if action is not NO_FAULT and action.link_fault is not None:
            link.strike(action.link_fault, now)

    def _answer(self, link: Receiver, sequence_number: int, pdu: DeliverSm | DataSm, *, may_answer: bool) -> None:
        if may_answer:
            link.respond(sequence_number, DeliverSmResp() if isinstance(pdu, DeliverSm) else DataSmResp())
        else:
            link.drop(sequence_number)

    def _take(self, link: Receiver, pdu: DeliverSm | DataSm, now: float, *, is_answered: bool) -> None:
        how = f"link={link.number}" if is_answered else f"link={link.number} unanswered=1"
        if pdu.esm_class & EsmClass.TYPE_MASK in _RECEIPT_TYPES:
            received = self._take_receipt(link, pdu, how, now)
        else:
            received = self._take_mo(link, pdu, how, now)
        if self._remembers:
            self.received.append(received)

    def _take_receipt(self, link: Receiver, pdu: DeliverSm | DataSm, how: str, now: float) -> Received:
        found = _RECEIPT.match(octets_of(pdu))
        message_id, stat = (found[1].decode("latin-1"), found[2].decode("latin-1")) if found else ("", "-")
        if stat in FINAL_STATS:
            self.receipts += 1
            if message_id in self.awaiting:
                self.awaiting.discard(message_id)
            else:
                self._note_early(message_id)
        self._note(Kind.RECEIPT, "", message_id, pdu, f"{how} stat={stat}", now)
        return Received(Kind.RECEIPT, "", message_id, stat, pdu, link.number, now)

    def _note_early(self, message_id: str) -> None:
        while len(self._early) >= _EARLY_KEPT:
            del self._early[next(iter(self._early))]
        self._early[message_id] = None

    def _take_mo(self, link: Receiver, pdu: DeliverSm | DataSm, how: str, now: float) -> Received:
        self.mo += 1
        reading = self._tags.read(pdu)
        detail = f"{how} dcs={pdu.data_coding}{reading.part_detail} octets={reading.octets.hex()}"
        self._note(Kind.MO, reading.tag, "", pdu, detail, now)
        return Received(Kind.MO, reading.tag, "", "", pdu, link.number, now)

    def _note(self, kind: Kind, tag: str, message_id: str, pdu: DeliverSm | DataSm, detail: str, now: float) -> None:
        self._ledger.append(Entry(int(now * 1e9), kind, tag, message_id, pdu.source_addr, pdu.destination_addr, detail))


#: Faults of a link that leave it time to answer.
_ANSWERED: Final = (None, LinkFault.UNBIND)

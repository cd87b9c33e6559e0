"""What a simulated SMSC has to deliver: receipts and MO that wait for a link of their account with room in its window.

It must never know sockets or sessions: links are whatever can say its room and take a delivery.
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from time import time
from typing import Protocol

from chappe.sim.faults import ReceiptForm
from chappe.sim.ledger import Kind
from chappe.sim.receipts import ReceiptText
from chappe.wire.smpp.pdus import DataSm, DeliverSm, SubmitSm

#: The account whose deliveries go to whoever may receive.
ANYONE = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One deliver_sm and what the ledger says about it; `kind` is RECEIPT or MO.

    `receipt` and `form` are for links that write receipts otherwise; `made_at_s` is Unix time.
    """

    kind: Kind
    system_id: str
    tag: str
    message_id: str
    detail: str
    pdu: DeliverSm
    receipt: ReceiptText | None = None
    form: ReceiptForm = ReceiptForm.GOOD
    made_at_s: float = field(default_factory=time)
    #: What a receipt tells of.
    submit: SubmitSm | DataSm | None = None

    @property
    def name(self) -> str:
        """An id of an MO's own: the same whenever it is brought."""
        return f"{self.tag or 'mo'}-{int(self.made_at_s * 1e6):x}"


class Receiver(Protocol):
    """A link that may take deliveries."""

    @property
    def system_id(self) -> str:
        """Whose link it is."""

    def room(self) -> int:
        """How many deliveries it can take now."""

    def deliver(self, delivery: Delivery) -> None:
        """Send it; the window has room."""


class Outbox:
    """Deliveries of all accounts, each account's in the order in which they were put."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, deque[Delivery]] = defaultdict(deque)
        self._turns = count()

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def put(self, delivery: Delivery) -> None:
        """Keep it until a link takes it."""
        self._waiting[delivery.system_id].append(delivery)

    def put_back(self, deliveries: Sequence[Delivery]) -> None:
        """Keep what a link did not get through, before everything else and in its order."""
        for delivery in reversed(deliveries):
            self._waiting[delivery.system_id].appendleft(delivery)

    def pump(self, receivers: Sequence[Receiver]) -> None:
        """Give the links as much as they have room for, spread evenly: receipts come back on any link."""
        for system_id, waiting in self._waiting.items():
            if waiting:
                self._spread(waiting, [link for link in receivers if system_id in (ANYONE, link.system_id)])

    def _spread(self, waiting: deque[Delivery], links: list[Receiver]) -> None:
        turn = next(self._turns)
        for index in range(len(links)):
            link = links[(turn + index) % len(links)]
            fair_share = -(-len(waiting) // (len(links) - index))
            for _ in range(min(link.room(), fair_share)):
                link.deliver(waiting.popleft())

"""Doubts: parts that nobody answered in time are sent again or held, and an answer that comes late ends the doubt.

One task writes both, in the order in which they came, so that a late yes meets what was made of the doubt.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker
from chappe.model.message import Item, Message
from chappe.operators.handset_order import MessageOrder
from chappe.operators.link import InFlight, Link
from chappe.operators.open_parts import OpenParts
from chappe.operators.telling import tell, told_of_sending
from chappe.operators.terms import SendingTerms
from chappe.rules.retry import retry_at_ms
from chappe.runtime.batching import Gathered
from chappe.runtime.clock import Clock
from chappe.runtime.node import persist
from chappe.store.port import Deferred, Held, Sent, Settlement, Store

#: Parts with a late yes that are remembered, for the sake of copies of them that are under way.
REMEMBERED: Final = 10_000

LATE: Final = "late response"


class Doubt(msgspec.Struct, gc=False):
    """Nobody has said what became of a part; `is_slow`: the link lives, but does not answer."""

    flight: InFlight
    why: str
    is_slow: bool


class LateYes(msgspec.Struct, gc=False):
    """The operator took a part and said so late."""

    flight: InFlight
    reference: str


class LateNo(msgspec.Struct, gc=False):
    """The operator refused a part and said so late: whoever has the message now goes on with it."""

    flight: InFlight
    status: int


class Doubts:
    """Settles what was in flight for too long."""

    def __init__(
        self,
        operator: str,
        terms: SendingTerms,
        store: Store,
        clock: Clock,
        parts: OpenParts,
        order: MessageOrder,
        ids: IdMaker,
        *,
        links: Callable[[], Sequence[Link]],
        status_name: Callable[[int], str],
        holds: Callable[[Item], bool],
        forget: Callable[[Item], None],
    ) -> None:
        """`holds(item)`: a doubt is for a person; `forget(item)` keeps its other parts from leaving."""
        self._name = operator
        self._terms = terms
        self._store = store
        self._clock = clock
        self._parts = parts
        self._order = order
        self._ids = ids
        self._links = links
        self._status_name = status_name
        self._holds = holds
        self._forget = forget
        self._arrived: Gathered[Doubt | LateYes | LateNo] = Gathered()
        self._writing = 0
        #: (message id, part) of late yeses, the oldest first: what else happens to copies of these changes nothing.
        self.taken: dict[tuple[int, int], None] = {}

    def change(self, terms: SendingTerms) -> None:
        """Judge by other terms from the next doubt on."""
        self._terms = terms

    @property
    def unsettled(self) -> int:
        """Doubts and late answers that are not yet on disk."""
        return self._writing + len(self._arrived)

    def lose(self, flight: InFlight, why: str, *, is_slow: bool = False) -> None:
        """Nobody will say what became of it; `is_slow`: the link lives, but does not answer."""
        self._arrived.add(Doubt(flight, why, is_slow))

    def answer(self, flight: InFlight, status: int, reference: str) -> None:
        """The operator has answered after all."""
        if status:
            self._arrived.add(LateNo(flight, status))
            return
        self.taken[flight.item.id, flight.part] = None
        if len(self.taken) > REMEMBERED:
            del self.taken[next(iter(self.taken))]
        self._withdraw(flight)
        self._order.answered(flight.item)
        self._arrived.add(LateYes(flight, reference))

    def is_taken(self, item: Item, part: int = 1) -> bool:
        """A late yes said that the operator has this part: no copy of it may leave, and a no to one changes nothing."""
        return (item.id, part) in self.taken

    def _withdraw(self, flight: InFlight) -> None:
        """A copy that has not been written yet stays here."""
        taken = (flight.item.id, flight.part)
        for link in self._links():
            copies = [each for each in link.backlog if (each[1].item.id, each[1].part) == taken]
            for copy in copies:
                link.backlog.remove(copy)
                self._parts.answered(copy[1])

    async def run(self) -> None:
        """Write what became of doubts.  Works until cancelled."""
        while True:
            arrived = await self._arrived.take()
            self._writing = len(arrived)
            events = EventBatch(self._clock.utc_us())
            settlements = self._yeses(arrived, events)
            again = self._doubted([each for each in arrived if isinstance(each, Doubt)], events, settlements)
            # The release comes first: were the store away, others must not wait for the log.
            await self._store.release(again)
            if settlements or len(events):
                faults = await persist(self._store, settlements, events)
                self._untake(settlements, faults)
            self._writing = 0

    def _yeses(self, arrived: Iterable[Doubt | LateYes | LateNo], events: EventBatch) -> list[Settlement]:
        """Late answers: a yes counts, a no is only told."""
        settlements: list[Settlement] = []
        for each in arrived:
            if isinstance(each, LateYes):
                settlements.append(self._sent(each, events))
            elif isinstance(each, LateNo):
                detail = f"{LATE} {self._status_name(each.status)}"
                tell(events, EventName.PDU_REFUSED, self._name, each.flight.item, detail)
        return settlements

    def _sent(self, yes: LateYes, events: EventBatch) -> Settlement:
        item, part = yes.flight.item, yes.flight.part
        message = item.content
        assert isinstance(message, Message)
        detail = f"part {part} of {message.parts}; {LATE}" if message.parts > 1 else LATE
        told = (message.client, self._name, message.dest, message.source, message.reference, yes.reference, detail)
        events.add(EventName.MT_SENT, item.id, *told)
        receipt = told_of_sending(message, self._ids, events.at_us, self._name, yes.reference)
        return Sent(item, self._name, yes.reference, events.at_us, part, receipt)

    def _doubted(self, doubts: Iterable[Doubt], events: EventBatch, settlements: list[Settlement]) -> list[Item]:
        """Sent again, or held for a receipt or a person.  Returns what goes again at once."""
        again: list[Item] = []
        doubt_by_id: dict[int, Doubt] = {}
        for each in doubts:
            if self.is_taken(each.flight.item, each.flight.part):
                self._parts.answered(each.flight)
            else:
                doubt_by_id[each.flight.item.id] = each
        for doubt in doubt_by_id.values():
            item, why = doubt.flight.item, doubt.why
            if item.id in self._parts.dead:
                continue
            self._forget(item)
            if self._holds(item):
                self._order.answered(item)
                tell(events, EventName.MT_HELD, self._name, item, why)
                settlements.append(Held(item, why))
            elif doubt.is_slow:
                # An operator that answers nothing must not get the same message every few seconds.
                due = retry_at_ms(item.attempts, self._terms.retry_s, events.at_us // 1000, random.random())
                due = self._order.refused(item, due)
                tell(events, EventName.MT_DEFERRED, self._name, item, why)
                settlements.append(Deferred(item, due))
            else:
                tell(events, EventName.MT_DEFERRED, self._name, item, f"{why}; sent again")
                again.append(item)
        return again

    def _untake(self, settlements: Sequence[Settlement], faults: Sequence[object]) -> None:
        """A yes that could not be stored is none: its message goes on as if it had not come."""
        for settlement, fault in zip(settlements, faults, strict=False):
            if fault is not None and isinstance(settlement, Sent):
                self.taken.pop((settlement.item.id, settlement.part), None)

"""Responses: what an operator said to our submits, or did not say, becomes what the store is told.

`rules.retry` says what a refusal means.  It must never write to a link.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Status
from chappe.model.message import Item, Message
from chappe.operators.dialect import Dialect
from chappe.operators.doubts import Doubts
from chappe.operators.handset_order import MessageOrder
from chappe.operators.link import InFlight, Link
from chappe.operators.open_parts import OpenParts
from chappe.operators.telling import tell, told_of_sending
from chappe.operators.terms import SendingTerms
from chappe.rules.decide import Routes, next_operator
from chappe.rules.retry import Gate, Refusal, classify, retry_at_ms
from chappe.runtime.batching import Gathered
from chappe.runtime.clock import Clock
from chappe.runtime.in_hand import InHand
from chappe.runtime.node import Notes, persist
from chappe.store.endings import end
from chappe.store.port import Deferred, Moved, Sent, Settlement, Store

#: What was in flight, the status, the reference.
Answered = tuple[InFlight, int, str]

_MT_SENT: Final = EventName.MT_SENT


class Responses:
    """Settles what was in flight."""

    def __init__(
        self,
        operator: str,
        dialect: Dialect,
        terms: SendingTerms,
        store: Store,
        routes: Callable[[], Routes],
        ids: IdMaker,
        clock: Clock,
        notes: Notes,
        gate: Gate,
        parts: OpenParts,
        order: MessageOrder,
        *,
        links: Callable[[], Sequence[Link]],
        doubts: Doubts,
        give_back: Callable[[Sequence[Item]], Awaitable[None]],
        wake: Callable[[], None],
        is_up: Callable[[str], bool],
        hand: InHand,
        judged: Callable[[Sequence[Answered]], None] | None = None,
    ) -> None:
        """`give_back` releases what the operator has surely not taken; `wake()`: something may be sent again.

        `is_up(operator)` says whether another operator can be sent to.  `judged(responses)` is told of a batch before
        anything of it is written; who wants to be told has refused messages for their pace wait on their links.
        """
        self._judged = judged
        self._name = operator
        self._dialect = dialect
        self._status_name = dialect.status_name
        self._terms = terms
        self._store = store
        self._mt_routes = routes
        self._ids = ids
        self._clock = clock
        self._notes = notes
        self._gate = gate
        self._parts = parts
        self._order = order
        self._lines = order.lines
        self._links = links
        self._give_back = give_back
        self._doubts = doubts
        self._taken = doubts.taken
        self._wake = wake
        self._is_up = is_up
        self._hand = hand
        self._queue = f"operator:{operator}"
        self._arrived: Gathered[Answered] = Gathered()
        #: Takes in what came.
        self.add = self._arrived.add
        self.extend = self._arrived.extend
        #: Responses that are being written to the store.
        self._writing = 0

    def change(self, terms: SendingTerms, dialect: Dialect) -> None:
        """Judge by other terms from the next response on."""
        self._terms, self._dialect, self._status_name = terms, dialect, dialect.status_name

    @property
    def unsettled(self) -> int:
        """Responses that were read and are not yet on disk."""
        return self._writing + len(self._arrived)

    async def settle(self) -> None:
        """Write what the operator said to our submits."""
        while True:
            responses = await self._arrived.take()
            self._writing = len(responses)
            now = self._clock.monotonic()
            events = EventBatch(self._clock.utc_us())
            settlements: list[Settlement] = []
            given_back: list[Item] = []
            hand = self._hand.of(self._queue)
            for flight, status, reference in responses:
                if hand is not None:
                    hand.take(flight.item)
                if status == 0:
                    self._sent(flight, reference, events, settlements)
                    self._gate.passed(now)
                else:
                    self._refused(flight, status, events, settlements, given_back)
            if hand is not None:
                hand.drop()
            if self._judged is not None:
                self._judged(responses)
            if given_back:
                await self._give_back(given_back)
            if settlements or len(events):
                await persist(self._store, settlements, events)
            self._writing = 0
            self._wake()

    def _sent(self, flight: InFlight, reference: str, events: EventBatch, settlements: list[Settlement]) -> None:
        item = flight.item
        message = item.content
        assert isinstance(message, Message)
        if self._taken and self._doubts.is_taken(item, flight.part):
            # It came while the yes to its first copy is being written: one after the other.
            self._parts.answered(flight)
            self._doubts.answer(flight, 0, reference)
            return
        events.add(
            _MT_SENT,
            item.id,
            message.client,
            self._name,
            message.dest,
            message.source,
            message.reference,
            reference,
            f"part {flight.part} of {message.parts}" if message.parts > 1 else "",
        )
        if message.parts > 1:
            if item.id in self._parts.dead:
                return
            self._parts.answered(flight)
        if self._lines:
            self._order.answered(item)
        receipt = None
        if message.is_called_back:
            receipt = told_of_sending(message, self._ids, events.at_us, self._name, reference)
        settlements.append(Sent(item, self._name, reference, events.at_us, flight.part, receipt))

    def _refused(
        self,
        flight: InFlight,
        status: int,
        events: EventBatch,
        settlements: list[Settlement],
        given_back: list[Item],
    ) -> None:
        item = flight.item
        if item.id in self._parts.dead:
            return
        refusal = classify(status, self._terms.refusals)
        if refusal is Refusal.THROTTLED and self._gate.close(self._clock.monotonic()):
            self._notes.add(EventName.THROTTLED, operator=self._name, detail=self._status_name(status))
        if self._taken and self._doubts.is_taken(item, flight.part):
            self._parts.answered(flight)
            tell(events, EventName.PDU_REFUSED, self._name, item, f"{self._status_name(status)} to a second copy")
            return
        if refusal is Refusal.THROTTLED:
            if not self._wait_on_link(flight):
                self.forget(item)
                given_back.append(item)
            return
        if refusal is Refusal.TEMPORARY:
            self.forget(item)
            settlements.append(self._again(item, events, self._status_name(status)))
            return
        if flight.part > 1 or self._parts.has(item.id):
            self._parts.end(item.id)
        self.forget(item)
        self._order.answered(item)
        tell(events, EventName.MT_FAILED, self._name, item, self._status_name(status))
        settlements.append(end(item, Status.REJECTED, self._dialect.error_of(status), events.at_us, self._name))

    def _wait_on_link(self, flight: InFlight) -> bool:
        """A throttled part of a long message stays on a link: its other parts may be under way.

        Where others wait on links for what is in flight, it stays in front of them.
        """
        message = flight.item.content
        links = [link for link in self._links() if link.may_send]
        if not isinstance(message, Message) or (message.parts == 1 and self._judged is None) or not links:
            return False
        link = links[hash(message.dest) % len(links)]
        link.backlog.appendleft((self._dialect.submits_of(message, self._terms.wire)[flight.part - 1], flight))
        return True

    def forget(self, item: Item) -> None:
        """A message of several parts stops here: its other parts do not leave, their answers change nothing."""
        if self._parts.stop(item.id):
            for link in self._links():
                if link.backlog:
                    kept = [each for each in link.backlog if each[1].item.id != item.id]
                    link.backlog.clear()
                    link.backlog.extend(kept)

    def _again(self, item: Item, events: EventBatch, why: str) -> Settlement:
        """Another operator of the route, or this one later."""
        message = item.content
        assert isinstance(message, Message)
        operators = self._mt_routes().operators_of(message, events.at_us // 1000)
        other = next_operator(operators, self._name, item.attempts, self._is_up)
        if other is not None and message.parts == 1:
            self._order.answered(item)
            tell(events, EventName.MT_MOVED, self._name, item, f"{why}; to {other}")
            return Moved(item, f"operator:{other}")
        due = retry_at_ms(item.attempts, self._terms.retry_s, events.at_us // 1000, random.random())
        tell(events, EventName.MT_DEFERRED, self._name, item, why)
        return Deferred(item, self._order.refused(item, due))

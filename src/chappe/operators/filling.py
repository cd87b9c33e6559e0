"""Filling the windows: leases an operator's messages and puts them on links, as gate, rate and windows allow.

It must never know a protocol, nor what becomes of what has left.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from chappe.crash import ARMED, CrashPoint, reach
from chappe.model.errors import MisuseError
from chappe.model.events import EventBatch, EventName
from chappe.model.message import Item, Message
from chappe.net.peer import Peer
from chappe.operators.dialect import Dialect, UnsendableError
from chappe.operators.doubts import Doubts
from chappe.operators.handset_order import MessageOrder
from chappe.operators.leaving import Leaving
from chappe.operators.link import InFlight, Link
from chappe.operators.links import Links
from chappe.operators.open_parts import OpenParts
from chappe.operators.responses import Responses
from chappe.operators.telling import tell
from chappe.operators.terms import SendingTerms
from chappe.operators.validity import Validity
from chappe.rules.retry import Gate
from chappe.runtime.batching import Gathered
from chappe.runtime.clock import Clock
from chappe.runtime.crashes import CrashDesk
from chappe.runtime.in_hand import InHand
from chappe.runtime.node import Notes, persist
from chappe.runtime.supervisor import each
from chappe.runtime.throttle import Throttle
from chappe.store.port import Sending, Store, StoreAway, Unwritten

#: Messages leased at once at most, however wide the windows are.
LEASE_ITEMS: Final = 1_000


class Filling(ABC):
    """The half of an operator node that sends; the node makes what is named here."""

    dialect: Dialect

    name: str
    queue: str
    links: Links
    is_draining: bool
    _terms: SendingTerms
    _store: Store
    _clock: Clock
    _notes: Notes
    _gate: Gate
    _throttle: Throttle
    _validity: Validity
    _order: MessageOrder
    _parts: OpenParts
    _crashes: CrashDesk
    _hand: InHand
    _doubts: Doubts
    _responses: Responses
    _work: Gathered[None]
    _is_woken: bool
    #: Leased messages are on their way to a link.
    _is_sending: bool
    _turns: int
    #: Monotonic seconds until which the node may use its part of what it shares with others of this operator.
    _may_until: float
    #: Who stops what may no longer leave; None where nothing can.
    leaving: Leaving | None = None
    _premium: frozenset[str]
    _may_hold: bool
    _submit_of: Any

    @abstractmethod
    def _start(self, work: "asyncio.Future[None] | object") -> None:
        """Have something done beside."""

    def _wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            self._work.add(None)

    def _wake_in(self, delay_s: float) -> None:
        asyncio.get_running_loop().call_later(delay_s, self._wake)

    async def _send(self) -> None:
        """Fill the windows, as the gate and the rate allow."""
        while True:
            await self._work.take()
            self._turns += 1
            self._is_woken = False
            if self.is_draining:
                continue
            now = self._clock.monotonic()
            closed_s = self._gate.opens_in_s(now)
            if closed_s:
                self._wake_in(closed_s)
                continue
            if self.leaving is not None and self.leaving.has_news():
                self._recall_silenced(self.leaving)
            self._send_backlogs(now)
            room = self._room(now)
            if room <= 0 or self._terms.is_paused:
                continue
            most = self._hand.share(self.queue, min(room, LEASE_ITEMS))
            items = await self._store.lease(self.queue, most)
            if items:
                self._is_sending = True
                await self._send_items(items)
                self._is_sending = False
                if len(items) == most:
                    self._wake()

    def _room(self, now: float) -> int:
        """How many PDUs may leave now.

        An answer that is not yet on disk still fills its place: a death must not double more than the windows hold.
        """
        if now > self._may_until:
            return 0
        room = -self._responses.unsettled
        for link in self.links.links:
            room += max(0, link.room)
        if self._gate.is_doubted:
            # One at a time until the operator takes something: what it refuses then is overtaken by nothing.
            room = min(room, 1 - self._in_flight)
        tokens = self._throttle.available(now)
        if tokens < 1 and room > 0:
            self._wake_in(self._throttle.wait_s())
        return min(room, tokens)

    @property
    def _in_flight(self) -> int:
        return sum(link.sender.session.in_flight for link in self.links.links if link.sender is not None)

    def _may_write(self) -> bool:
        """What was leased is surely still ours; else the links are closed before another node uses them too."""
        if self._store.may_write():
            return True
        for peer in self.links.peers():
            peer.close("the store was silent for too long")
        return False

    def _recall_silenced(self, leaving: Leaving) -> None:
        """What waits on links for handsets that have opted out goes back to the queue: whoever leases it ends it.

        A message of which parts are under way goes on.
        """
        recalled: dict[int, Item] = {}
        for link in self.links.links:
            parts = Counter(flight.item.id for _, flight in link.backlog)
            for _, flight in link.backlog:
                item = flight.item
                if parts[item.id] >= self._parts.count(item.id) and leaving.is_silenced(item):
                    recalled[item.id] = item
            kept = [each for each in link.backlog if each[1].item.id not in recalled]
            link.backlog.clear()
            link.backlog.extend(kept)
        for item_id in recalled:
            self._parts.stop(item_id)
        if recalled:
            self._start(self._give_back(list(recalled.values())))

    def _send_backlogs(self, now: float) -> None:
        for link in self.links.links:
            if link.backlog and link.may_send:
                if not self._may_write():
                    return
                self._send_backlog(link, now)

    def _send_backlog(self, link: Link, now: float) -> None:
        sender = link.sender
        assert sender is not None
        tokens = self._throttle.available(now)
        for pdu, flight in link.take_waiting(min(sender.session.room, tokens)):
            self._write(sender, pdu, flight, now)
            self._throttle.take(1)
            tokens -= 1
        if link.backlog and tokens <= 0:
            self._wake_in(self._throttle.wait_s())
        self._flush([sender])

    async def _send_items(self, items: Sequence[Item]) -> None:
        """Put leased messages on links; what has outlived its validity ends here."""
        ready = await self._validity.still_valid(items)
        if self._order.lines:
            ready = await self._order.may_leave(ready)
        try:
            if self.leaving is not None:
                ready = await self.leaving.may_leave(ready)
            taken = await self._parts_taken(ready)
        except StoreAway:
            await self._store.release(ready)
            return
        held = [item for item in ready if self._holds(item)] if self._may_hold else []
        if held and any(link.takes_work for link in self.links.links):
            await self._mark(held)
        # Nothing is awaited from here to the write: a link that may send now still may when it is written to.
        links = [link for link in self.links.links if link.takes_work] if self._may_write() else []
        if not links:
            await self._give_back(ready)
            return
        now, wire, submit_of = self._clock.monotonic(), self._terms.wire, self._submit_of

        def put(item: Item) -> None:
            message: Message = item.content  # type: ignore[assignment]
            # One handset's messages keep to one link, so that they arrive in order.
            link = links[hash(message.dest) % len(links)]
            if message.parts == 1:
                if self._doubts.taken and self._doubts.is_taken(item):
                    # A yes to its first copy came meanwhile; writing that ends the lease.
                    return
                try:
                    pdu = submit_of(message, wire)
                except UnsendableError as error:
                    self._refuse(InFlight(item), str(error))
                    return
                self._put(link, pdu, InFlight(item), now)
            else:
                self._put_parts(link, item, message, taken[item.id], now)

        for crash in each(ready, put, self._hand.of(self.queue)):
            self._crashes.add(crash)
        self._flush_links(links, now)

    async def _parts_taken(self, items: Sequence[Item]) -> dict[int, set[int]]:
        """Of long messages, the parts that the operator has already: id → part numbers."""
        long = [item for item in items if item.content.parts > 1]
        return {item.id: await self._store.parts_sent(item.id) for item in long}

    def _put(self, link: Link, pdu: Any, flight: InFlight, now: float) -> None:
        sender = link.sender
        if link.backlog or sender is None or sender.session.room <= 0:
            link.backlog.append((pdu, flight))
            return
        self._write(sender, pdu, flight, now)
        if not self._throttle.is_unlimited:
            self._throttle.take(1)

    def _write(self, sender: Peer, pdu: Any, flight: InFlight, now: float) -> None:
        """Send one part; one that this operator's protocol cannot carry is refused alone, as if the operator had."""
        try:
            sender.session.request(pdu, now, flight)
        except MisuseError as error:
            self._refuse(flight, str(error))

    def _refuse(self, flight: InFlight, why: str) -> None:
        """What the protocol cannot carry is refused here."""
        self._notes.add(EventName.PDU_REFUSED, operator=self.name, detail=why)
        self._responses.add((flight, self.dialect.unwritable_status, ""))

    def _put_parts(self, link: Link, item: Item, message: Message, taken: set[int], now: float) -> None:
        """The parts of a long message that the operator has not taken yet."""
        try:
            pdus = self.dialect.submits_of(message, self._terms.wire)
        except UnsendableError as error:
            self._refuse(InFlight(item), str(error))
            return
        parts = range(1, len(pdus) + 1)
        left = [part for part in parts if part not in taken and not self._doubts.is_taken(item, part)]
        self._parts.begin(item.id, left)
        for part, pdu in enumerate(pdus, 1):
            if part in left:
                self._put(link, pdu, InFlight(item, part), now)

    def _flush_links(self, links: Sequence[Link], now: float) -> None:
        self._flush([link.sender for link in links if link.sender is not None])

    def _flush(self, peers: Sequence[Peer]) -> None:
        if ARMED is not None:
            reach(CrashPoint.BEFORE_WRITE_TO_OPERATOR)
        for peer in peers:
            peer.flush()
        if ARMED is not None:
            reach(CrashPoint.AFTER_WRITE_TO_OPERATOR)

    def _holds(self, item: Item) -> bool:
        """A doubt about this message is for a receipt or a person, not for a second copy."""
        if item.content.client in self._premium:
            return self._terms.holds_premium
        return self._terms.holds_unknown

    def _is_begun(self, item: Item) -> bool:
        """Some of it may have left already, or must not leave twice."""
        return item.content.parts > 1 or self._holds(item)

    async def _mark(self, items: Sequence[Item]) -> None:
        """The durable mark before a write that must not be repeated."""
        events = EventBatch(self._clock.utc_us())
        for item in items:
            tell(events, EventName.MT_SENDING, self.name, item)
        await persist(self._store, [Sending(item) for item in items], events)

    async def _give_back(self, items: Sequence[Item]) -> None:
        """Release messages that the operator has surely not taken, and take the mark back that says otherwise."""
        marked = [item for item in items if self._holds(item)] if self._may_hold else []
        if marked:
            await persist(self._store, [Unwritten(item) for item in marked], EventBatch(self._clock.utc_us()))
        await self._store.release(items)

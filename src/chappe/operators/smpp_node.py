"""The operator node over SMPP: sends an operator its messages and brings home what it says.

Reads `operator:NAME`; writes `sent` with its reference, reports, and MO into their destinations' queues.
A deliver_sm_resp follows the commit of what it answers.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from chappe.crash import ARMED, CrashPoint, reach
from chappe.model.errors import MisuseError
from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker, first_id_at, made_at_ms
from chappe.model.lifecycle import Status
from chappe.model.message import Item, Message
from chappe.net.smpp_peer import SmppPeer
from chappe.operators.inbound import Inbound
from chappe.operators.link import InFlight, Link
from chappe.operators.smpp_links import LinkTerms, SmppLinks
from chappe.operators.translate import Wire, submit_of, submits_of
from chappe.rules.decide import Routes, next_operator, other_operators
from chappe.rules.expiry import expires_at_ms
from chappe.rules.retry import Gate, Refusal, RefusalRules, classify, retry_at_ms
from chappe.runtime.batching import Gathered
from chappe.runtime.clock import Clock
from chappe.runtime.node import Notes, hold_crashes, persist
from chappe.runtime.supervisor import Crash, each
from chappe.runtime.throttle import Throttle
from chappe.store.endings import end
from chappe.store.port import Deferred, Held, Moved, Sending, Sent, Settlement, Store, Unwritten
from chappe.wire.smpp.facts import BindRefused, Bound, Fact, LateResponse, Over, Refused, Request, Response, Unanswered
from chappe.wire.smpp.pdus import SubmitSm, SubmitSmResp
from chappe.wire.smpp.statuses import CommandStatus, status_name

TICK_S: Final = 0.5
#: No link could send for so long: messages with another operator on their route go there.
FAILOVER_AFTER_S: Final = 10.0
FAILOVER_EVERY_S: Final = 5.0
#: Pause before the next look when the last one had its hands full.
FAILOVER_AGAIN_S: Final = 0.05
#: Messages that one look for failover takes.
FAILOVER_ITEMS: Final = 2_000
#: Messages leased at once at most, however wide the windows are.
LEASE_ITEMS: Final = 1_000


class SendingTerms(msgspec.Struct, frozen=True):
    """How an operator is fed, and what its refusals mean; from its settings and profile."""

    wire: Wire
    refusals: RefusalRules
    rate: float = 0.0
    retry_s: tuple[float, ...] = (5.0, 30.0, 120.0, 600.0, 1800.0)
    max_validity_s: float = 172_800.0
    #: A part of unknown outcome is held, not sent again: ordinary traffic, and premium.
    holds_unknown: bool = False
    holds_premium: bool = True
    retry_status: int = 0x64
    redelivery_s: float = 300.0


class OperatorSmppNode:
    """One operator, all its links on this box."""

    def __init__(
        self,
        links: LinkTerms,
        terms: SendingTerms,
        store: Store,
        mt_routes: Callable[[], Routes],
        mo_routes: Callable[[], Routes],
        ids: IdMaker,
        clock: Clock,
        *,
        validity_s: Callable[[str], float],
        shortest_validity_s: float = 0.0,
        premium: frozenset[str] = frozenset(),
        is_up: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """`validity_s(client)` is the validity of a message that names none, at least `shortest_validity_s`.

        `premium` are the clients whose messages cost the handset's owner money; `is_up(operator)` says whether
        another operator can be sent to.
        """
        self.name = links.operator
        self.queue = f"operator:{links.operator}"
        self._terms = terms
        self._store = store
        self._mt_routes = mt_routes
        self._clock = clock
        self._validity_s = validity_s
        # Younger messages that name no moment need no look.
        self._surely_valid_ms = int(min(shortest_validity_s, terms.max_validity_s) * 1000)
        self._premium = premium
        self._is_up = is_up
        self._may_hold = terms.holds_unknown or (bool(premium) and terms.holds_premium)
        self._notes = Notes(store, clock)
        self._gate = Gate()
        self._throttle = Throttle(terms.rate, clock.monotonic())
        self._work: Gathered[None] = Gathered()
        self._is_woken = False
        self._responses: Gathered[tuple[InFlight, int, str]] = Gathered()
        self._given_up: Gathered[tuple[InFlight, str, bool]] = Gathered()
        self._crashes: Gathered[Crash] = Gathered()
        #: Messages of several parts that are under way: id → parts without answer.
        self._parts_open: dict[int, set[int]] = {}
        #: Messages that ended while parts of them were still in flight.
        self._dead: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        #: Leased messages are on their way to a link.
        self._is_sending = False
        #: Responses that are being written to the store.
        self._settling = 0
        self.is_draining = False
        self.links = SmppLinks(
            links, clock, self._notes, on_facts=self._on_facts, on_up=self._on_up, on_down=self._on_down
        )
        self.inbound = Inbound(
            self.name, terms.wire, store, mo_routes, ids, clock, terms.retry_status, int(terms.redelivery_s * 1000)
        )
        store.listen(self.queue, self._wake)

    # -- life of the node ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            name = self.name
            self.links.start(group)
            group.create_task(self._send(), name=f"{name} send")
            group.create_task(self._settle(), name=f"{name} settle")
            group.create_task(self._give_up(), name=f"{name} give up")
            group.create_task(self.inbound.reports(), name=f"{name} reports")
            group.create_task(self.inbound.messages(), name=f"{name} mo")
            group.create_task(self._tick(), name=f"{name} tick")
            group.create_task(hold_crashes(self._store, self._clock, self._crashes), name=f"{name} crashes")
            group.create_task(self._fail_over(), name=f"{name} failover")

    async def drain(self, until: float) -> None:
        """Send nothing new, wait for answers until `until` (monotonic), unbind."""
        self.is_draining = True
        self.links.is_stopping = True
        peers = self.links.peers()
        while self._clock.monotonic() < until and (
            self._is_sending
            or self._unsettled
            or any(peer.session.in_flight or peer.session.unanswered for peer in peers)
        ):
            await asyncio.sleep(0.02)
        for link in self.links.links:
            unwritten, _ = self._take_backlog(link)
            await self._give_back(unwritten)
        now = self._clock.monotonic()
        for peer in self.links.peers():
            if peer.session.is_bound:
                peer.session.unbind(now)
                peer.flush()
        deadline = min(until, self._clock.monotonic() + 1.0)
        while self.links.peers() and self._clock.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for peer in self.links.peers():
            peer.close("the gateway stops")

    # -- links --------------------------------------------------------------------------------------

    def _on_up(self, link: Link) -> None:
        self._wake()

    def _on_down(self, link: Link, peer: SmppPeer) -> None:
        """The outcome of what was in flight is unknown; what was not written yet is simply given back."""
        for context in peer.session.abandon():
            if isinstance(context, InFlight):
                self._given_up.add((context, "link lost before the response", False))
        if link.sender is None:
            unwritten, begun = self._take_backlog(link)
            for item in begun:
                self._given_up.add((InFlight(item), "link lost before the response", False))
            if unwritten:
                self._start(self._give_back(unwritten))
        if link.receiver is None:
            # While a pair's receiver lives, its answers can still be read: the transmitter's end proves nothing.
            self.inbound.link_lost(link)

    def _take_backlog(self, link: Link) -> tuple[list[Item], list[Item]]:
        """What waits on a link: messages of which nothing is under way, and those with parts in flight."""
        parts = Counter(flight.item.id for _, flight in link.backlog)
        unwritten: list[Item] = []
        begun: list[Item] = []
        for item in link.take_backlog():
            is_begun = parts[item.id] < len(self._parts_open.get(item.id, ()))
            (begun if is_begun else unwritten).append(item)
        return unwritten, begun

    async def _give_back(self, items: Sequence[Item]) -> None:
        """Release messages that the operator has surely not taken, and take the mark back that says otherwise."""
        marked = [item for item in items if self._holds(item)] if self._may_hold else []
        if marked:
            await persist(self._store, [Unwritten(item) for item in marked], EventBatch(self._clock.utc_us()))
        await self._store.release(items)

    def _start(self, work: "asyncio.Future[None] | object") -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"{self.name} release")  # type: ignore[arg-type,var-annotated]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_facts(self, peer: SmppPeer, facts: list[Fact]) -> None:
        link, connecting = peer.owner
        for fact in facts:
            kind = type(fact)
            if kind is Response:
                pdu = fact.pdu  # type: ignore[union-attr]
                reference = pdu.message_id if type(pdu) is SubmitSmResp else ""
                self._responses.add((fact.context, fact.command_status, reference))  # type: ignore[union-attr,arg-type]
            elif kind is Request:
                self.inbound.take(link, peer, fact.sequence_number, fact.pdu)  # type: ignore[union-attr]
            elif kind is Unanswered:
                self._given_up.add((fact.context, "no response in time", True))  # type: ignore[union-attr,arg-type]
            elif kind is Bound:
                _resolve(connecting.bound, 0)
            elif kind is BindRefused:
                _resolve(connecting.bound, fact.command_status)  # type: ignore[union-attr]
            elif kind is Refused:
                self._notes.add(EventName.PDU_REFUSED, operator=self.name, detail=f"{peer.name} {fact.what}")  # type: ignore[union-attr]
            elif kind is LateResponse:
                late = status_name(fact.command_status)  # type: ignore[union-attr]
                self._notes.add(EventName.PDU_REFUSED, operator=self.name, detail=f"{peer.name} late response {late}")
            elif kind is Over:
                pass
        if peer is link.receiver:
            # What a transmitter's peer has read says nothing about the answers on the receiver.
            link.answered.proved(peer.session.heard_us_at)
        self._wake()

    # -- sending ------------------------------------------------------------------------------------

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
            self._is_woken = False
            if self.is_draining:
                continue
            now = self._clock.monotonic()
            closed_s = self._gate.opens_in_s(now)
            if closed_s:
                self._wake_in(closed_s)
                continue
            self._send_backlogs(now)
            room = self._room(now)
            if room <= 0:
                continue
            items = await self._store.lease(self.queue, min(room, LEASE_ITEMS))
            if items:
                self._is_sending = True
                await self._send_items(items)
                self._is_sending = False
                if len(items) == room or len(items) == LEASE_ITEMS:
                    self._wake()

    def _room(self, now: float) -> int:
        """How many PDUs may leave now.

        An answer that is not yet on disk still fills its place: a death must not double more than the windows hold.
        """
        room = -self._unsettled
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

    @property
    def _unsettled(self) -> int:
        """Responses that were read and are not yet on disk."""
        return self._settling + len(self._responses)

    def _send_backlogs(self, now: float) -> None:
        for link in self.links.links:
            if link.backlog and link.may_send:
                self._send_backlog(link, now)

    def _send_backlog(self, link: Link, now: float) -> None:
        sender = link.sender
        assert sender is not None
        tokens = self._throttle.available(now)
        while link.backlog and sender.session.room > 0 and tokens > 0:
            pdu, flight = link.backlog.popleft()
            self._write(sender, pdu, flight, now)
            self._throttle.take(1)
            tokens -= 1
        if link.backlog and tokens <= 0:
            self._wake_in(self._throttle.wait_s())
        self._flush([sender])

    async def _send_items(self, items: Sequence[Item]) -> None:
        """Put leased messages on links; what has outlived its validity ends here."""
        ready = await self._still_valid(items)
        taken = await self._parts_taken(ready)
        held = [item for item in ready if self._holds(item)] if self._may_hold else []
        if held and any(link.may_send for link in self.links.links):
            await self._mark(held)
        # Nothing is awaited from here to the write: a link that may send now still may when it is written to.
        links = [link for link in self.links.links if link.may_send]
        if not links:
            await self._give_back(ready)
            return
        now, wire = self._clock.monotonic(), self._terms.wire

        def put(item: Item) -> None:
            message: Message = item.content  # type: ignore[assignment]
            # One handset's messages keep to one link, so that they arrive in order.
            link = links[hash(message.dest) % len(links)]
            if message.parts == 1:
                self._put(link, submit_of(message, wire), InFlight(item), now)
            else:
                self._put_parts(link, item, message, taken[item.id], now)

        for crash in each(ready, put):
            self._crashes.add(crash)
        self._flush([link.sender for link in links if link.sender is not None])

    async def _parts_taken(self, items: Sequence[Item]) -> dict[int, set[int]]:
        """Of long messages, the parts that the operator has already: id → part numbers."""
        long = [item for item in items if item.content.parts > 1]  # type: ignore[union-attr]
        return {item.id: await self._store.parts_sent(item.id) for item in long}

    async def _still_valid(self, items: Sequence[Item]) -> Sequence[Item]:
        """End what has outlived its validity; return the rest."""
        now_ms = self._clock.utc_us() // 1000
        fresh_from = first_id_at(now_ms - self._surely_valid_ms)
        if all(item.id > fresh_from and not item.content.expires_at_ms for item in items):  # type: ignore[union-attr]
            return items
        late = [item for item in items if self._expires_at_ms(item) <= now_ms]
        if late:
            await self.end_expired(late)
            ended = {item.id for item in late}
            return [item for item in items if item.id not in ended]
        return items

    def _put(self, link: Link, pdu: SubmitSm, flight: InFlight, now: float) -> None:
        sender = link.sender
        if link.backlog or sender is None or sender.session.room <= 0:
            link.backlog.append((pdu, flight))
            return
        self._write(sender, pdu, flight, now)
        self._throttle.take(1)

    def _write(self, sender: SmppPeer, pdu: SubmitSm, flight: InFlight, now: float) -> None:
        """Send one PDU; one that this operator's SMPP cannot carry is refused alone, as if the operator had."""
        try:
            sender.session.request(pdu, now, flight)
        except MisuseError as error:
            self._notes.add(EventName.PDU_REFUSED, operator=self.name, detail=str(error))
            self._responses.add((flight, CommandStatus.ESME_RSUBMITFAIL, ""))

    def _put_parts(self, link: Link, item: Item, message: Message, taken: set[int], now: float) -> None:
        """The parts of a long message that the operator has not taken yet."""
        pdus = submits_of(message, self._terms.wire)
        self._parts_open[item.id] = {part for part in range(1, len(pdus) + 1) if part not in taken}
        self._dead.discard(item.id)
        for part, pdu in enumerate(pdus, 1):
            if part not in taken:
                self._put(link, pdu, InFlight(item, part), now)

    def _flush(self, peers: Sequence[SmppPeer]) -> None:
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

    async def _mark(self, items: Sequence[Item]) -> None:
        """The durable mark before a write that must not be repeated."""
        events = EventBatch(self._clock.utc_us())
        for item in items:
            self._tell(events, EventName.MT_SENDING, item)
        await persist(self._store, [Sending(item) for item in items], events)

    def _expires_at_ms(self, item: Item) -> int:
        message = item.content
        assert isinstance(message, Message)
        return expires_at_ms(
            message,
            born_ms=made_at_ms(item.id),
            validity_s=self._validity_s(message.client),
            max_validity_s=self._terms.max_validity_s,
        )

    async def end_expired(self, items: Sequence[Item]) -> None:
        """Our clock ends what was never sent, and tells its client."""
        events = EventBatch(self._clock.utc_us())
        settlements: list[Settlement] = []
        for item in items:
            self._tell(events, EventName.MT_EXPIRED, item)
            settlements.append(end(item, Status.EXPIRED, "000", events.at_us, self.name))
        await persist(self._store, settlements, events)

    # -- responses ----------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Write what the operator said to our submits."""
        while True:
            responses = await self._responses.take()
            self._settling = len(responses)
            now = self._clock.monotonic()
            events = EventBatch(self._clock.utc_us())
            settlements: list[Settlement] = []
            given_back: list[Item] = []
            for flight, status, reference in responses:
                if status == 0:
                    self._sent(flight, reference, events, settlements)
                    self._gate.passed(now)
                else:
                    self._refused(flight, status, events, settlements, given_back)
            if given_back:
                await self._give_back(given_back)
            if settlements or len(events):
                await persist(self._store, settlements, events)
            self._settling = 0
            self._wake()

    def _sent(self, flight: InFlight, reference: str, events: EventBatch, settlements: list[Settlement]) -> None:
        item = flight.item
        message = item.content
        assert isinstance(message, Message)
        events.add(
            EventName.MT_SENT,
            item.id,
            message.client,
            self.name,
            message.dest,
            message.source,
            message.reference,
            reference,
            f"part {flight.part} of {message.parts}" if message.parts > 1 else "",
        )
        if message.parts > 1:
            if item.id in self._dead:
                return
            self._answered_part(flight)
        settlements.append(Sent(item, self.name, reference, events.at_us, flight.part))

    def _answered_part(self, flight: InFlight) -> None:
        still_open = self._parts_open.get(flight.item.id)
        if still_open is not None:
            still_open.discard(flight.part)
            if not still_open:
                del self._parts_open[flight.item.id]

    def _refused(
        self,
        flight: InFlight,
        status: int,
        events: EventBatch,
        settlements: list[Settlement],
        given_back: list[Item],
    ) -> None:
        item = flight.item
        if item.id in self._dead:
            return
        refusal = classify(status, self._terms.refusals)
        if refusal is Refusal.THROTTLED:
            if self._gate.close(self._clock.monotonic()):
                self._notes.add(EventName.THROTTLED, operator=self.name, detail=status_name(status))
            if not self._wait_on_link(flight):
                self._forget(item)
                given_back.append(item)
            return
        if refusal is Refusal.TEMPORARY:
            self._forget(item)
            settlements.append(self._again(item, events, status_name(status)))
            return
        if flight.part > 1 or item.id in self._parts_open:
            self._dead.add(item.id)
        self._forget(item)
        self._tell(events, EventName.MT_FAILED, item, status_name(status))
        settlements.append(end(item, Status.REJECTED, f"{status & 0xFFF:03X}", events.at_us, self.name))

    def _wait_on_link(self, flight: InFlight) -> bool:
        """A throttled part of a long message stays on a link: its other parts may be under way."""
        message = flight.item.content
        links = [link for link in self.links.links if link.may_send]
        if not isinstance(message, Message) or message.parts == 1 or not links:
            return False
        link = links[hash(message.dest) % len(links)]
        link.backlog.appendleft((submits_of(message, self._terms.wire)[flight.part - 1], flight))
        return True

    def _forget(self, item: Item) -> None:
        """A message of several parts stops here: its other parts do not leave, their answers change nothing."""
        if self._parts_open.pop(item.id, None) is not None:
            for link in self.links.links:
                if link.backlog:
                    kept = [each for each in link.backlog if each[1].item.id != item.id]
                    link.backlog.clear()
                    link.backlog.extend(kept)

    def _again(self, item: Item, events: EventBatch, why: str) -> Settlement:
        """Another operator of the route, or this one later."""
        message = item.content
        assert isinstance(message, Message)
        route = self._mt_routes().find(message.dest, message.source, client=message.client)
        other = next_operator(route.operators, self.name, item.attempts) if route else None
        if other is not None and message.parts == 1:
            self._tell(events, EventName.MT_MOVED, item, f"{why}; to {other}")
            return Moved(item, f"operator:{other}")
        due = retry_at_ms(item.attempts, self._terms.retry_s, events.at_us // 1000, random.random())
        self._tell(events, EventName.MT_DEFERRED, item, why)
        return Deferred(item, due)

    async def _give_up(self) -> None:
        """Parts whose outcome nobody knows: sent again, or held for a receipt or a person."""
        while True:
            flights = await self._given_up.take()
            items = {flight.item.id: (flight.item, why, is_slow) for flight, why, is_slow in flights}
            events = EventBatch(self._clock.utc_us())
            again: list[Item] = []
            settlements: list[Settlement] = []
            for item, why, is_slow in items.values():
                if item.id in self._dead:
                    continue
                self._forget(item)
                if self._holds(item):
                    self._tell(events, EventName.MT_HELD, item, why)
                    settlements.append(Held(item, why))
                elif is_slow:
                    # An operator that answers nothing must not get the same message every few seconds.
                    due = retry_at_ms(item.attempts, self._terms.retry_s, events.at_us // 1000, random.random())
                    self._tell(events, EventName.MT_DEFERRED, item, why)
                    settlements.append(Deferred(item, due))
                else:
                    self._tell(events, EventName.MT_DEFERRED, item, f"{why}; sent again")
                    again.append(item)
            # The release comes first: were the store away, others must not wait for the log.
            await self._store.release(again)
            if settlements or len(events):
                await persist(self._store, settlements, events)

    # -- failover, clock, log -----------------------------------------------------------------------

    async def _fail_over(self) -> None:
        """While no link can send, messages whose route names another operator go there."""
        has_more = False
        while True:
            await asyncio.sleep(FAILOVER_AGAIN_S if has_more else FAILOVER_EVERY_S)
            has_more = False
            since = self.links.down_since
            if since is None or self.is_draining or self._clock.monotonic() - since < FAILOVER_AFTER_S:
                continue
            items = await self._store.lease(self.queue, FAILOVER_ITEMS)
            events = EventBatch(self._clock.utc_us())
            moved: list[Settlement] = []
            kept: list[Item] = []
            for item in items:
                other = self._other_operator(item)
                if other is None or await self._has_begun(item):
                    kept.append(item)
                else:
                    self._tell(events, EventName.MT_MOVED, item, f"no link; to {other}")
                    moved.append(Moved(item, f"operator:{other}"))
            await self._store.release(kept)
            if moved:
                await persist(self._store, moved, events)
                has_more = len(items) == FAILOVER_ITEMS

    def _other_operator(self, item: Item) -> str | None:
        message = item.content
        assert isinstance(message, Message)
        route = self._mt_routes().find(message.dest, message.source, client=message.client)
        others = other_operators(route.operators, self.name) if route else ()
        return next((name for name in others if self._is_up(name)), None)

    async def _has_begun(self, item: Item) -> bool:
        """Parts never change operator after the first was accepted."""
        message = item.content
        return isinstance(message, Message) and message.parts > 1 and bool(await self._store.parts_sent(item.id))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now = self._clock.monotonic()
            for peer in self.links.peers():
                peer.tick(now)
            await self.inbound.tick(self.links.links)
            await self._notes.write()

    def _tell(self, events: EventBatch, event: EventName, item: Item, detail: str = "") -> None:
        message = item.content
        assert isinstance(message, Message)
        events.add(
            event, item.id, message.client, self.name, message.dest, message.source, message.reference, "", detail
        )


def _resolve(future: "asyncio.Future[int]", status: int) -> None:
    if not future.done():
        future.set_result(status)

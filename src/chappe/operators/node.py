"""An operator node: sends an operator its messages and brings home what it says.

Reads `operator:NAME`; writes `sent` with its reference, reports, and MO into their destinations' queues.
What it answers to the operator follows the commit.  It must never know a protocol: the subclasses do.
"""

import asyncio
import math
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from chappe.model.ids import IdMaker
from chappe.model.message import Item
from chappe.net.peer import Peer
from chappe.net.tls_dial import DialCredentials
from chappe.operators.dialect import Dialect
from chappe.operators.doubts import Doubts
from chappe.operators.failover import Failover
from chappe.operators.filling import Filling
from chappe.operators.handset_order import MessageOrder
from chappe.operators.hearing import Hearing
from chappe.operators.inbound import Inbound
from chappe.operators.leaving import Leaving
from chappe.operators.link import InFlight, Link
from chappe.operators.links import Links, LinkTerms
from chappe.operators.open_parts import OpenParts
from chappe.operators.responses import Answered, Responses
from chappe.operators.shape import Wire
from chappe.operators.terms import SendingTerms
from chappe.operators.validity import Validity
from chappe.rules.decide import Routes
from chappe.rules.loops import Loops
from chappe.rules.opt_outs import OptOuts
from chappe.rules.retry import Gate
from chappe.runtime.batching import Gathered
from chappe.runtime.clock import Clock
from chappe.runtime.crashes import CrashDesk
from chappe.runtime.in_hand import InHand
from chappe.runtime.node import Notes
from chappe.runtime.throttle import Throttle
from chappe.store.port import Store, StoreAway

TICK_S: Final = 0.5


class OperatorNode(Filling):
    """One operator, all its links on this box."""

    #: Told of each batch of responses, where the protocol needs it.
    judged: Callable[[Sequence[Answered]], None] | None = None

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
        has_links_elsewhere: Callable[[], bool] = lambda: False,
        opt_outs: OptOuts | None = None,
        loops: Loops | None = None,
        hand: InHand | None = None,
    ) -> None:
        """`validity_s(client)` is the validity of a message that names none, at least `shortest_validity_s`.

        `premium` are the clients whose messages cost the handset's owner money; `is_up(operator)` says whether
        another operator can be sent to, `has_links_elsewhere` whether another node of this one can send.  `hand` is
        told what is in hand.
        """
        self.name = links.operator
        #: PDUs a second that all nodes of this operator may send together; 0 sets no bound.
        self.rate = terms.rate
        self.queue = f"operator:{links.operator}"
        self._terms = terms
        self._store = store
        self._clock = clock
        limits = (validity_s, shortest_validity_s, terms.max_validity_s)
        self._validity = Validity(self.name, store, clock, *limits)
        self._premium = premium
        self._may_hold = terms.holds_unknown or (bool(premium) and terms.holds_premium)
        self._notes = Notes(store, clock)
        self._gate = Gate()
        self._throttle = Throttle(terms.rate, clock.monotonic())
        self._work: Gathered[None] = Gathered()
        self._is_woken = False
        self._parts = OpenParts()
        self._tasks: set[asyncio.Task[None]] = set()
        #: Leased messages are on their way to a link.
        self._is_sending = False
        self.is_draining = False
        self._turns = 0
        #: Monotonic seconds until which the node may use its part of what it shares with others of this operator.
        self._may_until = math.inf
        self._submit_of = self.dialect.submit_of
        self.links = self.make_links(links)
        self._order = MessageOrder(store, clock)
        self._hand = hand or InHand(clock)
        order = self._order
        self._crashes = CrashDesk(
            store, clock, is_begun=self._is_begun, behind=order.refused, ended=order.answered, hand=self._hand
        )
        self._doubts = self._make_doubts(ids)
        self._responses = self._make_responses(mt_routes, is_up, ids)
        self._failover = self._make_failover(mt_routes, is_up, has_links_elsewhere)
        redelivery_ms = int(terms.redelivery_s * 1000)
        self.inbound = self.make_inbound(
            self.name, terms.wire, store, mo_routes, ids, clock, terms.retry_status, redelivery_ms
        )
        if opt_outs or loops:
            self.listen_to(opt_outs or OptOuts(), loops or Loops(0, 0.0), ids)
        #: Rings when something is laid into its queue.
        self.bell: Callable[[], None] = self._wake
        store.listen(self.queue, self.bell)

    @abstractmethod
    def make_links(self, terms: LinkTerms) -> Links:
        """Links of the protocol, which tell this node what happens to them."""

    @abstractmethod
    def make_inbound(self, *terms: Any) -> Inbound:
        """Who reads what the operator hands to us."""

    def _make_doubts(self, ids: IdMaker) -> Doubts:
        return Doubts(
            self.name,
            self._terms,
            self._store,
            self._clock,
            self._parts,
            self._order,
            ids,
            links=lambda: self.links.links,
            status_name=self.dialect.status_name,
            holds=self._holds,
            forget=lambda item: self._responses.forget(item),
        )

    def _make_responses(self, mt_routes: Callable[[], Routes], is_up: Callable[[str], bool], ids: IdMaker) -> Responses:
        return Responses(
            self.name,
            self.dialect,
            self._terms,
            self._store,
            mt_routes,
            ids,
            self._clock,
            self._notes,
            self._gate,
            self._parts,
            self._order,
            links=lambda: self.links.links,
            doubts=self._doubts,
            give_back=self._give_back,
            wake=self._wake,
            is_up=is_up,
            judged=self.judged,
            hand=self._hand,
        )

    def _make_failover(
        self, mt_routes: Callable[[], Routes], is_up: Callable[[str], bool], has_links_elsewhere: Callable[[], bool]
    ) -> Failover:
        return Failover(
            self.name,
            self._store,
            mt_routes,
            self._clock,
            # As long as any node of the operator can send, nobody moves its messages to another operator.
            down_since=lambda: None if has_links_elsewhere() else self.links.down_since,
            is_draining=lambda: self.is_draining,
            is_up=is_up,
        )

    # -- life of the node ---------------------------------------------------------------------------

    async def listen(self, *, is_shared: bool = False) -> None:
        """Open a door for the operator, where its protocol has it come to us.  Raises: ResourceError, SettingsError."""

    async def run(self) -> None:
        """Work until cancelled."""
        await self._recall()
        async with asyncio.TaskGroup() as group:
            name = self.name
            self.links.start(group)
            group.create_task(self._send(), name=f"{name} send")
            group.create_task(self._responses.settle(), name=f"{name} settle")
            group.create_task(self._doubts.run(), name=f"{name} doubts")
            group.create_task(self.inbound.reports(), name=f"{name} reports")
            group.create_task(self.inbound.messages(), name=f"{name} mo")
            group.create_task(self.inbound.alerts(), name=f"{name} alerts")
            group.create_task(self._tick(), name=f"{name} tick")
            group.create_task(self._crashes.run(), name=f"{name} crashes")
            group.create_task(self._failover.run(), name=f"{name} failover")

    async def _recall(self) -> None:
        while True:
            try:
                return await self.inbound.recall()
            except StoreAway:
                await asyncio.sleep(TICK_S)

    def turns(self) -> dict[str, int]:
        """For each loop that must go round, how often it did; asking wakes it."""
        self._wake()
        return {f"{self.queue} send": self._turns}

    async def drain(self, until: float) -> int:
        """Send nothing new, wait for answers until `until` (monotonic), unbind; returns how many did not come."""
        self.is_draining = True
        self.links.is_stopping = True
        peers = self.links.peers()
        while self._clock.monotonic() < until and (
            self._is_sending
            or self._responses.unsettled
            or self._doubts.unsettled
            or any(peer.session.in_flight or peer.session.unanswered for peer in peers)
        ):
            await asyncio.sleep(0.02)
        for link in self.links.links:
            unwritten, _ = self._take_backlog(link)
            await self._give_back(unwritten)
        unanswered = self._in_flight
        now = self._clock.monotonic()
        for peer in self.links.peers():
            self.links.say_goodbye(peer, now)
        deadline = min(until, self._clock.monotonic() + 1.0)
        while self.links.peers() and self._clock.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for peer in self.links.peers():
            peer.close("the gateway stops")
        return unanswered

    # -- other terms --------------------------------------------------------------------------------

    @property
    def wire(self) -> Wire:
        """How its messages are written and read."""
        return self._terms.wire

    def dialect_for(self, terms: SendingTerms) -> Dialect:
        """What is written otherwise for these terms."""
        return self.dialect

    def change(
        self,
        links: LinkTerms,
        terms: SendingTerms,
        credentials: DialCredentials | None,
        *,
        shortest_validity_s: float,
        premium: frozenset[str],
    ) -> None:
        """Work by other terms from now on.

        Links stay up: their window holds at once, address, names and timers when they are dialled next.
        """
        if terms.rate != self.rate:
            self.rate = terms.rate
            if math.isinf(self._may_until):
                # Where it is shared, the next share brings it.
                self._throttle.change(terms.rate, self._clock.monotonic())
        was_paused, self._terms = self._terms.is_paused, terms
        self._premium = premium
        self._may_hold = terms.holds_unknown or (bool(premium) and terms.holds_premium)
        self.dialect = self.dialect_for(terms)
        self._submit_of = self.dialect.submit_of
        self._responses.change(terms, self.dialect)
        self._doubts.change(terms)
        self._validity.change(shortest_validity_s, terms.max_validity_s)
        self.inbound.change(terms.wire, terms.retry_status, int(terms.redelivery_s * 1000))
        self.links.change(links, credentials)
        if terms.is_paused and not was_paused:
            self._pause()
        self._wake()

    def _pause(self) -> None:
        """What waits on links goes back into the queue, but for messages of which some parts have left."""
        for link in self.links.links:
            waiting = list(link.backlog)
            unwritten, begun = self._take_backlog(link)
            begun_ids = {item.id for item in begun}
            link.backlog.extend(each for each in waiting if each[1].item.id in begun_ids)
            if unwritten:
                self._start(self._give_back(unwritten))

    def listen_to(self, opt_outs: OptOuts, loops: Loops, ids: IdMaker) -> None:
        """From now on handsets' words silence, and circles end."""
        self.leaving = None
        if opt_outs or loops:
            self.leaving = Leaving(self.name, self._store, self._clock, self._order, opt_outs, loops)
        self.inbound.hearing = Hearing(self.name, self._terms.wire, opt_outs, ids) if opt_outs else None
        self.inbound.loops = loops if loops else None

    # -- sharing ------------------------------------------------------------------------------------

    def allow(self, links: int, rate: float, until: float) -> None:
        """Use so many links and PDUs a second of what all nodes of this operator share, until a monotonic moment."""
        now = self._clock.monotonic()
        self._may_until = until
        self._throttle.change(rate, now)
        if links != self.links.allowed:
            self.links.allow(links)
        self._wake()

    # -- links --------------------------------------------------------------------------------------

    def _on_up(self, link: Link) -> None:
        self._wake()

    def _on_down(self, link: Link, peer: Peer) -> None:
        """The outcome of what was in flight is unknown; what was not written yet is simply given back."""
        for context in peer.session.abandon():
            if isinstance(context, InFlight):
                self._doubts.lose(context, "link lost before the response")
        if link.sender is None:
            unwritten, begun = self._take_backlog(link)
            for item in begun:
                self._doubts.lose(InFlight(item), "link lost before the response")
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
            is_begun = parts[item.id] < self._parts.count(item.id)
            (begun if is_begun else unwritten).append(item)
        return unwritten, begun

    def _start(self, work: "asyncio.Future[None] | object") -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"{self.name} release")  # type: ignore[arg-type,var-annotated]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _heard(self, link: Link, peer: Peer, responses: list[tuple[InFlight, int, str]], requests: list[Any]) -> None:
        """All that came with one read."""
        self._responses.extend(responses)
        self.inbound.take(link, peer, requests)
        if peer is link.receiver:
            # What a transmitter's peer has read says nothing about the answers on the receiver.
            link.answered.proved(peer.session.heard_us_at)
        self._wake()

    # -- clock --------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now = self._clock.monotonic()
            for peer in self.links.peers():
                peer.tick(now)
            self.links.retire(now)
            await self.inbound.tick(self.links.links)
            await self._notes.write()


def resolve(future: "asyncio.Future[int]", status: int) -> None:
    """The operator has let us in, or not."""
    if not future.done():
        future.set_result(status)

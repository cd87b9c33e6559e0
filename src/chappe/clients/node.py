"""What every door has at which clients stay: connections come and go, messages are stored before their yes.

It must never know a protocol: the nodes for SMPP and UCP say how a peer is greeted, judged, answered and left.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Final

import msgspec

from chappe.clients.account import Account
from chappe.clients.changed_item import ChangedItem, tell_routed
from chappe.clients.credit import Credit, Shortage, units_in
from chappe.clients.deliveries import Deliveries, DeliveryWords
from chappe.clients.entrance import Entrance
from chappe.clients.flushing import flush
from chappe.clients.parts import ONE_PART_OCTETS, in_parts
from chappe.clients.policing import as_sender, asked_of, check_text, refusal_of
from chappe.clients.refusals import Limit, Refusals
from chappe.model.errors import PeerError
from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker
from chappe.model.message import Item, Message
from chappe.net.door import Door
from chappe.net.peer import Peer
from chappe.net.tls import Credentials
from chappe.net.tls_door import door_for
from chappe.rules.admit import Policy, Refused
from chappe.runtime.batching import Gathered
from chappe.runtime.clock import Clock
from chappe.runtime.in_hand import InHand
from chappe.runtime.node import Notes
from chappe.store.port import Fault, Store, StoreAway
from chappe.text.encoding import DefaultAlphabet
from chappe.text.segments import SplitMethod

#: Connections that have not bound yet, over all addresses: beyond, the oldest are closed.
MAX_UNBOUND: Final = 20_000
#: Messages that one turn accepts at most, while all that was accepted leaves at once, and at least, when much waits:
#: more would make those wait that are on their way out.
ACCEPT_ITEMS: Final = 150
ACCEPT_LEAST: Final = 50
#: One message less for so many that wait: the balance is found while all of them fit into memory.
WAITING_PER_ITEM: Final = 8
#: How often sessions look at the clock.
TICK_S: Final = 0.5
#: Sessions that look at it before others get their turn.
TICK_PEERS: Final = 100

#: What a refusal for now says when the store is away.
AWAY: Final = Fault("the store is away", is_passing=True)


class Submission(msgspec.Struct, gc=False):
    """A judged message on its way to the store, and who waits for the answer; `asked` is what its node makes of it."""

    peer: Any
    number: int
    item: Item
    asked: Any


class ClientNode(ABC):
    """Serves all clients of one protocol on this box.  Reads `client:NAME`; writes messages and `operator:NAME`."""

    #: As the settings name the node.
    name: ClassVar[str]
    protocol: ClassVar[str]
    #: Statuses of its refusals.
    refusals: ClassVar[Refusals]
    #: How its deliveries are written.
    words: DeliveryWords

    def __init__(
        self,
        accounts: Sequence[Account],
        store: Store,
        policy: Callable[[], Policy],
        ids: IdMaker,
        clock: Clock,
        *,
        session_init_s: float,
        max_unbound: int = MAX_UNBOUND,
        split_by_operator: Mapping[str, SplitMethod] | None = None,
        pressure: Callable[[], int] = lambda: 0,
        most_at_once: int = ACCEPT_ITEMS,
        hand: InHand | None = None,
    ) -> None:
        """`split_by_operator` says how long messages are cut for each; unnamed ones are cut by UDH.

        `pressure()` is how many accepted messages wait although their readers take what they can; `most_at_once` how
        many one turn accepts while none does.
        """
        self._account_by_system_id = {account.system_id: account for account in accounts}
        self._store = store
        self._policy = policy
        self._ids = ids
        self._clock = clock
        self._session_init_s = session_init_s
        self._peers: set[Any] = set()
        #: Connections that have not bound yet, the oldest first.
        self._unbound: dict[Any, None] = {}
        self._max_unbound = max_unbound
        self._pressure = pressure
        self._most_at_once = most_at_once
        self._submissions: Gathered[Submission] = Gathered()
        self._underway: set[asyncio.Task[None]] = set()
        self._notes = Notes(store, clock)
        self._doors: list[Door] = []
        self.is_draining = False
        self._deliveries = Deliveries(store, clock, self.words, is_draining=lambda: self.is_draining, hand=hand)
        self._split_by_operator = split_by_operator if split_by_operator is not None else {}
        #: What data_coding 0 means to operators, where a message must be rewritten for that.
        self._alphabets: Mapping[str, DefaultAlphabet] = {}
        self._entrance = Entrance(self._account_by_system_id, clock, is_draining=lambda: self.is_draining)
        #: Those of whose queues we hear, by name.
        self._account_by_name: dict[str, Account] = {}
        self._listen_for(accounts)

    # -- what a protocol says -----------------------------------------------------------------------

    @abstractmethod
    def new_peer(self, now: float) -> Peer:
        """A connection with a session that nobody has signed on to."""

    @abstractmethod
    def say_goodbye(self, peer: Any, now: float) -> None:
        """The gateway stops."""

    @abstractmethod
    def say_yes(self, submission: Submission) -> None:
        """Its message is stored."""

    @abstractmethod
    def say_no(self, submission: Submission, fault: Fault) -> None:
        """Its message could not be stored."""

    @abstractmethod
    def gone(self, peer: Any, account: Account) -> None:
        """A client's connection ended."""

    def loops(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """What goes on at the same time, by name."""
        yield "accept", self._accept()
        yield "deliver", self._deliveries.deliver()
        yield "settle", self._deliveries.settle()
        yield "crashes", self._deliveries.crashes.run()
        yield "tick", self._tick()

    # -- clients come and go ------------------------------------------------------------------------

    def _listen_for(self, accounts: Sequence[Account]) -> None:
        for account in accounts:
            if account.name not in self._account_by_name:
                self._store.listen(account.queue, partial(self._rung, account.name))
            self._account_by_name[account.name] = account

    def _rung(self, client: str) -> None:
        self._deliveries.wake(self._account_by_name[client])

    def take_accounts(self, accounts: Sequence[Account]) -> None:
        """From now on these are the clients.  Who is no longer among them, or may not come any more, is unbound."""
        before = list(self._account_by_system_id.values())
        self._account_by_system_id.clear()
        self._account_by_system_id.update({account.system_id: account for account in accounts})
        self._listen_for(accounts)
        staying = {id(account) for account in accounts if account.is_enabled}
        now = self._clock.monotonic()
        for account in before:
            if id(account) not in staying:
                for peer in list(account.peers):
                    self.say_goodbye(peer, now)
        for account in accounts:
            for peer in account.peers:
                peer.session.resize(account.window)
            self._deliveries.wake(account)

    # -- life of the node ---------------------------------------------------------------------------

    async def listen(self, host: str, port: int, tls: Credentials | None = None, *, is_shared: bool = False) -> int:
        """Open a door, beside those of other processes if it `is_shared`; returns the port.  Raises: OSError."""
        door = door_for(self._make_peer, tls, self._note_handshake, handshake_s=self._session_init_s)
        await door.listen(host, port, is_shared=is_shared)
        self._doors.append(door)
        return door.port

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, loop in self.loops():
                group.create_task(loop, name=f"{self.name} {name}")

    def turns(self) -> dict[str, int]:
        """For each loop that has something to do, how often it went round."""
        return self._deliveries.turns(f"{self.name} deliver")

    async def drain(self, until: float) -> int:
        """Take no new binds and messages, wait for open answers until `until` (monotonic), unbind everyone.

        Returns how many deliveries were not answered.
        """
        for door in self._doors:
            # Who stands before the door still hears an answer, and can sign on elsewhere.
            await door.close()
        self.is_draining = True
        while self._clock.monotonic() < until and (
            len(self._submissions)
            or self._deliveries.unsettled
            or any(peer.session.in_flight or peer.session.unanswered for peer in self._peers)
        ):
            await asyncio.sleep(0.02)
        unanswered: int = sum(peer.session.in_flight for peer in self._peers)
        now = self._clock.monotonic()
        for peer in list(self._peers):
            if peer.owner is None:
                peer.close("the gateway stops")
            else:
                self.say_goodbye(peer, now)
        deadline = min(until, self._clock.monotonic() + 1.0)
        while self._peers and self._clock.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for peer in list(self._peers):
            peer.close("the gateway stops")
        self._entrance.close()
        return unanswered

    @property
    def bound(self) -> dict[str, int]:
        """Client → how many connections of it have signed on."""
        return {account.name: len(account.peers) for account in self._account_by_system_id.values()}

    @property
    def unbound(self) -> int:
        """How many connections have not signed on yet."""
        return len(self._unbound)

    # -- connections --------------------------------------------------------------------------------

    def _make_peer(self) -> Peer:
        peer = self.new_peer(self._clock.monotonic())
        self._peers.add(peer)
        self._unbound[peer] = None
        loop = asyncio.get_running_loop()
        if self.is_draining:
            loop.call_soon(peer.abort, "the gateway stops")
        elif len(self._unbound) > self._max_unbound:
            # The oldest goes: who means to bind has done so long since, and a newcomer may be a client.
            oldest = next(iter(self._unbound))
            del self._unbound[oldest]
            loop.call_soon(oldest.abort, "too many unbound connections")
        return peer

    def _let_in(self, peer: Any, account: Account, how: str) -> None:
        """A client's connection has signed on, and its yes waits to be written."""
        self._unbound.pop(peer, None)
        peer.owner = account
        account.peers.append(peer)
        peer.flush()
        self._notes.add(EventName.CLIENT_BOUND, client=account.name, detail=f"{peer.name} {how}")
        self._deliveries.wake(account)

    def _turn_away(self, peer: Any, account: Account | None, system_id: str, why: str) -> None:
        """A connection was refused, and its no waits to be written."""
        self._notes.add(
            EventName.BIND_REFUSED, client=account.name if account else "", detail=f"{peer.name} {system_id!r} {why}"
        )
        peer.hand_on([])
        peer.close(f"bind refused with {why}")

    def _on_lost(self, peer: Any, reason: str) -> None:
        self._peers.discard(peer)
        items = [item for item in peer.session.abandon() if isinstance(item, Item)]
        account: Account | None = peer.owner
        if account is None:
            self._unbound.pop(peer, None)
            return
        if peer in account.peers:
            account.peers.remove(peer)
        self.gone(peer, account)
        self._note(EventName.CLIENT_GONE, account.name, f"{peer.name} {reason}")
        if items:
            self._start(self._store.release(items), "release")
        self._deliveries.wake(account)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"{self.name} {name}")
        self._underway.add(task)
        task.add_done_callback(self._underway.discard)

    # -- messages in --------------------------------------------------------------------------------

    def _limit_of(self, peer: Any, account: Account, messages: int = 1) -> Limit | None:
        """What the client may not do now."""
        if self.is_draining:
            return Limit.DRAINING
        if peer.session.unanswered > account.window:
            return Limit.WINDOW
        throttle = account.throttle
        if not throttle.is_unlimited and throttle.available(self._clock.monotonic()) < 1:
            return Limit.RATE
        # What is on its way to the store counts too, or a fast client would overrun the limit by a batch.
        if self._store.open_messages(account.name) + account.arriving + messages > account.queue_limit:
            return Limit.QUEUE
        return None

    def _routed(self, account: Account, message: Message) -> Item:
        """A message with the way that it goes.  Raises: PeerError."""
        if not message.dest:
            raise PeerError("no recipient", status=self.refusals.no_recipient)
        policy = self._policy()
        if not policy.is_plain:
            return self._judged(account, message, policy)
        route = policy.find(message.dest, message.source, client=account.name)
        if route is None:
            raise PeerError(f"no route to {message.dest!r}", status=self.refusals.no_route)
        operator = route.operators[0]
        if self._alphabets:
            message = self.fit(message, operator)
        if len(message.octets) > ONE_PART_OCTETS:
            message = self._cut(message, operator)
        return Item(f"operator:{operator}", account.priority, account.name, message.send_at_ms, message.id, message)

    def fit(self, message: Message, operator: str) -> Message:
        """The message in an alphabet of the operator's.  Raises: PeerError."""
        return message

    def _judged(self, account: Account, message: Message, policy: Policy) -> Item:
        """The same, where more than the route's order is asked.  Raises: PeerError."""
        judged = policy.admit(asked_of(message), self._clock.utc_us() // 1000)
        if isinstance(judged, Refused):
            raise refusal_of(judged, message, self.refusals)
        message, operator = as_sender(message, judged.source), judged.operators[0]
        if self._alphabets:
            message = self.fit(message, operator)
        if len(message.octets) > ONE_PART_OCTETS:
            message = self._cut(message, operator)
        where = (judged.queue or f"operator:{operator}", account.priority, account.name, message.send_at_ms, message.id)
        return ChangedItem(*where, message, told=judged.told) if judged.told else Item(*where, message)

    def _paid(self, credit: Credit, item: Item) -> Item:
        """The message, charged to its client.  Raises: PeerError."""
        paid = credit.charge(item)
        if isinstance(paid, Shortage):
            status = self.refusals.no_credit if paid is Shortage.NONE_LEFT else self.refusals.credit_later
            raise PeerError(credit.told_short(paid, item), status=status)
        return paid

    def _paid_again(self, account: Account, was: Message, message: Message) -> Message:
        """A message with another text: its client pays now what that costs more.  Raises: PeerError."""
        credit = account.credit
        if credit is None or was.price is None or was.price.currency != credit.currency:
            return msgspec.structs.replace(message, price=was.price)
        price = credit.price_of(message.dest, message.parts)
        short = credit.take(max(0, price.units - was.price.units))
        if short is not None:
            status = self.refusals.no_credit if short is Shortage.NONE_LEFT else self.refusals.credit_later
            raise PeerError(short.value, status=status)
        return msgspec.structs.replace(message, price=price)

    def _give_back(self, account: Account, items: Iterable[Item]) -> None:
        """These are not stored after all: what they cost may be spent again."""
        if account.credit is not None:
            account.credit.give_back(units_in(items))

    def _cut_again(self, message: Message) -> Message:
        """A message with another text, judged like a new one and counted in parts.  Raises: PeerError."""
        policy, now_ms = self._policy(), self._clock.utc_us() // 1000
        if not policy.is_plain:
            check_text(message, policy, now_ms, self.refusals)
        operator = next(iter(policy.routes.operators_of(message, now_ms)), "")
        if self._alphabets:
            message = self.fit(message, operator)
        return self._cut(message, operator) if len(message.octets) > ONE_PART_OCTETS else message

    def _cut(self, message: Message, operator: str) -> Message:
        """A long message, counted in parts.  Raises: PeerError."""
        method = self._split_by_operator.get(operator, SplitMethod.UDH8)
        return in_parts(message, method, self.refusals)

    async def _accept(self) -> None:
        """Store what came, then answer."""
        while True:
            submissions = await self._submissions.take(accept_limit(self._pressure(), self._most_at_once))
            events = self._accepted_events(submissions)
            faults: Sequence[Fault | None]
            try:
                faults = await self._store.accept([each.item for each in submissions], events)
            except StoreAway:
                # Everyone is told to try again.
                faults = [AWAY] * len(submissions)
            self._answer(submissions, faults)

    def _accepted_events(self, submissions: Sequence[Submission]) -> EventBatch:
        events, event = EventBatch(self._clock.utc_us()), EventName.MT_ACCEPTED
        for submission in submissions:
            message = submission.item.content
            events.add(
                event,
                message.id,  # type: ignore[union-attr]
                message.client,
                "",
                message.dest,
                message.source,
                message.reference,
            )
            if submission.item.__class__ is not Item:
                tell_routed(events, submission.item)
        return events

    def _answer(self, submissions: Sequence[Submission], faults: Sequence[Fault | None]) -> None:
        dirty: list[Any] = []
        say_yes = self.say_yes
        for submission, fault in zip(submissions, faults, strict=True):
            peer = submission.peer
            peer.owner.arriving -= 1
            if fault is not None:
                self._give_back(peer.owner, (submission.item,))
            if peer.is_lost:
                continue
            if fault is None:
                say_yes(submission)
            else:
                self.say_no(submission, fault)
            if not peer.is_dirty:
                peer.is_dirty = True
                dirty.append(peer)
        flush(dirty)

    # -- clock and log ------------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now = self._clock.monotonic()
            for number, peer in enumerate(list(self._peers), 1):
                peer.tick(now)
                if not number % TICK_PEERS:
                    # Thousands of connections may end in one tick: who works must not wait for all of them.
                    await asyncio.sleep(0)
            await self._notes.write()

    def _note(self, event: EventName, client: str, detail: str) -> None:
        self._notes.add(event, client=client, detail=detail)

    def _note_handshake(self, peer: str, why: str) -> None:
        self._notes.add(EventName.TLS_FAILED, detail=f"{self.protocol} {peer} {why}")

    def _note_refusal(self, account: Account, dest: str, source: str, error: Exception) -> None:
        self._notes.add(EventName.MT_REJECTED, client=account.name, msisdn=dest, number=source, detail=str(error))


def accept_limit(waiting: int, most: int = ACCEPT_ITEMS) -> int:
    """How many messages one turn accepts while so many wait on their way out; `most` while none does."""
    return max(ACCEPT_LEAST, most - waiting // WAITING_PER_ITEM)

"""What every door has at which clients stay: connections come and go, messages are stored before their yes.

It must never know a protocol: the nodes for SMPP and UCP say how a peer is greeted, judged, answered and left.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Final

from chappe.clients.accepting import ACCEPT_ITEMS, Accepting, Submission
from chappe.clients.account import Account
from chappe.clients.deliveries import Deliveries, DeliveryWords
from chappe.clients.entrance import Entrance
from chappe.clients.judging import Judging
from chappe.model.events import EventName
from chappe.model.ids import IdMaker
from chappe.model.message import Item
from chappe.net.door import Door
from chappe.net.peer import Peer
from chappe.net.tls import Credentials
from chappe.net.tls_door import door_for
from chappe.rules.admit import Policy
from chappe.runtime.batching import Gathered
from chappe.runtime.clock import Clock
from chappe.runtime.in_hand import InHand
from chappe.runtime.node import Notes
from chappe.store.port import Store
from chappe.text.encoding import DefaultAlphabet
from chappe.text.segments import SplitMethod

#: Connections that have not bound yet, over all addresses: beyond, the oldest are closed.
MAX_UNBOUND: Final = 20_000
#: How often sessions look at the clock.
TICK_S: Final = 0.5
#: Sessions that look at it before others get their turn.
TICK_PEERS: Final = 100


class ClientNode(Judging, Accepting):
    """Serves all clients of one protocol on this box.  Reads `client:NAME`; writes messages and `operator:NAME`."""

    #: As the settings name the node.
    name: ClassVar[str]
    protocol: ClassVar[str]
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

"""The client node over SMPP: clients bind here, hand messages in, and are told what became of them.

Reads `client:NAME`; writes messages and `operator:NAME`.  A submit_sm_resp follows the commit of its message.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from chappe.clients.account import Account
from chappe.clients.binds import Binds
from chappe.clients.congestion import congestion_of
from chappe.clients.deliveries import Deliveries
from chappe.clients.flushing import flush
from chappe.clients.guarded import GuardedAccept
from chappe.clients.guarded import Submission as GuardedSubmission
from chappe.clients.inquiries import Inquiries, Inquiry
from chappe.clients.multi import Multi, submits_of
from chappe.clients.naming import told_id, with_short_id
from chappe.clients.translate import ONE_PART_OCTETS, in_parts, message_of_data, message_of_submit
from chappe.model.errors import PeerError
from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker
from chappe.model.message import Item
from chappe.net.door import Door
from chappe.net.smpp_peer import SmppPeer
from chappe.net.tls import Credentials
from chappe.net.tls_door import door_for
from chappe.rules.decide import Routes
from chappe.runtime.batching import Gathered
from chappe.runtime.clock import Clock
from chappe.runtime.in_hand import InHand
from chappe.runtime.node import Notes
from chappe.store.port import Fault, Store, StoreAway
from chappe.text.segments import SplitMethod
from chappe.wire.smpp.facts import BindRequest, Fact, LateResponse, Over, Refused, Request, Response, Unanswered
from chappe.wire.smpp.fields import Tlvs
from chappe.wire.smpp.pdus import (
    CancelSm,
    DataSm,
    DataSmResp,
    QuerySm,
    ReplaceSm,
    SubmitMulti,
    SubmitSm,
    SubmitSmResp,
)
from chappe.wire.smpp.session import Role, Session, Timers
from chappe.wire.smpp.statuses import CommandStatus

#: Connections that have not bound yet, over all addresses: beyond, the oldest are closed.
MAX_UNBOUND: Final = 20_000
#: Longest PDU of a peer that has not bound: many strangers must not fill the memory with beginnings of PDUs.
UNBOUND_PDU_OCTETS: Final = 4_096
#: Messages that one turn accepts at most, while all that was accepted leaves at once, and at least, when much waits:
#: more would make those wait that are on their way out.
ACCEPT_ITEMS: Final = 150
ACCEPT_LEAST: Final = 50
#: One message less for so many that wait: the balance is found while all of them fit into memory.
WAITING_PER_ITEM: Final = 8
#: What most answers carry besides the id.
NO_TLVS: Final[Tlvs] = ()
#: How often sessions look at the clock.
TICK_S: Final = 0.5
#: Sessions that look at it before others get their turn.
TICK_PEERS: Final = 100


class Submission(msgspec.Struct, gc=False):
    """A judged message on its way to the store, and who waits for the answer."""

    peer: SmppPeer
    sequence_number: int
    item: Item
    is_data: bool


class ClientSmppNode:
    """Serves all SMPP clients of this box."""

    def __init__(
        self,
        accounts: Sequence[Account],
        store: Store,
        routes: Callable[[], Routes],
        ids: IdMaker,
        clock: Clock,
        *,
        session_init_s: float,
        system_id: str = "chappe",
        max_unbound: int = MAX_UNBOUND,
        split_by_operator: Mapping[str, SplitMethod] | None = None,
        pressure: Callable[[], int] = lambda: 0,
        hand: InHand | None = None,
    ) -> None:
        """`split_by_operator` says how long messages are cut for each; unnamed ones are cut by UDH.

        `pressure()` is how many accepted messages wait although their readers take what they can.
        """
        self._account_by_system_id = {account.system_id: account for account in accounts if account.system_id}
        self._store = store
        self._routes = routes
        self._ids = ids
        self._clock = clock
        self._session_init_s = session_init_s
        self._system_id = system_id
        self._peers: set[SmppPeer] = set()
        #: Connections that have not bound yet, the oldest first.
        self._unbound: dict[SmppPeer, None] = {}
        self._max_unbound = max_unbound
        self._pressure = pressure
        self._submissions: Gathered[Submission] = Gathered()
        self._binding: set[asyncio.Task[None]] = set()
        self._notes = Notes(store, clock)
        self._doors: list[Door] = []
        self.is_draining = False
        self._deliveries = Deliveries(store, clock, is_draining=lambda: self.is_draining, hand=hand)
        self._split_by_operator = split_by_operator or {}
        self._guarded = GuardedAccept(store, clock, self._notes)
        self._inquiries = Inquiries(store, clock, self._notes, self._split_of)
        self._binds = Binds(
            self._account_by_system_id,
            clock,
            self._notes,
            self._unbound,
            system_id=system_id,
            is_draining=lambda: self.is_draining,
            wake=self._deliveries.wake,
        )
        for account in self._account_by_system_id.values():
            store.listen(account.queue, lambda account=account: self._deliveries.wake(account))  # type: ignore[misc]

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
            group.create_task(self._accept(), name="client-smpp accept")
            group.create_task(self._guarded.run(), name="client-smpp guarded")
            group.create_task(self._inquiries.run(), name="client-smpp inquiries")
            group.create_task(self._inquiries.run_wide(), name="client-smpp wide cancels")
            group.create_task(self._deliveries.deliver(), name="client-smpp deliver")
            group.create_task(self._deliveries.settle(), name="client-smpp settle")
            group.create_task(self._deliveries.crashes.run(), name="client-smpp crashes")
            group.create_task(self._tick(), name="client-smpp tick")

    def turns(self) -> dict[str, int]:
        """For each loop that has something to do, how often it went round."""
        return self._deliveries.turns()

    async def drain(self, until: float) -> int:
        """Take no new binds and messages, wait for open answers until `until` (monotonic), unbind everyone.

        Returns how many deliveries were not answered.
        """
        for door in self._doors:
            # Who stands before the door still hears a bind_resp, and can bind elsewhere.
            await door.close()
        self.is_draining = True
        while self._clock.monotonic() < until and (
            len(self._submissions)
            or self._deliveries.unsettled
            or any(peer.session.in_flight or peer.session.unanswered for peer in self._peers)
        ):
            await asyncio.sleep(0.02)
        unanswered = sum(peer.session.in_flight for peer in self._peers)
        now = self._clock.monotonic()
        for peer in list(self._peers):
            if peer.session.is_bound:
                peer.session.unbind(now)
                peer.flush()
            elif peer.owner is None:
                peer.close("the gateway stops")
        deadline = min(until, self._clock.monotonic() + 1.0)
        while self._peers and self._clock.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for peer in list(self._peers):
            peer.close("the gateway stops")
        self._binds.close()
        return unanswered

    @property
    def bound(self) -> dict[str, int]:
        """Client → how many binds it has now."""
        return {account.name: len(account.peers) for account in self._account_by_system_id.values()}

    @property
    def unbound(self) -> int:
        """How many connections have not bound yet."""
        return len(self._unbound)

    # -- connections --------------------------------------------------------------------------------

    def _make_peer(self) -> SmppPeer:
        now = self._clock.monotonic()
        timers = Timers(session_init_s=self._session_init_s)
        session = Session(
            Role.MC,
            now=now,
            timers=timers,
            window_pdus=1,
            max_pdu_octets=UNBOUND_PDU_OCTETS,
            system_id=self._system_id,
        )
        peer = SmppPeer(session, self._on_facts, self._on_lost)
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

    def _on_lost(self, peer: SmppPeer, reason: str) -> None:
        self._peers.discard(peer)
        items = [item for item in peer.session.abandon() if isinstance(item, Item)]
        account: Account | None = peer.owner
        if account is None:
            self._unbound.pop(peer, None)
            return
        if peer in account.peers:
            account.peers.remove(peer)
        account.short_id_peers.discard(peer)
        account.congestion_peers.discard(peer)
        self._note(EventName.CLIENT_GONE, account.name, f"{peer.name} {reason}")
        if items:
            self._give_back(items)
        self._deliveries.wake(account)

    def _give_back(self, items: list[Item]) -> None:
        task = asyncio.get_running_loop().create_task(self._store.release(items), name="client-smpp release")
        self._keep(task)

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._binding.add(task)
        task.add_done_callback(self._binding.discard)

    def _on_facts(self, peer: SmppPeer, facts: list[Fact]) -> None:
        now_ms = self._clock.utc_us() // 1000
        for fact in facts:
            kind = type(fact)
            if kind is Request:
                self._on_request(peer, fact.sequence_number, fact.pdu, now_ms)  # type: ignore[union-attr]
            elif kind is Response:
                self._deliveries.on_response(peer, fact)  # type: ignore[arg-type]
            elif kind is BindRequest:
                task = asyncio.get_running_loop().create_task(self._binds.bind(peer, fact), name="client-smpp bind")  # type: ignore[arg-type]
                self._keep(task)
            elif kind is Unanswered:
                if isinstance(fact.context, Item):  # type: ignore[union-attr]
                    self._deliveries.try_again(peer.owner, fact.context, 0)  # type: ignore[union-attr]
            elif kind is Refused:
                account: Account | None = peer.owner
                self._note(EventName.PDU_REFUSED, account.name if account else "", f"{peer.name} {fact.what}")  # type: ignore[union-attr]
            elif kind is LateResponse:
                self._deliveries.on_late_response(peer.owner, fact)  # type: ignore[arg-type]
            elif kind is Over:
                pass

    # -- messages in --------------------------------------------------------------------------------

    def _on_request(self, peer: SmppPeer, number: int, pdu: object, now_ms: int) -> None:
        account: Account = peer.owner
        if type(pdu) is not SubmitSm and type(pdu) is not DataSm:
            self._on_rare_request(peer, number, pdu, now_ms)
            return
        status = self._judge(peer, account)
        if status:
            peer.session.respond_error(number, status, type(pdu))
            return
        try:
            item = self._judge_message(account, pdu, now_ms)
            if account.short_id_peers and peer in account.short_id_peers:
                item = with_short_id(item, account)
        except PeerError as error:
            peer.session.respond_error(number, error.status, type(pdu))
            self._note_refusal(account, pdu, error)
            return
        if not account.throttle.is_unlimited:
            account.throttle.take(1)
        if account.dedup_s:
            answer = DataSmResp if type(pdu) is DataSm else SubmitSmResp
            self._guarded.add(GuardedSubmission(peer, number, type(pdu), (item,), told_id(item, account), answer))
            return
        account.arriving += 1
        self._submissions.add(Submission(peer, number, item, type(pdu) is DataSm))

    def _on_rare_request(self, peer: SmppPeer, number: int, pdu: object, now_ms: int) -> None:
        """What is neither submit_sm nor data_sm."""
        if isinstance(pdu, SubmitMulti):
            self._on_multi(peer, number, pdu, now_ms)
        elif isinstance(pdu, (QuerySm, CancelSm, ReplaceSm)):
            if peer.session.unanswered > peer.owner.window:
                peer.session.respond_error(number, CommandStatus.ESME_RTHROTTLED, type(pdu))
            else:
                self._inquiries.add(Inquiry(peer, number, pdu))
        else:
            peer.session.respond_error(number, CommandStatus.ESME_RINVCMDID, type(pdu))

    def _on_multi(self, peer: SmppPeer, number: int, pdu: SubmitMulti, now_ms: int) -> None:
        """One message for each destination; what is wrong with one harms no other.  SMPP 3.4 §4.5."""
        account: Account = peer.owner
        status = self._judge(peer, account, len(pdu.dest_address))
        if status:
            peer.session.respond_error(number, status, SubmitMulti)
            return
        multi = Multi()
        for submit in submits_of(pdu, multi):
            try:
                multi.take(self._judge_message(account, submit, now_ms))
            except PeerError as error:
                multi.refuse(submit.dest_addr_ton, submit.dest_addr_npi, submit.destination_addr, error.status)
                self._note_refusal(account, submit, error)
        try:
            multi.name(account, is_short=peer in account.short_id_peers)
        except PeerError as error:
            peer.session.respond_error(number, error.status, SubmitMulti)
            return
        if not multi.items:
            peer.session.respond(number, multi.answer(""), CommandStatus.ESME_RSUBMITFAIL)
            return
        account.throttle.take(len(multi.items))
        items = tuple(multi.items)
        self._guarded.add(GuardedSubmission(peer, number, SubmitMulti, items, multi.message_id, multi.answer))

    def _judge(self, peer: SmppPeer, account: Account, messages: int = 1) -> int:
        """What the client may not do now, whatever the message says."""
        if self.is_draining:
            return CommandStatus.ESME_RSYSERR
        if peer.session.unanswered > account.window:
            return CommandStatus.ESME_RTHROTTLED
        throttle = account.throttle
        if not throttle.is_unlimited and throttle.available(self._clock.monotonic()) < 1:
            return CommandStatus.ESME_RTHROTTLED
        # What is on its way to the store counts too, or a fast client would overrun the limit by a batch.
        if self._store.open_messages(account.name) + account.arriving + messages > account.queue_limit:
            return CommandStatus.ESME_RMSGQFUL
        return 0

    def _judge_message(self, account: Account, pdu: SubmitSm | DataSm, now_ms: int) -> Item:
        """Read a message and decide where it goes.  Raises: PeerError."""
        message_id = self._ids.next(now_ms)
        if isinstance(pdu, SubmitSm):
            message = message_of_submit(pdu, message_id, account.name, now_ms)
        else:
            message = message_of_data(pdu, message_id, account.name)
        if not message.dest:
            raise PeerError("destination_addr is empty", status=CommandStatus.ESME_RINVDSTADR)
        route = self._routes().find(message.dest, message.source, client=account.name)
        if route is None:
            raise PeerError(f"no route to {message.dest!r}", status=CommandStatus.ESME_RINVDSTADR)
        operator = route.operators[0]
        if len(message.octets) > ONE_PART_OCTETS:
            message = in_parts(message, self._split_by_operator.get(operator, SplitMethod.UDH8))
        queue = f"operator:{operator}"
        return Item(queue, account.priority, account.name, message.send_at_ms, message_id, message)

    def _split_of(self, dest: str, source: str, client: str) -> SplitMethod:
        """How a long message between these is cut."""
        route = self._routes().find(dest, source, client=client)
        return self._split_by_operator.get(route.operators[0] if route else "", SplitMethod.UDH8)

    async def _accept(self) -> None:
        """Store what came, then answer."""
        while True:
            submissions = await self._submissions.take(accept_limit(self._pressure()))
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
            try:
                faults = await self._store.accept([each.item for each in submissions], events)
            except StoreAway:
                self._refuse(submissions)
            else:
                self._answer(submissions, faults)

    def _answer(self, submissions: list[Submission], faults: Sequence[Fault | None]) -> None:
        dirty: list[SmppPeer] = []
        for submission, fault in zip(submissions, faults, strict=True):
            peer = submission.peer
            peer.owner.arriving -= 1
            if peer.is_lost:
                continue
            if fault is None:
                account = peer.owner
                text = told_id(submission.item, account)
                tlvs = NO_TLVS
                if account.congestion_peers:
                    tlvs = congestion_of(account, peer, self._store.open_messages(account.name))
                answer = DataSmResp(text, tlvs) if submission.is_data else SubmitSmResp(text, tlvs)
                peer.session.respond(submission.sequence_number, answer)
            else:
                asked = DataSm if submission.is_data else SubmitSm
                status = peer.owner.store_away_status if fault.is_passing else CommandStatus.ESME_RSUBMITFAIL
                peer.session.respond_error(submission.sequence_number, status, asked)
            if not peer.is_dirty:
                peer.is_dirty = True
                dirty.append(peer)
        flush(dirty)

    def _refuse(self, submissions: list[Submission]) -> None:
        """The store is away: everyone is told to try again."""
        dirty: list[SmppPeer] = []
        for submission in submissions:
            peer = submission.peer
            peer.owner.arriving -= 1
            if peer.is_lost:
                continue
            asked = DataSm if submission.is_data else SubmitSm
            peer.session.respond_error(submission.sequence_number, peer.owner.store_away_status, asked)
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
        self._notes.add(EventName.TLS_FAILED, detail=f"SMPP {peer} {why}")

    def _note_refusal(self, account: Account, pdu: SubmitSm | DataSm, error: PeerError) -> None:
        self._notes.add(
            EventName.MT_REJECTED,
            client=account.name,
            msisdn=pdu.destination_addr,
            number=pdu.source_addr,
            detail=str(error),
        )


def accept_limit(waiting: int) -> int:
    """How many messages one turn accepts while so many wait on their way out."""
    return max(ACCEPT_LEAST, ACCEPT_ITEMS - waiting // WAITING_PER_ITEM)

"""The client node over SMPP: clients bind here, hand messages in, and are told what became of them.

Reads `client:NAME`; writes messages and `operator:NAME`.  A submit_sm_resp follows the commit of its message.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from chappe.clients.account import Account
from chappe.clients.passwords import Passwords, TooManyAttempts
from chappe.clients.translate import (
    deliver_of_message,
    deliver_of_receipt,
    message_of_data,
    message_of_submit,
    wire_id,
)
from chappe.crash import ARMED, CrashPoint, reach
from chappe.model.errors import MisuseError, PeerError
from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message, Receipt
from chappe.net.smpp_peer import SmppPeer
from chappe.rules.decide import Routes
from chappe.runtime.batching import Gathered
from chappe.runtime.clock import Clock
from chappe.runtime.node import Notes, hold_crashes, persist
from chappe.runtime.supervisor import Crash, each
from chappe.store.port import Deferred, Delivered, Fault, Held, Settlement, Store, StoreAway
from chappe.wire.smpp.facts import BindRequest, Fact, LateResponse, Over, Refused, Request, Response, Unanswered
from chappe.wire.smpp.framer import MAX_PDU_OCTETS
from chappe.wire.smpp.pdus import DataSm, DataSmResp, DeliverSm, SubmitSm, SubmitSmResp
from chappe.wire.smpp.session import Role, Session, Timers
from chappe.wire.smpp.statuses import CommandStatus, status_name

#: Connections that have not bound yet, over all addresses: beyond, the oldest are closed.
MAX_UNBOUND: Final = 20_000
#: Longest PDU of a peer that has not bound: many strangers must not fill the memory with beginnings of PDUs.
UNBOUND_PDU_OCTETS: Final = 4_096
#: Messages that one turn accepts: more would make those wait that are on their way out.
ACCEPT_ITEMS: Final = 250
#: How often sessions look at the clock.
TICK_S: Final = 0.5
#: Sessions that look at it before others get their turn.
TICK_PEERS: Final = 100
#: deliver_sm answers after which the same delivery is tried again later; others end it (SMPP 3.4 §4.6.2).
_TRY_AGAIN: Final = frozenset(
    {
        CommandStatus.ESME_RX_T_APPN,
        CommandStatus.ESME_RSYSERR,
        CommandStatus.ESME_RMSGQFUL,
        CommandStatus.ESME_RTHROTTLED,
        CommandStatus.ESME_RINVBNDSTS,
    }
)


class Submission(msgspec.Struct, gc=False):
    """A judged message on its way to the store, and who waits for the answer."""

    peer: SmppPeer
    sequence_number: int
    item: Item
    is_data: bool


class Answered(msgspec.Struct, gc=False):
    """What a client said to a delivery: a status that ends it, or, with `due_at_ms`, one to try again after.

    `misfit` tells why no PDU of the client's SMPP version can carry it.
    """

    item: Item
    command_status: int
    due_at_ms: int = 0
    misfit: str = ""


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
    ) -> None:
        self._account_by_system_id = {account.system_id: account for account in accounts if account.system_id}
        self._store = store
        self._routes = routes
        self._ids = ids
        self._clock = clock
        self._session_init_s = session_init_s
        self._system_id = system_id
        self._passwords = Passwords()
        self._peers: set[SmppPeer] = set()
        #: Connections that have not bound yet, the oldest first.
        self._unbound: dict[SmppPeer, None] = {}
        self._max_unbound = max_unbound
        self._submissions: Gathered[Submission] = Gathered()
        self._answers: Gathered[Answered] = Gathered()
        self._crashes: Gathered[Crash] = Gathered()
        #: Answers to deliveries that are being written to the store.
        self._settling = 0
        self._hungry: Gathered[Account] = Gathered()
        self._is_hungry: set[str] = set()
        self._binding: set[asyncio.Task[None]] = set()
        self._notes = Notes(store, clock)
        self._server: asyncio.Server | None = None
        self.is_draining = False
        for account in self._account_by_system_id.values():
            store.listen(account.queue, lambda account=account: self._wake(account))  # type: ignore[misc]

    # -- life of the node ---------------------------------------------------------------------------

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Open the door; returns the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._make_peer, host, port, ssl=tls, backlog=4096)
        return int(self._server.sockets[0].getsockname()[1])

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._accept(), name="client-smpp accept")
            group.create_task(self._deliver(), name="client-smpp deliver")
            group.create_task(self._settle(), name="client-smpp settle")
            group.create_task(hold_crashes(self._store, self._clock, self._crashes), name="client-smpp crashes")
            group.create_task(self._tick(), name="client-smpp tick")

    async def drain(self, until: float) -> None:
        """Take no new binds and messages, wait for open answers until `until` (monotonic), unbind everyone."""
        self.is_draining = True
        if self._server is not None:
            self._server.close()
        while self._clock.monotonic() < until and (
            len(self._submissions)
            or self._unsettled
            or any(peer.session.in_flight or peer.session.unanswered for peer in self._peers)
        ):
            await asyncio.sleep(0.02)
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
        self._passwords.close()

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
        self._note(EventName.CLIENT_GONE, account.name, f"{peer.name} {reason}")
        if items:
            self._give_back(items)
        self._wake(account)

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
                self._on_response(peer, fact)  # type: ignore[arg-type]
            elif kind is BindRequest:
                task = asyncio.get_running_loop().create_task(self._bind(peer, fact), name="client-smpp bind")  # type: ignore[arg-type]
                self._keep(task)
            elif kind is Unanswered:
                if isinstance(fact.context, Item):  # type: ignore[union-attr]
                    self._try_again(peer.owner, fact.context, 0)  # type: ignore[union-attr]
            elif kind is Refused:
                account: Account | None = peer.owner
                self._note(EventName.PDU_REFUSED, account.name if account else "", f"{peer.name} {fact.what}")  # type: ignore[union-attr]
            elif kind is Over or kind is LateResponse:
                pass

    # -- binds --------------------------------------------------------------------------------------

    async def _bind(self, peer: SmppPeer, request: BindRequest) -> None:
        """Let a client in, or say why not."""
        pdu, number = request.pdu, request.sequence_number
        account = self._account_by_system_id.get(pdu.system_id)
        status = await self._judge_bind(peer, account, pdu.system_id, pdu.password)
        if peer.is_lost:
            return
        if status or account is None:
            self._note(
                EventName.BIND_REFUSED,
                account.name if account else "",
                f"{peer.name} {pdu.system_id!r} {status_name(status)}",
            )
            peer.session.refuse_bind(number, status)
            peer.hand_on([])
            peer.close(f"bind refused with {status_name(status)}")
            return
        self._unbound.pop(peer, None)
        peer.owner = account
        account.peers.append(peer)
        timers = Timers(enquire_link_s=account.enquire_link_s, response_s=account.response_s)
        peer.session.agree(self._clock.monotonic(), timers=timers, window_pdus=account.window)
        peer.session.lengthen(MAX_PDU_OCTETS)
        peer.session.accept_bind(number, system_id=self._system_id)
        peer.flush()
        self._note(EventName.CLIENT_BOUND, account.name, f"{peer.name} {type(pdu).__name__}")
        self._wake(account)

    async def _judge_bind(self, peer: SmppPeer, account: Account | None, system_id: str, password: str) -> int:
        """The status that a bind deserves.  SMPP 3.4 §5.1.3."""
        if self.is_draining:
            return CommandStatus.ESME_RSYSERR
        if account is None or not account.is_enabled:
            return CommandStatus.ESME_RINVSYSID
        if not account.may_come_from(peer.address):
            return CommandStatus.ESME_RBINDFAIL
        try:
            is_right = await self._passwords.is_right(
                password,
                plain=account.password,
                hashed=account.password_hash,
                who=(system_id, peer.address),
                now=self._clock.monotonic(),
            )
        except TooManyAttempts:
            return CommandStatus.ESME_RBINDFAIL
        if not is_right:
            return CommandStatus.ESME_RINVPASWD
        if len(account.peers) >= account.max_binds:
            return CommandStatus.ESME_RALYBND
        return CommandStatus.ESME_ROK

    # -- messages in --------------------------------------------------------------------------------

    def _on_request(self, peer: SmppPeer, number: int, pdu: object, now_ms: int) -> None:
        account: Account = peer.owner
        if type(pdu) is not SubmitSm and type(pdu) is not DataSm:
            peer.session.respond_error(number, CommandStatus.ESME_RINVCMDID, type(pdu))
            return
        status = self._judge(peer, account)
        if status:
            peer.session.respond_error(number, status, type(pdu))
            return
        try:
            item = self._judge_message(account, pdu, now_ms)
        except PeerError as error:
            peer.session.respond_error(number, error.status, type(pdu))
            self._note_refusal(account, pdu, error)
            return
        account.throttle.take(1)
        account.arriving += 1
        self._submissions.add(Submission(peer, number, item, type(pdu) is DataSm))

    def _judge(self, peer: SmppPeer, account: Account) -> int:
        """What the client may not do now, whatever the message says."""
        if self.is_draining:
            return CommandStatus.ESME_RSYSERR
        if peer.session.unanswered > account.window:
            return CommandStatus.ESME_RTHROTTLED
        throttle = account.throttle
        if not throttle.is_unlimited and throttle.available(self._clock.monotonic()) < 1:
            return CommandStatus.ESME_RTHROTTLED
        # What is on its way to the store counts too, or a fast client would overrun the limit by a batch.
        if self._store.open_messages(account.name) + account.arriving >= account.queue_limit:
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
        queue = f"operator:{route.operators[0]}"
        return Item(queue, account.priority, account.name, message.send_at_ms, message_id, message)

    async def _accept(self) -> None:
        """Store what came, then answer."""
        while True:
            submissions = await self._submissions.take(ACCEPT_ITEMS)
            events = EventBatch(self._clock.utc_us())
            for submission in submissions:
                message = submission.item.content
                events.add(
                    EventName.MT_ACCEPTED,
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
                text = wire_id(submission.item.id, peer.owner.id_form)
                answer = DataSmResp(text) if submission.is_data else SubmitSmResp(text)
                peer.session.respond(submission.sequence_number, answer)
            else:
                asked = DataSm if submission.is_data else SubmitSm
                status = peer.owner.store_away_status if fault.is_passing else CommandStatus.ESME_RSUBMITFAIL
                peer.session.respond_error(submission.sequence_number, status, asked)
            if not peer.is_dirty:
                peer.is_dirty = True
                dirty.append(peer)
        self._flush(dirty)

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
        self._flush(dirty)

    def _flush(self, dirty: list[SmppPeer]) -> None:
        if ARMED is not None:
            reach(CrashPoint.BEFORE_WRITE_TO_CLIENT)
        for peer in dirty:
            peer.flush()
        if ARMED is not None:
            reach(CrashPoint.AFTER_WRITE_TO_CLIENT)

    # -- receipts and MO out ------------------------------------------------------------------------

    def _wake(self, account: Account) -> None:
        """Something waits for this client, or it has room again."""
        if account.name not in self._is_hungry and account.peers and not self.is_draining:
            self._is_hungry.add(account.name)
            self._hungry.add(account)

    async def _deliver(self) -> None:
        while True:
            dirty: list[SmppPeer] = []
            for account in await self._hungry.take():
                self._is_hungry.discard(account.name)
                if not self.is_draining:
                    await self._deliver_to(account, dirty)
            self._flush(dirty)

    async def _deliver_to(self, account: Account, dirty: list[SmppPeer]) -> None:
        """Fill the windows of a client's receivers."""
        now = self._clock.monotonic()
        for peer in account.peers:
            room = peer.session.room if peer.is_writable and peer.session.may_receive_deliveries else 0
            if not room:
                continue
            items = await self._store.lease(account.queue, room)

            def hand(item: Item, peer: SmppPeer = peer) -> None:
                if not account.waiting_handsets or not self._must_wait(account, item):
                    self._send(peer, account, item, now)

            for crash in each(items, hand):
                self._crashes.add(crash)
            if items and not peer.is_dirty:
                peer.is_dirty = True
                dirty.append(peer)
            if len(items) < room:
                return

    def _send(self, peer: SmppPeer, account: Account, item: Item, now: float) -> None:
        """Write one delivery; one that the client's SMPP cannot carry is held for a person, and stops nobody."""
        try:
            peer.session.request(self._deliver_sm(account, item), now, item)
        except MisuseError as error:
            self._answers.add(Answered(item, 0, misfit=str(error)))

    def _deliver_sm(self, account: Account, item: Item) -> DeliverSm | DataSm:
        content = item.content
        if isinstance(content, Receipt):
            return deliver_of_receipt(content, account.id_form)
        return deliver_of_message(content)

    def _must_wait(self, account: Account, item: Item) -> bool:
        """Something for this handset was refused and is not due yet: what follows waits behind it."""
        until_ms = account.waiting_handsets.get(_handset(item))
        if until_ms is None:
            return False
        if until_ms <= self._clock.utc_us() // 1000 or item.due_at_ms:
            account.waiting_handsets.pop(_handset(item), None)
            return False
        self._answers.add(Answered(item, 0, until_ms + 1))
        return True

    def _on_response(self, peer: SmppPeer, response: Response) -> None:
        item, account = response.context, peer.owner
        assert isinstance(item, Item)
        status = response.command_status
        if status in _TRY_AGAIN:
            self._try_again(account, item, status)
        else:
            self._answers.add(Answered(item, status))
        self._wake(account)

    def _try_again(self, account: Account, item: Item, status: int) -> None:
        """Refused for now, or never answered: the same delivery again after a pause."""
        due = self._clock.utc_us() // 1000 + int(account.retry_s * 1000)
        account.waiting_handsets[_handset(item)] = due
        self._answers.add(Answered(item, status, due))

    async def _settle(self) -> None:
        """Write what became of deliveries; while the store is away, keep trying: nothing else may forget it."""
        while True:
            answers = await self._answers.take()
            self._settling = len(answers)
            events = EventBatch(self._clock.utc_us())
            settlements: list[Settlement] = []
            for answer in answers:
                if answer.due_at_ms:
                    settlements.append(Deferred(answer.item, answer.due_at_ms))
                elif answer.misfit:
                    settlements.append(Held(answer.item, answer.misfit))
                    self._tell(events, answer.item, f"held: {answer.misfit}")
                else:
                    settlements.append(Delivered(answer.item, events.at_us))
                    status = answer.command_status
                    self._tell(events, answer.item, status_name(status) if status else "")
            await persist(self._store, settlements, events)
            self._settling = 0

    @property
    def _unsettled(self) -> int:
        """Answers that were read and are not yet on disk: what they end would come again after a stop."""
        return self._settling + len(self._answers)

    def _tell(self, events: EventBatch, item: Item, refusal: str) -> None:
        content = item.content
        if isinstance(content, Receipt):
            events.add(
                EventName.DR_REFUSED if refusal else EventName.DR_DELIVERED,
                content.message_id,
                content.client,
                content.operator,
                content.source,
                content.dest,
                content.reference,
                "",
                refusal or content.status.word,
            )
        else:
            events.add(
                EventName.MO_REFUSED if refusal else EventName.MO_DELIVERED,
                content.id,
                content.client,
                content.operator,
                content.source,
                content.dest,
                detail=refusal,
            )

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

    def _note_refusal(self, account: Account, pdu: SubmitSm | DataSm, error: PeerError) -> None:
        self._notes.add(
            EventName.MT_REJECTED,
            client=account.name,
            msisdn=pdu.destination_addr,
            number=pdu.source_addr,
            detail=str(error),
        )


def _handset(item: Item) -> str:
    content = item.content
    if isinstance(content, Message):
        return content.dest if content.direction is Direction.MT else content.source
    return content.source

"""The client node over SMPP: clients bind here, hand messages in, and are told what became of them.

Reads `client:NAME`; writes messages and `operator:NAME`.  A submit_sm_resp follows the commit of its message.
"""

from collections.abc import Coroutine, Iterator
from typing import Any, Final

from chappe.clients.accepting import Submission
from chappe.clients.account import Account
from chappe.clients.congestion import congestion_of
from chappe.clients.deliveries import DeliveryWords
from chappe.clients.entrance import Entry
from chappe.clients.guarded import GuardedAccept
from chappe.clients.guarded import Submission as GuardedSubmission
from chappe.clients.inquiries import Inquiries, Inquiry
from chappe.clients.multi import Multi, submits_of
from chappe.clients.naming import told_id, with_short_id
from chappe.clients.node import ClientNode
from chappe.clients.refusals import Limit
from chappe.clients.translate import (
    SMPP_REFUSALS,
    alert_of_message,
    deliver_of_message,
    deliver_of_receipt,
    message_of_data,
    message_of_submit,
)
from chappe.model.errors import PeerError
from chappe.model.events import EventName
from chappe.model.message import Item
from chappe.net.smpp_peer import SmppPeer
from chappe.store.port import Fault
from chappe.wire.smpp.constants import VERSION_3_4, VERSION_5_0
from chappe.wire.smpp.facts import BindRequest, Fact, LateResponse, Over, Refused, Request, Response, Unanswered
from chappe.wire.smpp.fields import Tlvs
from chappe.wire.smpp.framer import MAX_PDU_OCTETS
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
from chappe.wire.smpp.statuses import CommandStatus, status_name

#: Longest PDU of a peer that has not bound: many strangers must not fill the memory with beginnings of PDUs.
UNBOUND_PDU_OCTETS: Final = 4_096
#: What most answers carry besides the id.
NO_TLVS: Final[Tlvs] = ()

#: What a bind is told.  SMPP 3.4 §5.1.3.
_STATUS_BY_ENTRY: Final = {
    Entry.WELCOME: CommandStatus.ESME_ROK,
    Entry.DRAINING: CommandStatus.ESME_RSYSERR,
    Entry.UNKNOWN: CommandStatus.ESME_RINVSYSID,
    Entry.ELSEWHERE: CommandStatus.ESME_RBINDFAIL,
    Entry.CERTIFICATE: CommandStatus.ESME_RBINDFAIL,
    Entry.ATTEMPTS: CommandStatus.ESME_RBINDFAIL,
    Entry.PASSWORD: CommandStatus.ESME_RINVPASWD,
    Entry.FULL: CommandStatus.ESME_RALYBND,
}
_STATUS_BY_LIMIT: Final = {
    Limit.DRAINING: CommandStatus.ESME_RSYSERR,
    Limit.WINDOW: CommandStatus.ESME_RTHROTTLED,
    Limit.RATE: CommandStatus.ESME_RTHROTTLED,
    Limit.QUEUE: CommandStatus.ESME_RMSGQFUL,
}
#: deliver_sm answers after which the same delivery is tried again later (SMPP 3.4 §4.6.2).
_TRY_AGAIN: Final = frozenset(
    {
        CommandStatus.ESME_RX_T_APPN,
        CommandStatus.ESME_RSYSERR,
        CommandStatus.ESME_RMSGQFUL,
        CommandStatus.ESME_RTHROTTLED,
        CommandStatus.ESME_RINVBNDSTS,
    }
)


class ClientSmppNode(ClientNode):
    """Serves all SMPP clients of this box."""

    name = "client-smpp"
    protocol = "SMPP"
    refusals = SMPP_REFUSALS
    words = DeliveryWords(
        of_receipt=lambda receipt, account: deliver_of_receipt(receipt, account.id_form),
        of_message=lambda message, account: deliver_of_message(message),
        try_again=_TRY_AGAIN,
        status_name=status_name,
        of_alert=alert_of_message,
    )

    def __init__(self, *terms: Any, system_id: str = "chappe", **more: Any) -> None:
        """As every client node; `system_id` is what binds are told."""
        super().__init__(*terms, **more)
        self._system_id = system_id
        self._guarded = GuardedAccept(self._store, self._clock, self._notes)
        self._inquiries = Inquiries(self._store, self._clock, self._notes, self._cut_again, self._paid_again)

    def loops(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """What goes on at the same time, by name."""
        yield from super().loops()
        yield "guarded", self._guarded.run()
        yield "inquiries", self._inquiries.run()
        yield "wide cancels", self._inquiries.run_wide()

    # -- connections --------------------------------------------------------------------------------

    def new_peer(self, now: float) -> SmppPeer:
        """A connection that may bind, and say little before."""
        session = Session(
            Role.MC,
            now=now,
            timers=Timers(session_init_s=self._session_init_s),
            window_pdus=1,
            max_pdu_octets=UNBOUND_PDU_OCTETS,
            system_id=self._system_id,
        )
        return SmppPeer(session, self._on_facts, self._on_lost)

    def say_goodbye(self, peer: SmppPeer, now: float) -> None:
        """Unbind."""
        if peer.session.is_bound:
            peer.session.unbind(now)
            peer.flush()

    def gone(self, peer: SmppPeer, account: Account) -> None:
        """Its version matters no longer."""
        account.short_id_peers.discard(peer)
        account.congestion_peers.discard(peer)

    async def _bind(self, peer: SmppPeer, request: BindRequest) -> None:
        """Let a client in, or say why not.  SMPP 3.4 §4.1."""
        pdu, number = request.pdu, request.sequence_number
        account, entry = await self._entrance.judge(peer, pdu.system_id, pdu.password)
        if peer.is_lost:
            return
        status = _STATUS_BY_ENTRY[entry]
        if status or account is None:
            peer.session.refuse_bind(number, status)
            self._turn_away(peer, account, pdu.system_id, status_name(status))
            return
        if account.id_form == "short" or (account.may_shorten_ids and pdu.interface_version < VERSION_3_4):
            account.short_id_peers.add(peer)
        if pdu.interface_version >= VERSION_5_0:
            account.congestion_peers.add(peer)
        timers = Timers(enquire_link_s=account.enquire_link_s, response_s=account.response_s)
        peer.session.agree(self._clock.monotonic(), timers=timers, window_pdus=account.window)
        peer.session.lengthen(MAX_PDU_OCTETS)
        peer.session.accept_bind(number, system_id=self._system_id)
        self._let_in(peer, account, type(pdu).__name__)

    def _on_facts(self, peer: SmppPeer, facts: list[Fact]) -> None:
        now_ms = self._clock.utc_us() // 1000
        for fact in facts:
            kind = type(fact)
            if kind is Request:
                self._on_request(peer, fact.sequence_number, fact.pdu, now_ms)  # type: ignore[union-attr]
            elif kind is Response:
                self._deliveries.on_response(peer.owner, fact.context, fact.command_status)  # type: ignore[union-attr]
            elif kind is BindRequest:
                self._start(self._bind(peer, fact), "bind")  # type: ignore[arg-type]
            elif kind is Unanswered:
                if isinstance(fact.context, Item):  # type: ignore[union-attr]
                    self._deliveries.try_again(peer.owner, fact.context, 0)  # type: ignore[union-attr]
            elif kind is Refused:
                account: Account | None = peer.owner
                self._note(EventName.PDU_REFUSED, account.name if account else "", f"{peer.name} {fact.what}")  # type: ignore[union-attr]
            elif kind is LateResponse:
                self._deliveries.on_late_response(peer.owner, fact.context, fact.command_status)  # type: ignore[union-attr]
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
            if account.credit is not None:
                item = self._paid(account.credit, item)
        except PeerError as error:
            peer.session.respond_error(number, error.status, type(pdu))
            self._note_refusal(account, pdu.destination_addr, pdu.source_addr, error)
            return
        if not account.throttle.is_unlimited:
            account.throttle.take(1)
        if account.dedup_s:
            answer = DataSmResp if type(pdu) is DataSm else SubmitSmResp
            self._guarded.add(GuardedSubmission(peer, number, type(pdu), (item,), told_id(item, account), answer))
            return
        account.arriving += 1
        self._submissions.add(Submission(peer, number, item, type(pdu)))

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
                item = self._judge_message(account, submit, now_ms)
                multi.take(item if account.credit is None else self._paid(account.credit, item))
            except PeerError as error:
                multi.refuse(submit.dest_addr_ton, submit.dest_addr_npi, submit.destination_addr, error.status)
                self._note_refusal(account, submit.destination_addr, submit.source_addr, error)
        try:
            multi.name(account, is_short=peer in account.short_id_peers)
        except PeerError as error:
            self._give_back(account, multi.items)
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
        limit = self._limit_of(peer, account, messages)
        return 0 if limit is None else _STATUS_BY_LIMIT[limit]

    def _judge_message(self, account: Account, pdu: SubmitSm | DataSm, now_ms: int) -> Item:
        """Read a message and decide where it goes.  Raises: PeerError."""
        message_id = self._ids.next(now_ms)
        if isinstance(pdu, SubmitSm):
            message = message_of_submit(pdu, message_id, account.name, now_ms)
        else:
            message = message_of_data(pdu, message_id, account.name)
        return self._routed(account, message)

    # -- answers ------------------------------------------------------------------------------------

    def say_yes(self, submission: Submission) -> None:
        """With the message's id."""
        peer, account = submission.peer, submission.peer.owner
        text = told_id(submission.item, account)
        tlvs = NO_TLVS
        if account.congestion_peers:
            tlvs = congestion_of(account, peer, self._store.open_messages(account.name))
        answer = DataSmResp(text, tlvs) if submission.asked is DataSm else SubmitSmResp(text, tlvs)
        peer.session.respond(submission.number, answer)

    def say_no(self, submission: Submission, fault: Fault) -> None:
        """To be tried again when the store was away."""
        status = submission.peer.owner.store_away_status if fault.is_passing else CommandStatus.ESME_RSUBMITFAIL
        submission.peer.session.respond_error(submission.number, status, submission.asked)

"""The client node over UCP/EMI: clients sign on here, hand messages in, and are told what became of them.

Reads `client:NAME`; writes messages and `operator:NAME`.  A result follows the commit of what it says yes to, and names
the message by its recipient and a second that no other message of this recipient has.
"""

import hashlib
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from chappe.clients.accepting import AWAY, Submission, accept_limit
from chappe.clients.account import Account
from chappe.clients.ceiling import Ceiling
from chappe.clients.deliveries import DeliveryWords
from chappe.clients.entrance import Entry
from chappe.clients.node import ClientNode
from chappe.clients.refusals import Limit
from chappe.clients.ucp_inquiries import Inquiry, UcpInquiries
from chappe.clients.ucp_translate import (
    UCP_REFUSALS,
    Submit,
    delivery_of,
    each_of,
    message_of,
    notification_of,
    scts_of,
    second_of,
)
from chappe.model.errors import PeerError
from chappe.model.events import EventName
from chappe.model.message import Item, Message
from chappe.net.ucp_peer import UcpPeer
from chappe.runtime.batching import Gathered
from chappe.store.port import Fault, Kept, Once, Store, StoreAway
from chappe.text import gsm7
from chappe.text.encoding import DefaultAlphabet, Encoding, encoding_of
from chappe.wire.ucp.codec import Ack, Nack, Result
from chappe.wire.ucp.constants import ErrorCode, Ot, error_name
from chappe.wire.ucp.facts import Fact, LateResponse, Refused, Request, Response, SignOnRequest, Unanswered
from chappe.wire.ucp.operations import (
    CallInput,
    CallInputWithSupplementaryServices,
    DeleteMessage,
    InquiryMessage,
    ModifyMessage,
    MultipleAddressCallInput,
    Operation,
    SmsMessageTransfer,
    SubmitShortMessage,
)
from chappe.wire.ucp.session import Role, Session, Timers

#: How long a name is kept under its key where several processes give names, in ms: seconds to come are within it.
_NAMED_MS: Final = 3_600_000
_UCS2: Final = 0x08
_UDHI: Final = 0x40

_SUBMITS: Final = (SubmitShortMessage, SmsMessageTransfer, CallInput, CallInputWithSupplementaryServices)

#: 52 and 53 are sent again after these; every other error code ends them.
_TRY_AGAIN: Final = frozenset(
    {
        ErrorCode.CHECKSUM_ERROR,
        ErrorCode.OPERATION_NOT_ALLOWED,
        ErrorCode.DELIVERY_IN_PROGRESS,
        ErrorCode.LOW_NETWORK_STATUS,
        ErrorCode.SYSTEM_ERROR,
    }
)


class Several(msgspec.Struct, gc=False):
    """One operation for several recipients: it is answered when all of its messages are stored."""

    left: int
    name: str
    refused: int = 0


class ClientUcpNode(ClientNode):
    """Serves all UCP clients of this box."""

    name = "client-ucp"
    protocol = "UCP"
    refusals = UCP_REFUSALS

    def __init__(
        self,
        accounts: Sequence[Account],
        store: Store,
        *terms: Any,
        is_alone: bool = True,
        ceiling: Ceiling | None = None,
        alphabet_by_operator: Mapping[str, DefaultAlphabet] | None = None,
        **more: Any,
    ) -> None:
        """As every client node.

        `is_alone`: no other process gives names to messages of these clients, and `ceiling` knows those of the runs
        before this one.  `alphabet_by_operator`: what data_coding 0 means to each.
        """
        alphabets = alphabet_by_operator if alphabet_by_operator is not None else {}
        self.words = DeliveryWords(
            of_receipt=notification_of,
            of_message=lambda message, account: delivery_of(message, account, _encoding(alphabets, message.operator)),
            try_again=_TRY_AGAIN,
            status_name=error_name,
            no_alerts=ErrorCode.OPERATION_NOT_SUPPORTED,
        )
        super().__init__(accounts, store, *terms, **more)
        self._every_alphabet = alphabets
        self.take_alphabets()
        self._is_alone = is_alone
        self._named: Gathered[Submission] = Gathered()
        self._inquiries = UcpInquiries(store, self._clock, self._notes, self._cut_again, self._paid_again)
        self._ceiling = ceiling or Ceiling()
        for account in accounts:
            account.seconds.begin_after(self._ceiling.noted)

    def take_alphabets(self) -> None:
        """What data_coding 0 means to operators may have changed."""
        every = self._every_alphabet
        self._alphabets = {name: each for name, each in every.items() if each is not DefaultAlphabet.GSM7}

    def take_accounts(self, accounts: Sequence[Account]) -> None:
        """From now on these are the clients; names of messages go on after those that were given."""
        for account in accounts:
            if account.name not in self._account_by_name:
                account.seconds.begin_after(self._ceiling.noted)
        super().take_accounts(accounts)

    def loops(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """What goes on at the same time, by name."""
        yield from super().loops()
        yield "inquiries", self._inquiries.run()
        if not self._is_alone:
            yield "names", self._accept_named()

    # -- connections --------------------------------------------------------------------------------

    def new_peer(self, now: float) -> UcpPeer:
        """A connection that may sign on."""
        session = Session(Role.SMSC, now=now, timers=Timers(sign_on_s=self._session_init_s), window=1)
        return UcpPeer(session, self._on_facts, self._on_lost)

    def say_goodbye(self, peer: UcpPeer, now: float) -> None:
        """UCP has no word for it."""
        peer.close("the gateway stops")

    def gone(self, peer: UcpPeer, account: Account) -> None:
        """Nothing is kept of it."""

    async def _sign_on(self, peer: UcpPeer, request: SignOnRequest) -> None:
        """Let a client in, or say why not.  EMI-UCP 4.x §5.1."""
        operation, trn = request.operation, request.trn
        password = bytes.fromhex(operation.pwd).decode("latin-1")
        account, entry = await self._entrance.judge(peer, operation.oadc, password)
        if peer.is_lost or peer.session.is_closed:
            return
        if entry is not Entry.WELCOME or account is None:
            peer.session.refuse_sign_on(trn, *_REFUSAL_BY_ENTRY.get(entry, _NOBODY))
            self._turn_away(peer, account, operation.oadc, entry.value)
            return
        timers = Timers(alert_s=account.enquire_link_s, response_s=account.response_s)
        peer.session.agree(self._clock.monotonic(), timers=timers, window=account.window)
        peer.session.accept_sign_on(trn)
        self._let_in(peer, account, "UCP")

    def _on_facts(self, peer: UcpPeer, facts: list[Fact]) -> None:
        now_ms = self._clock.utc_us() // 1000
        for fact in facts:
            if isinstance(fact, Request):
                self._on_operation(peer, fact.trn, fact.operation, now_ms)
            elif isinstance(fact, Response):
                if isinstance(fact.context, Item):
                    self._deliveries.on_response(peer.owner, fact.context, _code_of(fact.result))
            elif isinstance(fact, SignOnRequest):
                self._start(self._sign_on(peer, fact), "sign-on")
            elif isinstance(fact, Unanswered):
                if isinstance(fact.context, Item):
                    self._deliveries.try_again(peer.owner, fact.context, 0)
            elif isinstance(fact, LateResponse):
                self._deliveries.on_late_response(peer.owner, fact.context, _code_of(fact.result))
            elif isinstance(fact, Refused):
                account: Account | None = peer.owner
                self._note(EventName.PDU_REFUSED, account.name if account else "", f"{peer.name} {fact.what}")

    # -- messages in --------------------------------------------------------------------------------

    def _on_operation(self, peer: UcpPeer, trn: int, operation: Operation, now_ms: int) -> None:
        if isinstance(operation, _SUBMITS):
            self._on_submit(peer, trn, operation, now_ms)
        elif isinstance(operation, MultipleAddressCallInput):
            self._on_several(peer, trn, operation, now_ms)
        elif isinstance(operation, InquiryMessage | DeleteMessage | ModifyMessage):
            self._inquiries.add(Inquiry(peer, trn, operation))
        else:
            # Passwords and lists are the administrator's.
            peer.session.respond(trn, operation.ot, Nack(ErrorCode.OPERATION_NOT_ALLOWED, "not here"))

    def _on_submit(self, peer: UcpPeer, trn: int, operation: Submit, now_ms: int) -> None:
        account: Account = peer.owner
        limit = self._limit_of(peer, account)
        if limit is not None:
            peer.session.respond(trn, operation.ot, _nack_of(limit, account))
            return
        try:
            item = self._judge(account, operation, now_ms)
            if account.credit is not None:
                item = self._paid(account.credit, item)
        except PeerError as error:
            self._refuse(peer, trn, operation.ot, error, account, operation.adc, operation.oadc)
            return
        if not account.throttle.is_unlimited:
            account.throttle.take(1)
        self._store_later(Submission(peer, trn, item, operation.ot))

    def _on_several(self, peer: UcpPeer, trn: int, operation: MultipleAddressCallInput, now_ms: int) -> None:
        """All recipients or, where one is wrong, none: a result has no room to name those that got nothing.  §4.1."""
        account: Account = peer.owner
        limit = self._limit_of(peer, account, len(operation.rads))
        if limit is not None:
            peer.session.respond(trn, operation.ot, _nack_of(limit, account))
            return
        items: list[Item] = []
        try:
            for each in each_of(operation):
                item = self._judge(account, each, now_ms)
                items.append(item if account.credit is None else self._paid(account.credit, item))
            if not items:
                raise PeerError("no recipient", status=ErrorCode.ADC_INVALID)
        except PeerError as error:
            self._give_back(account, items)
            self._refuse(peer, trn, operation.ot, error, account, ",".join(operation.rads), operation.oadc)
            return
        account.throttle.take(len(items))
        several = Several(len(items), items[0].content.known_as)
        for item in items:
            self._store_later(Submission(peer, trn, item, several))

    def _judge(self, account: Account, operation: Submit, now_ms: int) -> Item:
        """Read a message, name it, and decide where it goes.  Raises: PeerError."""
        message_id = self._ids.next(now_ms)
        second = account.seconds.next(operation.adc, message_id)
        if second is None:
            raise PeerError("too many messages to one recipient", status=account.throttle_code)
        try:
            self._ceiling.reach(second)
        except OSError as error:
            raise PeerError(f"no name can be noted: {error}", status=account.store_away_code) from error
        known_as = f"{operation.adc}:{scts_of(second)}"
        message = message_of(operation, message_id, account.name, now_ms, known_as=known_as, zone=account.zone)
        return self._routed(account, message)

    def _store_later(self, submission: Submission) -> None:
        submission.peer.owner.arriving += 1
        (self._submissions if self._is_alone else self._named).add(submission)

    def fit(self, message: Message, operator: str) -> Message:
        """GSM 7 bit in what data_coding 0 means to the operator, or in UCS-2.  Raises: PeerError."""
        alphabet = self._alphabets.get(operator)
        if alphabet is None or message.data_coding or encoding_of(message.data_coding) is not Encoding.GSM7:
            return message
        if message.esm_class & _UDHI:
            if all(each in _IN_EVERY_ALPHABET for each in message.octets[message.octets[0] + 1 :]):
                return message
            raise PeerError("a text with a header cannot be rewritten", status=ErrorCode.INVALID_CHARACTER_SET)
        text = gsm7.decode(message.octets)
        try:
            return msgspec.structs.replace(message, octets=alphabet.write(text))
        except gsm7.NotInAlphabet:
            return msgspec.structs.replace(message, octets=text.encode("utf-16-be"), data_coding=_UCS2)

    async def _accept_named(self) -> None:
        """Store what came where others give names, too: a name that is taken becomes that of the next second."""
        while True:
            submissions = await self._named.take(accept_limit(self._pressure()))
            until_ms = self._clock.utc_us() // 1000 + _NAMED_MS
            batch = [Once(each.item.id, _key_of(each.item), b"", b"", until_ms, (each.item,)) for each in submissions]
            outcomes: Sequence[Kept | Fault | None]
            try:
                outcomes = await self._store.accept_once(batch, self._accepted_events(submissions))
            except StoreAway:
                outcomes = [AWAY] * len(submissions)
            settled: list[Submission] = []
            faults: list[Fault | None] = []
            for submission, outcome in zip(submissions, outcomes, strict=True):
                if isinstance(outcome, Kept):
                    outcome = self._renamed(submission)
                    if outcome is None:
                        continue
                settled.append(submission)
                faults.append(outcome)
            self._answer(settled, faults)

    def _renamed(self, submission: Submission) -> Fault | None:
        """Give a message the next name and store it again; a fault where there is none."""
        message, account = submission.item.content, submission.peer.owner
        assert isinstance(message, Message)
        recipient, _, scts = message.known_as.partition(":")
        second = account.seconds.next(recipient, message.id, at_least=second_of(scts) + 1)
        if second is None:
            return Fault("too many messages to one recipient", is_passing=True)
        content = msgspec.structs.replace(message, known_as=f"{recipient}:{scts_of(second)}")
        submission.item = msgspec.structs.replace(submission.item, content=content)
        if isinstance(submission.asked, Several) and submission.asked.name == message.known_as:
            submission.asked.name = content.known_as
        self._named.add(submission)
        return None

    # -- answers ------------------------------------------------------------------------------------

    def say_yes(self, submission: Submission) -> None:
        """With the message's name."""
        asked = submission.asked
        if isinstance(asked, Several):
            self._one_less(submission, asked)
            return
        submission.peer.session.respond(submission.number, asked, Ack(submission.item.content.known_as))

    def say_no(self, submission: Submission, fault: Fault) -> None:
        """To be tried again when the store was away."""
        asked, account = submission.asked, submission.peer.owner
        code = account.store_away_code if fault.is_passing else ErrorCode.NOT_SUCCESSFUL
        if isinstance(asked, Several):
            asked.refused = code
            self._one_less(submission, asked)
            return
        submission.peer.session.respond(submission.number, asked, Nack(code, _word(code)))

    def _one_less(self, submission: Submission, several: Several) -> None:
        several.left -= 1
        if several.left:
            return
        result: Result = Ack(several.name)
        if several.refused:
            result = Nack(several.refused, _word(several.refused))
        submission.peer.session.respond(submission.number, Ot.MULTIPLE_ADDRESS_CALL_INPUT, result)

    def _refuse(
        self, peer: UcpPeer, trn: int, ot: int, error: PeerError, account: Account, dest: str, source: str
    ) -> None:
        peer.session.respond(trn, ot, Nack(error.status, _word(error.status)))
        self._note_refusal(account, dest, source, error)


#: Septets that are the same characters in GSM 7 bit, Latin-1 and ASCII.
_IN_EVERY_ALPHABET: Final = frozenset(
    each for each in range(0x20, 0x7F) if gsm7.decode(bytes((each,))) == chr(each)
) | {0x0A, 0x0D}

_NOBODY: Final = (ErrorCode.AUTHENTICATION_FAILURE, "authentication failure")
#: What is no secret: everything else is told like a wrong password.
_REFUSAL_BY_ENTRY: Final[Mapping[Entry, tuple[int, str]]] = {
    Entry.DRAINING: (ErrorCode.OPERATION_NOT_ALLOWED, "the gateway stops"),
    Entry.FULL: (ErrorCode.OPERATION_NOT_ALLOWED, "too many sessions"),
}


def _encoding(alphabets: Mapping[str, DefaultAlphabet], operator: str) -> Encoding:
    return alphabets.get(operator, DefaultAlphabet.GSM7).encoding


def _nack_of(limit: Limit, account: Account) -> Nack:
    match limit:
        case Limit.DRAINING:
            return Nack(account.store_away_code, limit.value)
        case Limit.QUEUE:
            return Nack(account.queue_full_code, limit.value)
        case Limit.RATE | Limit.WINDOW:
            return Nack(account.throttle_code, limit.value)


def _word(code: int) -> str:
    return error_name(code).replace("_", " ").lower()


def _code_of(result: Result) -> int:
    """0 for yes; a nack is no yes, whatever its number."""
    return 0 if isinstance(result, Ack) else result.ec or ErrorCode.NOT_SUCCESSFUL


def _key_of(item: Item) -> bytes:
    """What names a message of one client."""
    message = item.content
    return b"ucp" + hashlib.blake2b(f"{message.client}\0{message.known_as}".encode(), digest_size=16).digest()

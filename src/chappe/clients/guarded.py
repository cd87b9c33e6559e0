"""Guarded submissions: what is stored whole or not at all, and what is stored once however often it is handed in.

Reads nothing; writes messages and `operator:NAME`.  These are the messages of a submit_multi, and those of clients
that want repeats of theirs recognised.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from chappe.clients.account import Account
from chappe.clients.changed_item import tell_routed
from chappe.clients.congestion import congestion_of
from chappe.clients.credit import units_in
from chappe.clients.flushing import flush
from chappe.model.events import EventBatch, EventName
from chappe.model.message import Item, Message
from chappe.net.smpp_peer import SmppPeer
from chappe.runtime.batching import Gathered
from chappe.runtime.clock import Clock
from chappe.runtime.node import Notes
from chappe.store.port import Fault, Kept, Once, Store, StoreAway
from chappe.wire.smpp.fields import Tlvs
from chappe.wire.smpp.pdus import Pdu
from chappe.wire.smpp.statuses import CommandStatus
from chappe.wire.smpp.tlvs import Tag

#: Submissions that one turn accepts, each of up to 255 messages.
ACCEPT_SUBMISSIONS: Final = 100
#: How long what must only be stored whole is kept under its key, in ms: nobody asks for it again.
_WHOLE_KEPT_MS: Final = 1_000
#: What tells two parts of one message from each other besides their octets.
_PART_TAGS: Final = frozenset({Tag.SAR_MSG_REF_NUM, Tag.SAR_SEGMENT_SEQNUM})

#: Makes the answer out of the message_id and the TLVs: of a submit_sm, a data_sm or a submit_multi.
Answer = Callable[[str, Tlvs], Pdu]


class Submission(msgspec.Struct, gc=False):
    """Judged messages that are stored together, and who waits for the answer."""

    peer: SmppPeer
    sequence_number: int
    asked: type
    items: tuple[Item, ...]
    #: The id that its client is told.
    message_id: str
    answer: Answer


def digest_of(items: Sequence[Item]) -> bytes:
    """What makes two submissions of one client the same."""
    hashed = hashlib.blake2b(digest_size=16)
    for item in items:
        message = item.content
        assert isinstance(message, Message)
        named = (message.client, message.source, message.dest, message.reference)
        parts = [value for tag, value in message.tlvs if tag in _PART_TAGS]
        hashed.update(msgspec.msgpack.encode((named, message.octets, message.data_coding, message.esm_class, parts)))
    return b"smpp" + hashed.digest()


class GuardedAccept:
    """Stores guarded submissions, then answers."""

    def __init__(self, store: Store, clock: Clock, notes: Notes) -> None:
        self._store = store
        self._clock = clock
        self._notes = notes
        self._submissions: Gathered[Submission] = Gathered()

    def add(self, submission: Submission) -> None:
        """Store this when its turn comes."""
        submission.peer.owner.arriving += len(submission.items)
        self._submissions.add(submission)

    async def run(self) -> None:
        """Store what came, then answer; until cancelled."""
        while True:
            submissions = await self._submissions.take(ACCEPT_SUBMISSIONS)
            now_us = self._clock.utc_us()
            events = EventBatch(now_us)
            for submission in submissions:
                for item in submission.items:
                    told = item.content
                    assert isinstance(told, Message)
                    rest = (told.dest, told.source, told.reference)
                    events.add(EventName.MT_ACCEPTED, told.id, told.client, "", *rest)
                    tell_routed(events, item)
            batch = [_once(submission, now_us // 1000) for submission in submissions]
            try:
                outcomes: Sequence[Kept | Fault | None] = await self._store.accept_once(batch, events)
            except StoreAway:
                outcomes = [Fault("the store is away", is_passing=True)] * len(submissions)
            for submission, outcome in zip(submissions, outcomes, strict=True):
                self._answer(submission, outcome)
            flush(list(dict.fromkeys(each.peer for each in submissions if not each.peer.is_lost)))

    def _answer(self, submission: Submission, outcome: Kept | Fault | None) -> None:
        peer, account = submission.peer, submission.peer.owner
        account.arriving -= len(submission.items)
        if outcome is not None and account.credit is not None:
            account.credit.give_back(units_in(submission.items))
        message_id = submission.message_id
        if isinstance(outcome, Kept):
            message_id = outcome.answer.decode("latin-1")
            self._tell_repeat(submission, message_id)
        if peer.is_lost:
            return
        if isinstance(outcome, Fault):
            status = account.store_away_status if outcome.is_passing else CommandStatus.ESME_RSUBMITFAIL
            peer.session.respond_error(submission.sequence_number, status, submission.asked)
        else:
            tlvs = congestion_of(account, peer, self._store.open_messages(account.name))
            peer.session.respond(submission.sequence_number, submission.answer(message_id, tlvs))

    def _tell_repeat(self, submission: Submission, message_id: str) -> None:
        for item in submission.items:
            message = item.content
            assert isinstance(message, Message)
            self._notes.add(
                EventName.MT_REPEATED,
                client=message.client,
                msisdn=message.dest,
                number=message.source,
                client_ref=message.reference,
                detail=f"has message_id {message_id}",
            )


def _once(submission: Submission, now_ms: int) -> Once:
    account: Account = submission.peer.owner
    first, answer = submission.items[0], submission.message_id.encode("latin-1")
    if account.dedup_s:
        until_ms = now_ms + int(account.dedup_s * 1000)
        return Once(first.id, digest_of(submission.items), b"", answer, until_ms, submission.items)
    key = b"whole" + first.id.to_bytes(8, "big")
    return Once(first.id, key, b"", answer, now_ms + _WHOLE_KEPT_MS, submission.items)

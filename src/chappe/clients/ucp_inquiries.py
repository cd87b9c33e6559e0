"""What clients over UCP ask about messages that they handed in: operations 54, 55 and 56.

A message is named by its recipient, its sender and, where the client says it, its second.  What an inquiry finds
follows its result as operation 57, what a deletion took back as 58.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from chappe.clients.account import Account
from chappe.clients.credit import give_back_unreplaced
from chappe.clients.flushing import flush
from chappe.clients.seconds import meant_between
from chappe.clients.ucp_translate import found, message_of, recipient_of, second_of
from chappe.model.errors import PeerError
from chappe.model.events import EventName
from chappe.model.ids import first_id_at
from chappe.model.lifecycle import Status
from chappe.model.message import Message
from chappe.net.ucp_peer import UcpPeer
from chappe.runtime.batching import Gathered
from chappe.runtime.clock import Clock
from chappe.runtime.node import Notes
from chappe.store.port import Cancel, Granted, Life, Replace, Store, StoreAway
from chappe.wire.ucp.addresses import read_originator
from chappe.wire.ucp.codec import Ack, Nack
from chappe.wire.ucp.constants import ErrorCode, error_name
from chappe.wire.ucp.operations import (
    DeleteMessage,
    DeleteResponse,
    InquiryMessage,
    InquiryResponse,
    ModifyMessage,
    Operation,
)

#: Inquiries that are answered together.
AT_ONCE: Final = 50
#: Messages that one inquiry without a second means at most.
MOST_FOUND: Final = 10

Question = InquiryMessage | DeleteMessage | ModifyMessage

_CODE: Final = {
    Granted.TOO_LATE: ErrorCode.MESSAGE_FORWARDED,
    Granted.UNKNOWN: ErrorCode.MESSAGE_NOT_FOUND,
}


class Inquiry(msgspec.Struct, gc=False):
    """What a client asked, and who waits for the answer."""

    peer: UcpPeer
    trn: int
    operation: Question


class UcpInquiries:
    """Reads lives of messages, and lets the store grant wishes."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        notes: Notes,
        cut: Callable[[Message], Message],
        pay_again: Callable[[Account, Message, Message], Message],
    ) -> None:
        """`cut(message)` counts the parts of another text, `pay_again` charges it.  Both raise PeerError."""
        self._store = store
        self._clock = clock
        self._notes = notes
        self._cut = cut
        self._pay_again = pay_again
        self._asked: Gathered[Inquiry] = Gathered()

    def add(self, inquiry: Inquiry) -> None:
        """Answer this when its turn comes."""
        self._asked.add(inquiry)

    async def run(self) -> None:
        """Answer until cancelled; those of one client in order."""
        while True:
            inquiries = await self._asked.take(AT_ONCE)
            of_peer: dict[UcpPeer, list[Inquiry]] = {}
            for inquiry in inquiries:
                of_peer.setdefault(inquiry.peer, []).append(inquiry)
            await asyncio.gather(*(self._answer_all(each) for each in of_peer.values()))
            flush([peer for peer in of_peer if not peer.is_lost])

    async def _answer_all(self, inquiries: Sequence[Inquiry]) -> None:
        for inquiry in inquiries:
            if not inquiry.peer.is_lost:
                await self._answer(inquiry)

    async def _answer(self, inquiry: Inquiry) -> None:
        peer, operation = inquiry.peer, inquiry.operation
        account: Account = peer.owner
        told: list[Operation] = []
        try:
            name, told = await self._act(account, operation)
            code = 0
        except PeerError as error:
            code = error.status
        except StoreAway:
            code = account.store_away_code
        except (msgspec.MsgspecError, ValueError, LookupError) as error:
            # What is kept of the message cannot be read: that is no client's fault, and stops nobody else.
            code = ErrorCode.SYSTEM_ERROR
            self._notes.add(
                EventName.PDU_REFUSED, client=account.name, detail=f"{peer.name} {operation.ot:02}: {error}"
            )
        if peer.is_lost:
            return
        if not code and isinstance(operation, InquiryMessage) and peer.session.room < len(told):
            # Nobody would hear what was found.
            code = account.throttle_code
        if code:
            peer.session.respond(inquiry.trn, operation.ot, Nack(code, error_name(code).replace("_", " ").lower()))
            return
        peer.session.respond(inquiry.trn, operation.ot, Ack(name))
        now = self._clock.monotonic()
        for each in told[: peer.session.room]:
            peer.session.request(each, now)

    async def _act(self, account: Account, operation: Question) -> tuple[str, list[Operation]]:
        """The message's name, and what follows the result.  Raises: PeerError, StoreAway."""
        lives = await self._find(account, operation)
        messages = [_message(life) for life in lives]
        name = messages[0].known_as
        if isinstance(operation, InquiryMessage):
            told = zip(lives, messages, strict=True)
            return name, [
                found(InquiryResponse, each, life.status, life.error, life.final_at_us) for life, each in told
            ]
        if isinstance(operation, ModifyMessage):
            changed = self._changed(messages[0], operation, account)
            wish = Replace(messages[0], self._pay_again(account, messages[0], changed))
            granted = await self._store.grant([wish])
            give_back_unreplaced(account.credit, [wish], granted)
            _check(granted)
            return name, []
        granted = await self._store.grant([Cancel(each.id, account.name) for each in messages])
        _check(granted)
        done_at_us = self._clock.utc_us()
        gone = [each for each, what in zip(messages, granted, strict=True) if what in (Granted.DONE, Granted.ALREADY)]
        return name, [found(DeleteResponse, each, Status.CANCELLED, "", done_at_us) for each in gone]

    def _changed(self, was: Message, operation: ModifyMessage, account: Account) -> Message:
        """The message that is to leave instead; what is not said stays.  Raises: PeerError."""
        now_ms = self._clock.utc_us() // 1000
        new = message_of(operation, was.id, account.name, now_ms, known_as=was.known_as, zone=account.zone)
        changes: dict[str, object] = {"parts": 1}
        if operation.msg or operation.xser:
            changes |= {"octets": new.octets, "data_coding": new.data_coding, "esm_class": new.esm_class}
        if operation.vp:
            changes["expires_at_ms"] = new.expires_at_ms
        if operation.dd:
            changes["send_at_ms"] = new.send_at_ms
        if operation.nrq:
            changes["registered_delivery"] = new.registered_delivery
        return self._cut(msgspec.structs.replace(was, **changes))

    # -- finding ------------------------------------------------------------------------------------

    async def _find(self, account: Account, operation: Question) -> list[Life]:
        """The client's messages that an operation names, at least one.  Raises: PeerError, StoreAway."""
        if operation.scts:
            lives = await self._named(account, operation.adc, operation.scts)
        else:
            lives = await self._between(account, operation)
        _, _, source = read_originator(operation.oadc, operation.otoa)
        lives = [life for life in lives if not source or _message(life).source == source]
        if not lives:
            raise PeerError("no such message", status=ErrorCode.MESSAGE_NOT_FOUND)
        return lives

    async def _named(self, account: Account, recipient: str, scts: str) -> list[Life]:
        earliest, latest = meant_between(second_of(scts))
        between = first_id_at(earliest * 1000), first_id_at((latest + 1) * 1000)
        return await self._store.known_as(account.name, f"{recipient}:{scts}", *between)

    async def _between(self, account: Account, operation: Question) -> list[Life]:
        """What still waits for its operator, from one address to another."""
        _, _, source = read_originator(operation.oadc, operation.otoa)
        _, _, dest = recipient_of(operation.adc)
        waiting = await self._store.waiting(account.name, source, dest, 0, MOST_FOUND)
        lives = [await self._store.find(message.id) for message in waiting]
        return [life for life in lives if life is not None and life.message is not None]


def _message(life: Life) -> Message:
    assert life.message is not None
    return life.message


def _check(granted: Sequence[Granted]) -> None:
    """Of several, what was done for some was done.  Raises: PeerError."""
    if not any(each in (Granted.DONE, Granted.ALREADY) for each in granted):
        best = Granted.TOO_LATE if Granted.TOO_LATE in granted else Granted.UNKNOWN
        raise PeerError("not done", status=_CODE[best])

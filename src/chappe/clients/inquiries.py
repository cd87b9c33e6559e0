"""Inquiries: what clients ask about messages that they handed in, and their wishes to cancel or replace them.

They are answered in the order in which they came, those of one kind together: looking for an old message takes its
time, and a wish is granted by the store.  Nothing of this waits for messages, nor messages for it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Final

import msgspec

from chappe.clients.account import Account
from chappe.clients.credit import give_back_unreplaced
from chappe.clients.finding import find_known
from chappe.clients.flushing import flush
from chappe.clients.translate_inquiries import (
    CANCEL_STATUS,
    REPLACE_STATUS,
    check_source,
    is_meant,
    query_resp_of,
    replacement_of,
)
from chappe.model.errors import PeerError
from chappe.model.events import EventName
from chappe.model.message import Message
from chappe.net.smpp_peer import SmppPeer
from chappe.runtime.batching import Gathered
from chappe.runtime.clock import Clock
from chappe.runtime.node import Notes
from chappe.store.port import Cancel, Granted, Life, Replace, Store, StoreAway
from chappe.wire.smpp.pdus import CancelSm, CancelSmResp, QuerySm, QuerySmResp, ReplaceSm, ReplaceSmResp
from chappe.wire.smpp.statuses import CommandStatus

#: Inquiries that are answered together.
AT_ONCE: Final = 100
#: Cancels without an id that one client may have waiting.
WIDE_AT_ONCE: Final = 10
#: Messages to one address that one look finds, and that one commit cancels.
FOUND_AT_ONCE: Final = 500

Question = QuerySm | CancelSm | ReplaceSm
Answer = QuerySmResp | CancelSmResp | ReplaceSmResp
#: A message with another text, judged and counted in parts.  Raises: PeerError.
CutAgain = Callable[[Message], Message]
#: The same, paid: account, what it was, what it is to be.  Raises: PeerError.
PayAgain = Callable[[Account, Message, Message], Message]


class Inquiry(msgspec.Struct, gc=False):
    """What a client asked, and who waits for the answer."""

    peer: SmppPeer
    sequence_number: int
    pdu: Question


class Inquiries:
    """Reads lives of messages, and lets the store grant wishes."""

    def __init__(self, store: Store, clock: Clock, notes: Notes, cut_again: CutAgain, pay_again: PayAgain) -> None:
        self._store = store
        self._clock = clock
        self._notes = notes
        self._cut_again = cut_again
        self._pay_again = pay_again
        self._asked: Gathered[Inquiry] = Gathered()
        #: Cancels without an id: each goes through all that waits, so they are done one by one.
        self._wide: Gathered[Inquiry] = Gathered()
        self._wide_by_client: Counter[str] = Counter()

    def add(self, inquiry: Inquiry) -> None:
        """Answer this when its turn comes."""
        peer, pdu = inquiry.peer, inquiry.pdu
        if not isinstance(pdu, CancelSm) or pdu.message_id:
            self._asked.add(inquiry)
        elif self._wide_by_client[peer.owner.name] >= WIDE_AT_ONCE:
            peer.session.respond_error(inquiry.sequence_number, CommandStatus.ESME_RTHROTTLED, CancelSm)
        else:
            self._wide_by_client[peer.owner.name] += 1
            self._wide.add(inquiry)

    async def run(self) -> None:
        """Answer until cancelled."""
        while True:
            inquiries = await self._asked.take(AT_ONCE)
            for _, run in groupby(inquiries, lambda inquiry: type(inquiry.pdu)):
                together = list(run)
                await asyncio.gather(*(self._answer(inquiry) for inquiry in together))
                flush(list(dict.fromkeys(each.peer for each in together if not each.peer.is_lost)))

    async def run_wide(self) -> None:
        """Do cancels without an id until cancelled."""
        while True:
            for inquiry in await self._wide.take(1):
                await self._answer(inquiry)
                self._wide_by_client[inquiry.peer.owner.name] -= 1
                flush([] if inquiry.peer.is_lost else [inquiry.peer])

    async def _answer(self, inquiry: Inquiry) -> None:
        peer, pdu = inquiry.peer, inquiry.pdu
        account: Account = peer.owner
        answer: Answer | None = None
        try:
            if isinstance(pdu, QuerySm):
                answer = await self._query(account, pdu, peer.session.peer_version)
                status = 0
            elif isinstance(pdu, CancelSm):
                status, answer = await self._cancel(account, pdu), CancelSmResp()
            else:
                status, answer = await self._replace(account, pdu), ReplaceSmResp()
        except PeerError as error:
            status = error.status
        except StoreAway:
            status = account.store_away_status
        except (msgspec.MsgspecError, ValueError, LookupError) as error:
            # What is kept of the message cannot be read: that is no client's fault, and stops nobody else.
            status = CommandStatus.ESME_RSYSERR
            told = f"{peer.name} {type(pdu).__name__} {getattr(pdu, 'message_id', '')[:20]}: {error}"
            self._notes.add(EventName.PDU_REFUSED, client=account.name, detail=told)
        if peer.is_lost:
            return
        if status or answer is None:
            peer.session.respond_error(inquiry.sequence_number, status, type(pdu))
        else:
            peer.session.respond(inquiry.sequence_number, answer)

    # -- each kind ----------------------------------------------------------------------------------

    async def _query(self, account: Account, pdu: QuerySm, peer_version: int) -> QuerySmResp:
        """Raises: PeerError, StoreAway."""
        lives = await self._find(account, pdu.message_id, pdu.source_addr)
        return query_resp_of(pdu.message_id, lives, peer_version)

    async def _cancel(self, account: Account, pdu: CancelSm) -> int:
        """Raises: PeerError, StoreAway."""
        if not pdu.message_id:
            return await self._cancel_all(account, pdu)
        lives = await self._find(account, pdu.message_id, pdu.source_addr)
        if pdu.destination_addr and all(_message(life).dest != pdu.destination_addr for life in lives):
            raise PeerError("destination_addr is not that of the message", status=CommandStatus.ESME_RINVDSTADR)
        granted = await self._store.grant([Cancel(life.id, account.name) for life in lives])
        return CANCEL_STATUS[_best(granted)]

    async def _cancel_all(self, account: Account, pdu: CancelSm) -> int:
        """Cancel everything from one address to another that still waits.  Raises: PeerError, StoreAway."""
        if not pdu.destination_addr:
            raise PeerError("neither message_id nor destination_addr", status=CommandStatus.ESME_RINVDSTADR)
        addresses = (pdu.source_addr, pdu.destination_addr)
        is_done, after_id = False, 0
        while True:
            waiting = await self._store.waiting(account.name, *addresses, after_id, FOUND_AT_ONCE)
            wishes = [Cancel(message.id, account.name) for message in waiting if is_meant(pdu, message)]
            if wishes:
                is_done = Granted.DONE in await self._store.grant(wishes) or is_done
            if len(waiting) < FOUND_AT_ONCE:
                return CommandStatus.ESME_ROK if is_done else CommandStatus.ESME_RCANCELFAIL
            after_id = waiting[-1].id

    async def _replace(self, account: Account, pdu: ReplaceSm) -> int:
        """Raises: PeerError, StoreAway."""
        lives = await self._find(account, pdu.message_id, pdu.source_addr)
        wishes = [self._replacement(account, _message(life), pdu) for life in lives]
        granted = await self._store.grant(wishes)
        give_back_unreplaced(account.credit, wishes, granted)
        return REPLACE_STATUS[_best(granted)]

    def _replacement(self, account: Account, was: Message, pdu: ReplaceSm) -> Replace:
        message = replacement_of(pdu, was, self._clock.utc_us() // 1000)
        return Replace(was, self._pay_again(account, was, self._cut_again(message)))

    # -- finding ------------------------------------------------------------------------------------

    async def _find(self, account: Account, text: str, source_addr: str) -> list[Life]:
        """The client's messages that an id means.

        Raises: PeerError when there is none, or it came from another source; StoreAway.
        """
        now_ms = self._clock.utc_us() // 1000
        lives = await find_known(self._store, account.name, text, account.id_form, now_ms)
        if not lives:
            raise PeerError("no such message", status=CommandStatus.ESME_RINVMSGID)
        check_source(source_addr, _message(lives[0]))
        return lives


def _message(life: Life) -> Message:
    assert life.message is not None
    return life.message


def _best(granted: Sequence[Granted]) -> Granted:
    """Of several that bear one id: what was done for some of them was done."""
    for each in (Granted.DONE, Granted.ALREADY, Granted.TOO_LATE):
        if each in granted:
            return each
    return Granted.UNKNOWN

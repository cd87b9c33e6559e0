"""Deliveries: receipts and MO go to the clients that are bound, and what they answer is settled.

It must never know a protocol: the words for what it hands out come from the node.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from chappe.clients.account import Account
from chappe.clients.flushing import flush
from chappe.model.errors import MisuseError
from chappe.model.events import EventBatch, EventName
from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message, Receipt
from chappe.net.peer import Peer
from chappe.rules.order import HandsetOrder
from chappe.runtime.batching import Gathered
from chappe.runtime.clock import Clock
from chappe.runtime.crashes import CrashDesk
from chappe.runtime.in_hand import InHand
from chappe.runtime.node import persist
from chappe.runtime.supervisor import each
from chappe.store.port import Deferred, Delivered, Held, Settlement, Store

_DR_DELIVERED: Final = EventName.DR_DELIVERED

#: Deliveries with a late yes that are remembered, for the sake of copies of them that are under way.
_REMEMBERED: Final = 10_000

LATE: Final = "late response"
#: What hands a client one PDU: the PDU, monotonic seconds, and what its answer is for.
Ask = Callable[[Any, float, object], int]
_DELIVERED_EVENT: Final = (EventName.MO_DELIVERED, EventName.ALERT_DELIVERED)


@dataclass(frozen=True, slots=True)
class DeliveryWords:
    """How one protocol says what clients are handed, and what their answers mean."""

    of_receipt: Callable[[Receipt, Account], Any]
    of_message: Callable[[Message, Account], Any]
    #: Answers after which the same delivery is tried again later; others end it.
    try_again: frozenset[int]
    #: The name of an answer that is no yes, for events.
    status_name: Callable[[int], str]
    #: What nobody answers; without it an alert ends as if the client had refused it with `no_alerts`.
    of_alert: Callable[[Message], Any] | None = None
    no_alerts: int = 0


class Answered(msgspec.Struct, gc=False):
    """What a client said to a delivery: a status that ends it, or, with `due_at_ms`, one to try again after.

    `misfit` tells why its protocol cannot carry it; `is_late`: it was to be sent again already;
    `was_tried`: it was sent, and does not only wait behind another one.
    """

    item: Item
    command_status: int
    due_at_ms: int = 0
    misfit: str = ""
    is_late: bool = False
    was_tried: bool = True


class Deliveries:
    """Reads `client:NAME` of all clients of one door."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        words: DeliveryWords,
        *,
        is_draining: Callable[[], bool],
        hand: InHand | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._words = words
        #: What cannot be handled goes here, and the order of those clients of whom something could not be.
        self._hand = hand or InHand(clock)
        self.crashes = CrashDesk(store, clock, behind=self._behind, ended=self._crashed_for_good, hand=self._hand)
        self._order_by_queue: dict[str, HandsetOrder] = {}
        self._is_draining = is_draining
        self._answers: Gathered[Answered] = Gathered()
        #: Answers to deliveries that are being written to the store.
        self._settling = 0
        self._hungry: Gathered[Account] = Gathered()
        self._is_hungry: set[str] = set()
        self._turns = 0
        #: (queue, id) of late yeses, the oldest first: what is said to further copies of these changes nothing.
        self._taken: dict[tuple[str, int], None] = {}

    def wake(self, account: Account) -> None:
        """Something waits for this client, or it has room again."""
        if account.name not in self._is_hungry and account.peers and not self._is_draining():
            self._is_hungry.add(account.name)
            self._hungry.add(account)

    def turns(self, name: str) -> dict[str, int]:
        """How often deliveries went round, under this name, while some wait."""
        return {name: self._turns} if len(self._hungry) else {}

    async def deliver(self) -> None:
        """Hand clients what waits for them."""
        while True:
            dirty: list[Peer] = []
            hungry = await self._hungry.take()
            self._turns += 1
            now = self._clock.monotonic()
            for account in hungry:
                self._is_hungry.discard(account.name)
                if not self._is_draining():
                    await self._deliver_to(account, dirty, now)
            flush(dirty)

    async def _deliver_to(self, account: Account, dirty: list[Peer], now: float) -> None:
        """Fill the windows of a client's receivers."""
        queue, careful = account.queue, self._hand
        for peer in account.peers:
            session = peer.session
            room = session.room if peer.is_writable and session.may_receive_deliveries else 0
            if not room:
                continue
            most = careful.share(queue, room)
            items = await self._store.lease(queue, most)
            if items:
                self._hand_out(items, account, session.request, now)
                if not peer.is_dirty:
                    peer.is_dirty = True
                    dirty.append(peer)
            if len(items) == most < room:
                self.wake(account)
            if len(items) < room:
                return

    def _hand_out(self, items: Sequence[Item], account: Account, request: Ask, now: float) -> None:
        """Hand these to one receiver."""
        order, of_receipt = account.order, self._words.of_receipt

        def hand(item: Item) -> None:
            if order.lines and self._must_wait(account, item):
                return
            content = item.content
            try:
                if isinstance(content, Receipt):
                    request(of_receipt(content, account), now, item)
                elif content.is_alert:
                    self._alert(item, content, request, now)
                else:
                    request(self._words.of_message(content, account), now, item)
            except MisuseError as error:
                # What the client's protocol cannot carry is held for a person, and stops nobody.
                self._answers.add(Answered(item, 0, misfit=str(error)))

        for crash in each(items, hand, self._hand.of(account.queue)):
            self._order_by_queue[account.queue] = order
            self.crashes.add(crash)

    def _alert(self, item: Item, alert: Message, request: Ask, now: float) -> None:
        """Pass an alert on; nobody answers it, so it is delivered when it is written.  Raises: MisuseError."""
        if self._words.of_alert is None:
            self._answers.add(Answered(item, self._words.no_alerts))
            return
        request(self._words.of_alert(alert), now, None)
        self._answers.add(Answered(item, 0))

    def _behind(self, item: Item, due_at_ms: int) -> int:
        return self._order_by_queue[item.queue].refused(_handset(item), item.id, due_at_ms)

    def _crashed_for_good(self, item: Item) -> None:
        self._order_by_queue[item.queue].answered(_handset(item), item.id, self._clock.utc_us() // 1000)

    def _must_wait(self, account: Account, item: Item) -> bool:
        """Something for this handset was refused and has no answer yet: what follows waits behind it."""
        until_ms = account.order.wait_until(_handset(item), item.id, self._clock.utc_us() // 1000)
        if until_ms:
            self._answers.add(Answered(item, 0, until_ms, was_tried=False))
        return until_ms > 0

    def on_response(self, account: Account, item: object, status: int) -> None:
        """A client has answered a delivery; 0 is yes."""
        assert isinstance(item, Item)
        if status in self._words.try_again:
            self.try_again(account, item, status)
        else:
            if account.order.lines:
                account.order.answered(_handset(item), item.id, self._clock.utc_us() // 1000)
            self._answers.add(Answered(item, status))
        if self._store.is_waiting(item.queue):
            # There is room again.  What comes later rings.
            self.wake(account)

    def on_late_response(self, account: Account, item: object, status: int) -> None:
        """A client has answered after all: with a yes it has the delivery, a no is what was assumed already."""
        if not isinstance(item, Item):
            return
        if not status:
            account.order.answered(_handset(item), item.id, self._clock.utc_us() // 1000)
            self._taken[item.queue, item.id] = None
            if len(self._taken) > _REMEMBERED:
                del self._taken[next(iter(self._taken))]
        self._answers.add(Answered(item, status, is_late=True))

    def try_again(self, account: Account, item: Item, status: int) -> None:
        """Refused for now, or never answered: the same delivery again after a pause."""
        now_ms = self._clock.utc_us() // 1000
        due = account.order.refused(_handset(item), item.id, now_ms + int(account.retry_s * 1000))
        self._answers.add(Answered(item, status, due))

    async def settle(self) -> None:
        """Write what became of deliveries; while the store is away, keep trying: nothing else may forget it."""
        while True:
            answers = await self._answers.take()
            self._settling = len(answers)
            events = EventBatch(self._clock.utc_us())
            settlements: list[Settlement] = []
            for answer in answers:
                if answer.is_late:
                    self._settle_late(answer, events, settlements)
                elif self._taken and (answer.item.queue, answer.item.id) in self._taken:
                    continue
                elif answer.due_at_ms:
                    settlements.append(Deferred(answer.item, answer.due_at_ms, answer.was_tried))
                elif answer.misfit:
                    settlements.append(Held(answer.item, answer.misfit))
                    self._tell(events, answer.item, f"held: {answer.misfit}")
                else:
                    settlements.append(Delivered(answer.item, events.at_us))
                    status = answer.command_status
                    self._tell(events, answer.item, self._words.status_name(status) if status else "")
            await persist(self._store, settlements, events)
            self._settling = 0

    def _settle_late(self, answer: Answered, events: EventBatch, settlements: list[Settlement]) -> None:
        if answer.command_status:
            word = f"{LATE} {self._words.status_name(answer.command_status)}"
            content = answer.item.content
            message_id = content.id if isinstance(content, Message) else content.message_id
            events.add(EventName.PDU_REFUSED, message_id, content.client, detail=word)
            return
        settlements.append(Delivered(answer.item, events.at_us))
        self._tell(events, answer.item, "")

    @property
    def unsettled(self) -> int:
        """Answers that were read and are not yet on disk: what they end would come again after a stop."""
        return self._settling + len(self._answers)

    def _tell(self, events: EventBatch, item: Item, refusal: str) -> None:
        content = item.content
        if isinstance(content, Receipt):
            events.add(
                EventName.DR_REFUSED if refusal else _DR_DELIVERED,
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
                EventName.MO_REFUSED if refusal else _DELIVERED_EVENT[content.is_alert],
                content.id,
                content.client,
                content.operator,
                content.source,
                content.dest,
                detail=refusal,
            )


def _handset(item: Item) -> str:
    content = item.content
    if isinstance(content, Message):
        return content.dest if content.direction is Direction.MT else content.source
    return content.source

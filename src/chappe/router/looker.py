"""The looker: messages whose operator hangs on the network of their handset wait here until somebody has said it.

Reads `route`; writes `operator:*`, or ends what may not go on.  It asks over HTTP, remembers what was said, and without
an answer in time does what the settings say.  Messages stay leased while they wait, and lie in the store all that time:
whoever looks after a death finds them there.  What was said is known to the doors only after the messages that waited
for it have moved, so that none overtakes them by much.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from chappe.crash import CrashPoint, reach
from chappe.model.address import international
from chappe.model.events import EventBatch, EventName
from chappe.model.ids import made_at_ms
from chappe.model.lifecycle import Status
from chappe.model.message import Item, Message
from chappe.router.asking import Asking, OnSaid
from chappe.rules.admit import Policy, Reason, Refused
from chappe.rules.decide import ROUTE
from chappe.rules.failure import BLOCKED, NETWORK_UNKNOWN, NO_ROUTE
from chappe.rules.looked_up import LookedUp
from chappe.rules.patience import WaitingRoom
from chappe.runtime.clock import Clock
from chappe.runtime.in_hand import InHand
from chappe.runtime.network_cache import NetworkCache
from chappe.runtime.node import persist
from chappe.store.endings import end
from chappe.store.port import Held, Moved, Settlement, Store, StoreAway

#: Messages that wait at the same time, leased; the others wait in their queue.
MAX_WAITING: Final = 5_000
LEASED: Final = 1_000
#: How often it looks after what waits, and for what rings no bell.
TICK_S: Final = 0.1
LOOK_EVERY_S: Final = 1.0

_ERROR_BY_REASON: Final = {Reason.BLOCKED: BLOCKED}


#: What asks, once it knows who hears of the answers.
MakeAsking = Callable[[OnSaid], Asking]


class LookTerms(msgspec.Struct, frozen=True):
    """How an administrator wants it."""

    patience_s: float
    retry_s: float
    #: Without an answer messages go by what is known; otherwise they end.
    goes_on_unknown: bool
    cache_s: float
    unknown_cache_s: float


class Ready(msgspec.Struct, frozen=True, gc=False):
    """A message that is decided about now: its network, empty for none that was said, and how that is told."""

    item: Item
    network: str
    told: str
    #: Nobody answered in time.
    is_given_up: bool = False


class Looker:
    """One router node's look-ups."""

    def __init__(
        self,
        store: Store,
        policy: Callable[[], Policy],
        cache: NetworkCache,
        clock: Clock,
        terms: LookTerms,
        hand: InHand | None = None,
    ) -> None:
        """Nobody is asked before `change` says how: what waits goes by what is known."""
        self._store = store
        self._policy = policy
        self._cache = cache
        self._clock = clock
        self._terms = terms
        self._hand = hand or InHand(clock)
        self._room = WaitingRoom(retry_s=terms.retry_s, patience_ms=int(terms.patience_s * 1000))
        self._asking: Asking | None = None
        self._ready: list[Ready] = []
        self._heard: list[LookedUp] = []
        #: What was told of the API last: why it did not answer, or nothing.
        self._told_fault = ""
        self._bell = asyncio.Event()
        store.listen(ROUTE, self._bell.set)

    def change(self, terms: LookTerms, make_asking: MakeAsking | None) -> None:
        """Ask so from now on, or nobody; what was asked otherwise is asked again."""
        if self._asking is not None:
            self._asking.close()
        self._terms = terms
        self._asking = make_asking(self._on_said) if make_asking is not None else None
        self._room.change(retry_s=terms.retry_s, patience_ms=int(terms.patience_s * 1000))
        if self._asking is None:
            self._ready += [Ready(item, "", "nobody is asked any more") for item in self._room.empty()]
        self._bell.set()

    async def run(self) -> None:
        """Look up until cancelled."""
        try:
            while True:
                self._bell.clear()
                try:
                    await self.look()
                except StoreAway:
                    pass  # Everything waits; the next look asks again.
                pause_s = TICK_S if self._room.count else LOOK_EVERY_S
                try:
                    async with asyncio.timeout(pause_s):
                        await self._bell.wait()
                except TimeoutError:
                    pass
        finally:
            if self._asking is not None:
                self._asking.close()

    async def look(self) -> None:
        """Take what has come, ask about what nobody knows, send on what is known.  Raises: StoreAway."""
        if self._asking is not None:
            self._asking.look()
        while room := min(MAX_WAITING - self._room.count, LEASED):
            items = await self._store.lease(ROUTE, self._hand.share(ROUTE, room))
            self._take(items)
            self._ask()
            await self._decide()
            if not items:
                break
        self._ask()
        await self._decide()
        await self._tell_fault()

    def _take(self, items: Sequence[Item]) -> None:
        plan, now_ms = self._policy().routes.plan, self._clock.utc_us() // 1000
        for item in items:
            message = _message_of(item)
            if plan.is_open(message.dest, now_ms):
                since_ms = max(made_at_ms(item.id), message.send_at_ms)
                self._room.add(international(message.dest), item, since_ms)
            else:
                self._ready.append(Ready(item, plan.network_of(message.dest), "known"))

    def _ask(self) -> None:
        if self._asking is None:
            return
        for numbers in self._room.to_ask(self._clock.monotonic(), self._asking.room, self._asking.batch):
            self._asking.ask(numbers)
        late = self._room.given_up(self._clock.utc_us() // 1000)
        self._ready += [Ready(item, "", f"not told: {self._room.fault}", is_given_up=True) for item in late]

    def _on_said(self, numbers: Sequence[str], found: dict[str, str], fault: str) -> None:
        """A request was answered, or not."""
        now_ms, terms = self._clock.utc_us() // 1000, self._terms
        ready = self._room.said(numbers, found, fault, self._clock.monotonic())
        self._ready += [Ready(item, network, "looked up" if network else "known to nobody") for item, network in ready]
        for number, network in found.items():
            until_ms = now_ms + int((terms.cache_s if network else terms.unknown_cache_s) * 1000)
            self._heard.append(LookedUp(number, network, until_ms))
        self._bell.set()

    async def _decide(self) -> None:
        """Send on what may go, end what may not; then let everybody know what was said."""
        ready, self._ready = self._ready, []
        heard, self._heard = self._heard, []
        if ready:
            events = EventBatch(self._clock.utc_us())
            settlements = [self._judge(each, events) for each in ready]
            reach(CrashPoint.BEFORE_ROUTE)
            await persist(self._store, settlements, events)
            reach(CrashPoint.AFTER_ROUTE)
            if self._hand.of(ROUTE) is not None:
                for each in settlements:
                    self._hand.forget(each.item)
        if heard:
            self._cache.note(heard)

    def _judge(self, ready: Ready, events: EventBatch) -> Settlement:
        hand, item = self._hand.of(ROUTE), ready.item
        if hand is None:
            return self._settled(ready, events)
        why = hand.why_held(item)
        if why:
            events.add(EventName.ITEM_POISONED, item.id, _message_of(item).client, detail=f"{ROUTE}: held: {why}")
            return Held(item, f"{why}\n{hand.last_words}".rstrip())
        hand.take(item)
        settlement = self._settled(ready, events)
        hand.drop()
        return settlement

    def _settled(self, ready: Ready, events: EventBatch) -> Settlement:
        item, message = ready.item, _message_of(ready.item)
        told = (message.client, "", message.dest, message.source, message.reference, "")
        if ready.is_given_up and not self._terms.goes_on_unknown:
            events.add(EventName.MT_FAILED, item.id, *told, f"no look-up in time: {ready.told}")
            return end(item, Status.REJECTED, NETWORK_UNKNOWN, events.at_us, "")
        judged = self._policy().admit_looked_up(message, ready.network, events.at_us // 1000)
        if isinstance(judged, Refused):
            events.add(EventName.MT_FAILED, item.id, *told, judged.detail)
            error = _ERROR_BY_REASON.get(judged.reason, NO_ROUTE)
            return end(item, Status.REJECTED, error, events.at_us, "")
        operator = judged.operators[0]
        why = f"network {ready.network or 'unknown'} ({ready.told}); to {operator}"
        why += f"; {judged.told}" if judged.told else ""
        events.add(EventName.MT_ROUTED, item.id, message.client, operator, *told[2:], why)
        return Moved(item, f"operator:{operator}")

    async def _tell_fault(self) -> None:
        """Note when the API begins to be silent, and when it speaks again."""
        fault = self._room.fault
        if bool(fault) == bool(self._told_fault):
            return
        self._told_fault = fault
        events = EventBatch(self._clock.utc_us())
        events.add(EventName.LOOKUP_FAILED if fault else EventName.LOOKUP_BACK, detail=fault)
        await self._store.record(events)


def _message_of(item: Item) -> Message:
    message = item.content
    assert isinstance(message, Message)
    return message

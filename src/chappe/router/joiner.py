"""The joiner: parts of long MO wait here for each other, and go on as one text to the client that it is for.

Reads `join`; writes `client:*`, `callback:*`, `service:*` and `unrouted`.  Parts stay leased while they wait, and lie
in the store all that time: whoever joins after a death finds them there.  Only the whole text says whose it is, for
its keyword stands in the part that may come last.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Status
from chappe.model.message import Item, Message
from chappe.rules.decide import JOIN, UNROUTED, Routes, Rule
from chappe.rules.failure import BLOCKED
from chappe.rules.join import Group, Groups, joined, place_of
from chappe.rules.policies import BlockRule
from chappe.runtime.clock import Clock
from chappe.runtime.in_hand import InHand
from chappe.runtime.node import persist
from chappe.store.fleet import SHARE_S, Fleet
from chappe.store.port import Delivered, Ended, Held, Settlement, Store, StoreAway
from chappe.text import udh
from chappe.text.encoding import Encoding, encoding_of
from chappe.text.reading import read

#: Parts that one look takes.
LEASED_PARTS: Final = 1_000
#: Parts that wait at the same time; where there are more, the oldest texts go on as parts before their time.
MAX_WAITING_PARTS: Final = 50_000
#: How often it looks whose time is over.
LOOK_EVERY_S: Final = 1.0
#: One run of all boxes joins, or two would each hold half of a text.
SHARE: Final = "joiner"

_UDHI: Final = 0x40


class Joiner:
    """Joins the parts of long MO."""

    def __init__(
        self,
        store: Store,
        fleet: Fleet,
        routes: Callable[[], Routes],
        ids: IdMaker,
        clock: Clock,
        *,
        encoding_of: Callable[[str], Encoding],
        hand: InHand | None = None,
    ) -> None:
        """`encoding_of(operator)` is what data_coding 0 means to it; `hand` is told what is in hand."""
        self._hand = hand or InHand(clock)
        self._store = store
        self._fleet = fleet
        self._routes = routes
        self._ids = ids
        self._clock = clock
        self._encoding_of = encoding_of
        self._groups = Groups()
        #: Parts that are leased and wait.
        self._waiting = 0
        self._is_chosen = False
        self._asked_at = -SHARE_S
        self._bell = asyncio.Event()
        store.listen(JOIN, self._bell.set)

    async def run(self) -> None:
        """Join until cancelled."""
        while True:
            try:
                await self._stand()
                if self._is_chosen:
                    await self.look()
            except StoreAway:
                pass  # Everything waits; the next look asks again.
            self._bell.clear()
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._bell.wait()
            except TimeoutError:
                pass

    async def look(self) -> None:
        """Take the parts that have come, and send on what is whole or has waited long enough.  Raises: StoreAway."""
        events = EventBatch(self._clock.utc_us())
        settlements: list[Settlement] = []
        while items := await self._store.lease(JOIN, self._hand.share(JOIN, LEASED_PARTS)):
            hand = self._hand.of(JOIN)
            for item in items:
                settlements += self._take(item, events) if hand is None else self._take_carefully(item, hand, events)
            if self._waiting > MAX_WAITING_PARTS:
                settlements += self._release(self._groups.oldest(len(self._groups) // 10 + 1), "too many wait", events)
            if len(settlements) >= LEASED_PARTS:
                await self._persist(settlements, events)
                events, settlements = EventBatch(self._clock.utc_us()), []
        late = self._groups.overdue(events.at_us // 1000)
        settlements += self._release(late, "the others did not come in time", events)
        if settlements:
            await self._persist(settlements, events)

    async def _persist(self, settlements: Sequence[Settlement], events: EventBatch) -> None:
        await persist(self._store, settlements, events)
        if self._hand.of(JOIN) is not None:
            for each in settlements:
                self._hand.forget(each.item)

    async def _stand(self) -> None:
        """Ask for the one share there is; whoever loses it gives back what it holds.  Raises: StoreAway."""
        now = self._clock.monotonic()
        if now - self._asked_at < SHARE_S / 3:
            return
        self._asked_at = now
        self._is_chosen = await self._fleet.share(SHARE, 1, int(self._is_chosen)) > 0
        if not self._is_chosen and self._waiting:
            waiting = [item for group in self._groups.oldest(len(self._groups)) for item in group.all_items]
            self._waiting = 0
            await self._store.release(waiting)

    # -- one part -------------------------------------------------------------------------------------------------

    def _take_carefully(self, item: Item, hand: InHand, events: EventBatch) -> list[Settlement]:
        why, message = hand.why_held(item), _message_of(item)
        if why:
            events.add(EventName.ITEM_POISONED, item.id, message.client, detail=f"{JOIN}: held: {why}")
            return [Held(item, f"{why}\n{hand.last_words}".rstrip())]
        hand.take(item)
        settlements = self._take(item, events)
        hand.drop()
        return settlements

    def _take(self, item: Item, events: EventBatch) -> list[Settlement]:
        """Lay a part to its text; where nobody wants it joined any more, it goes on as it is."""
        message = item.content
        assert isinstance(message, Message)
        place = place_of(message)
        patience_s = self._routes().join_s(message.dest, message.source)
        if place is None or not patience_s:
            return self._judge_parts([item], events, "no client joins it any more")
        self._waiting += 1
        group = self._groups.add(item, place, int(patience_s * 1000), events.at_us // 1000)
        return [] if group is None else self._finish(group, events)

    def _finish(self, group: Group, events: EventBatch) -> list[Settlement]:
        """A text is whole: one message for a client that joins, its parts for one that does not."""
        self._waiting -= len(group.all_items)
        parts = [_message_of(item) for item in group.in_order]
        whole = joined(parts, self._ids.next(events.at_us // 1000))
        repeats = _dropped(group.repeats, events)
        if whole is None:
            return self._judge_parts(group.in_order, events, "they are not of one kind") + repeats
        block = self._block_of(whole)
        if block is not None:
            return _blocked(group.in_order, block, events) + repeats
        route = self._route_of(whole)
        if route is not None and not route.join_s:
            return self._send_on(group.in_order, route, events, "its client takes parts") + repeats
        if route is not None and route.most_octets and not self._has_room(route, whole):
            return self._send_on(group.in_order, route, events, "its client's protocol has no room for it") + repeats
        return self._send_whole(group, whole, route, events) + repeats

    def _release(self, groups: Iterable[Group], why: str, events: EventBatch) -> list[Settlement]:
        """What is not whole goes on as parts, where its first part says."""
        settlements: list[Settlement] = []
        for group in groups:
            self._waiting -= len(group.all_items)
            settlements += self._judge_parts(group.in_order, events, why) + _dropped(group.repeats, events)
        return settlements

    def _route_of(self, message: Message) -> Rule | None:
        return self._routes().find_mo(message, self._text_of(message), self._clock.utc_us() // 1000)

    def _block_of(self, message: Message) -> BlockRule | None:
        """What keeps a text from everybody; at the door only the numbers of its parts were judged."""
        routes = self._routes()
        if not routes.blocks:
            return None
        return routes.block_of(message, self._text_of(message), self._clock.utc_us() // 1000)

    def _has_room(self, route: Rule, whole: Message) -> bool:
        text = udh.strip(whole.octets)[1] if whole.esm_class & _UDHI else whole.octets
        encoding = encoding_of(whole.data_coding, self._encoding_of(whole.operator))
        is_narrow = encoding in (Encoding.GSM7, Encoding.LATIN1)
        return len(text) <= (route.most_septets if is_narrow else route.most_octets)

    def _text_of(self, message: Message) -> str:
        has_udh = bool(message.esm_class & _UDHI)
        default = self._encoding_of(message.operator)
        return read(message.octets, message.data_coding, has_udh=has_udh, default=default)

    # -- onward ---------------------------------------------------------------------------------------------------

    def _send_whole(self, group: Group, whole: Message, route: Rule | None, events: EventBatch) -> list[Settlement]:
        """The last part leaves the queue in the transaction that stores the whole, and with it only once."""
        onward = _onward(whole, route)
        items = group.in_order
        told = (_client(route), whole.operator, whole.source, whole.dest)
        events.add(EventName.MO_JOINED, whole.id, *told, detail=f"{len(items)} parts")
        for number, item in enumerate(items, start=1):
            events.add(EventName.MO_PART_JOINED, item.id, *told, detail=f"part {number} of {len(items)} of {whole.id}")
        return [*(Delivered(item, events.at_us) for item in items[:-1]), Delivered(items[-1], events.at_us, onward)]

    def _judge_parts(self, items: Sequence[Item], events: EventBatch, why: str) -> list[Settlement]:
        """Parts whose whole nobody will see: each is judged by what it says itself."""
        route = self._route_of(_message_of(items[0]))
        settlements: list[Settlement] = []
        for item in items:
            block = self._block_of(_message_of(item))
            if block is None:
                settlements += self._send_on([item], route, events, why)
            else:
                settlements += _blocked([item], block, events)
        return settlements

    def _send_on(self, items: Sequence[Item], route: Rule | None, events: EventBatch, why: str) -> list[Settlement]:
        """Each part goes on as a message of its own, for now it has a client."""
        settlements: list[Settlement] = []
        for item in items:
            part = replace(_message_of(item), id=self._ids.next(events.at_us // 1000))
            detail = f"goes on as {part.id}: {why}"
            told = (_client(route), part.operator, part.source, part.dest)
            events.add(EventName.MO_PART_RELEASED, item.id, *told, detail=detail)
            settlements.append(Delivered(item, events.at_us, _onward(part, route)))
        return settlements


def _blocked(items: Sequence[Item], block: BlockRule, events: EventBatch) -> list[Settlement]:
    """Nobody gets it; its operator has heard long since that it was taken."""
    parts = f" with the whole text of {len(items)} parts" if len(items) > 1 else ""
    settlements: list[Settlement] = []
    for item in items:
        message = _message_of(item)
        told = ("", message.operator, message.source, message.dest)
        events.add(EventName.MO_BLOCKED, item.id, *told, detail=f"{block.told}; dropped{parts}")
        settlements.append(Ended(item, Status.REJECTED, BLOCKED, events.at_us))
    return settlements


def _dropped(repeats: Iterable[Item], events: EventBatch) -> list[Settlement]:
    """The same part of the same text, octet for octet: it has gone on already."""
    settlements: list[Settlement] = []
    for item in repeats:
        message = _message_of(item)
        told = ("", message.operator, message.source, message.dest)
        events.add(EventName.MO_SUPPRESSED, item.id, *told, detail="the same part of the same text came before")
        settlements.append(Delivered(item, events.at_us))
    return settlements


def _onward(message: Message, route: Rule | None) -> Item:
    message = replace(message, client=_client(route))
    return Item(UNROUTED if route is None else route.queue, 0, "", 0, message.id, message)


def _client(route: Rule | None) -> str:
    return "" if route is None else route.client


def _message_of(item: Item) -> Message:
    message = item.content
    assert isinstance(message, Message)
    return message

"""What an operator hands to us: delivery reports and MO, stored before they are answered.

Knows no protocol, no link's life and no sending: a subclass reads what arrives and writes the answers.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from chappe.crash import ARMED, CrashPoint, reach
from chappe.model.address import international
from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker, made_at_ms
from chappe.model.message import Item, Message
from chappe.net.peer import Peer
from chappe.operators.hearing import Heard, Hearing
from chappe.operators.link import Link
from chappe.operators.shape import Wire, text_of
from chappe.rules.decide import JOIN, UNROUTED, Routes
from chappe.rules.dedup import Repeat, RepeatJudge, content_of
from chappe.rules.join import place_of
from chappe.rules.loops import Loops
from chappe.rules.opt_outs import Said
from chappe.rules.policies import BlockRule
from chappe.runtime.batching import Gathered
from chappe.runtime.clock import Clock
from chappe.store.port import Fault, Report, Store, StoreAway


class Arrival(msgspec.Struct, gc=False):
    """What waits for its commit, and where its answer goes: `number` and `kind` are the protocol's."""

    link: Link
    peer: Peer
    number: int
    kind: type


class MoArrival(msgspec.Struct, gc=False):
    """An MO on its way to the store."""

    arrival: Arrival
    item: Item
    content: bytes
    identity: bytes | None
    #: Of a repeat: the id of the copy that was stored.
    first_id: int = 0
    #: A word for one of the lists of opt-outs.
    said: Said | None = None
    #: What keeps it from everybody.
    block: BlockRule | None = None


class Inbound(ABC):
    """Reports and MO of one operator."""

    #: MO may bear an identity of the operator's own.
    has_identities = False
    #: Who listens to what handsets say, and counts their answers; None where nobody does.
    hearing: Hearing | None = None
    loops: Loops | None = None
    #: What the operator is told of what can never be stored.
    permanent_status: int

    def __init__(
        self,
        operator: str,
        wire: Wire,
        store: Store,
        routes: Callable[[], Routes],
        ids: IdMaker,
        clock: Clock,
        retry_status: int,
        redelivery_ms: int,
    ) -> None:
        self._operator = operator
        self._wire = wire
        self._store = store
        self._routes = routes
        self._ids = ids
        self._clock = clock
        self._retry_status = retry_status
        self._reports: Gathered[tuple[Arrival, Report]] = Gathered()
        self._messages: Gathered[MoArrival] = Gathered()
        self._alerts: Gathered[Message] = Gathered()
        #: A handset can be reached again; SMPP alone tells that.
        self.take_alert = self._alerts.add
        self._repeats = RepeatJudge(redelivery_ms)
        self._proved_id = 0
        self._noted_repeats: list[int] = []
        self._last_id = 0
        self._redelivery_ms = redelivery_ms

    def change(self, wire: Wire, retry_status: int, redelivery_ms: int) -> None:
        """Read by other terms from the next delivery on."""
        self._wire, self._retry_status = wire, retry_status
        self._redelivery_ms = redelivery_ms
        self._repeats.change(redelivery_ms)
        if self.hearing is not None:
            self.hearing.change(wire)

    async def recall(self) -> None:
        """Learn what was stored before the start: a copy of it may come.  Done before the first link is up.

        Raises: StoreAway.
        """
        since = self._clock.utc_us() // 1000 - self._redelivery_ms
        memory = await self._store.mo_memory(self._operator, since)
        self._proved_id = memory.proved_until
        for message in memory.unproved:
            if made_at_ms(message.id) >= since:
                self._suspect(content_of(message), message.id)
        for identity, at_ms in memory.identities if self.has_identities else ():
            self._repeats.remember(identity, at_ms)

    # -- arriving -----------------------------------------------------------------------------------

    @abstractmethod
    def take(self, link: Link, peer: Any, requests: Sequence[Any]) -> None:
        """Requests of the operator; answered after their commit."""

    @abstractmethod
    def say_yes(self, arrival: Arrival) -> None:
        """Answer what is stored."""

    @abstractmethod
    def say_no(self, arrival: Arrival, status: int) -> None:
        """Answer what is not."""

    def take_reports(self, reports: list[tuple[Arrival, Report]]) -> None:
        """Reports have come."""
        self._reports.extend(reports)

    def take_mo(self, arrival: Arrival, message: Message, identity: bytes | None) -> None:
        """An MO has come; nobody knows yet whose it is."""
        is_part = bool(message.esm_class or message.tlvs) and place_of(message) is not None
        client, queue = self._destination(message, is_part=is_part)
        content = content_of(message)
        message = msgspec.structs.replace(message, client=client)
        mo = MoArrival(arrival, Item(queue, 0, "", 0, message.id, message), content, identity)
        if self.hearing is not None and not is_part:
            # A long text may end with a part that is such a word.
            mo.said = self.hearing.said(message, text_of(message, self._wire))
        routes = self._routes()
        if routes.blocks:
            # What a part says is judged with the whole, once that is joined.
            text = "" if queue == JOIN else text_of(message, self._wire)
            mo.block = routes.block_of(message, text, made_at_ms(message.id))
        self._messages.add(mo)

    def _destination(self, message: Message, *, is_part: bool) -> tuple[str, str]:
        """Whose it is, and the queue where it waits for that client, or for the other parts of its text."""
        routes = self._routes()
        if is_part and routes.join_s(message.dest, message.source):
            return "", JOIN
        route = routes.find_mo(message, text_of(message, self._wire), made_at_ms(message.id))
        return (route.client, route.queue) if route is not None else ("", UNROUTED)

    # -- alerts -------------------------------------------------------------------------------------

    async def alerts(self) -> None:
        """Lay alerts where the clients of their numbers are bound; SMPP has no answer to them, nothing is promised."""
        while True:
            messages = await self._alerts.take()
            events, items = EventBatch(self._clock.utc_us()), []
            for message in messages:
                route = self._routes().find(message.dest, message.source, operator=self._operator)
                is_bound = route is not None and route.queue == f"client:{route.client}"
                if route is not None and is_bound:
                    message = msgspec.structs.replace(message, client=route.client)
                    items.append(Item(route.queue, 0, "", 0, message.id, message))
                told = (message.id, message.client, self._operator, message.source, message.dest)
                events.add(EventName.ALERT_RECEIVED, *told, detail="" if is_bound else "no SMPP client has its number")
            # An alert is lost with the store that could not take it.
            with suppress(StoreAway):
                await self._store.accept(items, events)

    # -- reports ------------------------------------------------------------------------------------

    async def reports(self) -> None:
        """Store what came, match it, then answer."""
        while True:
            arrivals = await self._reports.take()
            events = EventBatch(self._clock.utc_us())
            try:
                faults = await self._store.report([report for _, report in arrivals], events)
            except StoreAway:
                self._answer([arrival for arrival, _ in arrivals], status=self._retry_status)
            else:
                self._answer([arrival for arrival, _ in arrivals], faults=faults)

    # -- MO -----------------------------------------------------------------------------------------

    async def messages(self) -> None:
        """Store MO, suppress what is surely a repeat, then answer."""
        while True:
            arrivals = await self._messages.take()
            now_us = self._clock.utc_us()
            if not await self._know_of_others(arrivals, now_us // 1000):
                self._answer([mo.arrival for mo in arrivals], status=self._retry_status)
                continue
            events = EventBatch(now_us)
            fresh: list[MoArrival] = []
            repeated: list[MoArrival] = []
            blocked: list[MoArrival] = []
            for mo in arrivals:
                if mo.block is not None:
                    blocked.append(mo)
                    self._tell_block(events, mo, mo.block)
                    continue
                mo, repeat = self._judge(mo, now_us // 1000)
                self._tell(events, mo, repeat)
                (repeated if repeat is Repeat.PROVED else fresh).append(mo)
            heard = self._hear([*fresh, *blocked], repeated, events) if self.hearing is not None else []
            try:
                faults = await self._store_mo(fresh, events, heard)
            except StoreAway:
                # A repeat that could not be noted is judged again when it comes again.
                self._suspect_again(repeated)
                self._answer([mo.arrival for mo in arrivals], status=self._retry_status)
                continue
            self._remember([mo for mo, fault in zip(fresh, faults, strict=True) if fault is None] if fresh else [])
            self._remember_repeats(repeated)
            self._answer([mo.arrival for mo in fresh], faults=faults)
            self._answer([mo.arrival for mo in repeated])
            if blocked:
                self._answer_blocked(blocked)

    def _answer_blocked(self, blocked: list[MoArrival]) -> None:
        """What nobody gets is on disk as an event: the operator hears that it was taken, or that it never will be."""
        refused = [mo.arrival for mo in blocked if mo.block is not None and mo.block.refuses]
        dropped = [mo.arrival for mo in blocked if mo.block is not None and not mo.block.refuses]
        self._answer(refused, status=self.permanent_status)
        self._answer(dropped)

    def _tell_block(self, events: EventBatch, mo: MoArrival, block: BlockRule) -> None:
        message = mo.item.content
        assert isinstance(message, Message)
        detail = f"{block.told}; {'refused' if block.refuses else 'dropped'}"
        events.add(EventName.MO_BLOCKED, message.id, "", self._operator, message.source, message.dest, detail=detail)

    async def _know_of_others(self, arrivals: Sequence[MoArrival], now_ms: int) -> bool:
        """Learn which identities other nodes of the operator have stored; False while the store is away."""
        identities = [mo.identity for mo in arrivals if mo.identity is not None]
        if not identities:
            return True
        since_ms = now_ms - self._redelivery_ms
        try:
            for identity in await self._store.mo_identities_elsewhere(self._operator, identities, since_ms):
                self._repeats.remember(identity, now_ms)
        except StoreAway:
            return False
        return True

    def _judge(self, mo: MoArrival, now_ms: int) -> tuple[MoArrival, Repeat]:
        mo.first_id = self._repeats.first_copy(mo.content)
        repeat = self._repeats.judge(mo.content, mo.identity, now_ms)
        if mo.identity is not None and repeat is Repeat.NO:
            self._repeats.remember(mo.identity, now_ms)
        if repeat is Repeat.POSSIBLE:
            message = msgspec.structs.replace(mo.item.content, possible_duplicate=True)
            mo.item = msgspec.structs.replace(mo.item, content=message)
        return mo, repeat

    async def _store_mo(
        self, fresh: list[MoArrival], events: EventBatch, heard: Sequence[Heard]
    ) -> Sequence[Fault | None]:
        """Raises: StoreAway; then nothing is stored, and no identity stays remembered."""
        if self.hearing is not None:
            self.hearing.storing(heard)
        named = [(mo.identity, made_at_ms(mo.item.id)) for mo in fresh if mo.identity is not None]
        try:
            if not fresh and not heard:
                await self._store.record(events)
                return []
            items = [mo.item for mo in fresh]
            if not named and not heard:
                return await self._store.accept(items, events)
            # Asked in one turn it is one transaction.
            replies = [each.reply for each in heard if each.reply is not None]
            noting: list[Awaitable[None]] = [self._store.note_mo_identities(self._operator, named)] if named else []
            if heard:
                noting.append(self._store.note_opt_outs([each.opt_out for each in heard]))
            faults, *_ = await asyncio.gather(self._store.accept([*items, *replies], events), *noting)
        except StoreAway:
            self._forget(fresh)
            raise
        accepted: Sequence[Fault | None] = faults or ()
        faults = accepted[: len(fresh)]
        if self.hearing is not None:
            self.hearing.stored(heard)
        lost = [mo for mo, fault in zip(fresh, faults, strict=True) if fault is not None]
        self._forget(lost)
        if unstored := [(mo.identity, 0) for mo in lost if mo.identity is not None]:
            # Their identities were written beside the others: as old as can be, they say nothing.
            with suppress(StoreAway):
                await self._store.note_mo_identities(self._operator, unstored)
        return faults

    def _hear(self, fresh: list[MoArrival], repeated: list[MoArrival], events: EventBatch) -> list[Heard]:
        """What handsets say to lists of opt-outs, and who is answered by whom."""
        assert self.hearing is not None
        heard = []
        for mo in fresh:
            message = mo.item.content
            assert isinstance(message, Message)
            if mo.said is not None:
                heard.append(self.hearing.hear(message, mo.said, events))
        for mo in repeated:
            message = mo.item.content
            assert isinstance(message, Message)
            if mo.said is not None:
                heard.append(self.hearing.hear_again(message, mo.said, mo.first_id))
        return heard

    def _forget(self, lost: list[MoArrival]) -> None:
        """What is not stored must be welcome when it comes again."""
        for mo in lost:
            if mo.identity is not None:
                self._repeats.forget(mo.identity)

    def _suspect(self, content: bytes, message_id: int) -> None:
        self._repeats.suspect(content, made_at_ms(message_id), message_id)

    def _suspect_again(self, repeated: list[MoArrival]) -> None:
        for mo in repeated:
            if mo.identity is None:
                self._suspect(mo.content, mo.first_id)

    def _remember(self, fresh: list[MoArrival]) -> None:
        """The answers go out now; until the peer has proved to have read them they may come again."""
        now = self._clock.monotonic()
        for mo in fresh:
            self._last_id = max(self._last_id, mo.item.id)
            self._note_turn(mo)
            if mo.arrival.peer.is_lost:
                self._suspect(mo.content, mo.item.id)
            else:
                mo.arrival.link.answered.answered(now, mo.item.id, mo.content)

    def _note_turn(self, mo: MoArrival) -> None:
        """Whoever answers its own answers goes round in a circle."""
        if self.loops is not None:
            message: Message = mo.item.content  # type: ignore[assignment]
            self.loops.came(international(message.dest), international(message.source))

    def _remember_repeats(self, repeated: list[MoArrival]) -> None:
        """The answer to a repeat may be lost like the first one."""
        now = self._clock.monotonic()
        for mo in repeated:
            if mo.identity is not None:
                continue
            if mo.arrival.peer.is_lost:
                self._suspect(mo.content, mo.first_id)
            else:
                mo.arrival.link.answered.answered(now, mo.first_id, mo.content, is_repeat=True)

    def link_lost(self, link: Link) -> None:
        """What this link answered without proof may come again on another."""
        for message_id, content in link.answered.lost():
            self._suspect(content, message_id)

    async def tick(self, links: Sequence[Link]) -> None:
        """Ask for proof where answers wait for it, and note durably how far it reaches."""
        waiting = [link.answered.oldest_id for link in links if link.answered.oldest_id is not None]
        repeats = [message_id for link in links for message_id in link.answered.repeat_ids]
        now = self._clock.monotonic()
        for link in links:
            if link.answered.is_waiting and link.receiver is not None:
                link.receiver.session.probe(now)
                link.receiver.flush()
        proved_id = max(self._proved_id, min(waiting) if waiting else self._last_id + 1)
        if proved_id > self._proved_id or self._repeats.has_changed or repeats != self._noted_repeats:
            self._proved_id, self._noted_repeats, self._repeats.has_changed = proved_id, repeats, False
            # Suspects lie below the mark: without their ids a start would forget them.
            await self._prove(proved_id, [*self._repeats.suspect_ids, *repeats])

    async def _prove(self, proved_id: int, unproved_ids: Sequence[int]) -> None:
        try:
            await self._store.prove_mo(self._operator, proved_id, unproved_ids)
        except StoreAway:
            # The next tick notes it again.
            self._repeats.has_changed = True

    # -- answers ------------------------------------------------------------------------------------

    def _answer(
        self, arrivals: Sequence[Arrival], *, status: int = 0, faults: Sequence[Fault | None] | None = None
    ) -> None:
        """Say yes to what is stored; what is not gets the status that makes the operator try again."""
        dirty: dict[Peer, None] = {}
        for number, arrival in enumerate(arrivals):
            peer = arrival.peer
            if peer.is_lost:
                continue
            fault = faults[number] if faults is not None else None
            if status or fault is not None:
                refusal = self._retry_status if fault is not None and fault.is_passing else self.permanent_status
                self.say_no(arrival, status or refusal)
            else:
                self.say_yes(arrival)
            dirty[peer] = None
        flush_answers(dirty)

    def _tell(self, events: EventBatch, mo: MoArrival, repeat: Repeat) -> None:
        message = mo.item.content
        assert isinstance(message, Message)
        name, detail = EventName.MO_RECEIVED, "possible duplicate" if message.possible_duplicate else ""
        if repeat is Repeat.PROVED:
            name = EventName.MO_SUPPRESSED
            detail = "the operator's own id came before" if mo.identity else "its first answer was lost with its link"
        elif mo.item.queue == UNROUTED:
            name, detail = EventName.MO_UNROUTED, "no route wants it"
        events.add(name, message.id, message.client, self._operator, message.source, message.dest, detail=detail)


def flush_answers(dirty: dict[Peer, None]) -> None:
    """Write what was answered, one write for each connection."""
    if ARMED is not None:
        reach(CrashPoint.BEFORE_ANSWER_TO_OPERATOR)
    for peer in dirty:
        peer.flush()
    if ARMED is not None:
        reach(CrashPoint.AFTER_ANSWER_TO_OPERATOR)

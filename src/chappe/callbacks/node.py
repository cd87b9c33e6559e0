"""The callback node: tells clients over HTTP what became of their messages, and what handsets sent them.

Reads `callback:NAME`; writes outcomes, or a retry at a later time, and the replies that clients give at once.
"""

import asyncio
import random
import ssl
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final

import chappe
from chappe.callbacks.caller import LOOK_AGAIN_S, Caller, Outcome
from chappe.callbacks.claims import Claims, group_of
from chappe.callbacks.order import in_sequence
from chappe.callbacks.switches import Switches
from chappe.callbacks.terms import Terms
from chappe.crash import ARMED, CrashPoint, reach
from chappe.model.events import EventBatch, EventName
from chappe.model.message import Item, Message, Receipt
from chappe.net.addresses import Resolver
from chappe.net.http_calls import Calls
from chappe.runtime.batching import Gathered
from chappe.runtime.clock import Clock
from chappe.runtime.crashes import CrashDesk
from chappe.runtime.in_hand import InHand
from chappe.runtime.node import persist
from chappe.runtime.supervisor import each
from chappe.store.port import Deferred, Delivered, GivenUp, Place, Settlement, Store
from chappe.text.encoding import Encoding

#: How often calls are looked after.
TICK_S: Final = 0.25
#: How often the node looks whether somebody switched a URL on again.
LOOK_FOR_SWITCHES_S: Final = 2.0
#: How often each queue is looked into at the start, some thousands of callbacks each time.
START_LOOKS: Final = 2
#: Names that are resolved at the same time; a resolver that hangs holds up nobody but those who also need one.
RESOLVERS: Final = 64

#: Judges a reply to an MO as any message of its client; a message to store, or why there is none.
Admit = Callable[[Message, str], Item | str]


class CallbackNode:
    """Calls all clients of this box back."""

    name = "callback"

    def __init__(
        self,
        terms: Sequence[Terms],
        store: Store,
        clock: Clock,
        encodings: Mapping[str, Encoding],
        admit: Admit,
        *,
        took: Callable[[str, float], None] = lambda client, seconds: None,
        hand: InHand | None = None,
        claims: Claims | None = None,
    ) -> None:
        """`encodings` says how an operator's data_coding 0 reads; `took` hears how long each answer took.

        `claims` say whose callbacks are ours, where other processes call back too.
        """
        self._store = store
        self._clock = clock
        self._admit = admit
        self._claims = claims
        #: Rounds of settling so far; group → the round after which all that was under way of it is settled.
        self._rounds = 0
        self._settled_by: dict[int, int] = {}
        self._ticks = 0
        self._outcomes: Gathered[Outcome] = Gathered()
        self._hungry: Gathered[Caller] = Gathered()
        self._is_hungry: set[str] = set()
        self._hand = hand or InHand(clock)
        self._crashes = CrashDesk(store, clock, hand=self._hand)
        self._switches = Switches(store, clock)
        #: Outcomes that are being written to the store.
        self._settling = 0
        self._resolver = Resolver(RESOLVERS)
        self._tls: ssl.SSLContext | None = None
        self._encodings = encodings
        self._agent = f"chappe/{chappe.__version__}"
        self._took = took
        #: Where tasks live while the node runs.
        self._group: asyncio.TaskGroup | None = None
        self.callers = {each.client: self._caller_of(each) for each in terms}
        #: Callers of clients that are gone, until nothing of them is under way.
        self._leaving: list[Caller] = []
        #: Queues that we hear of.
        self._heard: set[str] = set()

    def _caller_of(self, terms: Terms) -> Caller:
        caller = Caller(
            terms,
            self._clock,
            self._encodings,
            self._outcomes,
            agent=self._agent,
            wake=self._wake,
            gone=self._switches.gone,
            took=self._took,
            crashed=self._crashes.add,
        )
        caller.calls = self._calls_of(caller)
        return caller

    # -- clients come and go ------------------------------------------------------------------------

    async def take(self, terms: Sequence[Terms]) -> None:
        """From now on these are called back.  What waits for others stays in their queues.  Raises: StoreAway."""
        wanted = {each.client: each for each in terms}
        for client in [name for name in self.callers if name not in wanted]:
            gone = self.callers.pop(client)
            gone.is_draining = True
            self._leaving.append(gone)
            await self._store.release(gone.unposted())
        for client, theirs in wanted.items():
            caller = self.callers.get(client)
            if caller is None:
                self.callers[client] = self._caller_of(theirs)
                await self._start_caller(self.callers[client])
            elif caller.terms != theirs:
                caller.change(theirs)
                self._wake(caller)

    # -- life of the node ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Call back until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                group.create_task(self._start_callers(), name="callback start")
                group.create_task(self._feed_hungry(), name="callback feed")
                if self._claims is not None:
                    group.create_task(self._claims.run(self), name="callback claims")
                group.create_task(self._look_again(), name="callback look")
                group.create_task(self._settle(), name="callback settle")
                group.create_task(self._switches.note(), name="callback switch")
                group.create_task(self._crashes.run(), name="callback crashes")
                group.create_task(self._tick(), name="callback tick")
        finally:
            for caller in (*self.callers.values(), *self._leaving):
                caller.calls.close()

    async def _start_callers(self) -> None:
        """One after the other: the queues of clients that are dead may be long, and everybody else has work too."""
        for caller in list(self.callers.values()):
            await self._start_caller(caller)

    async def _start_caller(self, caller: Caller) -> None:
        if self._claims is None or self._claims.owns(caller.terms.client):
            await self._look_for_waiting(caller)
        if caller.terms.queue not in self._heard:
            self._heard.add(caller.terms.queue)
            self._store.listen(caller.terms.queue, partial(self._rung, caller.terms.client))
        self._wake(caller)

    async def take_over(self, group: int) -> None:
        """Begin with the clients of a group: nobody else calls them back now.  Raises: StoreAway."""
        self._settled_by.pop(group, None)
        for caller in self._group_of(group):
            await self._store.release(caller.unposted())
            if not (caller.is_feeding or caller.calls.busy):
                caller.begin_anew()
            self._store.look_anew(caller.terms.queue)
            await self._look_for_waiting(caller)
            # Told once the claim stands.
            asyncio.get_running_loop().call_soon(self._wake, caller)

    async def let_go(self, group: int) -> bool:
        """Begin nothing more of a group; True once everything of it is answered and settled."""
        callers = self._group_of(group)
        for caller in callers:
            await self._store.release(caller.unposted())
            await self._give_back(caller)
        if any(caller.is_feeding or caller.calls.busy for caller in callers):
            self._settled_by.pop(group, None)
            return False
        is_quiet = not (self._settling or len(self._outcomes))
        by = self._settled_by.setdefault(group, self._rounds + (0 if is_quiet else 2))
        return is_quiet or self._rounds >= by

    def _group_of(self, group: int) -> list[Caller]:
        callers = (*self.callers.values(), *self._leaving)
        return [each for each in callers if group_of(each.terms.client) == group]

    async def _look_for_waiting(self, caller: Caller) -> None:
        """Learn which callbacks wait for their next try since before the start, as far as that costs little."""
        place: Place = ()
        for _ in range(START_LOOKS):
            place = (await self._store.pick(caller.terms.queue, caller.note_waiting, place)).place
            await asyncio.sleep(0)
            if not place:
                return

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._group is not None
        self._group.create_task(work, name="callback dial")

    def _calls_of(self, caller: Caller) -> Calls:
        terms = caller.terms
        return Calls(
            caller.on_answer,
            limit=terms.max_connections,
            timeout_s=terms.timeout_s,
            may_be_private=terms.may_lead_home,
            resolver=self._resolver,
            tls=self._tls_context,
            spawn=self._spawn,
            now=self._clock.monotonic,
        )

    def _tls_context(self) -> ssl.SSLContext:
        """Made when the first https:// is called: reading the certificates takes a while."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def state_of(self, client: str) -> str:
        """Empty while a client takes its callbacks; `failing`, or `off` when its URL said that it is gone."""
        caller = self.callers.get(client)
        if caller is None:
            return ""
        return "off" if caller.is_off else "failing" if caller.is_failing else ""

    def turns(self) -> dict[str, int]:
        """How often its loop came round, by the loop's name."""
        return {"callback tick": self._ticks}

    async def drain(self, until: float) -> int:
        """Begin no more calls; wait for answers and their commit until `until` (monotonic).

        Returns how many calls have no answer, or one that is not noted yet: these will be posted again.
        """
        for caller in (*self.callers.values(), *self._leaving):
            caller.is_draining = True
            await self._store.release(caller.unposted())
        while self._unsettled and self._clock.monotonic() < until:
            await asyncio.sleep(0.02)
        return self._unsettled

    @property
    def _unsettled(self) -> int:
        under_way = sum(caller.calls.busy for caller in (*self.callers.values(), *self._leaving))
        return under_way + self._settling + len(self._outcomes)

    async def _tick(self) -> None:
        """Look after calls that take too long, and after URLs that are switched off or on."""
        look_at = 0.0
        while True:
            now = self._clock.monotonic()
            for caller in (*self.callers.values(), *self._leaving):
                if caller.calls.look():
                    # Many clients may be silent at the same time: others have their turn in between.
                    await asyncio.sleep(0)
            if self._leaving:
                await self._let_go()
            if now >= look_at:
                look_at = now + LOOK_FOR_SWITCHES_S
                await self._switches.look(self.callers)
            self._ticks += 1
            await asyncio.sleep(TICK_S)

    # -- feeding ------------------------------------------------------------------------------------

    def _rung(self, client: str) -> None:
        caller = self.callers.get(client)
        if caller is not None and not caller.look_at and not caller.is_feeding:
            self._wake(caller)

    async def _let_go(self) -> None:
        """Callers of clients that are gone end when their last call has."""
        for caller in self._leaving:
            await self._give_back(caller)
        gone = [caller for caller in self._leaving if not caller.calls.busy and not caller.is_feeding]
        self._leaving = [caller for caller in self._leaving if caller not in gone]
        for caller in gone:
            caller.calls.close()

    def _wake(self, caller: Caller) -> None:
        if caller.terms.client not in self._is_hungry:
            self._is_hungry.add(caller.terms.client)
            self._hungry.add(caller)

    async def _feed_hungry(self) -> None:
        while True:
            for caller in await self._hungry.take():
                self._is_hungry.discard(caller.terms.client)
                await self._feed_alone(caller)

    async def _look_again(self) -> None:
        """Look after clients whose hosts are waited for, evenly over the time: many dead ones are no burst of work."""
        while True:
            now = self._clock.monotonic()
            due = [caller for caller in self.callers.values() if caller.look_at and caller.look_at <= now]
            for caller in due:
                await self._feed_alone(caller)
                await asyncio.sleep(TICK_S / len(due))
            if not due:
                await asyncio.sleep(TICK_S)

    async def _feed_alone(self, caller: Caller) -> None:
        """Two of our loops never read the same queue at once; who comes second has the first one read on."""
        if caller.is_feeding:
            caller.is_wanted = True
            return
        caller.is_feeding = True
        try:
            await self._feed(caller)
        finally:
            caller.is_feeding = False
        if caller.is_wanted:
            caller.is_wanted = False
            self._wake(caller)

    async def _feed(self, caller: Caller) -> None:
        """Lease what the client's connections can take soon."""
        if self._claims is not None and not self._claims.owns(caller.terms.client):
            return
        await self._give_back(caller)
        now = self._clock.monotonic()
        if caller.look_at > now:
            return
        caller.look_at = 0.0
        queue = caller.terms.queue
        while limit := caller.wanted:
            items = await self._store.lease(queue, self._hand.share(queue, limit))
            if not items:
                return
            found = caller.sort(in_sequence(items))
            caller.is_waiting = not found.ready
            if caller.is_waiting:
                # All of it waits for its host: the queue rings for it in vain.
                caller.look_at = now + LOOK_AGAIN_S * (1 + random.random())
            caller.returned += found.given_back
            for item in found.in_the_way:
                self._outcomes.add(Outcome(item, False, caller.due_again_ms(item), was_tried=False))
            for crash in each(found.ready, caller.prepare, self._hand.of(queue)):
                self._crashes.add(crash)
            if ARMED is not None and found.ready:
                reach(CrashPoint.BEFORE_CALLBACK)
            caller.post()
            await self._give_back(caller)
            if caller.look_at:
                return

    async def _give_back(self, caller: Caller) -> None:
        returned, caller.returned = caller.returned, []
        if returned:
            await self._store.release(returned)

    # -- outcomes -----------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Write what became of callbacks; while the store is away, keep trying: nobody else remembers."""
        while True:
            outcomes = await self._outcomes.take()
            self._settling = len(outcomes)
            if ARMED is not None:
                reach(CrashPoint.AFTER_CALLBACK)
            events = EventBatch(self._clock.utc_us())
            await persist(self._store, [self._settled(each, events) for each in outcomes], events)
            self._settling = 0
            self._rounds += 1

    def _settled(self, outcome: Outcome, events: EventBatch) -> Settlement:
        item = outcome.item
        if outcome.is_taken:
            _tell(events, EventName.CALLBACK_SENT, item, outcome.detail)
            reply = self._reply(item, outcome.reply, events) if outcome.reply else None
            return Delivered(item, events.at_us, reply)
        if outcome.due_at_ms:
            if outcome.was_tried:
                _tell(events, EventName.CALLBACK_DEFERRED, item, outcome.detail)
            return Deferred(item, outcome.due_at_ms, outcome.was_tried)
        _tell(events, EventName.CALLBACK_FAILED, item, outcome.detail)
        return GivenUp(item, outcome.detail, events.at_us)

    def _reply(self, item: Item, text: str, events: EventBatch) -> Item | None:
        """The client's answer to an MO, judged like any message of it."""
        message = item.content
        assert isinstance(message, Message)
        reply = self._admit(message, text)
        if isinstance(reply, str):
            told = (message.client, "", message.source, message.dest)
            events.add(EventName.MT_REJECTED, 0, *told, detail=f"reply to {message.id}: {reply}")
            return None
        answer = reply.content
        assert isinstance(answer, Message)
        told = (answer.client, "", answer.dest, answer.source)
        events.add(EventName.MT_ACCEPTED, reply.id, *told, detail=f"reply to {message.id}")
        return reply


def _tell(events: EventBatch, event: EventName, item: Item, detail: str) -> None:
    content = item.content
    if isinstance(content, Receipt):
        events.add(
            event,
            content.message_id,
            content.client,
            content.operator,
            content.source,
            content.dest,
            content.reference,
            detail=f"{content.status.word}: {detail}",
        )
    else:
        told = (content.id, content.client, content.operator, content.source, content.dest)
        events.add(event, *told, detail=f"inbound: {detail}")

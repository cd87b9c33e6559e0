"""Judges the messages of HTTP requests and has the good ones stored.

The store's group commit makes one batch of what all requests of a turn of the loop bring.

It must never know a header or a status line: it takes read messages and says what became of each.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from chappe.clients.account import Account
from chappe.clients.changed_item import tell_routed
from chappe.clients.credit import Credit, Credits, Shortage
from chappe.clients.http_path import FindPath, Path, path_over
from chappe.clients.http_policy import asked_of, refusal_of
from chappe.clients.http_preview import preview_of
from chappe.clients.http_translate import item_of
from chappe.clients.http_trials import trial_path
from chappe.clients.http_view import accepted_of
from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker
from chappe.model.message import Item, Message
from chappe.rules.admit import Policy, Refused
from chappe.runtime.batching import Gathered
from chappe.runtime.clock import Clock
from chappe.runtime.node import Notes
from chappe.store.port import Fault, Kept, Once, Store, StoreAway
from chappe.wire.http.messages import Accepted, NewMessage, Preview
from chappe.wire.http.posted import Posted
from chappe.wire.http.problems import Code, Refusal, below

#: When to try again what nothing but time can cure, in seconds.
STORE_AWAY_RETRY_S: Final = 1.0
QUEUE_FULL_RETRY_S: Final = 5.0
CREDIT_RETRY_S: Final = 1.0
#: A rate that is used up is there again sooner; a client that hears 0 would not wait at all.
_LEAST_RETRY_S: Final = 0.01

STORE_AWAY: Final = Refusal(Code.STORE_AWAY, "Nothing was stored; try again.", (), STORE_AWAY_RETRY_S)

#: Messages that came one by one and are stored at once: others have their turn in between.
MAX_TOGETHER: Final = 500

Outcome = Accepted | Refusal
NO_CREDITS: Final = Credits()


class Single(msgspec.Struct, frozen=True, gc=False):
    """A judged message that came alone, and whoever hears what became of it."""

    item: Item
    tell: Callable[[Outcome], None]


class Intake:
    """Takes messages in.  `path_by_operator` says what must be known of an operator at the door."""

    def __init__(
        self,
        store: Store,
        policy: Callable[[], Policy],
        path_by_operator: Mapping[str, Path],
        ids: IdMaker,
        clock: Clock,
        notes: Notes,
        credits_: Credits = NO_CREDITS,
    ) -> None:
        self._store = store
        self._policy = policy
        self._path_by_operator = path_by_operator
        #: Operators of a route, in their order → what must be known of it.
        self._path_by_route: dict[tuple[str, ...], Path] = {}
        #: Client → what finds its paths, by the policy of `_finders_of`.
        self._finders: dict[str, FindPath] = {}
        self._finders_of: Policy | None = None
        self._ids = ids
        self._clock = clock
        self._notes = notes
        self._credits = credits_
        #: Client → messages that are judged and not yet stored.
        self._waiting: dict[str, int] = {}
        self._singles: Gathered[Single] = Gathered()

    async def run(self) -> None:
        """Store what came one by one: one batch of all that are there."""
        while True:
            singles = await self._singles.take(MAX_TOGETHER)
            items = [each.item for each in singles]
            try:
                faults = iter(await self._store.accept(items, self._events_of(items)))
            except StoreAway:
                self._credits.give_back(items)
                for item, single in zip(items, singles, strict=True):
                    self._waiting[item.lane] -= 1
                    single.tell(STORE_AWAY)
            else:
                for item, single in zip(items, singles, strict=True):
                    self._waiting[item.lane] -= 1
                    told = _told(item, faults)
                    if isinstance(told, Refusal):
                        self._credits.give_back((item,))
                    single.tell(told)

    @property
    def is_busy(self) -> bool:
        """Messages are on their way to the store."""
        return any(self._waiting.values())

    def take_one(self, message: NewMessage, account: Account, tell: Callable[[Outcome], None]) -> Refusal | None:
        """Judge one message; unless it is refused, `tell` is called once it is on disk, or cannot be."""
        judged = self.judge_one(message, account)
        if isinstance(judged, Refusal):
            return judged
        self.store_one(judged, account, tell)
        return None

    def store_one(self, item: Item, account: Account, tell: Callable[[Outcome], None]) -> None:
        """Have a judged message stored with all that came in the same turn."""
        self._waiting[account.name] = self._waiting.get(account.name, 0) + 1
        self._singles.add(Single(item, tell))

    def admit(self, message: NewMessage, account: Account) -> Item | Refusal:
        """Judge a message that somebody else stores, and tells of."""
        return self.judge((message,), account, None, is_noted=False)[0]

    async def take(self, messages: Sequence[Posted], account: Account, start: int | None = None) -> list[Outcome]:
        """Judge messages and store the good ones; in order, what became of each.

        `start` is the place of the first one in the body's list; None when the body is the one message.
        """
        judged = self.judge(messages, account, start)
        items = [each for each in judged if isinstance(each, Item)]
        if not items:
            return [each for each in judged if isinstance(each, Refusal)]
        try:
            faults = await self.store_items(account.name, items)
        except StoreAway:
            return [STORE_AWAY if isinstance(each, Item) else each for each in judged]
        if len(items) == len(judged) and not any(faults):
            return list(map(accepted_of, items))
        found = iter(faults)
        return [_told(each, found) if isinstance(each, Item) else each for each in judged]

    async def store_items(self, client: str, items: Sequence[Item]) -> Sequence[Fault | None]:
        """Wait until the messages are on disk.  Raises: StoreAway."""
        waiting = self._waiting
        waiting[client] = waiting.get(client, 0) + len(items)
        try:
            faults = await self._store.accept(items, self._events_of(items))
        except StoreAway:
            self._credits.give_back(items)
            raise
        else:
            self._credits.give_back(item for item, fault in zip(items, faults, strict=True) if fault is not None)
            return faults
        finally:
            waiting[client] -= len(items)

    def preview(self, message: NewMessage, account: Account) -> Preview | Refusal:
        """What a message would be.  Nothing is stored, and nothing of the client's rate is used."""
        now_ms = self.now_ms()
        find_path = self._path_finder(account) or self._by_policy(message, account, now_ms)
        price_of = account.credit.price_of if account.credit is not None else None
        return preview_of(message, account.name, now_ms, find_path, price_of)

    # -- for requests with a key --------------------------------------------------------------------

    def now_ms(self) -> int:
        """The moment in Unix milliseconds."""
        return self._clock.utc_us() // 1000

    def next_id(self, now_ms: int) -> int:
        """An id that no message has."""
        return self._ids.next(now_ms)

    def reserve(self, client: str, judged: Sequence[Item | Refusal]) -> int:
        """Count the good ones as the client's open messages until they are given back; returns how many."""
        good = sum(isinstance(each, Item) for each in judged)
        self._waiting[client] = self._waiting.get(client, 0) + good
        return good

    def give_back_credit(self, client: str, units: int) -> None:
        """So much of what was charged is not stored after all."""
        # Its client may have lost its credit meanwhile.
        credit = self._credits.by_client.get(client)
        if units and credit is not None:
            credit.give_back(units)

    def give_back(self, client: str, reserved: int) -> None:
        """They are stored, or never will be."""
        if reserved:
            self._waiting[client] -= reserved

    async def store_once(self, client: str, once: Once) -> Kept | Fault | None:
        """Store what a key guards.  Raises: StoreAway."""
        (outcome,) = await self._store.accept_once([once], self._events_of(once.items))
        if isinstance(outcome, Fault) and outcome.is_passing:
            # Stored in pieces instead, a repeat would not find them under its key.
            raise StoreAway(outcome.what)
        return outcome

    def tell_repeat(self, client: str, messages: int) -> None:
        """A request came again and changed nothing."""
        self._notes.add(
            EventName.MT_REPEATED, client=client, detail=f"{messages} messages of a request with a known key"
        )

    def _events_of(self, items: Sequence[Item]) -> EventBatch:
        events = EventBatch(self._clock.utc_us())
        add = events.add
        for item in items:
            message = item.content
            assert isinstance(message, Message)
            add(EventName.MT_ACCEPTED, item.id, message.client, "", message.dest, message.source, message.reference)
            if item.__class__ is not Item:
                tell_routed(events, item)
        return events

    # -- judging ------------------------------------------------------------------------------------

    def judge(
        self, messages: Sequence[Posted], account: Account, start: int | None, *, is_noted: bool = True
    ) -> list[Item | Refusal]:
        """Each message by itself; what exceeds the client's rate or queue limit is refused, in order."""
        now_ms = self._clock.utc_us() // 1000
        tokens = account.throttle.available(self._clock.monotonic())
        room = account.queue_limit - self._store.open_messages(account.name) - self._waiting.get(account.name, 0)
        find_path, client, priority = self._path_finder(account), account.name, account.priority
        callbacks = account.callbacks
        next_id = iter(self._ids.take(len(messages), now_ms)).__next__
        taken = 0
        judged: list[Item | Refusal] = []
        for number, new in enumerate(messages):
            one: Item | Refusal
            if isinstance(new, Refusal):
                one = new
                self._note(account, None, one)
            elif tokens <= taken or room < 1:
                account.throttle.take(taken)
                tokens, taken = tokens - taken, 0
                one = self._limit_refusal(account, is_rate=tokens < 1)
            else:
                find = find_path or self._by_policy(new, account, now_ms)
                one = item_of(new, next_id(), client, priority, now_ms, find, callbacks)
                if account.credit is not None and isinstance(one, Item):
                    one = _paid(account.credit, one)
                if isinstance(one, Item):
                    taken += one.content.parts
                    room -= 1
                elif is_noted:
                    self._note(account, new, one)
                    one = one if start is None else below(one, f"/messages/{start + number}")
            judged.append(one)
        account.throttle.take(taken)
        return judged

    def judge_together(self, messages: Sequence[NewMessage], account: Account) -> list[Item | Refusal] | Refusal:
        """Judge messages that are one wish: the client's rate and limit let in all of them or none."""
        client, throttle = account.name, account.throttle
        if not throttle.is_unlimited and throttle.available(self._clock.monotonic()) < 1:
            return self._limit_refusal(account, is_rate=True)
        waiting = self._store.open_messages(client) + self._waiting.get(client, 0)
        if waiting + len(messages) > account.queue_limit:
            return self._limit_refusal(account, is_rate=False)
        now_ms = self._clock.utc_us() // 1000
        find_path, next_id = self._path_finder(account), iter(self._ids.take(len(messages), now_ms)).__next__
        judged: list[Item | Refusal] = []
        for new in messages:
            find = find_path or self._by_policy(new, account, now_ms)
            one = item_of(new, next_id(), client, account.priority, now_ms, find, account.callbacks)
            if account.credit is not None and isinstance(one, Item):
                one = _paid(account.credit, one)
            if isinstance(one, Item):
                throttle.take(one.content.parts)
            else:
                self._note(account, new, one)
            judged.append(one)
        return judged

    def judge_one(self, new: NewMessage, account: Account) -> Item | Refusal:
        """Judge a message that came alone, without what many have in common."""
        client, throttle = account.name, account.throttle
        if not throttle.is_unlimited and throttle.available(self._clock.monotonic()) < 1:
            return self._limit_refusal(account, is_rate=True)
        if self._store.open_messages(client) + self._waiting.get(client, 0) >= account.queue_limit:
            return self._limit_refusal(account, is_rate=False)
        now_ms = self._clock.utc_us() // 1000
        find_path, message_id = self._path_finder(account), self._ids.next(now_ms)
        find_path = find_path or self._by_policy(new, account, now_ms)
        one = item_of(new, message_id, client, account.priority, now_ms, find_path, account.callbacks)
        if account.credit is not None and isinstance(one, Item):
            one = _paid(account.credit, one)
        if isinstance(one, Item):
            throttle.take(one.content.parts)
        else:
            self._note(account, new, one)
        return one

    def _path_finder(self, account: Account) -> FindPath | None:
        """Where this client's messages go; None where that is asked of each by itself.  Made anew with the policy."""
        policy = self._policy()
        if not policy.is_plain:
            return None
        if policy is not self._finders_of:
            self._finders_of = policy
            self._finders.clear()
        finder = self._finders.get(account.name)
        if finder is None:
            finder = self._find_by(policy, account.trial_of or account.name)
            finder = self._finders[account.name] = trial_path(finder) if account.trial_of else finder
        return finder

    def _find_by(self, policy: Policy, client: str) -> FindPath:
        find, path_by_route = policy.find, self._path_by_route

        def find_path(to: str, source: str) -> Path | None:
            route = find(to, source, client=client)
            if route is None:
                return None
            path = path_by_route.get(route.operators)
            return self._path_of(route.operators) if path is None else path

        return find_path

    def forget_paths(self) -> None:
        """What must be known of operators has changed."""
        self._path_by_route.clear()
        self._finders.clear()

    def _by_policy(self, new: NewMessage, account: Account, now_ms: int) -> FindPath:
        """Where one message goes, everything asked of it that may be."""

        def find_path(to: str, source: str) -> Path | Refusal | None:
            asked = asked_of(new, to, source, account.trial_of or account.name)
            judged = self._policy().admit(asked, now_ms)
            if isinstance(judged, Refused):
                return refusal_of(judged)
            path = self._path_by_route.get(judged.operators) or self._path_of(judged.operators)
            if judged.source is None and not judged.told and not judged.queue:
                return path
            queue = judged.queue or path.queue
            return msgspec.structs.replace(path, queue=queue, source=judged.source, told=judged.told)

        return trial_path(find_path) if account.trial_of else find_path

    def _path_of(self, operators: tuple[str, ...]) -> Path:
        path = path_over([self._path_by_operator[operator] for operator in operators])
        self._path_by_route[operators] = path
        return path

    def _limit_refusal(self, account: Account, *, is_rate: bool) -> Refusal:
        if is_rate:
            wait_s = max(account.throttle.wait_s(), _LEAST_RETRY_S)
            return Refusal(Code.RATE_EXCEEDED, "More parts per second than this client may send.", (), wait_s)
        detail = f"{account.queue_limit} messages of this client are not yet final."
        return Refusal(Code.QUEUE_FULL, detail, (), QUEUE_FULL_RETRY_S)

    def _note(self, account: Account, new: NewMessage | None, refusal: Refusal) -> None:
        """Tell of a refusal, without what the message says."""
        self._notes.add(
            EventName.MT_REJECTED,
            client=account.name,
            msisdn="" if new is None else new.to[:40],
            number="" if new is None else (new.source or "")[:40],
            client_ref="" if new is None else new.reference or "",
            detail="; ".join([refusal.code.word, *_told_of(refusal)])[:300],
        )


def _paid(credit: Credit, item: Item) -> Item | Refusal:
    """The message, charged to its client."""
    paid = credit.charge(item)
    if isinstance(paid, Item):
        return paid
    if paid is Shortage.NONE_LEFT:
        return Refusal(Code.NO_CREDIT, credit.told_short(paid, item))
    return Refusal(Code.CREDIT_LATER, credit.told_short(paid, item), (), CREDIT_RETRY_S)


def _told_of(refusal: Refusal) -> list[str]:
    return [f"{each.pointer} {each.detail}" for each in refusal.errors] or [refusal.detail]


def _told(item: Item, faults: Iterator[Fault | None]) -> Outcome:
    fault = next(faults)
    if fault is not None and fault.is_passing:
        return STORE_AWAY
    return accepted_of(item) if fault is None else Refusal(Code.NOT_STORABLE, f"The store refused it: {fault.what}")

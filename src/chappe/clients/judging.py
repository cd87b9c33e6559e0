"""What a message may: whether its client may send it now, which way it goes, what it costs, in how many parts.

It must never know a protocol, nor store what it judges.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import msgspec

from chappe.clients.account import Account
from chappe.clients.changed_item import ChangedItem
from chappe.clients.credit import Credit, Shortage, units_in
from chappe.clients.parts import ONE_PART_OCTETS, in_parts
from chappe.clients.policing import as_sender, asked_of, check_text, refusal_of
from chappe.clients.refusals import Limit, Refusals
from chappe.model.errors import PeerError
from chappe.model.message import Item, Message
from chappe.rules.admit import Policy, Refused
from chappe.runtime.clock import Clock
from chappe.store.port import Store
from chappe.text.encoding import DefaultAlphabet
from chappe.text.segments import SplitMethod


class Judging:
    """How `ClientNode` judges what came; it sets these before anything comes."""

    #: Statuses of its refusals.
    refusals: ClassVar[Refusals]
    is_draining: bool
    _alphabets: Mapping[str, DefaultAlphabet]
    _clock: Clock
    _policy: Callable[[], Policy]
    _split_by_operator: Mapping[str, SplitMethod]
    _store: Store

    def _limit_of(self, peer: Any, account: Account, messages: int = 1) -> Limit | None:
        """What the client may not do now."""
        if self.is_draining:
            return Limit.DRAINING
        if peer.session.unanswered > account.window:
            return Limit.WINDOW
        throttle = account.throttle
        if not throttle.is_unlimited and throttle.available(self._clock.monotonic()) < 1:
            return Limit.RATE
        # What is on its way to the store counts too, or a fast client would overrun the limit by a batch.
        if self._store.open_messages(account.name) + account.arriving + messages > account.queue_limit:
            return Limit.QUEUE
        return None

    def _routed(self, account: Account, message: Message) -> Item:
        """A message with the way that it goes.  Raises: PeerError."""
        if not message.dest:
            raise PeerError("no recipient", status=self.refusals.no_recipient)
        policy = self._policy()
        if not policy.is_plain:
            return self._judged(account, message, policy)
        route = policy.find(message.dest, message.source, client=account.name)
        if route is None:
            raise PeerError(f"no route to {message.dest!r}", status=self.refusals.no_route)
        operator = route.operators[0]
        if self._alphabets:
            message = self.fit(message, operator)
        if len(message.octets) > ONE_PART_OCTETS:
            message = self._cut(message, operator)
        return Item(f"operator:{operator}", account.priority, account.name, message.send_at_ms, message.id, message)

    def fit(self, message: Message, operator: str) -> Message:
        """The message in an alphabet of the operator's.  Raises: PeerError."""
        return message

    def _judged(self, account: Account, message: Message, policy: Policy) -> Item:
        """The same, where more than the route's order is asked.  Raises: PeerError."""
        judged = policy.admit(asked_of(message), self._clock.utc_us() // 1000)
        if isinstance(judged, Refused):
            raise refusal_of(judged, message, self.refusals)
        message, operator = as_sender(message, judged.source), judged.operators[0]
        if self._alphabets:
            message = self.fit(message, operator)
        if len(message.octets) > ONE_PART_OCTETS:
            message = self._cut(message, operator)
        where = (judged.queue or f"operator:{operator}", account.priority, account.name, message.send_at_ms, message.id)
        return ChangedItem(*where, message, told=judged.told) if judged.told else Item(*where, message)

    def _paid(self, credit: Credit, item: Item) -> Item:
        """The message, charged to its client.  Raises: PeerError."""
        paid = credit.charge(item)
        if isinstance(paid, Shortage):
            status = self.refusals.no_credit if paid is Shortage.NONE_LEFT else self.refusals.credit_later
            raise PeerError(credit.told_short(paid, item), status=status)
        return paid

    def _paid_again(self, account: Account, was: Message, message: Message) -> Message:
        """A message with another text: its client pays now what that costs more.  Raises: PeerError."""
        credit = account.credit
        if credit is None or was.price is None or was.price.currency != credit.currency:
            return msgspec.structs.replace(message, price=was.price)
        price = credit.price_of(message.dest, message.parts)
        short = credit.take(max(0, price.units - was.price.units))
        if short is not None:
            status = self.refusals.no_credit if short is Shortage.NONE_LEFT else self.refusals.credit_later
            raise PeerError(short.value, status=status)
        return msgspec.structs.replace(message, price=price)

    def _give_back(self, account: Account, items: Iterable[Item]) -> None:
        """These are not stored after all: what they cost may be spent again."""
        if account.credit is not None:
            account.credit.give_back(units_in(items))

    def _cut_again(self, message: Message) -> Message:
        """A message with another text, judged like a new one and counted in parts.  Raises: PeerError."""
        policy, now_ms = self._policy(), self._clock.utc_us() // 1000
        if not policy.is_plain:
            check_text(message, policy, now_ms, self.refusals)
        operator = next(iter(policy.routes.operators_of(message, now_ms)), "")
        if self._alphabets:
            message = self.fit(message, operator)
        return self._cut(message, operator) if len(message.octets) > ONE_PART_OCTETS else message

    def _cut(self, message: Message, operator: str) -> Message:
        """A long message, counted in parts.  Raises: PeerError."""
        method = self._split_by_operator.get(operator, SplitMethod.UDH8)
        return in_parts(message, method, self.refusals)

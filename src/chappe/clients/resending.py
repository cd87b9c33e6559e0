"""A message that has ended and goes out once more, as a new one of its client's: judged at the door as if it came now.

Its octets stay as they are.  It must never know who asked, nor how it is stored.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from chappe.clients.account import Account
from chappe.clients.changed_item import ChangedItem
from chappe.clients.credit import Shortage
from chappe.clients.parts import ONE_PART_OCTETS, in_parts
from chappe.clients.policing import as_sender, asked_of
from chappe.clients.refusals import Refusals
from chappe.model.errors import PeerError
from chappe.model.ids import made_at_ms
from chappe.model.lifecycle import FINAL, Direction, Status
from chappe.model.message import Item, Message
from chappe.rules.admit import Policy, Refused
from chappe.store.lives import Life
from chappe.text.encoding import DefaultAlphabet
from chappe.text.segments import SplitMethod

#: People are told in words.
_NO_STATUSES: Final = Refusals(0, 0, 0, 0, 0, 0, 0, 0)


class Resending:
    """Judges messages that people want sent again."""

    def __init__(
        self,
        account_of: Callable[[str], Account | None],
        open_messages: Callable[[str], int],
        policy: Callable[[], Policy],
        split_by_operator: Mapping[str, SplitMethod],
        alphabet_by_operator: Mapping[str, DefaultAlphabet],
        monotonic: Callable[[], float],
    ) -> None:
        self._account_of = account_of
        self._open_messages = open_messages
        self._policy = policy
        self._split_by_operator = split_by_operator
        self._alphabet_by_operator = alphabet_by_operator
        self._monotonic = monotonic

    def judge(self, life: Life, number: int, now_ms: int) -> Item | str:
        """What is to be stored under this number, or why nothing is."""
        was = life.message
        if was is None:
            return "what is stored of it cannot be read"
        if was.direction is not Direction.MT:
            return "it came from a handset: only messages to handsets are sent again"
        if life.status not in FINAL and life.status is not Status.UNKNOWN:
            return f"it is {life.status.word}: it may still arrive"
        account = self._account_of(was.client)
        if account is None:
            return f"its client {was.client} is gone"
        if account.throttle.available(self._monotonic()) < 1:
            return "more parts per second than this client may send"
        if self._open_messages(account.name) >= account.queue_limit:
            return f"{account.queue_limit} messages of this client are not yet final"
        return self._routed(_anew(was, number, now_ms), life, account, now_ms)

    def _routed(self, message: Message, life: Life, account: Account, now_ms: int) -> Item | str:
        judged = self._policy().admit(asked_of(message), now_ms)
        if isinstance(judged, Refused):
            return judged.detail
        operator = judged.operators[0]
        if self._reads_otherwise(message, life.operator, operator):
            return f"operator {operator} reads its octets in another alphabet than {life.operator}: send its text anew"
        message = as_sender(message, judged.source)
        if len(message.octets) > ONE_PART_OCTETS:
            try:
                message = in_parts(message, self._split_by_operator.get(operator, SplitMethod.UDH8), _NO_STATUSES)
            except PeerError as error:
                return str(error)
        queue = judged.queue or f"operator:{operator}"
        item = ChangedItem(queue, account.priority, account.name, 0, message.id, message, told=judged.told)
        return _paid(account, item)

    def _reads_otherwise(self, message: Message, before: str, now: str) -> bool:
        """data_coding 0 is whatever an operator takes it for."""
        alphabets = self._alphabet_by_operator
        return message.data_coding == 0 and before in alphabets and alphabets[before] is not alphabets.get(now)


def _anew(was: Message, number: int, now_ms: int) -> Message:
    """The same content; what its client hears only where it is called back, for over SMPP it knows no such id."""
    worth_ms = was.expires_at_ms - (was.send_at_ms or made_at_ms(was.id)) if was.expires_at_ms else 0
    return msgspec.structs.replace(
        was,
        id=number,
        expires_at_ms=now_ms + max(worth_ms, 1_000) if worth_ms else 0,
        registered_delivery=was.registered_delivery if was.is_called_back else 0,
        parts=1,
        send_at_ms=0,
        known_as="",
        price=None,
    )


def _paid(account: Account, item: Item) -> Item | str:
    """The message, charged to its client, who uses its rate."""
    if account.credit is not None:
        paid = account.credit.charge(item)
        if isinstance(paid, Shortage):
            return account.credit.told_short(paid, item)
        item = paid
    message = item.content
    assert isinstance(message, Message)
    account.throttle.take(message.parts)
    return item

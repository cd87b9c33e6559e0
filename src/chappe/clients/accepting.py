"""Messages that were judged are stored together, and answered when they are: no yes is said before.

It must never know a protocol, nor why a message goes where it goes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from chappe.clients.account import Account
from chappe.clients.changed_item import tell_routed
from chappe.clients.flushing import flush
from chappe.model.events import EventBatch, EventName
from chappe.model.message import Item
from chappe.runtime.batching import Gathered
from chappe.runtime.clock import Clock
from chappe.store.port import Fault, Store, StoreAway

#: Messages that one turn accepts at most, while all that was accepted leaves at once, and at least, when much waits:
#: more would make those wait that are on their way out.
ACCEPT_ITEMS: Final = 150
ACCEPT_LEAST: Final = 50
#: One message less for so many that wait: the balance is found while all of them fit into memory.
WAITING_PER_ITEM: Final = 8

#: What a refusal for now says when the store is away.
AWAY: Final = Fault("the store is away", is_passing=True)


class Submission(msgspec.Struct, gc=False):
    """A judged message on its way to the store, and who waits for the answer; `asked` is what its node makes of it."""

    peer: Any
    number: int
    item: Item
    asked: Any


class Accepting(ABC):
    """How `ClientNode` stores what it takes; it sets these before anything comes."""

    _clock: Clock
    _most_at_once: int
    _pressure: Callable[[], int]
    _store: Store
    _submissions: Gathered[Submission]

    @abstractmethod
    def say_yes(self, submission: Submission) -> None:
        """Its message is stored."""

    @abstractmethod
    def say_no(self, submission: Submission, fault: Fault) -> None:
        """Its message could not be stored."""

    @abstractmethod
    def _give_back(self, account: Account, items: Iterable[Item]) -> None:
        """These are not stored after all: what they cost may be spent again."""

    async def _accept(self) -> None:
        """Store what came, then answer."""
        while True:
            submissions = await self._submissions.take(accept_limit(self._pressure(), self._most_at_once))
            events = self._accepted_events(submissions)
            faults: Sequence[Fault | None]
            try:
                faults = await self._store.accept([each.item for each in submissions], events)
            except StoreAway:
                # Everyone is told to try again.
                faults = [AWAY] * len(submissions)
            self._answer(submissions, faults)

    def _accepted_events(self, submissions: Sequence[Submission]) -> EventBatch:
        events, event = EventBatch(self._clock.utc_us()), EventName.MT_ACCEPTED
        for submission in submissions:
            message = submission.item.content
            events.add(
                event,
                message.id,  # type: ignore[union-attr]
                message.client,
                "",
                message.dest,
                message.source,
                message.reference,
            )
            if submission.item.__class__ is not Item:
                tell_routed(events, submission.item)
        return events

    def _answer(self, submissions: Sequence[Submission], faults: Sequence[Fault | None]) -> None:
        dirty: list[Any] = []
        say_yes = self.say_yes
        for submission, fault in zip(submissions, faults, strict=True):
            peer = submission.peer
            peer.owner.arriving -= 1
            if fault is not None:
                self._give_back(peer.owner, (submission.item,))
            if peer.is_lost:
                continue
            if fault is None:
                say_yes(submission)
            else:
                self.say_no(submission, fault)
            if not peer.is_dirty:
                peer.is_dirty = True
                dirty.append(peer)
        flush(dirty)


def accept_limit(waiting: int, most: int = ACCEPT_ITEMS) -> int:
    """How many messages one turn accepts while so many wait on their way out; `most` while none does."""
    return max(ACCEPT_LEAST, most - waiting // WAITING_PER_ITEM)

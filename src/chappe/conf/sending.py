"""Tests that people send: a message of a client, judged and stored as if that client had posted it, once for each wish.

It must never know how a message is judged, nor who carries it.
"""

from collections.abc import Callable
from typing import Final

from chappe.instructions.kinds import SendTest
from chappe.instructions.outcome import Outcome
from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker
from chappe.model.message import Item, Message
from chappe.runtime.clock import Clock
from chappe.store.port import Kept, Once, Store

#: A wish that comes again within this time after a death is the same one.
KNOWN_MS: Final = 7 * 86_400_000

#: Judges a test as if its client had posted it: an item to store, or why not.
Admit = Callable[[SendTest], Item | str]


class TestSending:
    """Carries out what people ask to be sent."""

    #: pytest takes what begins with Test for tests.
    __test__ = False

    def __init__(self, store: Store, ids: IdMaker, clock: Clock, admit: Admit) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._admit = admit

    async def send(self, wish: SendTest, number: int, told: str) -> Outcome:
        """Send it; the message is what was changed.  Asked again after a death it is not sent twice.

        Raises: StoreAway.
        """
        now_ms, key = self._clock.utc_us() // 1000, b"test" + number.to_bytes(8, "big")
        kept = (await self._store.kept([key], now_ms)).get(key)
        if kept is not None:
            return _sent(kept)
        item = self._admit(wish)
        if isinstance(item, str):
            return Outcome(fault=item)
        once = Once(self._ids.next(now_ms), key, key, str(item.id).encode(), now_ms + KNOWN_MS, (item,))
        (found,) = await self._store.accept_once([once], self._events(item, told))
        if isinstance(found, Kept):
            return _sent(found)
        return Outcome(fault=str(found)) if found is not None else Outcome(changed=(item.id,), count=1)

    def _events(self, item: Item, told: str) -> EventBatch:
        message = item.content
        assert isinstance(message, Message)
        events = EventBatch(self._clock.utc_us())
        events.add(EventName.MT_ACCEPTED, item.id, message.client, "", message.dest, message.source, detail=told)
        return events


def _sent(kept: Kept) -> Outcome:
    return Outcome(changed=(int(kept.answer),), count=1)

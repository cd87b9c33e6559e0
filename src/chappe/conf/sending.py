"""What people send as a client: tests, and messages that have ended and go out again.

Each is judged and stored as if that client had posted it, once for each wish.

It must never know how a message is judged, nor who carries it.
"""

from collections.abc import Callable
from typing import Final

from chappe.instructions.kinds import ResendMessage, SendTest
from chappe.instructions.outcome import Outcome
from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker
from chappe.model.message import Item, Message
from chappe.runtime.clock import Clock
from chappe.store.lives import Life
from chappe.store.port import MAX_ID, Kept, Once, Store

#: A wish that comes again within this time after a death is the same one.
KNOWN_MS: Final = 7 * 86_400_000

#: Judges a test as if its client had posted it: an item to store, or why not.
Admit = Callable[[SendTest], Item | str]
#: Judges a message that goes out again under a new id at a moment (Unix ms).
AdmitAgain = Callable[[Life, int, int], Item | str]
#: Something that was judged is not stored after all: what it cost may be spent again.
GiveBack = Callable[[Item], None]


class TestSending:
    """Carries out what people ask to be sent."""

    #: pytest takes what begins with Test for tests.
    __test__ = False

    def __init__(
        self,
        store: Store,
        ids: IdMaker,
        clock: Clock,
        admit: Admit,
        admit_again: AdmitAgain | None = None,
        give_back: GiveBack | None = None,
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._admit = admit
        self._admit_again = admit_again
        self._give_back = give_back

    async def send(self, wish: SendTest, number: int, told: str) -> Outcome:
        """Send it; the message is what was changed.  Asked again after a death it is not sent twice.

        Raises: StoreAway.
        """
        key = b"test" + number.to_bytes(8, "big")
        kept = await self._kept(key)
        if kept is not None:
            return _sent(kept)
        item = self._admit(wish)
        return Outcome(fault=item) if isinstance(item, str) else await self._store_once(item, key, told)

    async def resend(self, wish: ResendMessage, number: int, told: str) -> Outcome:
        """Send a message again as a new one, which is what was changed.  Never twice, like a test.

        Raises: StoreAway.
        """
        key = b"again" + number.to_bytes(8, "big")
        kept = await self._kept(key)
        if kept is not None:
            return _sent(kept)
        life = await self._store.find(wish.id) if 0 < wish.id <= MAX_ID else None
        if life is None or self._admit_again is None:
            return Outcome(fault=f"there is no message {wish.id}")
        now_ms = self._now_ms()
        item = self._admit_again(life, self._ids.next(now_ms), now_ms)
        return Outcome(fault=item) if isinstance(item, str) else await self._store_once(item, key, told, life)

    async def _kept(self, key: bytes) -> Kept | None:
        return (await self._store.kept([key], self._now_ms())).get(key)

    async def _store_once(self, item: Item, key: bytes, told: str, again: Life | None = None) -> Outcome:
        now_ms = self._now_ms()
        once = Once(self._ids.next(now_ms), key, key, str(item.id).encode(), now_ms + KNOWN_MS, (item,))
        stored = False
        try:
            (found,) = await self._store.accept_once([once], self._events(item, told, again))
            stored = found is None
        finally:
            if not stored and self._give_back is not None:
                self._give_back(item)
        if isinstance(found, Kept):
            return _sent(found)
        return Outcome(fault=str(found)) if found is not None else Outcome(changed=(item.id,), count=1)

    def _events(self, item: Item, told: str, again: Life | None) -> EventBatch:
        """What is noted in the life of the new message, and in that of the one whose content it has."""
        message = item.content
        assert isinstance(message, Message)
        columns = (message.client, "", message.dest, message.source, message.reference)
        events = EventBatch(self._clock.utc_us())
        if again is None:
            events.add(EventName.MT_ACCEPTED, item.id, *columns, detail=told)
            return events
        events.add(EventName.MT_ACCEPTED, item.id, *columns, detail=f"{told}: message {again.id} again")
        events.add(EventName.INSTRUCTION_DONE, again.id, *columns, detail=f"{told}: sent again as {item.id}")
        return events

    def _now_ms(self) -> int:
        return self._clock.utc_us() // 1000


def _sent(kept: Kept) -> Outcome:
    return Outcome(changed=(int(kept.answer),), count=1)

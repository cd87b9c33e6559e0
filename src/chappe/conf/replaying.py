"""Parked reports that a person has tried again, read as the operator's profile says by now or as that person says.

It must never judge which message a report means.
"""

from collections.abc import Callable, Iterator

from chappe.crash import CrashPoint, reach
from chappe.instructions.kinds import ReplayReceipts
from chappe.instructions.outcome import Outcome
from chappe.model.events import EventBatch, EventName
from chappe.model.ids import first_id_at
from chappe.rules.learn import Conversion
from chappe.runtime.clock import Clock
from chappe.store.parked import REPLAY_ROWS, Parked, Readings
from chappe.store.port import Store


class ReceiptWishes:
    """Carries out what people ask about parked reports."""

    def __init__(self, store: Store, clock: Clock, of_profile: Callable[[str], Conversion]) -> None:
        """`of_profile(operator)` is how its profile has ids read."""
        self._store = store
        self._clock = clock
        self._of_profile = of_profile

    async def replay(self, wish: ReplayReceipts, told: str) -> Outcome:
        """Try them piece by piece; asked again after a death it goes on with what is left.  Raises: StoreAway."""
        if bool(wish.operator) == bool(wish.ids):
            return Outcome(fault="name an operator, or reports by their ids")
        readings = self._readings(wish)
        matched: list[int] = []
        parked = 0
        for asked in self._pieces(wish):
            while True:
                replayed = await self._store.replay_parked(asked, readings)
                reach(CrashPoint.AFTER_REPLAY)
                matched += replayed.matched
                parked += len(replayed.parked)
                if not replayed.next_id:
                    break
                asked = Parked(asked.operator, (), replayed.next_id, asked.before_id)
        said = f"{len(matched)} matched, {parked} stay parked"
        events = EventBatch(self._clock.utc_us())
        events.add(EventName.INSTRUCTION_DONE, operator=wish.operator, detail=f"{told}: {said}")
        await self._store.record(events)
        if not wish.ids:
            return Outcome(count=len(matched), remaining=parked, told=(said,))
        found = set(matched)
        left = tuple(each for each in dict.fromkeys(wish.ids) if each not in found)
        return Outcome(tuple(matched), left, count=len(matched), remaining=parked, told=(said,))

    def _readings(self, wish: ReplayReceipts) -> Readings:
        asked = Conversion(wish.id_base or "exact", wish.id_ignores_case, wish.id_ignores_zeros)
        is_said = bool(wish.id_base or wish.id_ignores_case or wish.id_ignores_zeros)
        return (lambda operator: asked) if is_said else self._of_profile

    def _pieces(self, wish: ReplayReceipts) -> Iterator[Parked]:
        """What comes in meanwhile is read by the profile already: it is let be."""
        if not wish.ids:
            yield Parked(wish.operator, before_id=first_id_at(self._clock.utc_us() // 1000 + 1))
        for place in range(0, len(wish.ids), REPLAY_ROWS):
            yield Parked(ids=wish.ids[place : place + REPLAY_ROWS])

"""One transaction: the calls of a group, judged and written over one connection.

Nothing in memory changes here; what follows from the commit is in `effects`.
"""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any, Final

from chappe.model.events import EventBatch, EventName
from chappe.model.ids import first_id_at
from chappe.model.lifecycle import Status
from chappe.store.applying import Applying
from chappe.store.bodies import message_or_none
from chappe.store.calls import Call
from chappe.store.cursor import SWEEP_ROWS, Cursor
from chappe.store.parked import Parked, Readings, Replayed
from chappe.store.port import Fault
from chappe.store.postgres import statements as sql
from chappe.store.postgres.accepting import POISON, Accepting, Keeping
from chappe.store.postgres.granting import Granting
from chappe.store.postgres.hashing import Hashing
from chappe.store.postgres.lives import Lives
from chappe.store.postgres.matching import Matching
from chappe.store.postgres.names import Names
from chappe.store.postgres.resolving import Resolving
from chappe.store.postgres.settling import Settling
from chappe.store.postgres.writes import Effects, Writes

_AWAITING: Final = (Status.SENT, Status.BUFFERED)


class Transaction:
    """The writes of one group."""

    def __init__(
        self, connection: Any, names: Names, hashing: Hashing, run: int, marked: set[int], now_us: int
    ) -> None:
        self.connection = connection
        self.names = names
        self.writes = Writes(names, now_us, run)
        self._lives = Lives(connection, names, self.writes.last_place_by_id)
        self._applying = Applying(self.writes)
        self._accepting = Accepting(names, self.writes)
        self._settling = Settling(
            connection, names, hashing, self.writes, self._lives, self._applying, self._accepting, run, marked
        )
        self._matching = Matching(connection, names, hashing, self.writes, self._lives, self._applying)
        self.granting = Granting(connection, names, self.writes)
        self.resolving = Resolving(connection, names, self.writes)

    @property
    def effects(self) -> Effects:
        """What changes in memory after the commit."""
        return self.writes.effects

    @cached_property
    def counted(self) -> dict[tuple[int, str], int]:
        """By how much each count changes, once everything is written: (kind, name) → difference."""
        return self.writes.counted()

    async def write(self, calls: Sequence[Call]) -> None:
        """Everything that the calls ask for, verbs in their order; each call learns its outcomes."""
        by_kind: dict[str, list[Call]] = {}
        for call in calls:
            call.outcomes = [None] * len(call.items)
            by_kind.setdefault(call.kind, []).append(call)
        await self._accept(by_kind.get("accept", ()), by_kind.get("once", ()))
        settling = _asked(by_kind.get("settle", ()))
        if settling:
            await self._settling.settle(settling)
            await self._accepting.write(self.connection)
            await self.writes.run(self.connection)
        if self._settling.waiting:
            await self._matching.meet(self._settling.waiting)
        reports = _asked(by_kind.get("report", ()))
        if reports:
            await self._matching.match(reports)
        if grants := [item for _, _, item in _each(by_kind.get("grant", ()))]:
            await self.writes.run(self.connection)
            await self.granting.grant(grants)
        for _, _, sweep in _each(by_kind.get("sweep", ())):
            await sweep(self)
        for _, _, statements in _each(by_kind.get("write", ())):
            for statement, values in statements:
                await self.connection.executemany(statement, values)
        await self.writes.finish(self.connection)

    async def _accept(self, calls: Sequence[Call], guarded: Sequence[Call]) -> None:
        for item, told in _asked(calls):
            try:
                self._accepting.add(item, told)
            except POISON as error:
                told(Fault(f"{type(error).__name__}: {error}"))
        batch = [once for _, _, once in _each(guarded)]
        if batch:
            keeping = Keeping(self._accepting, self.writes.now_ms)
            outcomes = await keeping.accept(self.connection, batch)
            for (call, place, _), outcome in zip(_each(guarded), outcomes, strict=True):
                call.outcomes[place] = outcome  # type: ignore[index]
        await self._accepting.write(self.connection)

    def batches(self, calls: Sequence[Call]) -> list[EventBatch]:
        """The events of all calls, without those of items that were not stored, and those of our own."""
        batches = []
        poisoned = self.writes.events
        for call in calls:
            outcomes = call.outcomes or ()
            if outcomes.count(None) == len(outcomes) and not self._accepting.left_out:
                if call.events is not None:
                    batches.append(call.events)
                continue
            faulty = {
                _id_of(item)
                for item, outcome in zip(call.items, call.outcomes or (), strict=False)
                if isinstance(outcome, Fault)
            }
            for item, outcome in zip(call.items, call.outcomes or (), strict=False):
                if isinstance(outcome, Fault):
                    number = _id_of(item)
                    known = number if -(1 << 63) <= number < 1 << 63 else 0
                    poisoned.add(EventName.ITEM_POISONED, known, detail=f"{call.kind}: {outcome.what}")
            if call.events is not None:
                left_out = faulty | self._accepting.left_out
                batches.append(call.events.only(lambda each: each not in left_out) if left_out else call.events)  # noqa: B023
        return [*batches, poisoned]

    # -- sweeps -------------------------------------------------------------------------------------

    async def match_again(self, cursor: Cursor) -> None:
        """Some of the parked reports, oldest first, as if they came now."""
        await self._matching.sweep(cursor, SWEEP_ROWS)

    async def replay_parked(self, parked: Parked, readings: Readings) -> Replayed:
        """Parked reports that a person wants tried again, with the forms of their references that count now."""
        return await self._matching.replay(parked, readings)

    async def mark_unknown(self, cursor: Cursor, sent_before_us: dict[str, int]) -> None:
        """Some of the messages without a final receipt: those silent for too long become `unknown`."""
        before_id = first_id_at(max(sent_before_us.values(), default=0) // 1000)
        found = await self.connection.fetch(sql.SILENT, cursor.id, before_id, SWEEP_ROWS)
        cursor.id = found[-1]["id"] if len(found) == SWEEP_ROWS else 0
        await self.names.meet(self.connection, {row["operator"] for row in found})
        silent = {
            row["id"]: row
            for row in found
            if row["status"] in _AWAITING
            and row["sent_at_us"] <= sent_before_us.get(self.names.name(row["operator"]), 0)
        }
        if not silent:
            return
        for (each,) in await self.connection.fetch(sql.MARK_UNKNOWN, sorted(silent)):
            self._tell_unknown(each, self.names.name(silent[each]["operator"]), silent[each]["body"])

    def _tell_unknown(self, message_id: int, operator: str, body: bytes) -> None:
        message, events = message_or_none(body), self.writes.events
        if message is None:
            events.add(EventName.MT_UNKNOWN, message_id, operator=operator)
            return
        told = (message.client, operator, message.dest, message.source, message.reference)
        events.add(EventName.MT_UNKNOWN, message_id, *told, detail="no final receipt in time")


def _each(calls: Sequence[Call]) -> list[tuple[Call, int, Any]]:
    return [(call, place, item) for call in calls for place, item in enumerate(call.items)]


def _asked(calls: Sequence[Call]) -> list[tuple[Any, Callable[[Fault], None]]]:
    """Each item of these calls, and who is told when it cannot be written."""
    return [(item, partial(_tell, call, place)) for call in calls for place, item in enumerate(call.items)]


def _tell(call: Call, place: int, fault: Fault) -> None:
    call.outcomes[place] = fault  # type: ignore[index]


def _id_of(item: Any) -> int:
    return int(getattr(item, "item", item).id)

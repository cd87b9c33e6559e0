"""What nodes ask of the SQLite store: messages in, leases, outcomes, reports, and rows beside the messages.

It must never know a statement of messages: those are the transaction's.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

from chappe.model.events import EventBatch
from chappe.model.message import Item
from chappe.store.cursor import Cursor
from chappe.store.port import (
    NO_TALLY,
    Fault,
    Granted,
    Kept,
    MoMemory,
    Once,
    Picked,
    Place,
    Report,
    Settlement,
    StoreAway,
    TallyKey,
    Wish,
)
from chappe.store.sqlite import keeping, rows
from chappe.store.sqlite.granting import Asked
from chappe.store.sqlite.group_commit import GroupCommit
from chappe.store.sqlite.memory import Memory
from chappe.store.sqlite.mo_proofs import MoProofs
from chappe.store.sqlite.picking import Picking
from chappe.store.sqlite.queues import Queues
from chappe.store.sqlite.reading import Reading
from chappe.store.sqlite.store_file import StoreFile
from chappe.store.sqlite.sweeping import Sweeping
from chappe.store.sqlite.transaction import Transaction


class Verbs:
    """What `SqliteStore` does for nodes; it sets these before anything is asked."""

    _file: StoreFile
    _group: GroupCommit
    _memory: Memory
    _queues: Queues
    _picking: Picking
    _reading: Reading
    _sweeping: Sweeping
    _mo_proofs: MoProofs
    _silence_cursor: Cursor
    _parked_cursor: Cursor

    async def accept(self, items: Sequence[Item], events: EventBatch) -> Sequence[Fault | None]:
        return await self._group.ask("accept", items, events)

    async def accept_once(self, batch: Sequence[Once], events: EventBatch) -> Sequence[Kept | Fault | None]:
        return await self._group.ask("once", batch, events)

    async def kept(self, keys: Sequence[bytes], now_ms: int) -> Mapping[bytes, Kept]:
        return self._reading.kept(keys, now_ms)

    async def forget_kept(self, now_ms: int) -> bool:
        if self._reading.has_kept_until(now_ms):
            await self.write(keeping.FORGET, [(now_ms, keeping.FORGET_ROWS)])
        return self._reading.has_kept_until(now_ms)

    async def settle(self, settlements: Sequence[Settlement], events: EventBatch) -> Sequence[Fault | None]:
        return await self._group.ask("settle", settlements, events)

    async def report(self, reports: Sequence[Report], events: EventBatch) -> Sequence[Fault | None]:
        return await self._group.ask("report", reports, events)

    async def grant(self, wishes: Sequence[Wish]) -> Sequence[Granted]:
        asked = [Asked(wish) for wish in wishes]
        faults = await self._group.ask("grant", asked, None)
        if any(fault is not None and fault.is_passing for fault in faults):
            raise StoreAway("the store went away in the midst of the wishes")
        unasked = [Granted.UNKNOWN if fault is not None else None for fault in faults]
        return [
            refused or each.granted or await self._reading.granted(each.wish)
            for each, refused in zip(asked, unasked, strict=True)
        ]

    async def record(self, events: EventBatch) -> None:
        await self._group.ask("record", (), events)

    async def write(self, statement: str, values: Sequence[Sequence[object]]) -> None:
        """Execute one statement for each row of values within the group commit (copies, counters, meta)."""
        await self._group.ask("write", [[(statement, values)]], None)

    def fetch(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        """Rows of one statement that reads, for small tables beside the messages.  Raises: StoreAway."""
        with self._file.reading():
            return self._file.connection.execute(statement, values).fetchall()

    async def write_together(self, statements: Sequence[tuple[str, Sequence[Sequence[object]]]]) -> None:
        """Execute several statements within one group commit.  Raises: StoreAway."""
        await self._group.ask("write", [list(statements)], None)

    async def lease(self, queue: str, limit: int) -> list[Item]:
        return self._queues.lease(queue, limit)

    def is_waiting(self, queue: str) -> bool:
        """Something may be leased from the queue."""
        return self._queues.is_waiting(queue)

    async def pick(self, queue: str, fits: Callable[[Item], bool], place: Place = (), limit: int = 2_000) -> Picked:
        return self._picking.pick(queue, fits, place, limit)

    async def release(self, items: Sequence[Item]) -> None:
        self._queues.release(items)

    async def advance(self, name: str, seq: int, position: str, tally: Mapping[TallyKey, int] = NO_TALLY) -> None:
        # One item: were the group written piece by piece, offset and counts would still stay together.
        statements: list[tuple[str, Sequence[Sequence[object]]]] = [(rows.COPY, [(name, seq, position)])]
        if tally:
            statements.append((rows.COUNT, [(*key, number) for key, number in tally.items()]))
        await self._group.ask("write", [statements], None)

    async def mark_unknown(self, sent_before_us: Mapping[str, int]) -> None:
        """Messages of an operator that were sent before a moment and have no final receipt become `unknown`.

        One call looks at some of them and the next one goes on from there.  Raises: StoreAway.
        """
        await self._group.ask(
            "sweep",
            [partial(Transaction.mark_unknown, cursor=self._silence_cursor, sent_before_us=sent_before_us)],
            None,
        )

    async def match_again(self) -> None:
        """Try parked reports again: none should find its part now.  Goes round like `mark_unknown`.

        Raises: StoreAway.
        """
        if self._memory.parked:
            await self._group.ask("sweep", [partial(Transaction.match_again, cursor=self._parked_cursor)], None)

    async def expired(self, now_ms: int, limit: int = 500) -> list[Item]:
        """Lease messages whose named moment has passed and that nothing was sent of yet.

        The caller settles each as `Ended`; rows of messages that are gone or too far are forgotten, those of
        messages that are held or just being sent are looked at again a minute later.
        """
        return self._sweeping.expired(now_ms, limit)

    async def overdue(self, queue: str, before_ms: Callable[[str], int], is_over: Callable[[Item], bool]) -> list[Item]:
        """Lease messages of a queue that `is_over` says are worthless and of which nothing was sent.

        Only messages that came before `before_ms(lane)` are asked about.
        """
        return self._sweeping.overdue(queue, before_ms, is_over)

    async def mo_identities_elsewhere(
        self, operator: str, identities: Sequence[bytes], since_ms: int
    ) -> Collection[bytes]:
        return ()

    async def prove_mo(self, operator: str, below_id: int, except_ids: Sequence[int] = ()) -> None:
        await self._mo_proofs.prove(operator, below_id, except_ids)

    async def note_mo_identities(self, operator: str, identities: Sequence[tuple[bytes, int]]) -> None:
        # The operator has a number: its MO are written first.  See `_ORDER`.
        await self._mo_proofs.note_identities(operator, identities)

    async def mo_memory(self, operator: str, since_ms: int) -> MoMemory:
        with self._file.reading():
            return self._mo_proofs.memory(operator, since_ms)

    def may_write(self) -> bool:
        """A lease lives in this process and never ends before it."""
        return True

    def look_anew(self, queue: str) -> None:
        """No other process reads here."""

    def forget_generation(self, generation: int) -> None:
        """A generation of references is past retention and deleted."""
        self._memory.references.forget_generation(generation)

    def has_references(self, generation: int) -> bool:
        """Rows of this generation of references are left."""
        return self._reading.has_references(generation)

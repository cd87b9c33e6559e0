"""The verbs that nodes call with every message, and those of their sweeps: each becomes a call of the next group.

It must never know how a group is written.
"""

from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from chappe.model.events import EventBatch
from chappe.model.lifecycle import Status
from chappe.model.message import Item
from chappe.rules.opt_outs import OptOut
from chappe.store.cursor import Cursor
from chappe.store.port import (
    NO_TALLY,
    Cancel,
    Fault,
    Granted,
    Kept,
    Once,
    Picked,
    Place,
    Report,
    Settlement,
    TallyKey,
    Wish,
)
from chappe.store.postgres import opting
from chappe.store.postgres.counts import Counts
from chappe.store.postgres.granting import Asked
from chappe.store.postgres.group_commit import GroupCommit
from chappe.store.postgres.queues import Queues
from chappe.store.postgres.reading import Reading
from chappe.store.postgres.runs import Run
from chappe.store.postgres.sweeping import Sweeping
from chappe.store.postgres.transaction import Transaction
from chappe.store.postgres.writes import Kind

#: Rows that one call deletes.
FORGET_ROWS: Final = 500

_COPY: Final = (
    "INSERT INTO copies (writer, name, seq, position) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (writer, name) DO UPDATE SET seq = excluded.seq, position = excluded.position"
)
_COUNT: Final = (
    "INSERT INTO counters AS c (minute, event, client, operator, writer, count) VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT (minute, event, client, operator, writer) DO UPDATE SET count = c.count + excluded.count"
)
_PROVE: Final = (
    "INSERT INTO mo_proofs (operator, writer, proved, unproved) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (operator, writer) DO UPDATE SET proved = excluded.proved, unproved = excluded.unproved"
)
_IDENTIFY: Final = (
    "INSERT INTO mo_identities (operator, identity, at_ms) VALUES ($1, $2, $3)"
    " ON CONFLICT (operator, identity) DO UPDATE SET at_ms = excluded.at_ms"
)
_FORGET_KEPT: Final = (
    "DELETE FROM kept WHERE key IN (SELECT key FROM kept WHERE until_ms <= $1 ORDER BY until_ms LIMIT $2"
    " FOR UPDATE SKIP LOCKED)"
)
_HAS_KEPT: Final = "SELECT EXISTS (SELECT 1 FROM kept WHERE until_ms <= $1)"


class Verbs:
    """What `PostgresStore` does for nodes; it sets these before anything is asked."""

    _group: GroupCommit
    _queues: Queues
    _reading: Reading
    _run: Run
    _sweeping: Sweeping
    _counts: Counts
    _cursors: tuple[Cursor, Cursor]

    @property
    def is_away(self) -> bool:
        """The database takes nothing: everyone hears no."""
        return self._group.is_away or self._run.is_fenced

    async def accept(self, items: Sequence[Item], events: EventBatch) -> Sequence[Fault | None]:
        return await self._group.ask("accept", items, events)

    async def accept_once(self, batch: Sequence[Once], events: EventBatch) -> Sequence[Kept | Fault | None]:
        return await self._group.ask("once", batch, events)

    async def kept(self, keys: Sequence[bytes], now_ms: int) -> Mapping[bytes, Kept]:
        return await self._reading.kept(keys, now_ms)

    async def forget_kept(self, now_ms: int) -> bool:
        async def forget(transaction: Transaction) -> None:
            await transaction.connection.execute(_FORGET_KEPT, now_ms, FORGET_ROWS)
            left.append(await transaction.connection.fetchval(_HAS_KEPT, now_ms))

        left: list[bool] = []
        await self._group.ask("sweep", [forget], None)
        return left[-1]

    async def settle(self, settlements: Sequence[Settlement], events: EventBatch) -> Sequence[Fault | None]:
        return await self._group.ask("settle", settlements, events)

    async def report(self, reports: Sequence[Report], events: EventBatch) -> Sequence[Fault | None]:
        return await self._group.ask("report", reports, events)

    async def grant(self, wishes: Sequence[Wish]) -> Sequence[Granted]:
        asked = [Asked(wish) for wish in wishes]
        await self._group.ask("grant", asked, None)
        return [each.granted or await self._granted_in_history(each.wish) for each in asked]

    async def _granted_in_history(self, wish: Wish) -> Granted:
        """The hot tables know no such message: it has ended and moved, or there is none."""
        life = await self._reading.find(wish.id)
        if life is None or life.message is None or life.message.client != wish.client:
            return Granted.UNKNOWN
        is_cancelled = isinstance(wish, Cancel) and life.status is Status.CANCELLED
        return Granted.ALREADY if is_cancelled else Granted.TOO_LATE

    async def record(self, events: EventBatch) -> None:
        await self._group.ask("record", (), events)

    async def lease(self, queue: str, limit: int) -> list[Item]:
        return [] if self.is_away else await self._queues.lease(queue, limit)

    def is_waiting(self, queue: str) -> bool:
        """Other processes lay things in, and only a look tells."""
        return True

    async def pick(self, queue: str, fits: Callable[[Item], bool], place: Place = (), limit: int = 2_000) -> Picked:
        return Picked([], place) if self.is_away else await self._queues.pick(queue, fits, place, limit)

    async def release(self, items: Sequence[Item]) -> None:
        if items:
            await self._queues.release(items)

    async def advance(self, name: str, seq: int, position: str, tally: Mapping[TallyKey, int] = NO_TALLY) -> None:
        writer = self._run.writer
        statements: list[tuple[str, Sequence[Sequence[object]]]] = [(_COPY, [(writer, name, seq, position)])]
        if tally:
            rows = [(m, e, c.encode(), o.encode(), writer, count) for (m, e, c, o), count in sorted(tally.items())]
            statements.append((_COUNT, rows))
        await self._group.ask("write", [statements], None)

    async def mark_unknown(self, sent_before_us: Mapping[str, int]) -> None:
        """Messages of an operator that were sent before a moment and have no final receipt become `unknown`.

        One call looks at some of them and the next one goes on from there.  Raises: StoreAway.
        """
        sweep = partial(Transaction.mark_unknown, cursor=self._cursors[0], sent_before_us=dict(sent_before_us))
        await self._group.ask("sweep", [sweep], None)

    async def match_again(self) -> None:
        """Try parked reports again: none should find its part now.  Goes round like `mark_unknown`.

        Raises: StoreAway.
        """
        if self._counts.number(Kind.PARKED):
            await self._group.ask("sweep", [partial(Transaction.match_again, cursor=self._cursors[1])], None)

    async def expired(self, now_ms: int, limit: int = 500) -> list[Item]:
        """Lease messages whose named moment has passed and that nothing was sent of yet.  Raises: StoreAway.

        The caller settles each as `Ended`; rows of messages that are gone or too far are forgotten, those of
        messages that are held or just being sent are looked at again a minute later.
        """
        return [] if self.is_away else await self._sweeping.expired(now_ms, limit)

    async def overdue(self, queue: str, before_ms: Callable[[str], int], is_over: Callable[[Item], bool]) -> list[Item]:
        """Lease messages of a queue that `is_over` says are worthless and of which nothing was sent.

        Only messages that came before `before_ms(lane)` are asked about.  Raises: StoreAway.
        """
        return [] if self.is_away else await self._sweeping.overdue(queue, before_ms, is_over)

    async def prove_mo(self, operator: str, below_id: int, except_ids: Sequence[int] = ()) -> None:
        async def prove(transaction: Transaction) -> None:
            unproved = array("q", except_ids).tobytes()
            values = (transaction.names.number(operator), self._run.writer, below_id, unproved)
            await transaction.connection.execute(_PROVE, *values)

        await self._group.ask("sweep", [prove], None)

    async def note_mo_identities(self, operator: str, identities: Sequence[tuple[bytes, int]]) -> None:
        async def note(transaction: Transaction) -> None:
            number = transaction.names.number(operator)
            rows = [(number, identity, at_ms) for identity, at_ms in sorted(identities)]
            await transaction.connection.executemany(_IDENTIFY, rows)

        await self._group.ask("sweep", [note], None)

    async def note_opt_outs(self, changes: Sequence[OptOut]) -> None:
        await self._group.ask("write", [[(opting.NOTE, opting.rows_of(changes))]], None)

    async def opt_outs(self, since_us: int) -> list[OptOut]:
        return await self._reading.opt_outs(since_us)

"""Settling: what became of leased items, each outcome in its own way.

An answer of an operator is true whoever holds the message meanwhile; all other outcomes count only while the lease
is ours, or nobody's.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from chappe.model.address import handset_key
from chappe.model.lifecycle import FINAL, Status, status_of_parts
from chappe.model.message import Item, Message
from chappe.rules.decide import ROUTE
from chappe.store.applying import Applying
from chappe.store.port import (
    Delivered,
    Fault,
    Life,
    Sending,
    Sent,
    Settlement,
    Unwritten,
)
from chappe.store.postgres import statements as sql
from chappe.store.postgres.accepting import POISON, Accepting
from chappe.store.postgres.hashing import Hashing, gathered, pack_part, unpack_reports
from chappe.store.postgres.lives import Lives
from chappe.store.postgres.names import Names
from chappe.store.postgres.outcomes import Outcomes
from chappe.store.postgres.writes import Row, Writes, checked, columns

#: A settlement and who hears when it cannot be written.
Asked = tuple[Settlement, Callable[[Fault], None]]
AskedSent = tuple[Sent, Callable[[Fault], None]]
#: An item's row: queue, priority, lane, place, id.
Key = tuple[int, int, int, int, int]

_STAYS: Final = (Sending, Unwritten)
_OPEN: Final = (Status.ACCEPTED, Status.SCHEDULED, Status.QUEUED, Status.SENDING, Status.HELD)


class Settling:
    """The settlements of one transaction."""

    def __init__(
        self,
        connection: Any,
        names: Names,
        hashing: Hashing,
        writes: Writes,
        lives: Lives,
        applying: Applying,
        accepting: Accepting,
        run: int,
        marked: set[int],
    ) -> None:
        """`run` is ours, `marked` the messages that bear our durable mark."""
        self._connection = connection
        self._names = names
        self._hashing = hashing
        self._writes = writes
        self._lives = lives
        self._applying = applying
        self._run = run
        self._place_by_item: dict[tuple[str, int], int] = {}
        self._outcomes = Outcomes(connection, names, writes, accepting, marked)
        #: Parked reports that wait for a reference which this transaction brought.
        self.waiting: list[int] = []
        self._left_out = accepting.left_out

    async def settle(self, asked: Sequence[Asked]) -> None:
        """Write what became of items.  What was settled before, and waits nowhere any more, is left as it is."""
        await self._find_places([settlement.item for settlement, _ in asked])
        short: list[AskedSent] = []
        long: list[AskedSent] = []
        others: list[Asked] = []
        for each in asked:
            if type(each[0]) is not Sent:
                others.append(each)
            else:
                message = each[0].item.content
                (short if isinstance(message, Message) and message.parts == 1 else long).append(each)  # type: ignore[arg-type]
        late = await self._settle_short(short) if short else []
        if others:
            await self._settle_others(others)
        if late or long:
            # What this transaction has already said of them counts.
            await self._writes.run(self._connection)
            await self._settle_long([*late, *long])

    # -- where items are ----------------------------------------------------------------------------

    def _key(self, item: Item) -> Key:
        number = self._names.number
        place = item.place or self._place_by_item.get((item.queue, item.id), 0)
        return number(item.queue), item.priority, number(item.lane), place, checked(item.id)

    async def _find_places(self, items: Sequence[Item]) -> None:
        """Items that were not leased here bear no place: a look finds them in their lanes."""
        placeless = [item for item in items if not item.place]
        if not placeless:
            return
        number = self._names.known
        rows = [(number(each.queue), each.priority, number(each.lane), each.id, each.due_at_ms) for each in placeless]
        found = await self._connection.fetch(sql.FIND, *columns(rows))
        place_by_row = {(queue, each): place for each, queue, place, _ in found}
        for item, row in zip(placeless, rows, strict=True):
            self._place_by_item[item.queue, item.id] = place_by_row.get((row[0], item.id), 0)

    # -- what an operator took ------------------------------------------------------------------------

    async def _settle_short(self, asked: Sequence[AskedSent]) -> list[AskedSent]:
        """Messages of one part; returns those that were not where they were leased."""
        rows: list[Row] = []
        good: list[AskedSent] = []
        for sent, told in asked:
            try:
                rows.append(self._row_of_sent(sent))
                good.append((sent, told))
            except POISON as error:
                told(Fault(f"{type(error).__name__}: {error}"))
        if not rows:
            return []
        row = await self._connection.fetchrow(sql.SENT, *columns(sorted(rows)), self._day, self._writes.now_ms)
        gone, waiting = set(row[0] or ()), row[1]
        self.waiting += unpack_reports(waiting)
        late = []
        for sent, told in good:
            if sent.item.id in gone:
                gone.discard(sent.item.id)
                self._left(sent.item)
                if sent.receipt is not None:
                    self._writes.tell_sending(sent.item.id, sent.receipt)
            else:
                late.append((sent, told))
        return late

    @property
    def _day(self) -> int:
        return self._writes.now_ms // 86_400_000

    def _row_of_sent(self, sent: Sent) -> Row:
        message = sent.item.content
        assert isinstance(message, Message)
        return (
            *self._key(sent.item),
            self._names.number(sent.operator),
            sent.operator_ref.encode(),
            checked(sent.at_us),
            self._hashing.hash(sent.operator, sent.operator_ref),
            pack_part(message.id, sent.part, handset_key(message.dest)),
        )

    def _left(self, item: Item) -> None:
        """The item is in its queue no longer."""
        self._writes.effects.left.append((item.queue, item.id))
        self._outcomes.unmark(item.id)

    async def _settle_long(self, asked: Sequence[AskedSent]) -> None:
        """Parts of long messages, and messages that were moved, deferred or held meanwhile."""
        lives = await self._lives.lock({sent.item.id for sent, _ in asked if isinstance(sent.item.content, Message)})
        named: list[tuple[int, bytes]] = []
        leaving: dict[int, Item] = {}
        for sent, told in asked:
            try:
                row = self._row_of_sent(sent)
            except POISON as error:
                told(Fault(f"{type(error).__name__}: {error}"))
                continue
            named.append((row[8], row[9]))
            life = lives.get(sent.item.id)
            # One that ended while this part was under way only learns its name: a report shall find it.
            if life is not None and life.message is not None and life.status not in FINAL:
                self._settle_part(sent, life, leaving)
        if named:
            for octets in await self._connection.fetch(sql.NAME, *gathered(named), self._day):
                self.waiting += unpack_reports(octets[0])
        if leaving:
            await self._leave_queues(leaving)

    def _settle_part(self, sent: Sent, life: Life, leaving: dict[int, Item]) -> None:
        writes, operator, reference = self._writes, self._names.number(sent.operator), sent.operator_ref.encode()
        if life.parts is not None:
            if life.parts[sent.part - 1] in (Status.QUEUED, Status.SENDING):
                life.parts[sent.part - 1] = Status.SENT
            status = int(life.parts[sent.part - 1])
            writes.parts_sent.append((life.id, sent.part, status, operator, reference, sent.at_us))
            life.operator, life.sent_at_us = sent.operator, sent.at_us
            if Status.QUEUED in life.parts:
                return
        elif life.status not in _OPEN:
            # Sent before, under another reference: a report may mean it by either.
            return
        life.operator, life.operator_ref, life.sent_at_us = sent.operator, sent.operator_ref, sent.at_us
        writes.sent.append((life.id, operator, reference, sent.at_us))
        leaving[life.id] = sent.item
        life.status = Status.SENT if life.parts is None else status_of_parts(life.parts)
        if life.status is not Status.SENT:
            # Receipts of the first parts overtook the last part's answer.
            self._applying.end(life, life.error or "000", sent.at_us)
        elif sent.receipt is not None:
            writes.tell_sending(life.id, sent.receipt)

    async def _leave_queues(self, leaving: dict[int, Item]) -> None:
        """Take messages from where they are now, which may be another place than where they were leased."""
        rows = await self._connection.fetch(
            "SELECT queue, priority, lane, place, id FROM messages WHERE id = ANY($1::bigint[]) ORDER BY id",
            list(leaving),
        )
        found = await self._connection.fetch(sql.TAKE_OUT_ANYHOW, *columns([tuple(row) for row in rows]))
        await self._names.meet(self._connection, {queue for _, queue in found})
        self._writes.effects.left += [(self._names.name(queue), each) for each, queue in found]
        self._writes.unheld += leaving
        self._writes.unmarks += leaving
        self._writes.effects.unmarked += leaving

    # -- all other outcomes -------------------------------------------------------------------------

    async def _settle_others(self, asked: Sequence[Asked]) -> None:
        leaving: dict[tuple[str, int], Key] = {}
        staying: dict[tuple[str, int], Key] = {}
        good: list[Asked] = []
        for settlement, told in asked:
            item = settlement.item
            try:
                self._outcomes.check(settlement)
                (staying if isinstance(settlement, _STAYS) else leaving)[item.queue, item.id] = self._key(item)
                good.append((settlement, told))
            except POISON as error:
                told(Fault(f"{type(error).__name__}: {error}"))
        ours = await self._ours(sql.TAKE_OUT, leaving) | await self._ours(sql.STAY, staying)
        missing: list[Asked] = []
        late: list[Asked] = []
        for settlement, told in good:
            place = (settlement.item.queue, settlement.item.id)
            if place not in ours:
                if settlement.item.queue == ROUTE:
                    # Cancelled while its network was asked for: where it would have gone is not told.
                    self._left_out.add(settlement.item.id)
                (late if isinstance(settlement, Delivered) else missing).append((settlement, told))
                continue
            if place in leaving:
                ours.discard(place)
                self._left(settlement.item)
            self._outcomes.write(settlement)
        await self._outcomes.give_back()
        if missing:
            await self._tell_stale(missing)
        if late:
            await self._writes.run(self._connection)
            await self._settle_late([settlement for settlement, _ in late if isinstance(settlement, Delivered)])

    async def _settle_late(self, delivered: Sequence[Delivered]) -> None:
        """A client has what was to be brought to it again: it leaves its queue, wherever it waits now."""
        messages = {each.item.id: each for each in delivered if isinstance(each.item.content, Message)}
        lives = await self._lives.lock(messages)
        open_ones = {each: messages[each] for each, life in lives.items() if life.status not in FINAL}
        if open_ones:
            await self._leave_queues({each: late.item for each, late in open_ones.items()})
            for late in open_ones.values():
                self._outcomes.write(late)
        number = self._names.number
        receipts = [each.item for each in delivered if not isinstance(each.item.content, Message)]
        if receipts:
            rows = sorted((number(item.queue), item.priority, number(item.lane), item.id) for item in receipts)
            found = await self._connection.fetch(sql.TAKE_OUT_OF_LANE, *columns(rows))
            names = {number(item.queue): item.queue for item in receipts}
            self._writes.effects.left += [(names[queue], each) for queue, each in found]

    async def _ours(self, statement: str, keys: dict[tuple[str, int], Key]) -> set[tuple[str, int]]:
        if not keys:
            return set()
        place_by_row = {(key[4], key[0]): place for place, key in keys.items()}
        found = await self._connection.fetch(statement, *columns(sorted(keys.values())), self._run)
        return {place_by_row[each, queue] for each, queue in found}

    async def _tell_stale(self, asked: Sequence[Asked]) -> None:
        """Settled before is no fault; held by another run is."""
        number = self._names.known
        items = [settlement.item for settlement, _ in asked]
        rows = [(number(each.queue), each.priority, number(each.lane), each.id, each.due_at_ms) for each in items]
        found = {(queue, each): run for each, queue, _, run in await self._connection.fetch(sql.FIND, *columns(rows))}
        for (_, told), row in zip(asked, rows, strict=True):
            run = found.get((row[0], row[3]))
            if run not in (None, 0, self._run):
                told(Fault(f"the lease was lost: run {run} holds it now"))

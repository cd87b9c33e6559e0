"""One group commit: writes what nodes asked for, and remembers what follows from it once it is safe.

Statements go out set by set.  Nothing in memory that others see changes here but a life's status,
and that is put back when the transaction fails; queue heads and counts change in `Effects`, after the commit.
"""

import sqlite3
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from chappe.model.address import handset_key, same_handset
from chappe.model.events import EventBatch, EventName
from chappe.model.ids import first_id_at
from chappe.model.lifecycle import FINAL, Direction, Status, status_of_parts
from chappe.model.message import Item, Message
from chappe.rules.match import Verdict, judge, receipt_of, wants_receipt
from chappe.store.endings import end
from chappe.store.port import (
    Deferred,
    Delivered,
    Ended,
    Held,
    Life,
    Moved,
    Report,
    Sending,
    Sent,
    Settlement,
    Unwritten,
)
from chappe.store.sqlite import rows
from chappe.store.sqlite.names import Names
from chappe.store.sqlite.references import Entry, References

_ACCEPTED, _SCHEDULED, _QUEUED = int(Status.ACCEPTED), int(Status.SCHEDULED), int(Status.QUEUED)
_RECEIVED = (EventName.DR_RECEIVED,)
_MATCHED = (EventName.DR_MATCHED,)
_EVENT_BY_STATUS = {
    Status.BUFFERED: EventName.MT_BUFFERED,
    Status.DELIVERED: EventName.MT_DELIVERED,
    Status.FAILED: EventName.MT_FAILED,
    Status.REJECTED: EventName.MT_FAILED,
    Status.EXPIRED: EventName.MT_EXPIRED,
    Status.CANCELLED: EventName.MT_CANCELLED,
    Status.UNKNOWN: EventName.MT_UNKNOWN,
}

_TOLD_BY_STATUS = {status: (EventName.DR_MATCHED, event) for status, event in _EVENT_BY_STATUS.items()}


#: A part that a report means: the life of its message, and which part.
Target = tuple[Life, int]


#: A parked report waits for the answer that names its part at most so long: operators use references again.
EARLY_MS: Final = 3_600_000
#: Rows that one sweep looks at, and how long a parked report rests before it is swept.
SWEEP_ROWS: Final = 1_000
PARKED_REST_MS: Final = 5_000
FOUND_BY_SWEEP: Final = "; found by the sweep"
_AWAITING: Final = frozenset({int(Status.SENT), int(Status.BUFFERED)})


@dataclass(slots=True)
class Cursor:
    """How far a sweep has come in its round; 0 begins again."""

    id: int = 0


@dataclass(slots=True)
class Effects:
    """What changes in memory after the commit."""

    queued: list[Item] = field(default_factory=list)
    deferred: list[Item] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    settled: list[Item] = field(default_factory=list)
    parked: int = 0
    #: Operator → microseconds from its yes to the first report that moved one of its parts, and how many did.
    receipt_waits: dict[str, list[int]] = field(default_factory=dict)
    #: What a failed transaction must put back: life, its status, error, final_at, message, and copied parts.
    before: list[tuple[Life, Status, str, int, Message | None, list[Status] | None]] = field(default_factory=list)


class Transaction:
    """The writes of one group."""

    __slots__ = (
        "_added",
        "_connection",
        "_dequeued",
        "_ended",
        "_expiries",
        "_finished",
        "_leased",
        "_long",
        "_messages",
        "_moved",
        "_names",
        "_note",
        "_parked_total",
        "_parts_moved",
        "_queue_rows",
        "_read",
        "_references",
        "_references_added",
        "_requeued",
        "_room",
        "_room_of",
        "_sent",
        "effects",
        "events",
    )

    def __init__(
        self,
        connection: sqlite3.Connection,
        names: Names,
        references: References,
        parked_total: int,
        long_lives: dict[int, Life],
        room_of: Callable[[str, int, str], int],
        leased: Container[int],
        now_us: int,
    ) -> None:
        """`room_of(queue, priority, lane)` says how many new items the head of a queue will keep in memory."""
        #: Events that only the store can know of: what reports matched.
        self.events = EventBatch(now_us)
        self._connection = connection
        self._names = names
        self._references = references
        self._parked_total = parked_total
        self._long = long_lives
        self._room_of = room_of
        self._room: dict[tuple[str, int, str], int] = {}
        self._leased = leased
        self.effects = Effects()
        self._messages: list[tuple[object, ...]] = []
        self._queue_rows: list[tuple[object, ...]] = []
        self._expiries: list[tuple[int, int]] = []
        self._dequeued: list[tuple[int, int, int, int, int]] = []
        self._sent: list[tuple[object, ...]] = []
        self._ended: list[tuple[object, ...]] = []
        self._moved: list[tuple[object, ...]] = []
        self._parts_moved: list[tuple[object, ...]] = []
        self._requeued: list[tuple[object, ...]] = []
        self._finished: list[tuple[int]] = []
        #: Parts that became known in this transaction: a parked report may be waiting for one.
        self._added: list[tuple[str, str]] = []
        self._references_added = 0
        #: What further is to be told of reports at the moment.
        self._note = ""
        #: Lives read from disk: what this transaction does to one counts for the next report about it.
        self._read: dict[int, Life] = {}

    # -- new messages -------------------------------------------------------------------------------

    def accept(self, items: Sequence[Item]) -> None:
        """New messages, each with its place in a queue: in the memory of its head, else in a row."""
        number, pack = self._names.number, rows.pack
        new, opened = self._messages, self.effects.opened
        for item in items:
            message: Message = item.content  # type: ignore[assignment]
            queue, lane, due = number(item.queue), number(item.lane), item.due_at_ms
            is_mt = message.direction is Direction.MT
            status = (_SCHEDULED if due else _QUEUED) if is_mt else _ACCEPTED
            operator = number(message.operator) if message.operator else None
            new.append(
                (item.id, number(message.client), status, queue, item.priority, lane, due, operator, pack(message))
            )
            if message.expires_at_ms:
                self._expiries.append((message.expires_at_ms, item.id))
            if is_mt:
                opened.append(message.client)
            self.effects.queued.append(item if not due and self._has_room(item) else self._in_row(item, queue, lane))

    def _has_room(self, item: Item) -> bool:
        """Memory will hold the item from the commit on."""
        key = (item.queue, item.priority, item.lane)
        room = self._room.get(key)
        if room is None:
            room = self._room_of(*key)
        self._room[key] = room - 1
        return room > 0

    def _in_row(self, item: Item, queue: int, lane: int) -> Item:
        self._queue_rows.append((queue, item.priority, lane, item.due_at_ms, item.id, item.attempts, None))
        return msgspec.structs.replace(item, has_row=True)

    # -- leased items -------------------------------------------------------------------------------

    def settle(self, settlements: Sequence[Settlement]) -> None:
        """What became of leased items.  What was settled before and waits nowhere any more is left as it is."""
        leased = self._leased
        for settlement in settlements:
            if settlement.item.id not in leased and not self._waits(settlement.item):
                continue
            _SETTLERS[type(settlement)](self, settlement)  # type: ignore[operator]

    def _settle_sent(self, sent: Sent) -> None:
        item = sent.item
        message = item.content
        assert isinstance(message, Message)
        if message.parts > 1:
            self._settle_part(sent, message)
            return
        at_us = self._references.after_mark(sent.at_us)
        self._sent.append((item.id, self._names.number(sent.operator), sent.operator_ref, at_us))
        self._dequeue(item)
        life = Life(item.id, Status.SENT, message, sent.operator, sent.operator_ref, at_us, handset=message.dest)
        self._refer(sent, life, at_us)

    def _waits(self, item: Item) -> bool:
        """The item lies in its queue (asked only about what nobody has leased)."""
        known = self._names.known
        if item.has_row:
            row = (known(item.queue), item.priority, known(item.lane), item.due_at_ms, item.id)
            return self._connection.execute(rows.WAITS, row).fetchone() is not None
        place = (item.id, known(item.queue), item.due_at_ms)
        return self._connection.execute(rows.WAITS_IN_MEMORY, place).fetchone() is not None

    def _refer(self, sent: Sent, life: Life, at_us: int) -> None:
        """A part became known: reports may mean it from now on."""
        self._references_added += self._references.add(sent.operator, sent.operator_ref, life, sent.part, at_us)
        self._added.append((sent.operator, sent.operator_ref))

    def _settle_part(self, sent: Sent, message: Message) -> None:
        """One part of several: the message is sent when its last part is."""
        life = self._long_life(message.id)
        if life is None or life.parts is None:
            # It ended while this part was under way.
            return
        at_us = self._references.after_mark(sent.at_us)
        if life.parts[sent.part - 1] in (Status.QUEUED, Status.SENDING):
            self._remember(life)
            life.parts[sent.part - 1] = Status.SENT
        life.operator, life.sent_at_us = sent.operator, at_us
        operator = self._names.number(sent.operator)
        row = (message.id, sent.part, int(life.parts[sent.part - 1]), operator, sent.operator_ref, at_us)
        rows.PARTS_SENT.run(self._connection, [row])
        self._refer(sent, life, at_us)
        if Status.QUEUED in life.parts:
            return
        self._sent.append((message.id, operator, sent.operator_ref, at_us))
        self._dequeue(sent.item)
        life.status = status_of_parts(life.parts)
        if life.status is not Status.SENT:
            # Receipts of the first parts overtook the last part's answer.
            self._end_life(life, life.error or "000", at_us)

    def _long_life(self, message_id: int) -> Life | None:
        """A message in parts as it is now; None when it is no longer in the hot tables."""
        life = self._long.get(message_id)
        if life is None:
            life = self.lives([message_id]).get(message_id)
            if life is not None and life.status not in FINAL:
                self._long[message_id] = life
        return life

    def _current(self, entry: Entry) -> Life:
        """The life of a part: that of a message in parts may have left memory and come back since."""
        life = entry.life
        return life if life.parts is None else self._long_life(life.id) or life

    def _settle_ended(self, ended: Ended) -> None:
        item = ended.item
        message = item.content
        assert isinstance(message, Message)
        operator = self._names.number(ended.operator) if ended.operator else None
        self._ended.append((item.id, int(ended.status), ended.error, ended.at_us, operator))
        self._finished.append((item.id,))
        self._dequeue(item)
        life = self._long.get(item.id)
        if life is not None:
            # Some parts had left: reports about them meet a message that has ended.
            self._remember(life)
            life.status, life.parts, life.message = ended.status, None, None
            del self._long[item.id]
        if message.direction is Direction.MT:
            self.effects.closed.append(message.client)
        if ended.receipt is not None:
            self._enqueue(ended.receipt)

    def _settle_delivered(self, delivered: Delivered) -> None:
        item = delivered.item
        if isinstance(item.content, Message):
            self._moved.append((item.id, int(Status.DELIVERED), None, delivered.at_us))
            self._finished.append((item.id,))
        self._dequeue(item)

    def _settle_deferred(self, deferred: Deferred) -> None:
        self._requeue(deferred.item, deferred.item.queue, deferred.due_at_ms)

    def _settle_moved(self, moved: Moved) -> None:
        self._requeue(moved.item, moved.queue, moved.due_at_ms)

    def _requeue(self, item: Item, queue: str, due_at_ms: int) -> None:
        self._dequeue(item)
        again = Item(queue, item.priority, item.lane, due_at_ms, item.id, item.content, item.attempts + 1, True)
        if isinstance(again.content, Message):
            status = _QUEUED if again.content.direction is Direction.MT else _ACCEPTED
            self._requeued.append((item.id, status, self._names.number(queue), due_at_ms))
        self._enqueue(again)

    def _settle_held(self, held: Held) -> None:
        item, number = held.item, self._names.number
        body = None if isinstance(item.content, Message) else rows.pack(item.content)
        self._dequeue(item)
        rows.NEW_HELD.run(
            self._connection,
            [(item.id, number(item.queue), self.events.at_us, held.reason, item.priority, number(item.lane), body)],
        )
        if body is None:
            self._requeued.append((item.id, int(Status.HELD), number(item.queue), item.due_at_ms))

    def resolve_held(self, ids: Sequence[int], *, is_resent: bool, resolved: list[int]) -> None:
        """Lay held items into their queues again, or end them; what cannot be read stays.  Fills `resolved`."""
        resolved.clear()
        for row in rows.HELD_ITEMS.fetch(self._connection, ids):
            item = rows.held_item(row)
            if item is None:
                continue
            resolved.append(item.id)
            if is_resent:
                self._resend(item)
            else:
                self._drop(item)
        rows.FORGET_HELD.run_list(self._connection, resolved)

    def _resend(self, item: Item) -> None:
        message = item.content
        self._enqueue(item)
        if isinstance(message, Message):
            status = _QUEUED if message.direction is Direction.MT else _ACCEPTED
            self._requeued.append((item.id, status, self._names.number(item.queue), 0))
            self._tell_resolved(EventName.MT_DEFERRED, item.queue, message, "held no longer: it goes on")

    def _drop(self, item: Item) -> None:
        """A person gives it up: that is final, and its client hears of it."""
        message, at_us = item.content, self.events.at_us
        if not isinstance(message, Message):
            self.events.add(EventName.DR_REFUSED, message.message_id, message.client, detail="dropped by a person")
            return
        self._ended.append((item.id, int(Status.CANCELLED), "000", at_us, None))
        self._finished.append((item.id,))
        self._long.pop(item.id, None)
        if message.direction is Direction.MO:
            self._tell_resolved(EventName.MO_REFUSED, item.queue, message, "dropped by a person")
            return
        self._tell_resolved(EventName.MT_CANCELLED, item.queue, message, "dropped by a person")
        self.effects.closed.append(message.client)
        receipt = end(item, Status.CANCELLED, "000", at_us, item.queue.partition(":")[2]).receipt
        if receipt is not None:
            self._enqueue(receipt)

    def _tell_resolved(self, event: EventName, queue: str, message: Message, detail: str) -> None:
        operator = message.operator or queue.partition(":")[2]
        told = (message.id, message.client, operator, message.handset, message.number, message.reference)
        self.events.add(event, *told, detail=detail)

    def _settle_sending(self, sending: Sending) -> None:
        item = sending.item
        self._requeued.append((item.id, int(Status.SENDING), self._names.number(item.queue), item.due_at_ms))

    def _settle_unwritten(self, unwritten: Unwritten) -> None:
        item = unwritten.item
        self._requeued.append((item.id, int(Status.QUEUED), self._names.number(item.queue), item.due_at_ms))

    # -- delivery reports ---------------------------------------------------------------------------

    def report(self, reports: Sequence[Report]) -> None:
        """Match reports, newest part first; those that match nothing are parked."""
        unsure: list[tuple[Report, Target | None]] = []
        for report in reports:
            target = self._recent(report)
            if target is None or target[0].status in FINAL:
                unsure.append((report, target))
            else:
                self._apply(*target, report)
        if unsure:
            self._report_from_disk(unsure)

    def _recent(self, report: Report) -> Target | None:
        """The newest open part in memory that the report can mean, else the newest that has ended."""
        for reference in report.references:
            entry = self._references.recent(report.operator, reference)
            best: Target | None = None
            while entry is not None:
                handset = entry.life.handset
                if handset == report.handset or same_handset(handset, report.handset):
                    life = self._current(entry)
                    if life.status not in FINAL:
                        return life, entry.part
                    best = best or (life, entry.part)
                entry = entry.older
            if best is not None:
                return best
        return None

    def _report_from_disk(self, unsure: Sequence[tuple[Report, Target | None]]) -> None:
        """Older parts: the hashes lead to rows; what has moved to history can only be told of."""
        reference_hash = self._references.hash
        hashes = [[reference_hash(report.operator, each) for each in report.references] for report, _ in unsure]
        found = self._references.probe(self._connection, [each for forms in hashes for each in forms])
        lives = self._lives_now(sorted({message_id for hits in found.values() for message_id, _, _ in hits}))
        for (report, ended), forms in zip(unsure, hashes, strict=True):
            self._apply_found(report, [found.get(form, []) for form in forms], lives, forms, ended)

    def _apply_found(
        self,
        report: Report,
        hits_by_form: Sequence[list[tuple[int, int, int]]],
        lives: dict[int, Life],
        forms: list[int],
        ended: Target | None,
    ) -> None:
        """Apply to the part that is meant, or park the report."""
        best = self._best(hits_by_form, lives, report, ended)
        if best is not None:
            self._apply(*best, report)
            return
        hits = [hit for each in hits_by_form for hit in each]
        gone = [mid for mid, _, key in hits if mid not in lives and key == handset_key(report.handset)]
        if gone:
            self._tell((*_RECEIVED, EventName.DR_REPEATED), report, max(gone))
            return
        if not (report.may_settle_held and self._settle_by_report(report)):
            self._park(report, forms)

    def _settle_by_report(self, report: Report) -> bool:
        """A held message whose response was lost: the report names it by a reference that only it can have."""
        number = self._names.known(f"operator:{report.operator}")
        found = [
            (message_id, message)
            for message_id, body in self._connection.execute(rows.HELD_OF_QUEUE, (number,))
            if (message := rows.message_or_none(body)) is not None
            and message.parts == 1
            and same_handset(message.handset, report.handset)
        ]
        if len(found) != 1 or not report.references:
            return False
        message_id, message = found[0]
        self._connection.execute(rows.DELETE_HELD, (message_id,))
        reference, at_us = report.references[0], self.events.at_us
        self._sent.append((message_id, self._names.number(report.operator), reference, at_us))
        life = Life(message_id, Status.HELD, message, report.operator, reference, at_us, handset=message.handset)
        self._references_added += self._references.add(report.operator, reference, life, 1, at_us)
        self._apply(life, 1, report)
        return True

    def _best(
        self,
        hits_by_form: Sequence[list[tuple[int, int, int]]],
        lives: dict[int, Life],
        report: Report,
        ended: Target | None,
    ) -> Target | None:
        """An open part, else one that has ended; the form that the operator wrote comes before converted ones."""
        if ended is not None and ended[0].status not in FINAL:
            return ended
        fitting = [
            (lives[message_id], part)
            for hits in hits_by_form
            for message_id, part, _ in sorted(hits, reverse=True)
            if message_id in lives and same_handset(lives[message_id].handset, report.handset)
        ]
        return next((each for each in fitting if each[0].status not in FINAL), ended or next(iter(fitting), None))

    def lives(self, ids: Sequence[int]) -> dict[int, Life]:
        """Read lives from the hot tables."""
        if not ids:
            return {}
        found = rows.LIVES.fetch(self._connection, ids)
        lives = {life.id: life for life in (rows.life_of(row, self._names.name(row[3])) for row in found)}
        for message_id, part, status, _ in rows.PARTS_OF.fetch(self._connection, list(lives)):
            life = lives[message_id]
            if life.parts is None and life.message is not None:
                life.parts = [Status.QUEUED] * life.message.parts
            if life.parts is not None:
                life.parts[int(part) - 1] = Status(status)
        for life in lives.values():
            if life.parts is None and life.status not in FINAL and life.message is not None and life.message.parts > 1:
                life.parts = [Status.QUEUED] * life.message.parts
            elif life.parts is not None and life.status in FINAL and not FINAL.issuperset(life.parts):
                # It ended before all of its parts did: reports about them meet its end.
                life.parts = None
        return lives

    def _lives_now(self, ids: Sequence[int]) -> dict[int, Life]:
        """Lives as they are within this transaction."""
        missing = [each for each in ids if each not in self._read and each not in self._long]
        self._read.update(self.lives(missing))
        known = ((each, self._long.get(each) or self._read.get(each)) for each in ids)
        return {each: life for each, life in known if life is not None}

    def _park(self, report: Report, forms: list[int]) -> None:
        rows.NEW_PARKED.run(
            self._connection,
            [(report.id, self._names.number(report.operator), report.at_ms, rows.pack_report(report))],
        )
        rows.NEW_PARKED_REFS.run(self._connection, [(form, report.id) for form in forms])
        self.effects.parked += 1
        self._tell((*_RECEIVED, EventName.DR_PARKED), report, 0)

    def match_parked(self) -> None:
        """Reports that came before the answer that names their part find it now."""
        if not self._added or not (self._parked_total or self.effects.parked):
            return
        hashes = [self._references.hash(operator, reference) for operator, reference in self._added]
        done: list[int] = []
        for _, report_id, body in rows.PARKED_BY_HASH.fetch(self._connection, hashes):
            report = rows.unpack_report(body)
            target = None if report_id in done else self._recent(report)
            if target is not None and _may_be_early(target, report):
                self._apply(*target, report, is_new=False)
                done.append(int(report_id))
        self.forget_parked(done)

    def match_again(self, *, cursor: "Cursor") -> None:
        """The net under `match_parked`: some of the parked reports, oldest first, as if they came now."""
        before_ms = self.events.at_us // 1000 - PARKED_REST_MS
        found = self._connection.execute(rows.PARKED_AFTER, (cursor.id, before_ms, SWEEP_ROWS)).fetchall()
        cursor.id = found[-1][0] if len(found) == SWEEP_ROWS else 0
        reports = [rows.unpack_report(body) for _, body in found]
        forms = [[self._references.hash(report.operator, each) for each in report.references] for report in reports]
        hits = self._references.probe(self._connection, [each for of_one in forms for each in of_one])
        lives = self._lives_now(sorted({message_id for each in hits.values() for message_id, _, _ in each}))
        done = []
        for report, of_one in zip(reports, forms, strict=True):
            ended = self._recent(report)
            target = self._best([hits.get(form, []) for form in of_one], lives, report, ended)
            if target is not None and _may_be_early(target, report):
                self._note = FOUND_BY_SWEEP
                self._apply(*target, report, is_new=False)
                self._note = ""
                done.append(report.id)
        self.forget_parked(done)

    def mark_unknown(self, *, cursor: "Cursor", sent_before_us: Mapping[str, int]) -> None:
        """Some of the messages without a final receipt: those silent for too long become `unknown`."""
        before_id = first_id_at(max(sent_before_us.values(), default=0) // 1000)
        found = self._connection.execute(rows.SILENT, (cursor.id, before_id, SWEEP_ROWS)).fetchall()
        cursor.id = found[-1][0] if len(found) == SWEEP_ROWS else 0
        silent = []
        for message_id, status, operator, sent_at_us, body in found:
            name = self._names.name(operator)
            if status in _AWAITING and sent_at_us <= sent_before_us.get(name, 0):
                silent.append(message_id)
                self._tell_unknown(message_id, name, rows.message_or_none(body))
        rows.MARK_UNKNOWN.run_list(self._connection, silent)

    def _tell_unknown(self, message_id: int, operator: str, message: Message | None) -> None:
        if message is None:
            self.events.add(EventName.MT_UNKNOWN, message_id, operator=operator)
            return
        self.events.add(
            EventName.MT_UNKNOWN,
            message_id,
            message.client,
            operator,
            message.dest,
            message.source,
            message.reference,
            detail="no final receipt in time",
        )

    def forget_parked(self, ids: list[int]) -> None:
        """Parked reports that are matched or given up."""
        rows.DELETE_PARKED.run_list(self._connection, ids)
        rows.DELETE_PARKED_REFS.run_list(self._connection, ids)
        self.effects.parked -= len(ids)

    def _apply(self, life: Life, part: int, report: Report, *, is_new: bool = True) -> None:
        """One report about one part that it surely means."""
        was = life.parts[part - 1] if life.parts is not None else life.status
        verdict = judge(was, report.status)
        message = life.message
        told: tuple[EventName, ...] = _RECEIVED if is_new else ()
        if verdict is Verdict.MOVE:
            told += self._move(life, part, report)
        elif verdict is Verdict.REPEATED:
            told += (EventName.DR_REPEATED,)
        else:
            told += (EventName.DR_CONTRADICTED,)
        self._tell(told, report, life.id, message)

    def _move(self, life: Life, part: int, report: Report) -> tuple[EventName, ...]:
        """The report is news: the part moves, and with it perhaps the message.  Returns what there is to tell."""
        self._remember(life)
        at_us = report.at_ms * 1000
        old = life.status
        wait = self.effects.receipt_waits.get(life.operator)
        if wait is None:
            self.effects.receipt_waits[life.operator] = [at_us - life.sent_at_us, 1]
        else:
            wait[1] += 1
        if life.parts is None:
            life.status = report.status
        else:
            life.parts[part - 1] = report.status
            self._parts_moved.append((life.id, part, int(report.status), report.error))
            if Status.QUEUED in life.parts:
                # Some part has not left yet: the message stays with its operator node.
                life.error = report.error
                return _MATCHED
            life.status = status_of_parts(life.parts)
        if life.status is old or life.status not in _TOLD_BY_STATUS:
            return _MATCHED
        self._end_life(life, report.error, at_us, report)
        return _TOLD_BY_STATUS[life.status]

    def _end_life(self, life: Life, error: str, at_us: int, report: Report | None = None) -> None:
        """The message has a new status: write it, tell its client, close it when it is final."""
        message = life.message
        is_final = life.status in FINAL
        life.error, life.final_at_us = error, at_us if is_final else 0
        self._moved.append((life.id, int(life.status), error, life.final_at_us))
        if message is None:
            return
        if wants_receipt(message.registered_delivery, life.status):
            self._enqueue_receipt(life, message, at_us, report)
        if is_final:
            self._finished.append((life.id,))
            self.effects.closed.append(message.client)
            self._long.pop(life.id, None)
            # The index needs only the handset from now on.
            life.message = None

    def _enqueue_receipt(self, life: Life, message: Message, at_us: int, report: Report | None) -> None:
        receipt = receipt_of(
            message,
            life.status,
            error=life.error,
            submitted_at_ms=life.sent_at_us // 1000,
            done_at_ms=at_us // 1000,
            operator=life.operator,
            network_error=report.network_error if report else b"",
        )
        # A report's own id orders receipts as they came; one made by a late answer takes the message's.
        self._enqueue(Item(f"client:{message.client}", 0, "", 0, report.id if report else life.id, receipt, 0, True))

    # -- writing it out -----------------------------------------------------------------------------

    def write(self) -> None:
        """Send all statements of the group, tables in a fixed order."""
        connection = self._connection
        if self._messages:
            rows.NEW_MESSAGES.run(connection, self._messages)
        if self._dequeued:
            connection.executemany(rows.DEQUEUE, self._dequeued)
        if self._queue_rows:
            rows.NEW_IN_QUEUE.run(connection, self._queue_rows)
        if self._sent:
            rows.SENT.run(connection, self._sent)
        for statement, values in (
            (rows.NEW_EXPIRIES, self._expiries),
            (rows.REQUEUED, self._requeued),
            (rows.PARTS_MOVE, self._parts_moved),
            (rows.ENDED, self._ended),
            (rows.MOVE, self._moved),
            (rows.NEW_FINISHED, self._finished),
        ):
            if values:
                statement.run(connection, values)

    def put_back(self) -> None:
        """The transaction failed: lives in memory are what they were."""
        self._references.undo(self._references_added)
        for life, status, error, final_at_us, message, parts in reversed(self.effects.before):
            life.status, life.error, life.final_at_us, life.message = status, error, final_at_us, message
            life.parts = parts
            if message is not None and parts is not None:
                self._long[life.id] = life

    def _remember(self, life: Life) -> None:
        parts = None if life.parts is None else list(life.parts)
        self.effects.before.append((life, life.status, life.error, life.final_at_us, life.message, parts))

    def _dequeue(self, item: Item) -> None:
        if item.has_row:
            number = self._names.number
            self._dequeued.append((number(item.queue), item.priority, number(item.lane), item.due_at_ms, item.id))
        self.effects.settled.append(item)

    def _enqueue(self, item: Item) -> None:
        number = self._names.number
        body = None if isinstance(item.content, Message) else rows.pack(item.content)
        self._queue_rows.append(
            (number(item.queue), item.priority, number(item.lane), item.due_at_ms, item.id, item.attempts, body)
        )
        if not item.has_row:
            item = msgspec.structs.replace(item, has_row=True)
        (self.effects.deferred if item.due_at_ms else self.effects.queued).append(item)

    def _tell(
        self, names: tuple[EventName, ...], report: Report, message_id: int, message: Message | None = None
    ) -> None:
        if message is None:
            client = number = reference = ""
        else:
            client, number, reference = message.client, message.source, message.reference
        self.events.add_series(
            names,
            message_id,
            client,
            report.operator,
            report.handset,
            number,
            reference,
            report.references[0] if report.references else "",
            f"{report.word} {report.error}{self._note}",
        )


def _may_be_early(target: Target, report: Report) -> bool:
    """The report came before the part was known to be sent, but not so long before that another part is meant."""
    return target[0].sent_at_us <= (report.at_ms + EARLY_MS) * 1000


_SETTLERS = {
    Sent: Transaction._settle_sent,
    Ended: Transaction._settle_ended,
    Delivered: Transaction._settle_delivered,
    Deferred: Transaction._settle_deferred,
    Moved: Transaction._settle_moved,
    Held: Transaction._settle_held,
    Sending: Transaction._settle_sending,
    Unwritten: Transaction._settle_unwritten,
}

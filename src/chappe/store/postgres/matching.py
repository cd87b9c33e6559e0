"""Matching: which part a report means, and reports that wait until they know.

A part's answer and its report meet in one row of `refs`: whoever comes second reads what the first one left there.
"""

from collections.abc import Callable, Sequence
from typing import Any

from chappe.model.address import handset_key, same_handset
from chappe.model.events import EventName
from chappe.model.lifecycle import FINAL, Status
from chappe.model.message import Message
from chappe.store.applying import (
    FOUND_BY_REPLAY,
    FOUND_BY_SWEEP,
    PARKED_REST_MS,
    RECEIVED,
    Applying,
    Hit,
    Target,
    best_target,
    may_be_early,
    only_one_held,
)
from chappe.store.bodies import message_or_none, pack, unpack_report
from chappe.store.cursor import Cursor
from chappe.store.parked import REPLAY_ROWS, Parked, Readings, Replayed, possible, reread_report
from chappe.store.port import Fault, Life, Report
from chappe.store.postgres import statements as sql
from chappe.store.postgres.accepting import POISON
from chappe.store.postgres.hashing import Hashing, gathered, pack_part, unpack_parts
from chappe.store.postgres.hashing import pack_report as pack_waiting
from chappe.store.postgres.lives import Lives
from chappe.store.postgres.names import Names
from chappe.store.postgres.writes import Writes, checked

AskedReport = tuple[Report, Callable[[Fault], None]]


class _Sought:
    """A report and what its references lead to."""

    __slots__ = ("forms", "has_all", "hits", "is_waiting", "key", "report")

    def __init__(self, report: Report, forms: list[int]) -> None:
        self.report = report
        #: The hashes of its references, as written first.
        self.forms = forms
        self.key = handset_key(report.handset)
        self.hits: list[list[Hit]] = []
        #: Older generations have been asked too.
        self.has_all = False
        #: It lies in `parked`, and its references know of it.
        self.is_waiting = False

    def find(self, parts_by_hash: dict[int, list[Hit]]) -> bool:
        """Take up what the references lead to: parts of the same handset, as far as its key tells."""
        key = self.key
        self.hits = [[hit for hit in parts_by_hash.get(form, ()) if hit[2] == key] for form in self.forms]
        return any(self.hits)

    def find_older(self, parts_by_hash: dict[int, list[Hit]]) -> bool:
        """The same of older generations, besides what is known."""
        known = self.hits
        self.find(parts_by_hash)
        self.hits = [new + old for new, old in zip(known, self.hits, strict=True)]
        self.has_all = True
        return any(self.hits)

    @property
    def ids(self) -> set[int]:
        """The messages that may be meant."""
        return {message_id for hits in self.hits for message_id, _, _ in hits}


class Matching:
    """The reports of one transaction."""

    def __init__(
        self, connection: Any, names: Names, hashing: Hashing, writes: Writes, lives: Lives, applying: Applying
    ) -> None:
        self._connection = connection
        self._names = names
        self._hashing = hashing
        self._writes = writes
        self._lives = lives
        self._applying = applying

    async def match(self, asked: Sequence[AskedReport]) -> None:
        """Match reports, newest part first; those that match nothing are parked."""
        sought: list[_Sought] = []
        for report, told in asked:
            try:
                sought.append(self._seek(report))
            except POISON as error:
                told(Fault(f"{type(error).__name__}: {error}"))
        parts = await self._parts_of(sought)
        unknown = await self._not_older([each for each in sought if not each.find(parts)])
        if unknown:
            await self._wait(unknown)
        lives = await self._lives.lock({message_id for each in sought for message_id in each.ids})
        unsure = [each for each in sought if not self._apply_open(each, lives)]
        if unsure:
            lives = await self._look_further(unsure, lives)
        lost = [each for each in unsure if not self._apply(each, lives)]
        lost = [each for each in lost if not (each.report.may_settle_held and await self._settle_held(each))]
        await self._park([each for each in lost if not each.is_waiting])
        for each in lost:
            self._applying.tell((*RECEIVED, EventName.DR_PARKED), each.report, 0)
        self._writes.effects.parked += len(lost)
        found = {id(each) for each in sought}.difference(id(each) for each in lost)
        self._writes.unparked += [each.report.id for each in unknown if id(each) in found]

    def _seek(self, report: Report) -> _Sought:
        """Raises: one of POISON, UnknownName."""
        checked(report.id)
        checked(report.at_ms)
        self._names.number(report.operator)
        if not (report.error.isascii() and report.handset.isascii() and report.word.isascii()):
            pack(report)
        return _Sought(report, [self._hashing.hash(report.operator, each) for each in report.references])

    async def _parts_of(self, sought: Sequence[_Sought]) -> dict[int, list[Hit]]:
        forms = sorted({form for each in sought for form in each.forms})
        return {row[0]: unpack_parts(row[1]) for row in await self._connection.fetch(sql.REFERRED, forms)}

    async def _not_older(self, sought: Sequence[_Sought]) -> list[_Sought]:
        """Ask older generations for the references of these; returns those that are still not found."""
        if not sought:
            return []
        forms = sorted({form for each in sought for form in each.forms})
        parts_by_hash: dict[int, list[Hit]] = {}
        for row in await self._connection.fetch(sql.REFERRED_OLDER, forms):
            parts_by_hash.setdefault(row[0], []).extend(unpack_parts(row[1]))
        return [each for each in sought if not each.find_older(parts_by_hash)]

    async def _look_further(self, unsure: Sequence[_Sought], lives: dict[int, Life]) -> dict[int, Life]:
        """What these mean has ended, as far as the newest generation tells: an older one may know an open part."""
        known = {message_id for each in unsure for message_id in each.ids}
        await self._not_older([each for each in unsure if not each.has_all])
        more = {message_id for each in unsure for message_id in each.ids} - known
        return {**lives, **await self._lives.lock(more)} if more else lives

    async def _wait(self, unknown: Sequence[_Sought]) -> None:
        """Their references learn of these reports; an answer that came in the same moment is seen now, or sees them."""
        await self._insert_parked(unknown)
        pairs = [(form, pack_waiting(each.report.id)) for each in unknown for form in each.forms]
        found = {row[0]: unpack_parts(row[1]) for row in await self._waiting(pairs) if row[1]}
        for each in unknown:
            each.is_waiting = True
            each.find(found)

    async def _waiting(self, pairs: Sequence[tuple[int, bytes]]) -> Sequence[Any]:
        if not pairs:
            return ()
        rows = await self._connection.fetch(sql.WAIT, *gathered(pairs), self._writes.now_ms // 86_400_000)
        return list(rows)

    async def _insert_parked(self, sought: Sequence[_Sought]) -> None:
        rows = sorted(
            (each.report.id, self._names.number(each.report.operator), each.report.at_ms, pack(each.report))
            for each in sought
        )
        await self._connection.execute(sql.PARK, *(list(column) for column in zip(*rows, strict=True)))

    async def _park(self, sought: Sequence[_Sought]) -> None:
        """Those whose references lead to other messages: they wait like the others."""
        if sought:
            await self._insert_parked(sought)
            await self._waiting([(form, pack_waiting(each.report.id)) for each in sought for form in each.forms])

    def _apply_open(self, sought: _Sought, lives: dict[int, Life]) -> bool:
        target = _open_target(sought, lives)
        if target is not None:
            self._applying.apply(*target, sought.report)
        return target is not None

    def _apply(self, sought: _Sought, lives: dict[int, Life]) -> bool:
        report = sought.report
        target = best_target(sought.hits, lives, report)
        if target is not None:
            self._applying.apply(*target, report)
            return True
        gone = [message_id for message_id in sought.ids if message_id not in lives]
        if gone:
            # It has moved to history: that can only be told.
            self._applying.tell((*RECEIVED, EventName.DR_REPEATED), report, max(gone))
        return bool(gone)

    # -- held messages --------------------------------------------------------------------------------

    async def _settle_held(self, sought: _Sought) -> bool:
        """A held message whose response was lost: the report names it by a reference that only it can have."""
        report = sought.report
        message = await self._only_held(report) if report.references else None
        if message is None or await self._is_on_its_way(report):
            return False
        life = (await self._lives.lock([message.id])).get(message.id)
        if life is None or life.status is not Status.HELD:
            return False
        reference, at_us = report.references[0], self._writes.events.at_us
        operator = self._names.number(report.operator)
        self._writes.unheld.append(message.id)
        self._writes.sent.append((message.id, operator, reference.encode(), at_us))
        await self._connection.fetch(
            sql.NAME,
            [sought.forms[0]],
            [pack_part(message.id, 1, handset_key(message.handset))],
            self._writes.now_ms // 86_400_000,
        )
        life.operator, life.operator_ref, life.sent_at_us = report.operator, reference, at_us
        # What follows writes the status that the report tells.
        await self._writes.run(self._connection)
        self._applying.apply(life, 1, report)
        return True

    async def _only_held(self, report: Report) -> Message | None:
        number = self._names.known(f"operator:{report.operator}")
        if number is None:
            await self._names.look(self._connection, [f"operator:{report.operator}"])
            number = self._names.known(f"operator:{report.operator}")
        bodies = await self._connection.fetch(sql.HELD_OF_QUEUE, number)
        if len(bodies) == sql.HELD_LOOKED_AT:
            return None
        return only_one_held([message_or_none(row[0]) for row in bodies], report.handset)

    async def _is_on_its_way(self, report: Report) -> bool:
        """Something is being sent to this handset: the report may be about that, and before its answer."""
        number = self._names.known(f"operator:{report.operator}")
        bodies = await self._connection.fetch(sql.MARKED_BODIES, number)
        messages = [message_or_none(row[0]) for row in bodies]
        return any(each is None or same_handset(each.handset, report.handset) for each in messages)

    # -- parked reports -------------------------------------------------------------------------------

    async def meet(self, ids: Sequence[int]) -> None:
        """Reports that came before the answer that names their part find it now."""
        parked = await self._connection.fetch(sql.PARKED, sorted(set(ids)))
        await self._match_parked([unpack_report(row[1]) for row in parked])

    async def sweep(self, cursor: Cursor, rows: int) -> None:
        """The net under `meet`: some of the parked reports, oldest first, as if they came now."""
        before_ms = self._writes.now_ms - PARKED_REST_MS
        found = await self._connection.fetch(sql.PARKED_AFTER, cursor.id, before_ms, rows)
        cursor.id = found[-1][0] if len(found) == rows else 0
        self._applying.note = FOUND_BY_SWEEP
        await self._match_parked([unpack_report(row[1]) for row in found])
        self._applying.note = ""

    async def replay(self, parked: Parked, readings: Readings) -> Replayed:
        """Some of the parked reports, as if they came now with the forms that `readings` allows."""
        if parked.ids:
            found = await self._connection.fetch(sql.PARKED, possible(parked.ids))
        else:
            await self._names.look(self._connection, [parked.operator])
            place = (self._names.known(parked.operator), parked.after_id, parked.before_id, REPLAY_ROWS)
            found = await self._connection.fetch(sql.PARKED_OF_OPERATOR, *place)
        reports = [unpack_report(row[1]) for row in found]
        self._applying.note = FOUND_BY_REPLAY
        matched = await self._match_parked([reread_report(each, readings) for each in reports])
        self._applying.note = ""
        left = tuple(each.id for each in reports if each.id not in matched)
        is_all = bool(parked.ids) or len(found) < REPLAY_ROWS
        return Replayed(tuple(sorted(matched)), left, 0 if is_all else reports[-1].id)

    async def _match_parked(self, reports: Sequence[Report]) -> set[int]:
        """Apply those that surely mean a message; returns which."""
        await self._names.learn(self._connection, {report.operator for report in reports})
        sought = [self._seek(report) for report in reports]
        parts = await self._parts_of(sought)
        await self._not_older([each for each in sought if not each.find(parts)])
        sought = [each for each in sought if any(each.hits)]
        lives = await self._lives.lock({message_id for each in sought for message_id in each.ids})
        unsure = [each for each in sought if _open_target(each, lives) is None]
        if unsure:
            lives = await self._look_further(unsure, lives)
        matched = []
        for each in sought:
            target = best_target(each.hits, lives, each.report)
            if target is not None and may_be_early(target, each.report):
                matched.append(each)
        ids = sorted(each.report.id for each in matched)
        # Two may find the same report; who deletes its row applies it.
        won = {row[0] for row in await self._connection.fetch(sql.UNPARK, ids)} if ids else set()
        for each in matched:
            target = best_target(each.hits, lives, each.report)
            if each.report.id in won and target is not None:
                self._applying.apply(*target, each.report, is_new=False)
                self._writes.effects.parked -= 1
        return won


def _open_target(sought: _Sought, lives: dict[int, Life]) -> Target | None:
    """The part that it surely means, while its message has not ended."""
    target = best_target(sought.hits, lives, sought.report)
    return None if target is None or target[0].status in FINAL else target

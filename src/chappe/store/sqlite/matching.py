"""Matching: which part a report means, and what it changes there.

`rules.match` judges; here parts are found, in memory and by their rows, and what follows is written down.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from chappe.model.address import handset_key, same_handset
from chappe.model.events import EventName
from chappe.model.lifecycle import FINAL, Status
from chappe.model.message import Item, Message
from chappe.store.applying import RECEIVED, Applying, Target, best_target, only_one_held
from chappe.store.port import Life, Report
from chappe.store.sqlite import rows
from chappe.store.sqlite.lives import Lives
from chappe.store.sqlite.names import Names
from chappe.store.sqlite.references import References
from chappe.store.sqlite.writes import Writes


class Matching(Applying):
    """The reports of one transaction."""

    __slots__ = ("_connection", "_leased", "_lives", "_names", "_references", "_writes")

    def __init__(
        self,
        connection: sqlite3.Connection,
        names: Names,
        references: References,
        lives: Lives,
        writes: Writes,
        leased: Mapping[int, Item | None],
    ) -> None:
        super().__init__(writes)
        self._connection = connection
        self._names = names
        self._references = references
        self._lives = lives
        self._writes = writes
        self._leased = leased

    def match(self, reports: Sequence[Report]) -> None:
        """Match reports, newest part first; those that match nothing are parked."""
        unsure: list[tuple[Report, Target | None]] = []
        for report in reports:
            target = self.recent(report)
            if target is None or target[0].status in FINAL:
                unsure.append((report, target))
            else:
                self.apply(*target, report)
        if unsure:
            self._match_unsure(unsure)

    def _match_unsure(self, unsure: Sequence[tuple[Report, Target | None]]) -> None:
        """Memory knows no open part.  While a message to the handset waits for its answer the report is most
        likely about that, so it is parked unlooked; were it not, the sweep would find its part on disk."""
        under_way = {item.content.dest for item in self._leased.values() if item is not None}
        elsewhere: list[tuple[Report, Target | None]] = []
        for report, target in unsure:
            if target is None and report.handset in under_way and report.references:
                self._park(report)
            else:
                elsewhere.append((report, target))
        if elsewhere:
            self._match_from_disk(elsewhere)

    def recent(self, report: Report) -> Target | None:
        """The newest open part in memory that the report can mean, else the newest that has ended."""
        for reference in report.references:
            entry = self._references.recent(report.operator, reference)
            best: Target | None = None
            while entry is not None:
                handset = entry.life.handset
                if handset == report.handset or same_handset(handset, report.handset):
                    life = self._lives.current(entry)
                    if life.status not in FINAL:
                        return life, entry.part
                    best = best or (life, entry.part)
                entry = entry.older
            if best is not None:
                return best
        return None

    def _match_from_disk(self, unsure: Sequence[tuple[Report, Target | None]]) -> None:
        """Older parts: the hashes lead to rows; what has moved to history can only be told of."""
        reference_hash = self._references.hash
        hashes = [[reference_hash(report.operator, each) for each in report.references] for report, _ in unsure]
        found = self._references.probe(self._connection, [each for forms in hashes for each in forms])
        lives = self.lives_of({message_id for hits in found.values() for message_id, _, _ in hits})
        for (report, ended), forms in zip(unsure, hashes, strict=True):
            self._apply_found(report, [found.get(form, []) for form in forms], lives, ended)

    def lives_of(self, ids: Iterable[int]) -> dict[int, Life]:
        """Lives as they are now.  One that memory knows under another reference is that very one, not a second."""
        lives = self._lives.now(sorted(ids))
        for each, life in lives.items():
            entry = self._references.recent(life.operator, life.operator_ref) if life.parts is None else None
            while entry is not None and entry.life.id != each:
                entry = entry.older
            if entry is not None:
                lives[each] = entry.life
        return lives

    def _apply_found(
        self,
        report: Report,
        hits_by_form: Sequence[list[tuple[int, int, int]]],
        lives: dict[int, Life],
        ended: Target | None,
    ) -> None:
        """Apply to the part that is meant, or park the report."""
        best = best_target(hits_by_form, lives, report, ended)
        if best is not None:
            self.apply(*best, report)
            return
        hits = [hit for each in hits_by_form for hit in each]
        gone = [mid for mid, _, key in hits if mid not in lives and key == handset_key(report.handset)]
        if gone:
            self.tell((*RECEIVED, EventName.DR_REPEATED), report, max(gone))
            return
        if not (report.may_settle_held and self._settle_by_report(report)):
            self._park(report)

    def _settle_by_report(self, report: Report) -> bool:
        """A held message whose response was lost: the report names it by a reference that only it can have."""
        message = self._only_held(report) if report.references else None
        if message is None or self._is_on_its_way(report):
            return False
        message_id = message.id
        self._connection.execute(rows.DELETE_HELD, (message_id,))
        reference, at_us = report.references[0], self._writes.events.at_us
        self._writes.sent.append((message_id, self._names.number(report.operator), reference, at_us))
        life = Life(message_id, Status.HELD, message, report.operator, reference, at_us, handset=message.handset)
        self._writes.references_added += self._references.add(report.operator, reference, life, 1, at_us)
        self.apply(life, 1, report)
        return True

    def _only_held(self, report: Report) -> Message | None:
        """The message that waits in doubt for this handset, if it is surely the only one and has one part."""
        number = self._names.known(f"operator:{report.operator}")
        held = self._connection.execute(rows.HELD_OF_QUEUE, (number,)).fetchall()
        if len(held) == rows.HELD_LOOKED_AT:
            return None
        messages = [rows.message_or_none(body) for _, body in held]
        return only_one_held(messages, report.handset)

    def _is_on_its_way(self, report: Report) -> bool:
        """Something is being sent to this handset: the report may be about that, and before its answer."""
        bodies = rows.SENDING_BODIES.fetch(self._connection, list(self._leased))
        messages = [rows.message_or_none(body) for (body,) in bodies]
        return any(each is None or same_handset(each.handset, report.handset) for each in messages)

    def _park(self, report: Report) -> None:
        number = self._names.number(report.operator)
        self._writes.parked.append((report.id, number, report.at_ms, rows.pack_report(report)))
        self._writes.effects.parked += 1
        self._writes.effects.newly_parked.append(report)
        self.tell((*RECEIVED, EventName.DR_PARKED), report, 0)

"""Unparking: reports that matched nothing when they came find the part that they mean."""

import sqlite3
from collections.abc import Sequence

from chappe.store.applying import FOUND_BY_REPLAY, FOUND_BY_SWEEP, PARKED_REST_MS, best_target, may_be_early
from chappe.store.cursor import SWEEP_ROWS, Cursor
from chappe.store.parked import REPLAY_ROWS, Parked, Readings, Replayed, possible, reread_report
from chappe.store.port import Report
from chappe.store.sqlite import rows
from chappe.store.sqlite.early import Early
from chappe.store.sqlite.matching import Matching
from chappe.store.sqlite.names import Names
from chappe.store.sqlite.references import References
from chappe.store.sqlite.writes import Writes


class Unparking:
    """Tries parked reports again."""

    __slots__ = ("_connection", "_early", "_matching", "_references", "_writes")

    def __init__(
        self,
        connection: sqlite3.Connection,
        references: References,
        matching: Matching,
        writes: Writes,
        early: Early,
    ) -> None:
        self._connection = connection
        self._references = references
        self._matching = matching
        self._writes = writes
        self._early = early

    def after_answers(self) -> None:
        """Reports that came before the answer that names their part find it now."""
        if not self._writes.added:
            return
        done: list[Report] = []
        for report in self._early.find(self._writes.added):
            target = self._matching.recent(report)
            if target is not None and may_be_early(target, report):
                self._matching.apply(*target, report, is_new=False)
                done.append(report)
        self._forget(done)

    def sweep(self, *, cursor: Cursor) -> None:
        """The net under `after_answers`: some of the parked reports, oldest first, as if they came now."""
        before_ms = self._writes.events.at_us // 1000 - PARKED_REST_MS
        found = self._connection.execute(rows.PARKED_AFTER, (cursor.id, before_ms, SWEEP_ROWS)).fetchall()
        cursor.id = found[-1][0] if len(found) == SWEEP_ROWS else 0
        self._try([rows.unpack_report(body) for _, body in found], FOUND_BY_SWEEP)

    def replay(self, parked: Parked, readings: Readings, names: Names) -> Replayed:
        """Some of the parked reports, as if they came now with the forms that `readings` allows."""
        if parked.ids:
            found = rows.PARKED_ITEMS.fetch(self._connection, possible(parked.ids))
        else:
            place = (names.known(parked.operator), parked.after_id, parked.before_id, REPLAY_ROWS)
            found = self._connection.execute(rows.PARKED_OF_OPERATOR, place).fetchall()
        reports = [rows.unpack_report(body) for _, body in found]
        matched = self._try([reread_report(each, readings) for each in reports], FOUND_BY_REPLAY)
        left = tuple(each.id for each in reports if each.id not in matched)
        is_all = bool(parked.ids) or len(found) < REPLAY_ROWS
        return Replayed(tuple(sorted(matched)), left, 0 if is_all else reports[-1].id)

    def _try(self, reports: Sequence[Report], note: str) -> set[int]:
        """Apply those that surely mean a message; returns which."""
        forms = [[self._references.hash(report.operator, each) for each in report.references] for report in reports]
        hits = self._references.probe(self._connection, [each for of_one in forms for each in of_one])
        lives = self._matching.lives_of({message_id for each in hits.values() for message_id, _, _ in each})
        done = []
        for report, of_one in zip(reports, forms, strict=True):
            ended = self._matching.recent(report)
            target = best_target([hits.get(form, []) for form in of_one], lives, report, ended)
            if target is not None and may_be_early(target, report):
                self._matching.note = note
                self._matching.apply(*target, report, is_new=False)
                self._matching.note = ""
                done.append(report)
        self._forget(done)
        return {report.id for report in done}

    def _forget(self, reports: list[Report]) -> None:
        """Parked reports that are matched."""
        if reports:
            rows.DELETE_PARKED.run_list(self._connection, [report.id for report in reports])
            self._writes.effects.parked -= len(reports)
            self._writes.effects.unparked += reports

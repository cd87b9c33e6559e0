"""Unparking: reports that matched nothing when they came find the part that they mean."""

import sqlite3
from typing import Final

from chappe.store.port import Report
from chappe.store.sqlite import rows
from chappe.store.sqlite.cursor import SWEEP_ROWS, Cursor
from chappe.store.sqlite.lives import Lives
from chappe.store.sqlite.matching import Matching, Target
from chappe.store.sqlite.references import References
from chappe.store.sqlite.writes import Writes

#: A parked report waits for the answer that names its part at most so long: operators use references again.
EARLY_MS: Final = 3_600_000
#: How long a parked report rests before it is swept.
PARKED_REST_MS: Final = 5_000
FOUND_BY_SWEEP: Final = "; found by the sweep"


class Unparking:
    """Tries parked reports again."""

    __slots__ = ("_connection", "_lives", "_matching", "_parked_total", "_references", "_writes")

    def __init__(
        self,
        connection: sqlite3.Connection,
        references: References,
        lives: Lives,
        matching: Matching,
        writes: Writes,
        parked_total: int,
    ) -> None:
        """`parked_total` is how many reports are parked before this transaction."""
        self._connection = connection
        self._references = references
        self._lives = lives
        self._matching = matching
        self._writes = writes
        self._parked_total = parked_total

    def after_answers(self) -> None:
        """Reports that came before the answer that names their part find it now."""
        if not self._writes.added or not (self._parked_total or self._writes.effects.parked):
            return
        hashes = [self._references.hash(operator, reference) for operator, reference in self._writes.added]
        done: list[int] = []
        for _, report_id, body in rows.PARKED_BY_HASH.fetch(self._connection, hashes):
            report = rows.unpack_report(body)
            target = None if report_id in done else self._matching.recent(report)
            if target is not None and _may_be_early(target, report):
                self._matching.apply(*target, report, is_new=False)
                done.append(int(report_id))
        self._forget(done)

    def sweep(self, *, cursor: Cursor) -> None:
        """The net under `after_answers`: some of the parked reports, oldest first, as if they came now."""
        before_ms = self._writes.events.at_us // 1000 - PARKED_REST_MS
        found = self._connection.execute(rows.PARKED_AFTER, (cursor.id, before_ms, SWEEP_ROWS)).fetchall()
        cursor.id = found[-1][0] if len(found) == SWEEP_ROWS else 0
        reports = [rows.unpack_report(body) for _, body in found]
        forms = [[self._references.hash(report.operator, each) for each in report.references] for report in reports]
        hits = self._references.probe(self._connection, [each for of_one in forms for each in of_one])
        lives = self._lives.now(sorted({message_id for each in hits.values() for message_id, _, _ in each}))
        done = []
        for report, of_one in zip(reports, forms, strict=True):
            ended = self._matching.recent(report)
            target = self._matching.best([hits.get(form, []) for form in of_one], lives, report, ended)
            if target is not None and _may_be_early(target, report):
                self._matching.note = FOUND_BY_SWEEP
                self._matching.apply(*target, report, is_new=False)
                self._matching.note = ""
                done.append(report.id)
        self._forget(done)

    def _forget(self, ids: list[int]) -> None:
        """Parked reports that are matched or given up."""
        rows.DELETE_PARKED.run_list(self._connection, ids)
        rows.DELETE_PARKED_REFS.run_list(self._connection, ids)
        self._writes.effects.parked -= len(ids)


def _may_be_early(target: Target, report: Report) -> bool:
    """The report came before the part was known to be sent, but not so long before that another part is meant."""
    return target[0].sent_at_us <= (report.at_ms + EARLY_MS) * 1000

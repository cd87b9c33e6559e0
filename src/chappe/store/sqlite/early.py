"""Reports that came before the answer that names their part: found by their reference without looking at the disk.

Some SMSCs send every receipt before the response.  The rows are on disk all the same; what does not fit here, or
is older than `EARLY_MS`, is found by the sweep.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

from chappe.store.port import Report

#: Reports kept; beyond, the oldest are left to the sweep.
EARLY_REPORTS: Final = 100_000

Key = tuple[str, str]


class Early:
    """Parked reports by every form of their reference."""

    __slots__ = ("_by_key", "_order")

    def __init__(self) -> None:
        self._by_key: dict[Key, list[Report]] = {}
        self._order: deque[Report] = deque()

    def add(self, reports: Iterable[Report]) -> None:
        """These are parked now."""
        for report in reports:
            self._order.append(report)
            for reference in report.references:
                self._by_key.setdefault((report.operator, reference), []).append(report)
        while len(self._order) > EARLY_REPORTS:
            self._forget(self._order.popleft())

    def find(self, keys: Iterable[Key]) -> list[Report]:
        """The reports that name one of these references, each once, in the order in which they came."""
        by_key = self._by_key
        if not by_key:
            return []
        found = {report.id: report for key in keys for report in by_key.get(key, ())}
        return [found[each] for each in sorted(found)]

    def remove(self, reports: Iterable[Report]) -> None:
        """These are parked no longer.  The order forgets them when they are its oldest."""
        for report in reports:
            self._forget(report)
        order = self._order
        while order and not self._knows(order[0]):
            order.popleft()

    def _knows(self, report: Report) -> bool:
        return any(report in self._by_key.get((report.operator, each), ()) for each in report.references)

    def _forget(self, report: Report) -> None:
        for reference in report.references:
            key = (report.operator, reference)
            kept = [each for each in self._by_key.get(key, ()) if each.id != report.id]
            if kept:
                self._by_key[key] = kept
            else:
                self._by_key.pop(key, None)

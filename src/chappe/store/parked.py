"""Reports that match nothing, tried again because a person says so: what is asked of a store, and what it says."""

from collections.abc import Callable, Iterable
from typing import Final, Protocol

import msgspec

from chappe.model.ids import MAX_ID
from chappe.rules.learn import Conversion
from chappe.rules.reread import reread
from chappe.store.settlements import Report

#: Reports of one transaction.
REPLAY_ROWS: Final = 500

#: Operator → how the ids of its receipts are read.
Readings = Callable[[str], Conversion]


class Parked(msgspec.Struct, frozen=True, gc=False):
    """Which parked reports are tried: these, or those of an operator whose ids lie between two."""

    operator: str = ""
    ids: tuple[int, ...] = ()
    after_id: int = 0
    before_id: int = MAX_ID


class Replayed(msgspec.Struct, frozen=True, gc=False):
    """What came of it.  `next_id` is where the next piece begins; 0 when nothing is left to try."""

    matched: tuple[int, ...] = ()
    parked: tuple[int, ...] = ()
    next_id: int = 0


class ParkedStore(Protocol):
    """What is kept of reports that match nothing."""

    async def replay_parked(self, parked: Parked, readings: Readings) -> Replayed:
        """Try parked reports again as if they came now with the further forms that `readings` allows.

        One call tries some of them.  What surely means a message is applied and no longer parked, in one
        transaction; everything else stays as it is.  Who asks again goes on with what is left.  Raises: StoreAway.
        """
        ...


def reread_report(report: Report, readings: Readings) -> Report:
    """A report with the forms of its reference that count now, behind those that it came with."""
    references = reread(report.references, readings(report.operator))
    return report if references == report.references else msgspec.structs.replace(report, references=references)


def possible(ids: Iterable[int]) -> list[int]:
    """What may be the id of a row at all, in order."""
    return sorted({each for each in ids if 0 <= each < 1 << 63})

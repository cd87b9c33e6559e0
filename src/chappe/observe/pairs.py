"""Reads the event files for what pairs an operator's ids with handsets: what was sent, and what matches nothing.

It must never know what follows from them: `rules.learn` judges.
"""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from chappe.model.events import COLUMNS

_NAMES: Final = COLUMNS.strip().split(",")
_EVENT, _OPERATOR = _NAMES.index("event"), _NAMES.index("operator")
_HANDSET, _REFERENCE = _NAMES.index("msisdn"), _NAMES.index("operator_ref")
_PARKED: Final = "dr_parked"
_SENT: Final = "mt_sent"


class Pairs(NamedTuple):
    """Handsets and ids."""

    sent: list[tuple[str, str]]
    unmatched: list[tuple[str, str]]


def pairs_of(folder: Path, operator: str, days: int) -> Pairs:
    """The pairs of one operator in the newest `days` folders of event files."""
    pairs = Pairs([], [])
    for day in sorted(each for each in folder.glob("[0-9]*-[0-9]*-[0-9]*") if each.is_dir())[-days:]:
        for path in sorted(day.glob("*.csv*")):
            for line in _lines(path):
                if len(line) == len(_NAMES) and line[_OPERATOR] == operator:
                    if line[_EVENT] == _SENT:
                        pairs.sent.append((line[_HANDSET], line[_REFERENCE]))
                    elif line[_EVENT] == _PARKED:
                        pairs.unmatched.append((line[_HANDSET], line[_REFERENCE]))
    return pairs


def _lines(path: Path) -> Iterator[list[str]]:
    """The lines of one file; the last one may be half written, and then is none."""
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8", errors="replace", newline="") as packed:
            yield from csv.reader(packed)
    else:
        with path.open(encoding="utf-8", errors="replace", newline="") as plain:
            yield from csv.reader(plain)

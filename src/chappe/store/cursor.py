"""How far a sweep over a whole table has come: it goes round in small pieces."""

from dataclasses import dataclass
from typing import Final

#: Rows that one sweep looks at.
SWEEP_ROWS: Final = 1_000


@dataclass(slots=True)
class Cursor:
    """How far a sweep has come in its round; 0 begins again."""

    id: int = 0

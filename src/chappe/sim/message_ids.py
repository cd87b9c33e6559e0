"""Message ids as SMSCs give them: counting, scattered, in hexadecimal.

It must never know a link or a ledger.  Scattered ids are what most real SMSCs give, and they cost any index more than
counting ones do: measure with them.
"""

from collections.abc import Callable
from enum import StrEnum
from random import Random


class IdStyle(StrEnum):
    """How message ids look."""

    COUNTING = "counting"  # 1, 2, 3 …
    RANDOM = "random"  # decimal, scattered over 60 bits
    HEX = "hex"  # counting, eight hexadecimal digits as SMPP 3.3 has them
    RANDOM_HEX = "random_hex"


class MessageIds:
    """Issues message ids in one style; may repeat the last one or scatter one on request."""

    def __init__(self, style: IdStyle, random: Random, *, first: int = 1) -> None:
        self._random = random
        self._next = first
        self._last = ""
        makers: dict[IdStyle, Callable[[], str]] = {
            IdStyle.COUNTING: lambda: str(self._count()),
            IdStyle.RANDOM: self.scatter,
            IdStyle.HEX: lambda: f"{self._count():08x}",
            IdStyle.RANDOM_HEX: lambda: f"{random.getrandbits(60):015x}",
        }
        self._make = makers[style]

    def issue(self) -> str:
        """The next id."""
        self._last = self._make()
        return self._last

    def repeat(self) -> str:
        """The last id once more, as an SMSC does whose counter went wrong; a fresh one when there is none."""
        return self._last or self.issue()

    def scatter(self) -> str:
        """A decimal id somewhere in 60 bits, whatever the style."""
        return str(self._random.getrandbits(60))

    def _count(self) -> int:
        number = self._next
        self._next += 1
        return number

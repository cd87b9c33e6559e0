"""Message ids as SMSCs give them: counting, scattered, in hexadecimal.

It must never know a link or a ledger.  Scattered ids are what most real SMSCs give, and they cost any index more than
counting ones do: measure with them.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from random import Random
from typing import Final, Protocol

#: Recipients whose last second is remembered; beyond, those of long ago are forgotten.
_MOST_RECIPIENTS: Final = 100_000


class IdStyle(StrEnum):
    """How message ids look."""

    COUNTING = "counting"  # 1, 2, 3 …
    RANDOM = "random"  # decimal, scattered over 60 bits
    HEX = "hex"  # counting, eight hexadecimal digits as SMPP 3.3 has them
    RANDOM_HEX = "random_hex"


class Ids(Protocol):
    """Whatever names messages."""

    def issue(self, recipient: str) -> str:
        """The next id."""

    def repeat(self, recipient: str) -> str:
        """An id that was given before."""

    def scatter(self, recipient: str) -> str:
        """An id that follows from none before."""

    def restart(self) -> None:
        """Begin to count anew: whoever was named before may be named so again."""


def ids_of(protocol: str, style: IdStyle, random: Random, zone: tzinfo = UTC) -> Ids:
    """How an SMSC of this protocol names messages; over UCP there is one style, in its own time."""
    return TimestampIds(zone=zone) if protocol == "ucp" else MessageIds(style, random)


class TimestampIds:
    """`recipient:DDMMYYHHmmss`, as UCP has it.  No recipient gets a second twice unless a repeat is asked for."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC), zone: tzinfo = UTC) -> None:
        self._clock = clock
        self._zone = zone
        self._last_by_recipient: dict[str, datetime] = {}

    def issue(self, recipient: str) -> str:
        """The name by this second, or by the first one that this recipient has not had."""
        second = self._clock().replace(microsecond=0)
        last = self._last_by_recipient.pop(recipient, None)
        if last is not None and last >= second:
            second = last + timedelta(seconds=1)
        self._last_by_recipient[recipient] = second
        if len(self._last_by_recipient) > _MOST_RECIPIENTS:
            del self._last_by_recipient[next(iter(self._last_by_recipient))]
        return self._name(recipient, second)

    def repeat(self, recipient: str) -> str:
        """The last name of this recipient once more: its twin."""
        last = self._last_by_recipient.get(recipient)
        return self.issue(recipient) if last is None else self._name(recipient, last)

    def scatter(self, recipient: str) -> str:
        """Time does not scatter: the next name."""
        return self.issue(recipient)

    def restart(self) -> None:
        """Forget who had which second."""
        self._last_by_recipient.clear()

    def _name(self, recipient: str, second: datetime) -> str:
        return f"{recipient}:{second.astimezone(self._zone):%d%m%y%H%M%S}"


class MessageIds:
    """Issues message ids in one style; may repeat the last one or scatter one on request."""

    def __init__(self, style: IdStyle, random: Random, *, first: int = 1) -> None:
        self._random = random
        self._next = self._first = first
        self._last = ""
        makers: dict[IdStyle, Callable[[], str]] = {
            IdStyle.COUNTING: lambda: str(self._count()),
            IdStyle.RANDOM: self.scatter,
            IdStyle.HEX: lambda: f"{self._count():08x}",
            IdStyle.RANDOM_HEX: lambda: f"{random.getrandbits(60):015x}",
        }
        self._make = makers[style]

    def issue(self, recipient: str = "") -> str:
        """The next id; whose it is does not matter."""
        self._last = self._make()
        return self._last

    def repeat(self, recipient: str = "") -> str:
        """The last id once more, as an SMSC does whose counter went wrong; a fresh one when there is none."""
        return self._last or self.issue()

    def scatter(self, recipient: str = "") -> str:
        """A decimal id somewhere in 60 bits, whatever the style."""
        return str(self._random.getrandbits(60))

    def restart(self) -> None:
        """Count from the first one again; what is scattered has nothing to begin."""
        self._next = self._first

    def _count(self) -> int:
        number = self._next
        self._next += 1
        return number

"""The states of a message and the one table of legal moves."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final


class Direction(IntEnum):
    """Which way a message travels."""

    # Enum's own hash is written in Python and felt a hundred thousand times a second.
    __hash__ = int.__hash__

    MT = 0
    MO = 1


class Status(IntEnum):
    """What became of a message so far.  The numbers are stored: never renumber."""

    __hash__ = int.__hash__

    ACCEPTED = 0
    SCHEDULED = 1
    QUEUED = 2
    SENDING = 3
    SENT = 4
    BUFFERED = 5
    DELIVERED = 6
    FAILED = 7
    EXPIRED = 8
    REJECTED = 9
    CANCELLED = 10
    HELD = 11
    UNKNOWN = 12

    @property
    def word(self) -> str:
        """The status as clients read it: `delivered`."""
        return _WORDS[self]


_WORDS: Final = {status: status.name.lower() for status in Status}

FINAL: Final = frozenset({Status.DELIVERED, Status.FAILED, Status.EXPIRED, Status.REJECTED, Status.CANCELLED})

#: States in which nothing of the message was ever written to an operator: our clock may end only these.
NEVER_SENT: Final = frozenset({Status.ACCEPTED, Status.SCHEDULED, Status.QUEUED})

_ENDS = FINAL - {Status.CANCELLED}
_OPEN_SENT = frozenset({Status.BUFFERED, Status.UNKNOWN})

#: From each status to the ones that may follow it.  A final status has no followers: what an
#: operator says later is an event, never a move.
MOVES: Final[Mapping[Status, frozenset[Status]]] = {
    Status.ACCEPTED: frozenset({Status.SCHEDULED, Status.QUEUED, Status.SENDING, Status.SENT, Status.HELD}) | FINAL,
    Status.SCHEDULED: frozenset({Status.QUEUED, Status.SENDING, Status.SENT, Status.HELD}) | FINAL,
    Status.QUEUED: frozenset({Status.SENDING, Status.SENT, Status.HELD}) | FINAL,
    Status.SENDING: frozenset({Status.QUEUED, Status.SENT, Status.HELD}) | _ENDS,
    # Whether our own cancel comes too late is the store's to say; an operator may delete what it has (DELETED).
    Status.SENT: _OPEN_SENT | FINAL,
    Status.BUFFERED: _OPEN_SENT | FINAL,
    Status.UNKNOWN: _OPEN_SENT | FINAL,
    Status.HELD: frozenset({Status.QUEUED, Status.SENT}) | _OPEN_SENT | FINAL,
    **{status: frozenset() for status in FINAL},
}


def may_move(old: Status, new: Status) -> bool:
    """Say whether a message may go from `old` to `new`."""
    return new in MOVES[old]


def status_of_parts(parts: list[Status]) -> Status:
    """Compute one status from those of a message's parts.

    All delivered is delivered; a part that ended otherwise ends the message with its status once every
    part has ended; until then the least advanced open part speaks.
    """
    unfinished = [status for status in parts if status not in FINAL]
    if unfinished:
        return min(unfinished, key=_progress)
    return next((status for status in parts if status is not Status.DELIVERED), Status.DELIVERED)


def _progress(status: Status) -> int:
    """Order open statuses by how far the part has come; what needs a person comes first."""
    return -1 if status is Status.HELD else int(status)

"""Why a door takes no message, in words that every protocol has numbers of its own for.

It must never know a protocol.
"""

from enum import Enum

import msgspec


class Refusals(msgspec.Struct, frozen=True):
    """How a protocol says no to a message, whatever else it is; what depends on the client is said by its node."""

    no_recipient: int
    no_route: int
    #: Nobody may, or this client may not, send as its sender.
    bad_sender: int
    #: A rule of the gateway's keeps it out.
    kept_out: int
    #: Its header cannot be read.
    malformed: int
    #: It makes too many parts.
    too_long: int
    #: Its client's credit is used up; it is being fetched, and another try is worth while.
    no_credit: int
    credit_later: int


class Limit(Enum):
    """What a client may not do now, whatever its message says."""

    DRAINING = "the gateway stops"
    WINDOW = "too many unanswered"
    RATE = "too fast"
    QUEUE = "the queue is full"

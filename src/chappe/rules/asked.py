"""How a client asked to hear of one message: in whose words, of which outcomes, at which URL.

It travels in the message's `callback_url`, in front of the URL: `kannel-31-GET-0:http://…`.  A bare URL, as messages
of our own API have it, asks for the client's own shape and for all that `registered_delivery` says.
It must never know how a callback is written, nor who posts it.
"""

import re
from enum import Enum, IntFlag
from functools import lru_cache
from typing import Final

import msgspec

from chappe.model.lifecycle import Status


class Outcome(IntFlag):
    """What may be heard of; the bits are those of Kannel's dlr-mask."""

    DELIVERED = 1
    FAILED = 2
    BUFFERED = 4
    SENT = 8
    #: Nobody took it: an operator's refusal, or an end of ours before it was sent.
    REFUSED = 16


ALL_OUTCOMES: Final = Outcome(31)


class Words(Enum):
    """Whose shape a callback has."""

    OWN = ""
    KANNEL = "kannel"
    JASMIN = "jasmin"


class Asked(msgspec.Struct, frozen=True):
    """What a message's `callback_url` says."""

    #: Empty: where its client is called back for statuses.
    url: str = ""
    words: Words = Words.OWN
    outcomes: Outcome = ALL_OUTCOMES
    method: str = "GET"
    #: Jasmin's dlr-level; for Kannel a sum: 1 where the handset's number was written with +, 2 where ours was.
    level: int = 0
    #: Kannel's: the values that the message gave to its operator, as `tariff=5&`; no colon stands in it.
    meta_data: str = ""

    def __str__(self) -> str:
        """As it travels."""
        more = f"-{self.meta_data}" if self.meta_data else ""
        return f"{self.words.value or 'own'}-{int(self.outcomes)}-{self.method}-{self.level}{more}:{self.url}"


_FORM: Final = re.compile(r"(own|kannel|jasmin)-([0-9]{1,2})-(GET|POST)-([0-9])(?:-([^:]*))?:")


# What differs are the URLs that clients name, and these are few.
@lru_cache(maxsize=4096)
def asked_of(callback_url: str) -> Asked:
    """Read what travels with a message."""
    found = _FORM.match(callback_url)
    if found is None:
        return Asked(callback_url)
    words, outcomes, method, level, meta_data = found.groups()
    word = Words.OWN if words == "own" else Words(words)
    return Asked(callback_url[found.end() :], word, Outcome(int(outcomes)), method, int(level), meta_data or "")


def outcome_of(status: Status, *, was_sent: bool) -> Outcome:
    """Which outcome a status is to those who tell them apart; `was_sent`: an operator had taken the message."""
    match status:
        case Status.DELIVERED:
            return Outcome.DELIVERED
        case Status.SENT:
            return Outcome.SENT
        case Status.FAILED | Status.EXPIRED | Status.REJECTED | Status.CANCELLED:
            return Outcome.FAILED if was_sent else Outcome.REFUSED
        case _:
            return Outcome.BUFFERED


def wants(callback_url: str, status: Status, *, was_sent: bool = True) -> bool:
    """Whether a message that named this wants to hear of a status.

    Who wants to hear of failures hears of refusals too: that is Kannel's rule, and else nothing would tell of them.
    """
    outcome = outcome_of(status, was_sent=was_sent)
    if outcome is Outcome.REFUSED:
        outcome |= Outcome.FAILED
    return bool(asked_of(callback_url).outcomes & outcome)

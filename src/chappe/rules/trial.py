"""Trials: messages that a client sends with its test token, and the numbers that give each outcome.

They belong to a client of their own beside the real one and go to an operator that is none: no operator ever hears of
them, whatever the routes say.  The names hold characters that no name in the settings can have.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from chappe.model.lifecycle import Status
from chappe.model.message import Message

TRIAL_OPERATOR: Final = "(test)"
#: No queue of an operator: nothing that moves messages between operators may look at it.
TRIAL_QUEUE: Final = f"trial:{TRIAL_OPERATOR}"

#: Country code 999 belongs to nobody.
_MAGIC: Final = "99900000"
DELAY_S: Final = 10.0
#: A trial that has no end by then is given up by its operator, which says that it has expired.
ENDS_AFTER_S: Final = 86_400


class Trial(msgspec.Struct, frozen=True):
    """What becomes of a trial: an operator's receipt, its refusal, or nothing."""

    #: SENT: no receipt ever comes.
    status: Status
    word: str = ""
    error: str = "000"
    #: The operator does not take it; `error` is its answer, as clients are told it.
    is_refused: bool = False
    #: Seconds before it is sent.
    delay_s: float = 0.0


DELIVERED: Final = Trial(Status.DELIVERED, "DELIVRD")

#: Number → what becomes of a message to it; every other number is delivered.  docs/testing.md lists them.
TRIALS: Final[Mapping[str, Trial]] = {
    f"{_MAGIC}000": DELIVERED,
    f"{_MAGIC}001": Trial(Status.FAILED, "UNDELIV", "001"),
    f"{_MAGIC}002": Trial(Status.FAILED, "UNDELIV", "027"),
    f"{_MAGIC}003": Trial(Status.FAILED, "UNDELIV", "033"),
    f"{_MAGIC}004": Trial(Status.FAILED, "UNDELIV", "013"),
    f"{_MAGIC}005": Trial(Status.FAILED, "UNDELIV", "099"),
    f"{_MAGIC}006": Trial(Status.EXPIRED, "EXPIRED"),
    f"{_MAGIC}007": Trial(Status.REJECTED, "REJECTD"),
    f"{_MAGIC}008": Trial(Status.CANCELLED, "DELETED"),
    f"{_MAGIC}009": Trial(Status.REJECTED, "ESME_RINVDSTADR", "00B", is_refused=True),
    f"{_MAGIC}010": Trial(Status.BUFFERED, "ENROUTE"),
    f"{_MAGIC}011": Trial(Status.SENT),
    f"{_MAGIC}012": Trial(Status.UNKNOWN, "UNKNOWN"),
    f"{_MAGIC}013": Trial(Status.DELIVERED, "DELIVRD", delay_s=DELAY_S),
    f"{_MAGIC}014": Trial(Status.FAILED, "UNDELIV", "027", delay_s=DELAY_S),
}

#: Number → the code of the problem with which the door refuses it.
REFUSED_AT_THE_DOOR: Final[Mapping[str, str]] = {
    f"{_MAGIC}100": "no_route",
    f"{_MAGIC}101": "rate_exceeded",
    f"{_MAGIC}102": "queue_full",
    f"{_MAGIC}103": "store_away",
}


def trial_client(client: str) -> str:
    """The name under which a client's trials are kept."""
    return f"{client}{TRIAL_OPERATOR}"


def trial_to(number: str) -> Trial:
    """What becomes of a trial to a number."""
    return TRIALS.get(number, DELIVERED)


def references_of(trial: Message) -> list[str]:
    """The operator's reference of each part; an id is in no other reference."""
    name = f"test{trial.id:x}"
    return [name] if trial.parts == 1 else [f"{name}.{part}" for part in range(1, trial.parts + 1)]

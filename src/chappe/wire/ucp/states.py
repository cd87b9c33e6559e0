"""The states of a UCP session, what leads from one to another, and what may be asked of each end.  EMI-UCP 4.x §5.1.

It must never know characters: the table is the law that the session keeps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from chappe.wire.ucp.constants import Ot


class Role(Enum):
    """Which end of the session we are: the client, which the specification calls SMT, or the SMSC."""

    CLIENT = "client"
    SMSC = "smsc"


class State(Enum):
    """Where a session stands."""

    OPEN = "open"
    SIGNING_ON = "signing_on"
    SIGNED_ON = "signed_on"
    CLOSED = "closed"


class Step(Enum):
    """What moves a session; the same steps for both roles."""

    SIGN_ON = "sign_on"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    TRUSTED = "trusted"
    END = "end"


#: What may happen in each state and where it leads; anything else is an error.  §5.1.
NEXT: Final[Mapping[tuple[State, Step], State]] = {
    (State.OPEN, Step.SIGN_ON): State.SIGNING_ON,
    (State.SIGNING_ON, Step.REFUSED): State.OPEN,
    (State.SIGNING_ON, Step.ACCEPTED): State.SIGNED_ON,
    # Some SMSCs know their clients by address and want no operation 60.
    (State.OPEN, Step.TRUSTED): State.SIGNED_ON,
    **{(state, Step.END): State.CLOSED for state in State},
}

#: What each role may be asked once somebody has signed on.  §4 and §5.
ASKED_OF: Final[Mapping[Role, frozenset[Ot]]] = {
    Role.SMSC: frozenset(
        {
            Ot.CALL_INPUT,
            Ot.MULTIPLE_ADDRESS_CALL_INPUT,
            Ot.CALL_INPUT_WITH_SUPPLEMENTARY_SERVICES,
            Ot.SMS_MESSAGE_TRANSFER,
            Ot.SUBMIT_SHORT_MESSAGE,
            Ot.MODIFY_MESSAGE,
            Ot.INQUIRY_MESSAGE,
            Ot.DELETE_MESSAGE,
            Ot.SESSION_MANAGEMENT,
            Ot.LIST_MANAGEMENT,
        }
    ),
    Role.CLIENT: frozenset(
        {
            # Old SMSCs deliver by the operations by which clients send.
            Ot.CALL_INPUT,
            Ot.SMS_MESSAGE_TRANSFER,
            Ot.DELIVER_SHORT_MESSAGE,
            Ot.DELIVER_NOTIFICATION,
            Ot.INQUIRY_RESPONSE,
            Ot.DELETE_RESPONSE,
        }
    ),
}


@dataclass(frozen=True, slots=True)
class Timers:
    """All in seconds; 0 turns any but `response_s` off."""

    #: From the connection to the sign-on.
    sign_on_s: float = 10.0
    #: Silence of the peer before it is asked for a sign of life.
    alert_s: float = 30.0
    #: From an operation to its result.
    response_s: float = 30.0

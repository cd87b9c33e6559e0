"""The states of a session, what leads from one to the next, and what each role may ask in each.

The tables are the law; `session` only follows them.  SMPP 3.4 §2.2 and table 2-1, SMPP 5.0 §2.3.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from chappe.wire.smpp.constants import CommandId


class Role(Enum):
    """Which side of the session is ours."""

    ESME = "esme"
    MC = "mc"

    @property
    def other(self) -> "Role":
        """The role of the peer."""
        return Role.MC if self is Role.ESME else Role.ESME


class State(Enum):
    """Where a session stands."""

    OPEN = "open"
    OUTBOUND = "outbound"
    BINDING = "binding"
    BOUND_TX = "bound_tx"
    BOUND_RX = "bound_rx"
    BOUND_TRX = "bound_trx"
    UNBINDING = "unbinding"
    CLOSED = "closed"


class Step(Enum):
    """What moves a session; the same steps for both roles."""

    OUTBIND = "outbind"
    BIND = "bind"
    BIND_REFUSED = "bind_refused"
    BOUND_TO_TRANSMIT = "bound_to_transmit"
    BOUND_TO_RECEIVE = "bound_to_receive"
    BOUND_FOR_BOTH = "bound_for_both"
    UNBIND = "unbind"
    END = "end"


#: What may happen in each state and where it leads; anything else is an error.
NEXT: Final[Mapping[tuple[State, Step], State]] = {
    (State.OPEN, Step.OUTBIND): State.OUTBOUND,
    (State.OPEN, Step.BIND): State.BINDING,
    (State.OUTBOUND, Step.BIND): State.BINDING,
    (State.BINDING, Step.BIND_REFUSED): State.OPEN,
    (State.BINDING, Step.BOUND_TO_TRANSMIT): State.BOUND_TX,
    (State.BINDING, Step.BOUND_TO_RECEIVE): State.BOUND_RX,
    (State.BINDING, Step.BOUND_FOR_BOTH): State.BOUND_TRX,
    (State.BOUND_TX, Step.UNBIND): State.UNBINDING,
    (State.BOUND_RX, Step.UNBIND): State.UNBINDING,
    (State.BOUND_TRX, Step.UNBIND): State.UNBINDING,
    # A peer may say goodbye before it was bound, and both may say it at once.
    (State.OPEN, Step.UNBIND): State.UNBINDING,
    (State.OUTBOUND, Step.UNBIND): State.UNBINDING,
    (State.BINDING, Step.UNBIND): State.UNBINDING,
    (State.UNBINDING, Step.UNBIND): State.UNBINDING,
    **{(state, Step.END): State.CLOSED for state in State},
}

BOUND: Final = frozenset({State.BOUND_TX, State.BOUND_RX, State.BOUND_TRX})

#: What each kind of bind makes of a session.
STEP_BY_BIND: Final[Mapping[int, Step]] = {
    CommandId.BIND_TRANSMITTER: Step.BOUND_TO_TRANSMIT,
    CommandId.BIND_RECEIVER: Step.BOUND_TO_RECEIVE,
    CommandId.BIND_TRANSCEIVER: Step.BOUND_FOR_BOTH,
}

_TO_SUBMIT = frozenset(
    {
        CommandId.SUBMIT_SM,
        CommandId.SUBMIT_MULTI,
        CommandId.DATA_SM,
        CommandId.QUERY_SM,
        CommandId.CANCEL_SM,
        CommandId.REPLACE_SM,
        CommandId.BROADCAST_SM,
        CommandId.QUERY_BROADCAST_SM,
        CommandId.CANCEL_BROADCAST_SM,
        CommandId.PARAM_RETRIEVE,
        CommandId.QUERY_LAST_MSGS,
        CommandId.QUERY_MSG_DETAILS,
    }
)
_TO_DELIVER = frozenset({CommandId.DELIVER_SM, CommandId.DATA_SM, CommandId.ALERT_NOTIFICATION})

#: What the owner of a session may ask of its peer in each state; bind, outbind, unbind and enquire_link go other ways.
REQUESTS: Final[Mapping[tuple[Role, State], frozenset[CommandId]]] = {
    (Role.ESME, State.BOUND_TX): _TO_SUBMIT,
    (Role.ESME, State.BOUND_TRX): _TO_SUBMIT,
    (Role.MC, State.BOUND_RX): _TO_DELIVER,
    (Role.MC, State.BOUND_TRX): _TO_DELIVER,
}

#: Told without being answered.
WITHOUT_RESPONSE: Final = frozenset({CommandId.ALERT_NOTIFICATION})

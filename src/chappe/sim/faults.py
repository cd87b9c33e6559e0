"""What can go wrong at a simulated peer: the names of the faults, where each may strike and what it changes.

It must never know a socket, a clock or a session: `Action` is a value, and whoever owns the link acts on it.
"""

import math
from collections.abc import Callable, Mapping
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final

import msgspec


class Event(StrEnum):
    """What happens at a simulator, each kind with its own count from 1."""

    BIND = "bind"  # a bind request arrived
    SUBMIT = "submit"  # a message to be sent arrived (SMSC)
    RECEIPT = "receipt"  # a delivery receipt was made (SMSC)
    DELIVER = "deliver"  # a receipt or an MO arrived (client)
    CALLBACK = "callback"  # a callback arrived (client over HTTP)
    MOMENT = "moment"  # a named moment came; no count, no message


class Fault(StrEnum):
    """The names that a script may use."""

    DROP_RESPONSE = "drop_response"
    REFUSE = "refuse"
    THROTTLE = "throttle"
    QUEUE_FULL = "queue_full"
    RANDOM_IDS = "random_ids"
    REUSE_IDS = "reuse_ids"
    RESTART_IDS = "restart_ids"
    EARLY_RECEIPT = "early_receipt"
    LATE_RECEIPT = "late_receipt"
    NO_RECEIPT = "no_receipt"
    DOUBLE_RECEIPT = "double_receipt"
    CONTRADICTORY_RECEIPT = "contradictory_receipt"
    MALFORMED_RECEIPT = "malformed_receipt"
    RECEIPT_ID_BASE = "receipt_id_base"
    UNDELIVERED = "undelivered"
    CUT = "cut"
    HALF_OPEN = "half_open"
    NEVER_ANSWER = "never_answer"
    UNBIND = "unbind"
    MO_BURST = "mo_burst"
    SLOW_ANSWER = "slow_answer"
    ENDLESS_BODY = "endless_body"


class LinkFault(Enum):
    """What happens to a whole link."""

    CUT = "reset at once, nothing more is written"
    HALF_OPEN = "the connection stays, but nothing is read or written any more"
    NEVER_ANSWER = "everything is read, nothing is ever answered"
    UNBIND = "unbind is sent"


class ReceiptIdBase(StrEnum):
    """How a receipt writes the message id of the response."""

    SAME = "same"
    HEX = "hex"  # the response said decimal, the receipt says hexadecimal
    DECIMAL = "decimal"  # the response said hexadecimal, the receipt says decimal, zero padded to 10
    UPPER = "upper"
    PADDED = "padded"  # zero padded to 20


class ReceiptForm(StrEnum):
    """How the text of a receipt looks."""

    GOOD = "good"
    EMPTY = "empty"  # no text and no TLVs
    NO_ID = "no_id"
    NO_STAT = "no_stat"
    CUT_SHORT = "cut_short"
    NOISE = "noise"
    TLV_ONLY = "tlv_only"  # no text, all is in the TLVs
    UCS2 = "ucs2"
    SHUFFLED = "shuffled"


class Action(msgspec.Struct, frozen=True, gc=False):
    """What a simulator does about one event; the defaults are the behaviour of a good peer."""

    status: int = 0  # command_status to refuse with; 0 takes the message
    may_answer: bool = True
    link_fault: LinkFault | None = None
    has_every_link: bool = False  # `link_fault` strikes all links, not only the one of the event
    has_random_id: bool = False
    has_reused_id: bool = False
    has_restarted_ids: bool = False  # the counter begins anew with this submit
    is_receipt_early: bool = False
    answer_after_s: float = 0.0  # how long after an early receipt the response follows
    may_receipt: bool = True
    receipt_after_s: float = 0.0  # on top of the simulator's receipt delay
    receipt_copies: int = 1
    copy_after_s: float = 0.0  # between copies, and before a contradiction
    stat: str = ""  # of the receipt; empty is DELIVRD
    contradiction: str = ""  # stat of a second, contradicting receipt
    id_base: ReceiptIdBase = ReceiptIdBase.SAME
    form: ReceiptForm = ReceiptForm.GOOD
    mo_count: int = 0  # MO messages to send at once
    is_body_endless: bool = False  # of the answer to a callback
    retry_after_s: int = 0  # told with the refusal of a callback


NO_FAULT: Final = Action()


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a rule may say about its fault; each fault reads only its own."""

    status: int = 0x08
    link: str = "this"  # this | all
    delay_s: float = 0.0
    copies: int = 2
    stat: str = "UNDELIV"
    base: ReceiptIdBase = ReceiptIdBase.HEX
    form: ReceiptForm = ReceiptForm.NOISE
    messages: int = 10
    retry_after_s: int = 0


def _link(fault: LinkFault) -> Callable[[Parameters], dict[str, object]]:
    return lambda rule: {"link_fault": fault, "has_every_link": rule.link == "all"}


#: What each fault changes in the behaviour of a good peer.
CHANGES: Final[Mapping[Fault, Callable[[Parameters], dict[str, object]]]] = MappingProxyType(
    {
        Fault.DROP_RESPONSE: lambda rule: {"may_answer": False},
        Fault.REFUSE: lambda rule: {"status": rule.status, "retry_after_s": rule.retry_after_s},
        Fault.THROTTLE: lambda rule: {"status": 0x58},
        Fault.QUEUE_FULL: lambda rule: {"status": 0x14},
        Fault.RANDOM_IDS: lambda rule: {"has_random_id": True},
        Fault.REUSE_IDS: lambda rule: {"has_reused_id": True},
        Fault.RESTART_IDS: lambda rule: {"has_restarted_ids": True},
        Fault.EARLY_RECEIPT: lambda rule: {"is_receipt_early": True, "answer_after_s": rule.delay_s},
        Fault.LATE_RECEIPT: lambda rule: {"receipt_after_s": rule.delay_s},
        Fault.NO_RECEIPT: lambda rule: {"may_receipt": False},
        Fault.DOUBLE_RECEIPT: lambda rule: {"receipt_copies": rule.copies, "copy_after_s": rule.delay_s},
        Fault.CONTRADICTORY_RECEIPT: lambda rule: {"contradiction": rule.stat, "copy_after_s": rule.delay_s},
        Fault.MALFORMED_RECEIPT: lambda rule: {"form": rule.form},
        Fault.RECEIPT_ID_BASE: lambda rule: {"id_base": rule.base},
        Fault.UNDELIVERED: lambda rule: {"stat": rule.stat},
        Fault.CUT: _link(LinkFault.CUT),
        Fault.HALF_OPEN: _link(LinkFault.HALF_OPEN),
        Fault.NEVER_ANSWER: _link(LinkFault.NEVER_ANSWER),
        Fault.UNBIND: _link(LinkFault.UNBIND),
        Fault.MO_BURST: lambda rule: {"mo_count": rule.messages},
        Fault.SLOW_ANSWER: lambda rule: {"answer_after_s": rule.delay_s},
        Fault.ENDLESS_BODY: lambda rule: {"is_body_endless": True},
    }
)

_LINK_EVENTS: Final = (Event.SUBMIT, Event.BIND, Event.DELIVER, Event.CALLBACK, Event.MOMENT)
_ANSWER_EVENTS: Final = (Event.SUBMIT, Event.BIND, Event.DELIVER, Event.CALLBACK)

#: Where each fault may strike; the first one is meant when the script does not say `on`.
EVENTS: Final[Mapping[Fault, tuple[Event, ...]]] = MappingProxyType(
    {
        Fault.DROP_RESPONSE: _ANSWER_EVENTS,
        Fault.REFUSE: _ANSWER_EVENTS,
        Fault.THROTTLE: _ANSWER_EVENTS,
        Fault.QUEUE_FULL: _ANSWER_EVENTS,
        Fault.RANDOM_IDS: (Event.SUBMIT,),
        Fault.REUSE_IDS: (Event.SUBMIT,),
        Fault.RESTART_IDS: (Event.SUBMIT,),
        Fault.EARLY_RECEIPT: (Event.SUBMIT,),
        Fault.LATE_RECEIPT: (Event.RECEIPT,),
        Fault.NO_RECEIPT: (Event.RECEIPT,),
        Fault.DOUBLE_RECEIPT: (Event.RECEIPT,),
        Fault.CONTRADICTORY_RECEIPT: (Event.RECEIPT,),
        Fault.MALFORMED_RECEIPT: (Event.RECEIPT,),
        Fault.RECEIPT_ID_BASE: (Event.RECEIPT,),
        Fault.UNDELIVERED: (Event.RECEIPT,),
        Fault.CUT: _LINK_EVENTS,
        Fault.HALF_OPEN: _LINK_EVENTS,
        Fault.NEVER_ANSWER: _LINK_EVENTS,
        Fault.UNBIND: _LINK_EVENTS,
        Fault.MO_BURST: (Event.SUBMIT, Event.MOMENT),
        Fault.SLOW_ANSWER: (Event.CALLBACK,),
        Fault.ENDLESS_BODY: (Event.CALLBACK,),
    }
)

FOREVER_S: Final = math.inf

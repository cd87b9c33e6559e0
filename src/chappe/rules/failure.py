"""What a message's end means to its client: one word for it, whose fault it is, and whether trying again is a cure.

Operators number their errors as they like; most write those of the mobile network's own protocol, and these are
known here.  What is not known stays visible as the operator's own code.
"""

import re
from typing import Final

import msgspec

from chappe.model.lifecycle import Status


class Failure(msgspec.Struct, frozen=True):
    """Why a message was not delivered."""

    code: str
    #: `handset`, `number`, `network`, `operator`, `message` or `validity`.
    category: str
    #: The same message to the same handset would fail again.
    is_permanent: bool
    #: What the operator said, word for word; empty when it said nothing.
    operator_code: str


#: MAP user errors, as SMSCs write them into `err:`.  3GPP TS 29.002 §17.6.6.
_BY_NETWORK_ERROR: Final = {
    1: ("unknown_subscriber", "number", True),
    5: ("unknown_subscriber", "number", True),
    6: ("subscriber_absent", "handset", False),
    8: ("roaming_not_allowed", "network", False),
    9: ("subscriber_barred", "number", True),
    10: ("service_not_provisioned", "number", True),
    11: ("service_not_provisioned", "number", True),
    12: ("equipment_barred", "handset", True),
    13: ("subscriber_barred", "number", True),
    21: ("not_supported", "network", True),
    27: ("subscriber_absent", "handset", False),
    28: ("not_supported", "handset", True),
    31: ("subscriber_busy", "handset", False),
    32: ("delivery_failed", "handset", False),
    33: ("inbox_full", "handset", False),
    34: ("system_failure", "network", False),
    35: ("system_failure", "network", False),
    36: ("system_failure", "network", False),
}

#: Rsn of a notification over UCP.  EMI-UCP 4.x §6.
_BY_RSN: Final = {
    **{f"{each:03}": ("system_failure", "network", False) for each in range(1, 9)},
    "010": ("subscriber_absent", "handset", False),
    "100": ("not_supported", "network", True),
    "101": ("unknown_subscriber", "number", True),
    "102": ("service_not_provisioned", "number", True),
    "103": ("subscriber_barred", "number", True),
    "104": ("subscriber_barred", "number", True),
    "105": ("system_failure", "network", False),
    "106": ("not_supported", "network", True),
    "107": ("subscriber_absent", "handset", False),
    "108": ("delivery_failed", "handset", False),
    "109": ("system_failure", "network", False),
    "110": ("system_failure", "network", False),
    "111": ("not_supported", "handset", True),
    "112": ("system_failure", "operator", False),
    "113": ("system_failure", "network", False),
    "114": ("equipment_barred", "handset", True),
    "115": ("unknown_subscriber", "number", True),
    "116": ("delivery_failed", "handset", False),
    "117": ("service_not_provisioned", "number", True),
    **{f"{each:03}": ("system_failure", "network", False) for each in range(118, 128)},
    "200": ("system_failure", "operator", False),
    "201": ("invalid_validity", "message", True),
    "202": ("invalid_message", "message", True),
    "203": ("invalid_message", "message", True),
    "204": ("invalid_message", "message", True),
    "205": ("invalid_validity", "message", True),
    "206": ("invalid_destination", "number", True),
    "207": ("invalid_message", "message", True),
    "208": ("invalid_message", "message", True),
}
#: How operators over UCP name messages, and nobody else: the recipient and the second.
_UCP_NAME: Final = re.compile(r"[0-9]{1,16}:[0-9]{12}")

#: What an operator answers to a submit that it does not take.  SMPP 3.4 §5.1.3.
_BY_COMMAND_STATUS: Final = {
    0x01: ("invalid_message", "message", True),
    0x0A: ("invalid_source", "message", True),
    0x0B: ("invalid_destination", "number", True),
    0x48: ("invalid_source", "message", True),
    0x50: ("invalid_destination", "number", True),
    0x61: ("invalid_schedule", "message", True),
    0x62: ("invalid_validity", "message", True),
}

#: What stands before the two digits of an EC, so that nobody takes it for a command_status.
UCP_ERROR: Final = "U"
#: What an operator answers to an operation that it does not take.  EMI-UCP 4.x §6.
_BY_UCP_ERROR: Final = {
    2: ("invalid_message", "message", True),
    3: ("not_supported", "operator", True),
    5: ("subscriber_barred", "number", True),
    6: ("invalid_destination", "number", True),
    18: ("invalid_schedule", "message", True),
    22: ("invalid_validity", "message", True),
    23: ("invalid_message", "message", True),
    24: ("invalid_message", "message", True),
    28: ("invalid_message", "message", True),
    30: ("delivery_failed", "handset", False),
}
_UCP_REFUSAL: Final = re.compile(rf"{UCP_ERROR}[0-9]{{2}}")

#: Why the gateway itself ends a message that it had accepted; three characters, as receipts carry them.
OPTED_OUT: Final = "OPT"
LOOP: Final = "LOO"
BLOCKED: Final = "BLK"
NO_ROUTE: Final = "NRT"
NETWORK_UNKNOWN: Final = "NET"
_BY_OUR_WORD: Final = {
    OPTED_OUT: ("opted_out", "number", True),
    LOOP: ("loop", "message", False),
    BLOCKED: ("blocked", "message", True),
    NO_ROUTE: ("no_route", "number", True),
    NETWORK_UNKNOWN: ("network_unknown", "number", False),
}

_NO_ERROR: Final = frozenset({"", "0", "00", "000"})


def failure_of(status: Status, error: str, *, was_sent: bool, reference: str = "") -> Failure | None:
    """Judge the end of a message; None while it is open, delivered or cancelled.

    `error` is the `err` of its receipt; of a message that no operator took, the low digits of the command_status in
    hexadecimal, or the EC of UCP behind a letter.  `reference` is the operator's name for it, by whose form UCP is
    known: there `error` is an Rsn.
    """
    if status not in (Status.FAILED, Status.REJECTED, Status.EXPIRED):
        return None
    if not was_sent and error in _BY_OUR_WORD:
        return Failure(*_BY_OUR_WORD[error], "")
    if not was_sent and _UCP_REFUSAL.fullmatch(error):
        return Failure(*_BY_UCP_ERROR.get(int(error[1:]), _BY_STATUS[status]), error[1:])
    is_ucp = was_sent and _UCP_NAME.fullmatch(reference) is not None
    # Rsn 000 is an unknown subscriber, and what SMSCs write that name none: nobody is struck off a list for that.
    said = "" if error in _NO_ERROR else error
    known = _BY_RSN.get(said) if is_ucp else _known(said, was_sent=was_sent)
    if known is None:
        known = _BY_STATUS[status]
    return Failure(*known, said)


#: Where the error says nothing that is known.
_BY_STATUS: Final = {
    Status.FAILED: ("delivery_failed", "operator", False),
    Status.REJECTED: ("operator_rejected", "operator", True),
    Status.EXPIRED: ("expired", "validity", False),
}


def _known(said: str, *, was_sent: bool) -> tuple[str, str, bool] | None:
    if not said.isascii() or not said.isalnum():
        return None
    if was_sent:
        return _BY_NETWORK_ERROR.get(int(said)) if said.isdecimal() else None
    try:
        return _BY_COMMAND_STATUS.get(int(said, 16))
    except ValueError:
        return None

"""How much of a client's queue is used, as SMPP 5.0 tells it with each response.  SMPP 5.0 §4.8.4.18.

It must never know what a message is.
"""

from typing import Any, Final

from chappe.clients.account import Account
from chappe.wire.smpp.fields import Tlvs
from chappe.wire.smpp.tlvs import Tag

_FULL: Final = 100


def congestion_of(account: Account, peer: Any, open_messages: int) -> Tlvs:
    """The TLV congestion_state in per cent of `queue_limit`, for a bind whose version knows it."""
    if peer not in account.congestion_peers:
        return ()
    return ((int(Tag.CONGESTION_STATE), bytes((min(_FULL, open_messages * _FULL // account.queue_limit),))),)

"""How an operator is fed, and what its refusals mean."""

import msgspec

from chappe.operators.shape import Wire
from chappe.rules.retry import RefusalRules


class SendingTerms(msgspec.Struct, frozen=True):
    """One operator's, from its settings and profile."""

    wire: Wire
    refusals: RefusalRules
    rate: float = 0.0
    retry_s: tuple[float, ...] = (5.0, 30.0, 120.0, 600.0, 1800.0)
    max_validity_s: float = 172_800.0
    #: A part of unknown outcome is held, not sent again: ordinary traffic, and premium.
    holds_unknown: bool = False
    holds_premium: bool = True
    #: Before it is held, the operator is asked what became of it.
    asks_unknown: bool = False
    asks_premium: bool = False
    #: Nothing more is sent.
    is_paused: bool = False
    retry_status: int = 0x64
    redelivery_s: float = 300.0

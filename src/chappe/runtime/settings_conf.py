"""The settings of changing the settings: who else must agree.

It must never know how a change is made.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from msgspec import Meta

from chappe.runtime.settings_table import Table


class Section(Enum):
    """What a change may touch."""

    OPERATORS = "operators"
    CLIENTS = "clients"
    ROUTES = "routes"
    NETWORKS = "networks"
    PORTABILITY = "portability"
    LOOKUP = "lookup"
    PRICES = "prices"
    TARIFFS = "tariffs"
    SENDERS = "senders"
    BLOCKS = "blocks"
    OPT_OUTS = "opt_outs"
    LOOPS = "loops"
    PROFILES = "profiles"


class ConfRules(Table, frozen=True, kw_only=True):
    """How the configuration may be changed while the gateway runs."""

    approvals: Annotated[
        tuple[Section, ...],
        Meta(
            description="Sections whose changes wait until a second person has approved them: `operators`, `clients`, "
            "`routes`, `networks`, `portability`, `lookup`, `prices`, `tariffs`, `senders`, `blocks`, `opt_outs`, "
            "`loops`, `profiles`. While some are named, a change of `[conf]` waits too."
        ),
    ] = ()

"""The settings of clients: what each may do, and by which doors it comes.

It must never know what is behind an operator's name.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from msgspec import Meta

from chappe.runtime.settings_callbacks import ClientCallback
from chappe.runtime.settings_client_doors import ClientHttp, ClientSmpp, ClientUcp
from chappe.runtime.settings_operators import DAY_S
from chappe.runtime.settings_table import Name, Seconds, Status, Table


class Priority(Enum):
    """How urgent a client's messages are unless one says otherwise."""

    HIGH = "high"
    NORMAL = "normal"
    BULK = "bulk"


Word = Annotated[str, Meta(pattern=r"^\S+$", extra={"expected": "one word"})]


class ClientCredit(Table, frozen=True, kw_only=True):
    """What a client may spend: a balance in money or in parts, which is never exceeded (docs/credit.md)."""

    currency: Annotated[
        str,
        Meta(
            pattern=r"^([A-Z]{3})?$",
            extra={"expected": 'three capital letters as in "EUR"'},
            description="The currency of its balance, whose prices are in `[[tariffs]]`; empty: the balance counts "
            "parts, and each part costs one.",
        ),
    ] = ""
    opening: Annotated[
        str,
        Meta(
            pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$",
            extra={"expected": 'an amount as in "100.00", or a number of parts'},
            description="What the balance begins with, once; what is paid in later is added by `chappe credit add`.",
        ),
    ] = "0"


class Client(Table, frozen=True, kw_only=True):
    """One client: a company that sends and receives messages, and the doors it uses."""

    name: Annotated[Name, Meta(description="Its name in routes, queues, events and metrics.")]
    enabled: Annotated[bool, Meta(description="A client that is not enabled is refused at every door.")] = True
    priority: Annotated[
        Priority, Meta(description="Of its messages unless one says otherwise: `high`, `normal`, `bulk`.")
    ] = Priority.NORMAL
    premium: Annotated[
        bool,
        Meta(
            description="Its messages cost the handset's owner money: one of unknown outcome is treated "
            "as the profile's `unknown_outcome_premium` says."
        ),
    ] = False
    rate: Annotated[float, Meta(ge=0, description="Parts per second it may send; 0 is unlimited.")] = 0.0
    queue_limit: Annotated[int, Meta(ge=1, description="How many of its messages may be not yet final.")] = 1_000_000
    default_validity_s: Annotated[Seconds, Meta(description="Validity of a message that names none, in seconds.")] = (
        2 * DAY_S
    )
    store_away_status: Annotated[Status, Meta(description="command_status of the refusal while the store is away.")] = (
        0x08
    )
    join_s: Annotated[
        float,
        Meta(
            ge=0,
            description="Seconds for which the parts of a long MO wait for each other, so that it gets the whole text; "
            "what is not whole by then is handed on as parts. 0 hands on each part as it comes.",
        ),
    ] = 0.0
    credit: Annotated[
        ClientCredit | None, Meta(description="What it may spend; without this table it is not charged.")
    ] = None
    smpp: Annotated[ClientSmpp | None, Meta(description="Its SMPP door.")] = None
    ucp: Annotated[ClientUcp | None, Meta(description="Its UCP door.")] = None
    http: Annotated[ClientHttp | None, Meta(description="Its HTTP door.")] = None
    callback: Annotated[ClientCallback | None, Meta(description="Where it is called back.")] = None

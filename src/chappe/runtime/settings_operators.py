"""The settings of operators: where the SMSC of each is, how its links are bound, how fast it may be fed.

It must never know clients or routes, nor judge a message: it only says what an administrator wrote.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from msgspec import Meta

from chappe.runtime.settings_gateway import Address, MinVersion
from chappe.runtime.settings_http_operators import OperatorHttp
from chappe.runtime.settings_table import SECRET, Given, Name, Octet, Password, Seconds, SystemId, Table

DAY_S = 86_400.0

SystemType = Annotated[
    str, Meta(pattern=r"^[ -~]{0,12}$", extra={"expected": "at most 12 printable ASCII characters (SMPP 3.4 §5.2.3)"})
]


class Protocol(Enum):
    """What an operator speaks."""

    SMPP = "smpp"
    UCP = "ucp"
    HTTP = "http"


class Bind(Enum):
    """How one link to an SMPP operator is bound."""

    TRANSCEIVER = "transceiver"
    TRANSMITTER_AND_RECEIVER = "transmitter+receiver"


class OperatorTls(Table, frozen=True, kw_only=True):
    """TLS to an operator: the table alone encrypts its links and verifies whom they reach.

    The files are read anew when they change, and on SIGHUP; open links stay.
    """

    ca: Annotated[
        Given | None,
        Meta(description="PEM file of the authorities to trust; unset: those that the system trusts."),
    ] = None
    server_name: Annotated[
        Given | None,
        Meta(description="The name that its certificate must bear; unset: the host of its address."),
    ] = None
    certificate: Annotated[
        Given | None,
        Meta(description="PEM file of the certificate that we show, with the chain behind it."),
    ] = None
    key: Annotated[Given | None, Meta(description="PEM file of its private key, without passphrase.")] = None
    verify: Annotated[
        bool,
        Meta(description="Whom a link reaches is verified. `false` trusts whoever answers, and is for tests alone."),
    ] = True
    min_version: Annotated[MinVersion, Meta(description="The oldest version of TLS that is spoken.")] = (
        MinVersion.TLS_1_2
    )


class Operator(Table, frozen=True, kw_only=True):
    """One operator: where its SMSC is, how its links are bound, how fast it may be fed."""

    name: Annotated[Name, Meta(description="Its name in routes, queues, events and metrics.")]
    protocol: Annotated[
        Protocol,
        Meta(description="`smpp`, `ucp`, or `http`, which needs `[operators.http]` and a profile that has `http`."),
    ] = Protocol.SMPP
    address: Annotated[Address, Meta(description="Where its SMSC listens; `http` has a `url` instead.")] = ""
    system_id: Annotated[
        SystemId, Meta(description="system_id of the bind, SMPP 3.4 §4.1.1; OAdC of the sign-on over UCP.")
    ] = ""
    password: Annotated[
        Password, Meta(extra=SECRET, description="Password of the bind, SMPP 3.4 §4.1.1, or of the sign-on over UCP.")
    ] = ""
    system_type: Annotated[SystemType, Meta(description="system_type of the bind, SMPP 3.4 §4.1.1.")] = ""
    bind: Annotated[
        Bind,
        Meta(description="One `transceiver` a link, or a pair `transmitter+receiver` a link; over UCP no pairs."),
    ] = Bind.TRANSCEIVER
    binds: Annotated[int, Meta(ge=1, le=100, description="Links of this operator over all boxes.")] = 2
    window: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000,
            description="PDUs in flight per link; over UCP at most 100. `http`: requests under way per link. "
            "The profile's `window`, where it has one, is never exceeded.",
        ),
    ] = 100
    rate: Annotated[
        float,
        Meta(
            ge=0,
            description="PDUs per second over all links; 0 is unlimited. "
            "The profile's `rate`, where it has one, is never exceeded.",
        ),
    ] = 0.0
    paused: Annotated[
        bool,
        Meta(description="Send it nothing more; what is for it waits, its receipts and MO come in as before."),
    ] = False
    profile: Annotated[str, Meta(description="The profile that says how this SMSC behaves.")] = "default"
    source_ton: Annotated[
        Octet | None, Meta(description="source_addr_ton of every PDU; unset leaves what the message brought.")
    ] = None
    source_npi: Annotated[
        Octet | None, Meta(description="source_addr_npi of every PDU; unset leaves what the message brought.")
    ] = None
    dest_ton: Annotated[
        Octet | None, Meta(description="dest_addr_ton of every PDU; unset leaves what the message brought.")
    ] = None
    dest_npi: Annotated[
        Octet | None, Meta(description="dest_addr_npi of every PDU; unset leaves what the message brought.")
    ] = None
    recipient_prefix: Annotated[
        str,
        Meta(
            pattern=r"^(00)?$",
            extra={"expected": '"" or "00"'},
            description="UCP: what stands before an international recipient; `00` where the SMSC wants it.",
        ),
    ] = ""
    notify_address: Annotated[
        str,
        Meta(
            pattern=r"^[0-9]{0,16}$",
            extra={"expected": "at most 16 digits"},
            description="UCP: NAdC, where notifications are sent. Empty: to the sender of each message, "
            "which some SMSCs cannot do for one that is a name.",
        ),
    ] = ""
    session_init_s: Annotated[
        Seconds, Meta(description="How long a connection may take from dialling to bound, in seconds.")
    ] = 10.0
    enquire_link_s: Annotated[
        Seconds,
        Meta(
            description="Silence after which a link is probed with enquire_link, or operation 31 over UCP, in seconds."
        ),
    ] = 30.0
    response_s: Annotated[
        Seconds, Meta(description="How long a response may take before its request counts as unanswered, in seconds.")
    ] = 30.0
    reconnect_min_s: Annotated[
        Seconds, Meta(description="First pause before a lost link is dialled again, in seconds.")
    ] = 1.0
    reconnect_max_s: Annotated[
        Seconds, Meta(description="Longest pause between two dials; pauses double and are jittered, in seconds.")
    ] = 60.0
    max_validity_s: Annotated[
        Seconds, Meta(description="No message waits longer for this operator than this, in seconds.")
    ] = 2 * DAY_S
    unknown_s: Annotated[
        Seconds,
        Meta(description="A sent message without receipt becomes `unknown` after this, in seconds; it is not final."),
    ] = 3 * DAY_S
    retry_s: Annotated[
        tuple[Seconds, ...],
        Meta(
            min_length=1,
            description="Pauses before a message is tried again after a temporary refusal, in seconds; "
            "the last one repeats until its validity ends.",
        ),
    ] = (5.0, 30.0, 120.0, 600.0, 1_800.0)
    tls: Annotated[OperatorTls | None, Meta(description="TLS on its links.")] = None
    http: Annotated[OperatorHttp | None, Meta(description="Where an operator over HTTP is.")] = None

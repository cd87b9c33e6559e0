"""The settings of the calls to a client's web server.

It must never know what a call says.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from msgspec import Meta

from chappe.runtime.settings_operators import DAY_S
from chappe.runtime.settings_table import SECRET, Seconds, Table


class CallbackFormat(Enum):
    """Whose body shape a client's callbacks have."""

    CHAPPE = "chappe"
    KANNEL = "kannel"
    JASMIN = "jasmin"


class CallMethod(Enum):
    """How a web server of a client is asked, where its callbacks' shape leaves a choice."""

    GET = "get"
    POST = "post"


class CallbackEvent(Enum):
    """What a client may be called back for."""

    STATUS = "message.status"
    INBOUND = "message.inbound"


WebhookSecret = Annotated[
    str,
    Meta(
        pattern=r"^(whsec_)?[A-Za-z0-9+/]+=*$",
        extra={**SECRET, "expected": "whsec_ and base64, as in whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
    ),
]


class ClientCallback(Table, frozen=True, kw_only=True):
    """Where and how a client is called back: for the messages that it sent over HTTP, and for MO routed to it."""

    url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^\s]+)?$",
            extra={"expected": "a URL http://… or https://…"},
            description="Where its callbacks are posted; without one only messages that bring a `callback_url` are "
            "told of.",
        ),
    ] = ""
    status_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^\s]+)?$",
            extra={"expected": "a URL http://… or https://…"},
            description="Where it is told of statuses, if not at `url`.",
        ),
    ] = ""
    secret: Annotated[
        WebhookSecret | None,
        Meta(extra=SECRET, description="Secret that signs its callbacks (Standard Webhooks); unset: none is signed."),
    ] = None
    previous_secrets: Annotated[
        tuple[WebhookSecret, ...],
        Meta(extra=SECRET, description="Older secrets that sign too, until the client knows the new one."),
    ] = ()
    format: Annotated[
        CallbackFormat, Meta(description="The shape of a callback's body: `chappe`, `kannel` or `jasmin`.")
    ] = CallbackFormat.CHAPPE
    method: Annotated[
        CallMethod,
        Meta(
            description="`get` or `post`: how `jasmin` hands on what handsets send, and statuses that name no method."
        ),
    ] = CallMethod.POST
    replies: Annotated[
        bool, Meta(description="A text in the answer to a message from a handset is sent to that handset.")
    ] = True
    events: Annotated[tuple[CallbackEvent, ...], Meta(min_length=1, description="What it is called back for.")] = (
        CallbackEvent.STATUS,
        CallbackEvent.INBOUND,
    )
    batch: Annotated[
        int,
        Meta(ge=1, le=10_000, description="Up to how many callbacks one body carries; beyond 1 the body is an array."),
    ] = 1
    max_connections: Annotated[
        int, Meta(ge=1, le=1_000, description="How many callbacks may be under way at the same time.")
    ] = 16
    timeout_s: Annotated[Seconds, Meta(description="How long an answer may take, connecting included, in seconds.")] = (
        15.0
    )
    retry_s: Annotated[
        tuple[Seconds, ...],
        Meta(
            min_length=1, description="Pauses before a refused callback is tried again, in seconds; the last one stays."
        ),
    ] = (5.0, 30.0, 120.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0)
    give_up_after_s: Annotated[
        Seconds,
        Meta(description="Age at which a callback that is still refused goes to the list of failed ones, in seconds."),
    ] = 3 * DAY_S
    allow_private: Annotated[
        bool,
        Meta(
            description="Its URLs may lead to loopback, private and other addresses that are not of the open internet. "
            "An address or `localhost` that `url` itself spells is allowed without it, at that port."
        ),
    ] = False

"""What callbacks say, in JSON: how a message fares, and what a handset sent.

This file must never know how a callback is posted.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chappe.wire.http.messages import FailureView, InboundView


class StatusData(msgspec.Struct, frozen=True, gc=False):
    """A status that a client's message has reached.

    `sequence` grows from one callback of a message to the next; it says nothing else.
    """

    id: str
    reference: str | None
    status: str
    final: bool
    sequence: int
    parts: int
    to: str
    operator: str | None
    failure: FailureView | None


class Callback(msgspec.Struct, frozen=True, gc=False):
    """One callback.  `id` is the same however often it is posted; `timestamp` is when it happened."""

    type: Literal["message.status", "message.inbound"]
    id: str
    timestamp: datetime
    data: StatusData | InboundView


class Reply(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A text for the handset that wrote."""

    text: Annotated[str, Meta(min_length=1)]


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What a client may say to `message.inbound` besides its 2xx; fields that we do not know are its own affair."""

    reply: Reply | None = None


class FailedView(msgspec.Struct, frozen=True, kw_only=True):
    """A callback that was given up.  `id` is its `webhook-id`; `message_id` is what it tells of."""

    id: str
    type: Literal["message.status", "message.inbound"]
    state: Literal["failed"]
    message_id: str
    status: str | None
    reference: str | None
    attempts: int
    reason: str
    failed_at: datetime


class FailedList(msgspec.Struct, frozen=True):
    """A page of failed callbacks, newest first; `next` is the cursor of the page that follows, null at the end."""

    data: Sequence[FailedView]
    next: str | None

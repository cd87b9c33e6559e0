"""What callbacks say, in JSON: how a message fares, and what a handset sent.

This file must never know how a callback is posted.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chappe.wire.http.messages import (
    FailureView,
    InboundView,
    IsFinal,
    MessageId,
    Moment,
    Reference,
    StatusWord,
    To,
)


class StatusData(msgspec.Struct, frozen=True, gc=False):
    """A status that a client's message has reached."""

    id: MessageId
    reference: Reference
    status: StatusWord
    final: IsFinal
    sequence: Annotated[int, Meta(description="Grows from one callback of a message to the next; it says no more.")]
    parts: Annotated[int, Meta(description="How many parts the message has.")]
    to: To
    operator: Annotated[str | None, Meta(description="The operator that took it; null before.")]
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


class NamedReply(msgspec.Struct, frozen=True):
    """A text for the handset whose message is one of a batch."""

    #: The callback's own id.
    id: str
    text: str


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What a client may say to `message.inbound` besides its 2xx; fields that we do not know are its own affair."""

    reply: Reply | None = None
    #: To a batch.
    replies: list[NamedReply] = []


class FailedView(msgspec.Struct, frozen=True, kw_only=True):
    """A callback that was given up."""

    id: Annotated[str, Meta(description="Its `webhook-id`.", examples=["msg_2816341877214479001"])]
    type: Annotated[Literal["message.status", "message.inbound"], Meta(description="What it tells of.")]
    state: Literal["failed"]
    message_id: Annotated[str, Meta(description="The message that it tells of.")]
    status: Annotated[str | None, Meta(description="The status that it tells; null for what a handset sent.")]
    reference: Reference
    attempts: Annotated[int, Meta(description="How often it was posted.")]
    reason: Annotated[str, Meta(description="What became of the last try.")]
    failed_at: Annotated[Moment, Meta(description="When it was given up.")]


class FailedList(msgspec.Struct, frozen=True):
    """A page of failed callbacks, newest first."""

    data: Sequence[FailedView]
    next: Annotated[str | None, Meta(description="The cursor of the page that follows; null at the end.")]


class Replayed(msgspec.Struct, frozen=True):
    """A callback that is posted again."""

    id: Annotated[str, Meta(description="Its `webhook-id`, as before.", examples=["msg_2816341877214479001"])]
    state: Annotated[Literal["waiting"], Meta(description="It waits for its turn.")]

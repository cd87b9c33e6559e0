"""Every operation of the client API, as declarations: what is asked, what is answered, and which refusals there are.

The OpenAPI document and the page for people are made of this table, and a test holds it against the routes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from chappe.model.lifecycle import Status
from chappe.wire.http.callbacks import FailedList, Replayed
from chappe.wire.http.messages import (
    Accepted,
    InboundList,
    MessageList,
    MessageView,
    NewMessage,
    Preview,
)
from chappe.wire.http.money import BalanceView
from chappe.wire.http.problems import Code
from chappe.wire.http.queries import CallbacksQuery, InboundQuery, MessagesQuery

#: Who asks for anything of a client's may hear these.
FOR_CLIENTS: Final = (
    Code.BAD_REQUEST,
    Code.NO_TOKEN,
    Code.WRONG_TOKEN,
    Code.NO_CERTIFICATE,
    Code.CLIENT_DISABLED,
    Code.HEAD_TOO_LARGE,
    Code.INTERNAL,
)
#: Who sends a body may hear these.
FOR_BODIES: Final = (
    Code.BODY_TOO_SLOW,
    Code.BODY_TOO_LARGE,
    Code.NOT_JSON_TYPE,
    Code.UNKNOWN_CODING,
    Code.MALFORMED_JSON,
    Code.INVALID_MESSAGE,
    Code.BUSY,
)

_ID: Final = "2816341877214478336"
_NEW: Final = {"to": "+37120000001", "from": "SHOP", "text": "Your code is 1234", "reference": "order-881"}
_SUMMARY: Final = {
    "id": _ID,
    "status": "delivered",
    "final": True,
    "encoding": "gsm7",
    "parts": 1,
    "reference": "order-881",
    "to": "+37120000001",
    "from": "SHOP",
    "operator": "three",
    "failure": None,
    "tags": [],
    "created_at": "2026-01-16T12:38:51.204Z",
    "expires_at": None,
    "updated_at": "2026-01-16T12:38:54.911Z",
}
_MESSAGE: Final = {
    **_SUMMARY,
    "parts": [{"number": 1, "status": "delivered", "operator_reference": "0a77f3"}],
    "price": None,
    "history": [
        {"status": "accepted", "at": "2026-01-16T12:38:51.204Z", "source": "client", "detail": None},
        {"status": "sent", "at": "2026-01-16T12:38:51.230Z", "source": "operator:three", "detail": "reference 0a77f3"},
        {"status": "delivered", "at": "2026-01-16T12:38:54.911Z", "source": "operator:three", "detail": "DELIVRD 000"},
    ],
}
_CANCELLED: Final = {
    **_MESSAGE,
    "status": "cancelled",
    "operator": None,
    "parts": [{"number": 1, "status": "cancelled", "operator_reference": None}],
    "history": [
        {"status": "accepted", "at": "2026-01-16T12:38:51.204Z", "source": "client", "detail": None},
        {"status": "cancelled", "at": "2026-01-16T12:38:54.911Z", "source": "client", "detail": None},
    ],
}


#: What each status means to a client.
STATUSES: Final[Mapping[Status, str]] = {
    Status.ACCEPTED: "It is on disk.",
    Status.SCHEDULED: "It waits for `send_at`.",
    Status.QUEUED: "It waits for its turn with an operator.",
    Status.SENDING: "It is just being handed over.",
    Status.SENT: "An operator has all of its parts.",
    Status.BUFFERED: "The operator keeps trying.",
    Status.DELIVERED: "The handset has it.",
    Status.FAILED: "The operator could not deliver it.",
    Status.EXPIRED: "Its time was over before it was delivered.",
    Status.REJECTED: "The operator did not want it.",
    Status.CANCELLED: "It was cancelled, or the operator deleted it.",
    Status.HELD: "Nobody knows what became of it: a receipt or a person decides.",
    Status.UNKNOWN: "It was sent, and no receipt came for long. One may still come.",
}


class Many(msgspec.Struct, frozen=True):
    """Many of a shape under one key: `{"messages":[…]}`."""

    of: Sequence[str]
    most: int = 0


class Example(msgspec.Struct, frozen=True):
    """One request and its answer; `target` is path and query, where `{id}` stands for a message's id."""

    target: str
    answer: Any
    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = {}


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method at one path."""

    method: str
    path: str
    name: str
    title: str
    words: str
    query: type | None = None
    bodies: Sequence[type | Many] = ()
    has_key: bool = False
    #: Operation → where in the answer its `{id}` stands.
    leads_to: Mapping[str, str] = {}
    #: What `{id}` of the path names.
    id_words: str = "The message's id."
    status: int = 200
    answers: Sequence[type | Many]
    answer_words: str
    refusals: Sequence[Code]
    example: Example


OPERATIONS: Final[Sequence[Operation]] = (
    Operation(
        method="POST",
        path="/v1/messages",
        name="sendMessages",
        title="Send messages",
        words='One message, or up to 10,000 as `{"messages":[…]}`, of which each stands or falls alone: the answer '
        "tells of each in order that it was accepted, or its own problem. It comes when every accepted message is "
        "on disk, synced. If none was accepted the answer is a problem: the first message's where only time is the "
        "cure, else `none_accepted` with the problems of all.",
        bodies=(NewMessage, Many(("NewMessage",), most=10_000)),
        has_key=True,
        status=202,
        answers=(Accepted, Many(("Accepted", "Problem"))),
        answer_words="On disk; of many messages at least one.",
        leads_to={"getMessage": "/id", "cancelMessage": "/id"},
        refusals=(
            *FOR_CLIENTS,
            *FOR_BODIES,
            Code.TOO_MANY_MESSAGES,
            Code.KEY_RUNNING,
            Code.INVALID_KEY,
            Code.KEY_REUSED,
            Code.NONE_ACCEPTED,
            Code.NO_ROUTE,
            Code.SENDER_REFUSED,
            Code.BLOCKED,
            Code.OPTED_OUT,
            Code.NOT_STORABLE,
            Code.NO_CREDIT,
            Code.CREDIT_LATER,
            Code.RATE_EXCEEDED,
            Code.QUEUE_FULL,
            Code.STORE_AWAY,
            Code.DRAINING,
        ),
        example=Example(
            "/v1/messages",
            {
                "id": _ID,
                "status": "accepted",
                "final": False,
                "encoding": "gsm7",
                "parts": 1,
                "reference": "order-881",
            },
            202,
            _NEW,
            {"Idempotency-Key": "order-881-code"},
        ),
    ),
    Operation(
        method="GET",
        path="/v1/messages",
        name="listMessages",
        title="List messages",
        words="This client's messages, newest first, whichever door they came by. One call does a bounded amount of "
        "work: a page may hold fewer than `limit`, or none, and `next` leads on all the same.",
        query=MessagesQuery,
        leads_to={"getMessage": "/data/0/id"},
        answers=(MessageList,),
        answer_words="A page.",
        refusals=(*FOR_CLIENTS, Code.INVALID_QUERY, Code.STORE_AWAY, Code.BUSY),
        example=Example("/v1/messages?reference=order-881&limit=1", {"data": [_SUMMARY], "next": "JxXaE4IoAAHfyr0O"}),
    ),
    Operation(
        method="POST",
        path="/v1/messages/preview",
        name="previewMessage",
        title="Preview a message",
        words="Judges a message exactly as sending would, and keeps nothing: its alphabet, its parts, and the one "
        "character that decided.",
        bodies=(NewMessage,),
        answers=(Preview,),
        answer_words="What it would be.",
        refusals=(
            *FOR_CLIENTS,
            *FOR_BODIES,
            Code.NO_ROUTE,
            Code.SENDER_REFUSED,
            Code.BLOCKED,
            Code.OPTED_OUT,
            Code.STORE_AWAY,
            Code.RATE_EXCEEDED,
            Code.QUEUE_FULL,
        ),
        example=Example(
            "/v1/messages/preview",
            {
                "encoding": "ucs2",
                "characters": 14,
                "units": 14,
                "parts": 1,
                "per_part": 70,
                "forced_by": "ķ",
                "route": "three",
                "part_texts": ["Paldies, Miķel"],
            },
            body={"to": "+37120000001", "from": "SHOP", "text": "Paldies, Miķel"},
        ),
    ),
    Operation(
        method="GET",
        path="/v1/messages/{id}",
        name="getMessage",
        title="Look one message up",
        words="By its id as this door gave it, or as SMPP did in the client's `id_form`. A message of another client "
        "is not there.",
        answers=(MessageView,),
        answer_words="The message, its parts and its whole history.",
        refusals=(*FOR_CLIENTS, Code.NO_SUCH_ROUTE, Code.NO_SUCH_MESSAGE, Code.STORE_AWAY),
        example=Example("/v1/messages/{id}", _MESSAGE),
    ),
    Operation(
        method="DELETE",
        path="/v1/messages/{id}",
        name="cancelMessage",
        title="Cancel a message",
        words="Succeeds while it only waits, and may be asked again; once an operator's link holds it, some of it has "
        "left or it has ended it is too late.",
        answers=(MessageView,),
        answer_words="The message, cancelled.",
        refusals=(*FOR_CLIENTS, Code.NO_SUCH_ROUTE, Code.NO_SUCH_MESSAGE, Code.TOO_LATE, Code.STORE_AWAY),
        example=Example("/v1/messages/{id}", _CANCELLED),
    ),
    Operation(
        method="GET",
        path="/v1/inbound",
        name="listInbound",
        title="List what handsets sent",
        words="Messages from handsets to this client, newest first, whichever way they are delivered, and whether "
        "they are delivered yet or not.",
        query=InboundQuery,
        answers=(InboundList,),
        answer_words="A page.",
        refusals=(*FOR_CLIENTS, Code.INVALID_QUERY, Code.STORE_AWAY, Code.BUSY),
        example=Example(
            "/v1/inbound?to=12345&limit=1",
            {
                "data": [
                    {
                        "id": "2816341877214478999",
                        "from": "+37120000001",
                        "to": "12345",
                        "text": "VOTE 5",
                        "keyword": "VOTE",
                        "operator": "three",
                        "received_at": "2026-01-16T12:40:07.118Z",
                        "possible_duplicate": False,
                        "data_coding": 0,
                        "binary": None,
                        "udh": None,
                    }
                ],
                "next": None,
            },
        ),
    ),
    Operation(
        method="GET",
        path="/v1/balance",
        name="getBalance",
        title="Look up what may still be spent",
        words="What is left of the client's credit at this moment, in money or in parts; messages that are accepted "
        "are taken off, what no operator took has come back.",
        answers=(BalanceView,),
        answer_words="What is left; nulls for a client without a limit.",
        refusals=(*FOR_CLIENTS, Code.STORE_AWAY),
        example=Example("/v1/balance", {"balance": None, "parts": 4812}),
    ),
    Operation(
        method="GET",
        path="/v1/callbacks",
        name="listCallbacks",
        title="List failed callbacks",
        words="Callbacks to this client that were given up after days, newest first.",
        query=CallbacksQuery,
        leads_to={"replayCallback": "/data/0/id"},
        answers=(FailedList,),
        answer_words="A page.",
        refusals=(*FOR_CLIENTS, Code.INVALID_QUERY, Code.STORE_AWAY),
        example=Example(
            "/v1/callbacks?state=failed&limit=1",
            {
                "data": [
                    {
                        "id": "msg_2816341877214479001",
                        "type": "message.status",
                        "state": "failed",
                        "message_id": _ID,
                        "status": "delivered",
                        "reference": "order-881",
                        "attempts": 31,
                        "reason": "connection refused",
                        "failed_at": "2026-01-19T12:39:02.448Z",
                    }
                ],
                "next": None,
            },
        ),
    ),
    Operation(
        method="POST",
        path="/v1/callbacks/{id}/replay",
        name="replayCallback",
        title="Post a failed callback again",
        words="It is posted as if it had never been tried, under the name that it had.",
        id_words="The callback's `webhook-id`.",
        status=202,
        answers=(Replayed,),
        answer_words="It waits for its turn.",
        refusals=(*FOR_CLIENTS, Code.NO_SUCH_ROUTE, Code.NO_SUCH_CALLBACK, Code.STORE_AWAY),
        example=Example(
            "/v1/callbacks/msg_2816341877214479001/replay",
            {"id": "msg_2816341877214479001", "state": "waiting"},
            202,
        ),
    ),
)

"""Problems: the one shape of every refusal over HTTP.  RFC 9457.

A `code` is part of the API: programs compare it, so one that was published never changes its meaning.
This file must never know which message or client a problem is about.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

CONTENT_TYPE: Final = "application/problem+json"


class Code(Enum):
    """Every problem there is: its `code`, HTTP status and title.  docs/http.md tells when each happens."""

    BAD_REQUEST = ("bad_request", 400, "The request is no HTTP/1.1")
    NO_TOKEN = ("no_token", 401, "A bearer token is needed")
    WRONG_TOKEN = ("wrong_token", 401, "The bearer token is not valid")
    NO_CERTIFICATE = ("no_certificate", 401, "The client's certificate is needed")
    NO_CREDIT = ("no_credit", 402, "The client's credit is used up")
    CLIENT_DISABLED = ("client_disabled", 403, "The client is disabled")
    NO_SUCH_ROUTE = ("no_such_route", 404, "There is nothing at this path")
    NO_SUCH_MESSAGE = ("no_such_message", 404, "There is no such message")
    NO_SUCH_CALLBACK = ("no_such_callback", 404, "There is no such failed callback")
    METHOD_NOT_ALLOWED = ("method_not_allowed", 405, "The method is not allowed here")
    BODY_TOO_SLOW = ("body_too_slow", 408, "The body did not arrive in time")
    TOO_LATE = ("too_late", 409, "The message can no longer be cancelled")
    KEY_RUNNING = ("key_running", 409, "The request is being answered")
    BODY_TOO_LARGE = ("body_too_large", 413, "The body is too large")
    TOO_MANY_MESSAGES = ("too_many_messages", 413, "The body holds too many messages")
    NOT_JSON_TYPE = ("not_json_type", 415, "The body must be application/json")
    UNKNOWN_CODING = ("unknown_coding", 415, "The content coding is not understood")
    MALFORMED_JSON = ("malformed_json", 422, "The body is not JSON")
    INVALID_MESSAGE = ("invalid_message", 422, "A field of the message is wrong")
    INVALID_QUERY = ("invalid_query", 422, "A parameter of the query is wrong")
    INVALID_KEY = ("invalid_key", 422, "The Idempotency-Key is wrong")
    KEY_REUSED = ("key_reused", 422, "The Idempotency-Key was used for another body")
    NONE_ACCEPTED = ("none_accepted", 422, "None of the messages was accepted")
    NO_ROUTE = ("no_route", 422, "No route takes the message")
    SENDER_REFUSED = ("sender_refused", 422, "The sender may not be used")
    BLOCKED = ("blocked", 422, "A block list has the message")
    OPTED_OUT = ("opted_out", 422, "The handset wants no more messages")
    NOT_STORABLE = ("not_storable", 422, "The message cannot be stored")
    RATE_EXCEEDED = ("rate_exceeded", 429, "The client's rate is used up")
    CREDIT_LATER = ("credit_later", 429, "The client's credit is being fetched")
    QUEUE_FULL = ("queue_full", 429, "Too many messages of the client are not yet final")
    HEAD_TOO_LARGE = ("head_too_large", 431, "The head of the request is too large")
    INTERNAL = ("internal", 500, "The gateway failed to answer")
    STORE_AWAY = ("store_away", 503, "The gateway cannot store messages now")
    DRAINING = ("draining", 503, "The gateway is stopping")
    BUSY = ("busy", 503, "The gateway reads too many large bodies now")

    def __init__(self, word: str, http_status: int, title: str) -> None:
        self.word = word
        self.http_status = http_status
        self.title = title


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field; `pointer` leads to it in the body that the client sent.  RFC 6901."""

    pointer: Annotated[
        str,
        Meta(
            description="Where in the body (RFC 6901); behind a question mark the parameter of a query.",
            examples=["/messages/3/to"],
        ),
    ]
    detail: Annotated[str, Meta(description="What is wrong there.")]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal.  RFC 9457."""

    type: Annotated[str, Meta(description="`urn:chappe:problem:` and the code.")]
    title: Annotated[str, Meta(description="What the code means.")]
    status: Annotated[int, Meta(description="The HTTP status.")]
    detail: Annotated[str, Meta(description="What is wrong this time.")]
    code: Annotated[str, Meta(description="For programs.", extra_json_schema={"enum": [code.word for code in Code]})]
    request_id: Annotated[str, Meta(description="Quote it when you ask about a refusal.")]
    errors: Annotated[Sequence[FieldError], Meta(description="Each field that is wrong.")] = ()


class BulkProblem(Problem, frozen=True, kw_only=True):
    """The refusal of a body of which no message was accepted."""

    messages: Annotated[Sequence[Problem], Meta(description="Of each message why, in order.")]


class Refusal(msgspec.Struct, frozen=True):
    """Why a request or one message of it is refused; it becomes a `Problem` when its request has a name.

    `retry_after_s` is 0 where trying again later is no cure.
    """

    code: Code
    detail: str
    errors: tuple[FieldError, ...] = ()
    retry_after_s: float = 0.0


def problem_of(refusal: Refusal, request_id: str) -> Problem:
    """Write a refusal as clients read it."""
    code = refusal.code
    return Problem(
        type=f"urn:chappe:problem:{code.word}",
        title=code.title,
        status=code.http_status,
        detail=refusal.detail,
        code=code.word,
        request_id=request_id,
        errors=refusal.errors,
    )


def problem_of_all(refusals: Sequence[Refusal], request_id: str) -> BulkProblem:
    """Write that every message of a body was refused."""
    told = [problem_of(each, request_id) for each in refusals]
    whole = problem_of(Refusal(Code.NONE_ACCEPTED, f"All {len(told)} messages were refused."), request_id)
    return BulkProblem(**msgspec.structs.asdict(whole), messages=told)


def below(refusal: Refusal, prefix: str) -> Refusal:
    """The same refusal, its pointers leading into the part of the body at `prefix`, as in `/messages/3`."""
    errors = tuple(FieldError(prefix + error.pointer, error.detail) for error in refusal.errors)
    return Refusal(refusal.code, refusal.detail, errors, refusal.retry_after_s)

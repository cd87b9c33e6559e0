"""`POST /v1/messages`: bodies become messages on disk, and each is answered when it is there.

A 202 follows the commit of what it accepts.  It must never know who may post: that was seen at the door.
"""

from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Final

from chappe.clients.account import Account
from chappe.clients.http_intake import Intake
from chappe.clients.http_repeats import Repeats
from chappe.clients.http_replies import encode, found, refuse, refuse_all, request_id
from chappe.crash import ARMED, CrashPoint, reach
from chappe.net import http_limits as limits
from chappe.net.http_message import BodyFault, Reply, Request
from chappe.wire.http import posted
from chappe.wire.http.messages import Accepted, NewMessage
from chappe.wire.http.problems import Code, Refusal, problem_of

#: Messages of one body that are judged and stored at once: others have their turn in between.
SLICE_MESSAGES: Final = 500
BUSY_RETRY_S: Final = 1.0
#: Says that an answer is that of an earlier request.
REPLAYED: Final = b"Idempotency-Replayed: true\r\n"


class Posting:
    """Takes bodies in."""

    def __init__(self, intake: Intake, repeats: Repeats) -> None:
        self._intake = intake
        self._repeats = repeats
        #: Connections end with their answers.
        self.is_draining = False

    def post(self, request: Request, account: Account) -> Reply | Awaitable[Reply] | None:
        """One message, or many of which each stands or falls alone."""
        read = body_refusal(request) or posted.read(request.body)
        if isinstance(read, Refusal):
            return refuse(read)
        if "idempotency-key" in request.headers:
            return self._post_once(request, account, read)
        if isinstance(read, posted.Bulk):
            return self._post_many(read.messages, account)
        refusal = self._intake.take_one(read, account, partial(self._tell, request))
        return None if refusal is None else refuse(refusal)

    def _tell(self, request: Request, outcome: Accepted | Refusal) -> None:
        request.answer(refuse(outcome) if isinstance(outcome, Refusal) else self._accepted(encode(outcome)))

    def preview(self, request: Request, account: Account) -> Reply:
        """What one message would be; nothing of it is kept."""
        read = body_refusal(request) or posted.read_one(request.body)
        judged = read if isinstance(read, Refusal) else self._intake.preview(read, account)
        return refuse(judged) if isinstance(judged, Refusal) else found(judged)

    async def _post_many(self, messages: Sequence[posted.Posted], account: Account) -> Reply:
        results: list[Accepted | Refusal] = []
        for start in range(0, len(messages), SLICE_MESSAGES):
            results += await self._intake.take(messages[start : start + SLICE_MESSAGES], account, start)
        refusals = [each for each in results if isinstance(each, Refusal)]
        if not refusals:
            return self._accepted(encode({"messages": results}))
        if len(refusals) == len(results):
            return refuse_all(refusals)
        number = request_id()
        told = [problem_of(each, number) if isinstance(each, Refusal) else each for each in results]
        return self._accepted(encode({"messages": told}))

    async def _post_once(self, request: Request, account: Account, read: NewMessage | posted.Bulk) -> Reply:
        """The same key and body get the same answer."""
        is_bulk = isinstance(read, posted.Bulk)
        messages: Sequence[posted.Posted] = read.messages if isinstance(read, posted.Bulk) else [read]
        key, slices = request.headers["idempotency-key"], SLICE_MESSAGES if is_bulk else 0
        taken = await self._repeats.take(messages, account, key, request.body, request_id(), slices)
        if isinstance(taken, Refusal):
            return refuse(taken)
        if isinstance(taken, list):
            return refuse_all(taken) if is_bulk else refuse(taken[0])
        body = b'{"messages":[%b]}' % b",".join(taken.answers) if is_bulk else taken.answers[0]
        return Reply(202, body, headers=REPLAYED if taken.is_repeat else b"", closes=self.is_draining)

    def _accepted(self, body: bytes) -> Reply:
        if ARMED is not None:
            reach(CrashPoint.BEFORE_HTTP_ANSWER)
        return Reply(202, body, closes=self.is_draining)


def body_refusal(request: Request) -> Refusal | None:
    """Why the body is none that is read; None where it is there, and said to be JSON."""
    headers = request.headers
    content_type = headers.get("content-type", "")
    if content_type != "application/json" and content_type.partition(";")[0].strip().lower() != "application/json":
        return Refusal(Code.NOT_JSON_TYPE, "Send the header Content-Type: application/json.")
    if headers.get("content-encoding", "identity").lower() != "identity":
        return Refusal(Code.UNKNOWN_CODING, "Send the body without Content-Encoding.")
    return None if request.body_fault is None else _refusal_of(request.body_fault)


def _refusal_of(fault: BodyFault) -> Refusal:
    match fault:
        case BodyFault.TOO_LARGE:
            return Refusal(Code.BODY_TOO_LARGE, f"A body has at most {limits.MAX_BODY} octets.")
        case BodyFault.TOO_SLOW:
            return Refusal(Code.BODY_TOO_SLOW, "The body did not arrive in time.")
        case BodyFault.TOO_MANY:
            return Refusal(Code.BUSY, "Other large bodies are being read; try again.", (), BUSY_RETRY_S)
        case BodyFault.BROKEN | BodyFault.UNWANTED:
            return Refusal(Code.MALFORMED_JSON, "The body is broken off, or its chunks are none.")

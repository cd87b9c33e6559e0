"""The client node over HTTP: clients hand messages in as JSON and look what became of them.

Reads messages; writes messages and `operator:NAME`.  A 202 follows the commit of what it accepts.
"""

import asyncio
import math
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import Final

import msgspec

from chappe.clients.account import Account
from chappe.clients.finding import find_known
from chappe.clients.http_intake import STORE_AWAY, Intake
from chappe.clients.http_repeats import Repeats
from chappe.clients.http_translate import Path
from chappe.clients.http_view import view_of
from chappe.crash import ARMED, CrashPoint, reach
from chappe.model.events import EventName
from chappe.model.ids import IdMaker
from chappe.net import http_limits as limits
from chappe.net.http_message import NO_STORE, BodyFault, Reply, Request
from chappe.net.http_routes import Route
from chappe.net.http_server import HttpServer
from chappe.net.http_status import health_routes
from chappe.observe.health import Health
from chappe.rules.decide import Routes
from chappe.runtime.clock import Clock
from chappe.runtime.node import Notes
from chappe.store.port import Store, StoreAway
from chappe.wire.http import posted
from chappe.wire.http.messages import Accepted, NewMessage
from chappe.wire.http.problems import CONTENT_TYPE, Code, Refusal, problem_of, problem_of_all

#: Paths of this door and what may be done at each.
MESSAGES: Final = "/v1/messages"
MESSAGE: Final = "/v1/messages/{id}"
METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    MESSAGES: ("POST",),
    MESSAGE: ("GET",),
    "/healthz": ("GET", "HEAD"),
    "/readyz": ("GET", "HEAD"),
}
#: What must be told by number → the problem that it is.
_CODE_BY_STATUS: Final = {
    each.http_status: each
    for each in (Code.BAD_REQUEST, Code.NO_SUCH_ROUTE, Code.METHOD_NOT_ALLOWED, Code.HEAD_TOO_LARGE, Code.INTERNAL)
}

#: Messages of one body that are judged and stored at once: others have their turn in between.
SLICE_MESSAGES: Final = 500
#: When to try again what nothing but time can cure, in seconds.
DRAINING_RETRY_S: Final = 5.0
BUSY_RETRY_S: Final = 1.0
TICK_S: Final = 0.5
#: Right Authorization lines that are remembered.
MAX_REMEMBERED: Final = 10_000
#: Ids have 63 bits.
_MAX_ID_DIGITS: Final = 19
_BEARER: Final = "bearer "

#: Says that an answer is that of an earlier request.
REPLAYED: Final = b"Idempotency-Replayed: true\r\n"
_CHALLENGE: Final = b'WWW-Authenticate: Bearer realm="chappe"\r\n'
#: After these nothing more is read from the connection.
_CLOSING: Final = frozenset({Code.BODY_TOO_LARGE, Code.BODY_TOO_SLOW, Code.DRAINING, Code.BUSY})

_encode = msgspec.json.Encoder().encode

ForClient = Callable[[Request, Account], Reply | Awaitable[Reply] | None]


class ClientHttpNode:
    """Serves all HTTP clients of this box."""

    def __init__(
        self,
        account_by_token: Mapping[str, Account],
        store: Store,
        routes: Callable[[], Routes],
        path_by_operator: Mapping[str, Path],
        ids: IdMaker,
        clock: Clock,
        health: Health,
    ) -> None:
        """`account_by_token` knows tokens by their SHA-256 in hexadecimal digits."""
        self._account_by_token = account_by_token
        #: Authorization lines that were right before: a digest for each request would cost more than its reading.
        self._account_by_header: dict[str, Account] = {}
        self._store = store
        self._clock = clock
        self._health = health
        self._notes = Notes(store, clock)
        self._intake = Intake(store, routes, path_by_operator, ids, clock, self._notes)
        self._repeats = Repeats(store, self._intake)
        #: Requests of clients whose answers are awaited.
        self._requests = 0
        self._server: HttpServer | None = None
        #: Others take in at the same address who is turned away here.
        self._is_shared = False
        self.is_draining = False

    # -- life of the node ---------------------------------------------------------------------------

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None, *, is_shared: bool = False) -> int:
        """Open the door, beside those of other processes if it `is_shared`; returns the port.  Raises: OSError."""
        self._server = HttpServer(self._routes(), self._refuse_stranger)
        self._is_shared = is_shared
        return await self._server.listen(host, port, tls, is_shared=is_shared)

    async def run(self) -> None:
        """Work until cancelled, then close the door: while others drain, `/readyz` says so."""
        assert self._server is not None
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._intake.run(), name="client-http accept")
                group.create_task(self._tick(), name="client-http tick")
        finally:
            await self._server.close()

    def turns(self) -> dict[str, int]:
        """Nothing waits here that would not be seen by whoever asked."""
        return {}

    async def drain(self, until: float) -> int:
        """Take no new messages; wait for those on their way to the store until `until` (monotonic).

        Returns how many requests have no answer yet.
        """
        if self._is_shared and self._server is not None:
            await self._server.shut()
        self.is_draining = True
        while (self._requests or self._intake.is_busy) and self._clock.monotonic() < until:
            await asyncio.sleep(0.02)
        return self._requests

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            await self._notes.write()

    # -- requests -----------------------------------------------------------------------------------

    def _routes(self) -> list[Route]:
        return [
            Route("POST", MESSAGES, partial(self._for_client, self._post), self._wants_body),
            Route("GET", MESSAGE, partial(self._for_client, self._get), self._wants_body),
            *health_routes(self._health),
        ]

    def _wants_body(self, request: Request) -> bool:
        """Bodies of strangers, and those that would come too late, are not read."""
        return not self.is_draining and isinstance(self._holder_of(request.headers.get("authorization", "")), Account)

    def _refuse_stranger(self, status: int, detail: str) -> Reply:
        """What is told to whoever asks for what is not there, or in no way that can be read."""
        return self._refuse(Refusal(_CODE_BY_STATUS[status], detail))

    def _for_client(self, answer: ForClient, request: Request) -> Reply | Awaitable[Reply] | None:
        """Answer a client that showed its token; anyone else hears that it must."""
        account = self._account_of(request)
        if isinstance(account, Refusal):
            return self._refuse(account, headers=_CHALLENGE if account.code.http_status == 401 else b"")
        reply = answer(request, account)
        return reply if reply is None or isinstance(reply, Reply) else self._awaited(reply)

    async def _awaited(self, answer: Awaitable[Reply]) -> Reply:
        self._requests += 1
        try:
            return await answer
        finally:
            self._requests -= 1

    def _account_of(self, request: Request) -> Account | Refusal:
        given = request.headers.get("authorization", "")
        account = self._account_by_header.get(given) or self._holder_of(given)
        if isinstance(account, Refusal) and account.code is Code.WRONG_TOKEN:
            self._notes.add(EventName.BIND_REFUSED, detail=f"HTTP {request.peer} sent a token that no client has")
        return account

    def _holder_of(self, given: str) -> Account | Refusal:
        """Whose token an Authorization line shows."""
        if given[:7].lower() != _BEARER:
            return Refusal(Code.NO_TOKEN, "Send the header Authorization: Bearer TOKEN.")
        digest = sha256(given[7:].strip().encode("utf-8", "surrogateescape")).hexdigest()
        account = self._account_by_token.get(digest)
        if account is None:
            return Refusal(Code.WRONG_TOKEN, "No client has this token.")
        if not account.is_enabled:
            return Refusal(Code.CLIENT_DISABLED, f"Client {account.name} is disabled.")
        if len(self._account_by_header) >= MAX_REMEMBERED:
            self._account_by_header.clear()
        self._account_by_header[given] = account
        return account

    async def _get(self, request: Request, account: Account) -> Reply:
        """One message of this client, by its id as HTTP or SMPP gave it; those of others are not there."""
        digits = request.args["id"]
        now_ms = self._clock.utc_us() // 1000
        try:
            text = digits if len(digits) <= _MAX_ID_DIGITS else ""
            lives = await find_known(self._store, account.name, text, account.id_form, now_ms)
        except StoreAway:
            return self._refuse(STORE_AWAY)
        for life in lives:
            if life.message is not None:
                return Reply(200, _encode(view_of(life, life.message)), headers=NO_STORE)
        return self._refuse(Refusal(Code.NO_SUCH_MESSAGE, f"{account.name} has no message {digits[:40]}."))

    # -- messages in --------------------------------------------------------------------------------

    def _post(self, request: Request, account: Account) -> Reply | Awaitable[Reply] | None:
        if self.is_draining:
            return self._refuse(Refusal(Code.DRAINING, "The gateway stops; try again.", (), DRAINING_RETRY_S))
        read = self._read(request)
        if isinstance(read, Refusal):
            return self._refuse(read)
        if "idempotency-key" in request.headers:
            return self._post_once(request, account, read)
        if isinstance(read, posted.Bulk):
            return self._post_many(read.messages, account)
        refusal = self._intake.take_one(read, account, partial(self._tell, request))
        return None if refusal is None else self._refuse(refusal)

    def _tell(self, request: Request, outcome: Accepted | Refusal) -> None:
        if isinstance(outcome, Refusal):
            request.answer(self._refuse(outcome))
        else:
            request.answer(self._accepted(_encode(outcome)))

    def _read(self, request: Request) -> NewMessage | posted.Bulk | Refusal:
        """The messages of a body, or why there are none."""
        headers = request.headers
        content_type = headers.get("content-type", "")
        if content_type != "application/json" and content_type.partition(";")[0].strip().lower() != "application/json":
            return Refusal(Code.NOT_JSON_TYPE, "Send the header Content-Type: application/json.")
        if headers.get("content-encoding", "identity").lower() != "identity":
            return Refusal(Code.UNKNOWN_CODING, "Send the body without Content-Encoding.")
        if request.body_fault is not None:
            return _body_refusal(request.body_fault)
        return posted.read(request.body)

    async def _post_many(self, messages: Sequence[posted.Posted], account: Account) -> Reply:
        """Each message stands or falls alone; where all fall and time is the only cure, the whole is told so."""
        results: list[Accepted | Refusal] = []
        for start in range(0, len(messages), SLICE_MESSAGES):
            results += await self._intake.take(messages[start : start + SLICE_MESSAGES], account, start)
        refusals = [each for each in results if isinstance(each, Refusal)]
        if not refusals:
            return self._accepted(_encode({"messages": results}))
        if len(refusals) == len(results):
            return self._refuse_all(refusals)
        request_id = _request_id()
        told = [problem_of(each, request_id) if isinstance(each, Refusal) else each for each in results]
        return self._accepted(_encode({"messages": told}))

    async def _post_once(self, request: Request, account: Account, read: NewMessage | posted.Bulk) -> Reply:
        """The same key and body get the same answer."""
        is_bulk = isinstance(read, posted.Bulk)
        messages: Sequence[posted.Posted] = read.messages if isinstance(read, posted.Bulk) else [read]
        key = request.headers["idempotency-key"]
        taken = await self._repeats.take(
            messages, account, key, request.body, _request_id(), SLICE_MESSAGES if is_bulk else 0
        )
        if isinstance(taken, Refusal):
            return self._refuse(taken)
        if isinstance(taken, list):
            return self._refuse_all(taken) if is_bulk else self._refuse(taken[0])
        body = b'{"messages":[%b]}' % b",".join(taken.answers) if is_bulk else taken.answers[0]
        return Reply(202, body, headers=REPLAYED if taken.is_repeat else b"", closes=self.is_draining)

    def _accepted(self, body: bytes) -> Reply:
        if ARMED is not None:
            reach(CrashPoint.BEFORE_HTTP_ANSWER)
        return Reply(202, body, closes=self.is_draining)

    # -- refusals -----------------------------------------------------------------------------------

    def _refuse_all(self, refusals: Sequence[Refusal]) -> Reply:
        if all(each.retry_after_s for each in refusals):
            return self._refuse(refusals[0])
        return Reply(422, _encode(problem_of_all(refusals, _request_id())), CONTENT_TYPE)

    def _refuse(self, refusal: Refusal, *, headers: bytes = b"") -> Reply:
        if refusal.retry_after_s:
            headers += b"Retry-After: %d\r\n" % math.ceil(refusal.retry_after_s)
        body = _encode(problem_of(refusal, _request_id()))
        code = refusal.code
        return Reply(code.http_status, body, CONTENT_TYPE, headers=headers, closes=code in _CLOSING)


def _body_refusal(fault: BodyFault) -> Refusal:
    """Why a body was not read."""
    match fault:
        case BodyFault.TOO_LARGE:
            return Refusal(Code.BODY_TOO_LARGE, f"A body has at most {limits.MAX_BODY} octets.")
        case BodyFault.TOO_SLOW:
            return Refusal(Code.BODY_TOO_SLOW, "The body did not arrive in time.")
        case BodyFault.TOO_MANY:
            return Refusal(Code.BUSY, "Other large bodies are being read; try again.", (), BUSY_RETRY_S)
        case BodyFault.BROKEN | BodyFault.UNWANTED:
            return Refusal(Code.MALFORMED_JSON, "The body is broken off, or its chunks are none.")


def _request_id() -> str:
    """What a client may quote when it asks about a refusal."""
    return os.urandom(8).hex()

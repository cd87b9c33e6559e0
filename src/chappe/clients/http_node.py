"""The client node over HTTP: clients hand messages in as JSON and look what became of them.

Reads messages; writes messages and `operator:NAME`.  A 202 follows the commit of what it accepts.
"""

import asyncio
import math
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import sha256
from typing import Final

import msgspec
from aiohttp.web_request import BaseRequest

from chappe.clients.account import Account
from chappe.clients.http_intake import STORE_AWAY, Intake
from chappe.clients.http_translate import Path
from chappe.clients.http_view import view_of
from chappe.clients.translate import ids_meant
from chappe.crash import ARMED, CrashPoint, reach
from chappe.model.events import EventName
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction
from chappe.model.message import Message
from chappe.net.http_server import (
    MAX_BODY,
    BodyTooLarge,
    BodyTooSlow,
    BrokenBody,
    HttpServer,
    Reply,
    TooManyBodies,
)
from chappe.net.http_status import health_answer
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

_CHALLENGE: Final = b'WWW-Authenticate: Bearer realm="chappe"\r\n'
_NO_STORE: Final = b"Cache-Control: no-store\r\n"
#: After these nothing more is read from the connection.
_CLOSING: Final = frozenset({Code.BODY_TOO_LARGE, Code.BODY_TOO_SLOW, Code.DRAINING, Code.BUSY})

_encode = msgspec.json.Encoder().encode


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
        #: Requests of clients that have no answer yet.
        self._requests = 0
        self._server: HttpServer | None = None
        self.is_draining = False

    # -- life of the node ---------------------------------------------------------------------------

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Open the door; returns the port.  Raises: OSError."""
        self._server = HttpServer(self._answer)
        return await self._server.listen(host, port, tls)

    async def run(self) -> None:
        """Work until cancelled, then close the door: while others drain, `/readyz` says so."""
        assert self._server is not None
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._server.keep_time(), name="client-http silence")
                group.create_task(self._tick(), name="client-http tick")
        finally:
            await self._server.close()

    async def drain(self, until: float) -> None:
        """Take no new messages; wait for those on their way to the store until `until` (monotonic)."""
        self.is_draining = True
        while self._requests and self._clock.monotonic() < until:
            await asyncio.sleep(0.02)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            await self._notes.write()

    # -- requests -----------------------------------------------------------------------------------

    async def _answer(self, request: BaseRequest) -> Reply:
        assert self._server is not None
        self._server.heard(request)
        path = request.raw_path.partition("?")[0]
        method = request.method
        if path == MESSAGES and method == "POST":
            return await self._for_client(request, self._post)
        if path.startswith("/v1/messages/") and method == "GET":
            return await self._for_client(request, self._get)
        if method in ("GET", "HEAD") and (health := health_answer(self._health, path)) is not None:
            return Reply(health[0], health[1].encode(), "text/plain; charset=utf-8", headers=_NO_STORE)
        return self._nothing_there(path, method)

    def _nothing_there(self, path: str, method: str) -> Reply:
        route = MESSAGE if path.startswith("/v1/messages/") and path.count("/") == 3 else path
        if route not in METHODS:
            return self._refuse(Refusal(Code.NO_SUCH_ROUTE, f"There is nothing at {path[:200]}."))
        allowed = ", ".join(METHODS[route])
        refusal = Refusal(Code.METHOD_NOT_ALLOWED, f"{method[:20]} is not allowed at {route}; {allowed} is.")
        return self._refuse(refusal, headers=f"Allow: {allowed}\r\n".encode("ascii"))

    async def _for_client(
        self, request: BaseRequest, answer: Callable[[BaseRequest, Account], Awaitable[Reply]]
    ) -> Reply:
        """Answer a client that showed its token; anyone else hears that it must."""
        account = self._account_of(request)
        if isinstance(account, Refusal):
            return self._refuse(account, headers=_CHALLENGE if account.code.http_status == 401 else b"")
        self._requests += 1
        try:
            return await answer(request, account)
        finally:
            self._requests -= 1

    def _account_of(self, request: BaseRequest) -> Account | Refusal:
        given = request.headers.get("Authorization", "")
        known = self._account_by_header.get(given)
        if known is not None:
            return known
        if given[:7].lower() != _BEARER:
            return Refusal(Code.NO_TOKEN, "Send the header Authorization: Bearer TOKEN.")
        digest = sha256(given[7:].strip().encode("utf-8", "surrogateescape")).hexdigest()
        account = self._account_by_token.get(digest)
        if account is None:
            self._notes.add(EventName.BIND_REFUSED, detail=f"HTTP {request.remote} sent a token that no client has")
            return Refusal(Code.WRONG_TOKEN, "No client has this token.")
        if not account.is_enabled:
            return Refusal(Code.CLIENT_DISABLED, f"Client {account.name} is disabled.")
        if len(self._account_by_header) >= MAX_REMEMBERED:
            self._account_by_header.clear()
        self._account_by_header[given] = account
        return account

    async def _get(self, request: BaseRequest, account: Account) -> Reply:
        """One message of this client, by its id as HTTP or SMPP gave it; those of others are not there."""
        digits = request.raw_path.partition("?")[0][len(MESSAGES) + 1 :]
        for message_id in ids_meant(digits, account.id_form) if len(digits) <= _MAX_ID_DIGITS else ():
            try:
                life = await self._store.find(message_id)
            except StoreAway:
                return self._refuse(STORE_AWAY)
            message = life.message if life is not None else None
            if life is not None and message is not None and _is_sent_by(message, account):
                return Reply(200, _encode(view_of(life, message)), headers=_NO_STORE)
        return self._refuse(Refusal(Code.NO_SUCH_MESSAGE, f"{account.name} has no message {digits[:40]}."))

    # -- messages in --------------------------------------------------------------------------------

    async def _post(self, request: BaseRequest, account: Account) -> Reply:
        if self.is_draining:
            return self._refuse(Refusal(Code.DRAINING, "The gateway stops; try again.", (), DRAINING_RETRY_S))
        read = await self._read(request)
        if isinstance(read, posted.Bulk):
            return await self._post_many(read.messages, account)
        if isinstance(read, Refusal):
            return self._refuse(read)
        result = (await self._intake.take([read], account))[0]
        if isinstance(result, Refusal):
            return self._refuse(result)
        return self._accepted(_encode(result))

    async def _read(self, request: BaseRequest) -> NewMessage | posted.Bulk | Refusal:
        """The messages of a body, or why there are none."""
        assert self._server is not None
        headers = request.headers
        content_type = headers.get("Content-Type", "")
        if content_type != "application/json" and content_type.partition(";")[0].strip().lower() != "application/json":
            return Refusal(Code.NOT_JSON_TYPE, "Send the header Content-Type: application/json.")
        if "Content-Encoding" in headers and headers["Content-Encoding"].lower() != "identity":
            return Refusal(Code.UNKNOWN_CODING, "Send the body without Content-Encoding.")
        try:
            return posted.read(await self._server.body_of(request))
        except BodyTooLarge:
            return Refusal(Code.BODY_TOO_LARGE, f"A body has at most {MAX_BODY} octets.")
        except BodyTooSlow:
            return Refusal(Code.BODY_TOO_SLOW, "The body did not arrive in time.")
        except TooManyBodies:
            return Refusal(Code.BUSY, "Other large bodies are being read; try again.", (), BUSY_RETRY_S)
        except BrokenBody as error:
            return Refusal(Code.MALFORMED_JSON, f"The body is broken off: {error}"[:200])

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


def _is_sent_by(message: Message, account: Account) -> bool:
    return message.client == account.name and message.direction is Direction.MT


def _request_id() -> str:
    """What a client may quote when it asks about a refusal."""
    return os.urandom(8).hex()

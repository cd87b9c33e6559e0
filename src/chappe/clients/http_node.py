"""The client node over HTTP: clients hand messages in as JSON and look what became of them.

Reads messages; writes messages and `operator:NAME`.  A 202 follows the commit of what it accepts.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final

from chappe.clients.account import Account
from chappe.clients.balance import balance_of
from chappe.clients.credit import Credits
from chappe.clients.doors import Doors
from chappe.clients.guests import Guest, Guests
from chappe.clients.http_callbacks import FailedCallbacks
from chappe.clients.http_holders import WRONG_TOKEN, Holders
from chappe.clients.http_intake import NO_CREDITS, Intake
from chappe.clients.http_lookup import Lookup
from chappe.clients.http_pages import DOCS, OPENAPI, page_routes
from chappe.clients.http_path import Path
from chappe.clients.http_posting import Posting
from chappe.clients.http_repeats import Repeats
from chappe.clients.http_replies import refuse
from chappe.model.events import EventName
from chappe.model.ids import IdMaker
from chappe.net.http_message import Reply, Request
from chappe.net.http_routes import Route
from chappe.net.http_server import HttpServer
from chappe.net.http_status import health_routes
from chappe.net.tls import Credentials
from chappe.observe.health import Health
from chappe.rules.admit import Policy
from chappe.runtime.clock import Clock
from chappe.runtime.node import Notes
from chappe.store.port import Store
from chappe.text.encoding import Encoding
from chappe.wire.http.problems import Code, Refusal

#: Paths of this door and what may be done at each.
MESSAGES: Final = "/v1/messages"
PREVIEW: Final = "/v1/messages/preview"
MESSAGE: Final = "/v1/messages/{id}"
INBOUND: Final = "/v1/inbound"
BALANCE: Final = "/v1/balance"
CALLBACKS: Final = "/v1/callbacks"
REPLAY: Final = "/v1/callbacks/{id}/replay"
METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    MESSAGES: ("POST", "GET"),
    PREVIEW: ("POST",),
    MESSAGE: ("GET", "DELETE"),
    INBOUND: ("GET",),
    BALANCE: ("GET",),
    CALLBACKS: ("GET",),
    REPLAY: ("POST",),
    OPENAPI: ("GET", "HEAD"),
    DOCS: ("GET", "HEAD"),
    "/healthz": ("GET", "HEAD"),
    "/readyz": ("GET", "HEAD"),
}
#: What must be told by number → the problem that it is.
_CODE_BY_STATUS: Final = {
    each.http_status: each
    for each in (Code.BAD_REQUEST, Code.NO_SUCH_ROUTE, Code.METHOD_NOT_ALLOWED, Code.HEAD_TOO_LARGE, Code.INTERNAL)
}

#: When to try again what nothing but time can cure, in seconds.
DRAINING_RETRY_S: Final = 5.0
TICK_S: Final = 0.5

Answering = Reply | Awaitable[Reply] | None
ForClient = Callable[[Request, Account], Answering]


class ClientHttpNode:
    """Serves all HTTP clients of this box."""

    def __init__(
        self,
        account_by_token: Mapping[str, Account],
        store: Store,
        policy: Callable[[], Policy],
        path_by_operator: Mapping[str, Path],
        ids: IdMaker,
        clock: Clock,
        health: Health,
        by_certificate: Sequence[Account] = (),
        until_us_by_token: Mapping[str, int] | None = None,
        guests: Sequence[Guest] = (),
        is_up: Callable[[str], bool] = lambda operator: True,
        credits_: Credits = NO_CREDITS,
    ) -> None:
        """`account_by_token` knows tokens by their SHA-256 in hexadecimal digits; others come `by_certificate`, and
        some tokens have been replaced and are good only until a moment in Unix µs.

        `guests` come with names, in the words of another gateway; `is_up(operator)`: it can be sent to now.
        """
        self._holders = Holders(account_by_token, by_certificate, until_us_by_token, clock.utc_us)
        self._clock = clock
        self._health = health
        self._notes = Notes(store, clock)
        self._intake = Intake(store, policy, path_by_operator, ids, clock, self._notes, credits_)
        repeats = Repeats(store, self._intake)
        self._posting = Posting(self._intake, repeats)
        self._guests = Guests(guests)
        self._doors = Doors(self._intake, repeats, self._guests, clock, is_up, partial(balance_of, store))
        #: Clients with a name and a password have had paths since the start.
        self._has_guest_paths = bool(guests)
        self._path_by_operator = path_by_operator
        self._encodings = _encodings(path_by_operator)
        self._lookup = Lookup(store, self._encodings, clock)
        self._callbacks = FailedCallbacks(store)
        #: Requests of clients whose answers are awaited.
        self._requests = 0
        self._server: HttpServer | None = None
        #: Others take in at the same address who is turned away here.
        self._is_shared = False
        self.is_draining = False

    # -- clients come and go ------------------------------------------------------------------------

    def take(
        self,
        account_by_token: Mapping[str, Account],
        by_certificate: Sequence[Account],
        until_us_by_token: Mapping[str, int],
        guests: Sequence[Guest],
    ) -> bool:
        """From now on these are the clients; requests that are being answered are.

        False: clients with a name and a password have no paths here before the next start.
        """
        self._holders.take(account_by_token, by_certificate, until_us_by_token)
        self._guests.take(guests)
        self._intake.forget_paths()
        self._encodings.clear()
        self._encodings.update(_encodings(self._path_by_operator))
        return self._has_guest_paths or not guests

    # -- life of the node ---------------------------------------------------------------------------

    async def listen(self, host: str, port: int, tls: Credentials | None = None, *, is_shared: bool = False) -> int:
        """Open a door, beside those of other processes if it `is_shared`; returns the port.  Raises: OSError."""
        if self._server is None:
            self._server = HttpServer(self._routes(), self._refuse_stranger)
        self._is_shared = is_shared
        return await self._server.listen(host, port, tls, failed=self._note_handshake, is_shared=is_shared)

    async def run(self) -> None:
        """Work until cancelled, then close the door: while others drain, `/readyz` says so."""
        assert self._server is not None
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._intake.run(), name="client-http accept")
                group.create_task(self._tick(), name="client-http tick")
        finally:
            await self._server.close()
            self._doors.close()

    def turns(self) -> dict[str, int]:
        """Nothing waits here that would not be seen by whoever asked."""
        return {}

    async def drain(self, until: float) -> int:
        """Take no new messages; wait for those on their way to the store until `until` (monotonic).

        Returns how many requests have no answer yet.
        """
        if self._is_shared and self._server is not None:
            await self._server.shut()
        self.is_draining = self._posting.is_draining = True
        self._doors.drain()
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
            self._route("POST", MESSAGES, self._post),
            self._route("GET", MESSAGES, self._lookup.messages),
            self._route("POST", PREVIEW, self._posting.preview),
            self._route("GET", MESSAGE, self._lookup.get),
            self._route("DELETE", MESSAGE, self._lookup.delete),
            self._route("GET", INBOUND, self._lookup.inbound),
            self._route("GET", BALANCE, self._lookup.balance),
            self._route("GET", CALLBACKS, self._callbacks.list),
            self._route("POST", REPLAY, self._callbacks.replay),
            *page_routes(),
            *self._doors.routes(self._counted),
            *health_routes(self._health),
        ]

    def _route(self, method: str, path: str, answer: ForClient) -> Route:
        """A route for clients that show their token."""
        return Route(method, path, partial(self._for_client, answer), self._wants_body)

    def _post(self, request: Request, account: Account) -> Reply | Awaitable[Reply] | None:
        if self.is_draining:
            return refuse(Refusal(Code.DRAINING, "The gateway stops; try again.", (), DRAINING_RETRY_S))
        return self._posting.post(request, account)

    def _wants_body(self, request: Request) -> bool:
        """Bodies of strangers, and those that would come too late, are not read."""
        return not self.is_draining and isinstance(self._holders.account_of(request), Account)

    def _refuse_stranger(self, status: int, detail: str) -> Reply:
        """What is told to whoever asks for what is not there, or in no way that can be read."""
        return refuse(Refusal(_CODE_BY_STATUS[status], detail))

    def _for_client(self, answer: ForClient, request: Request) -> Reply | Awaitable[Reply] | None:
        """Answer a client that showed its token; anyone else hears that it must."""
        account = self._account_of(request)
        if isinstance(account, Refusal):
            return refuse(account)
        return self._counted(answer(request, account))

    def _counted(self, reply: Answering) -> Answering:
        """An answer that is awaited holds up the end of the node."""
        return reply if reply is None or isinstance(reply, Reply) else self._awaited(reply)

    async def _awaited(self, answer: Awaitable[Reply]) -> Reply:
        self._requests += 1
        try:
            return await answer
        finally:
            self._requests -= 1

    def _account_of(self, request: Request) -> Account | Refusal:
        account = self._holders.account_of(request)
        if account is WRONG_TOKEN:
            self._notes.add(EventName.BIND_REFUSED, detail=f"HTTP {request.peer} sent a token that no client has")
        return account

    def _note_handshake(self, peer: str, why: str) -> None:
        self._notes.add(EventName.TLS_FAILED, detail=f"HTTP {peer} {why}")


def _encodings(path_by_operator: Mapping[str, Path]) -> dict[str, Encoding]:
    """Operator → how its data_coding 0 is to be read."""
    return {name: path.alphabets[0].encoding for name, path in path_by_operator.items() if path.alphabets}

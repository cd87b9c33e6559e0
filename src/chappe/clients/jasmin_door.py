"""The door for Jasmin's clients: `/send`, `/rate`, `/balance` and `/ping` as Jasmin's HTTP API answers them.

A yes follows the commit of what it accepts.  Judging and storing are those of our own API.
"""

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Final

import msgspec

from chappe.clients import jasmin_answers as answers
from chappe.clients.account import Account
from chappe.clients.door_message import DoorMessage
from chappe.clients.guests import Guest, Guests, may_enter
from chappe.clients.http_intake import Intake
from chappe.clients.http_repeats import Repeats
from chappe.clients.http_replies import request_id
from chappe.clients.jasmin_answers import Refused, refused_of, unauthorized
from chappe.clients.jasmin_request import BALANCE, RATE, SEND, Parameter, check, fields_of_request, message_of
from chappe.crash import ARMED, CrashPoint, reach
from chappe.net.http_message import Reply, Request
from chappe.runtime.clock import Clock
from chappe.store.port import StoreAway
from chappe.wire.http.forms import Fields
from chappe.wire.http.jasmin import uuid_of
from chappe.wire.http.messages import Accepted
from chappe.wire.http.money import BalanceView
from chappe.wire.http.problems import Refusal

METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    "/send": ("GET", "POST"),
    "/rate": ("GET", "POST"),
    "/balance": ("GET", "POST"),
    "/ping": ("GET",),
}

Answering = Reply | Awaitable[Reply] | None
BalanceOf = Callable[[Account], Awaitable[BalanceView]]
_NOT_DEFINED: Final = "ND"
_decode = msgspec.json.Decoder(Accepted).decode


class Wish(msgspec.Struct, frozen=True):
    """One thing that may be asked: its parameters, who does it, and how refusals are told."""

    parameters: Mapping[str, Parameter]
    do: Callable[[Request, Fields, Guest], Answering]
    refuse: Callable[[Refused], Reply]


class JasminDoor:
    """Answers requests."""

    def __init__(self, intake: Intake, repeats: Repeats, guests: Guests, clock: Clock, balance_of: BalanceOf) -> None:
        """`balance_of(account)` looks up what a client may still spend.  Raises: StoreAway."""
        self._intake = intake
        self._balance_of = balance_of
        self._repeats = repeats
        self._guests = guests
        self._clock = clock
        self.is_draining = False
        self._wishes = {
            "/send": Wish(SEND, self._send, answers.error),
            "/rate": Wish(RATE, self._rate, answers.json_error),
            "/balance": Wish(BALANCE, self._balance, answers.json_error),
        }

    def answer(self, request: Request) -> Answering:
        """One request."""
        if request.path == "/ping":
            return Reply(200, b"Jasmin/PONG", "text/html")
        wish = self._wishes[request.path]
        if self.is_draining:
            return answers.error(Refused(503, answers.NOT_NOW, 5.0), closes=True)
        if request.body_fault is not None:
            return answers.error(Refused(400, "The body could not be read."), closes=True)
        try:
            fields = fields_of_request(request)
            check(fields, wish.parameters)
            name, password = fields["username"], fields["password"]
            guest = self._guests.known(name, password)
            if guest is None:
                return self._answer_stranger(request, fields, wish)
            return self._answer_guest(request, fields, wish, guest)
        except Refused as refused:
            return wish.refuse(refused)

    async def _answer_stranger(self, request: Request, fields: Fields, wish: Wish) -> Reply:
        """Answer whose password was not seen before."""
        name, password = fields["username"], fields["password"]
        guest = await self._guests.check(name, password, request.peer, self._clock.monotonic())
        if guest is None:
            return wish.refuse(unauthorized(name))
        try:
            if wish.parameters is SEND:
                return await self._send_awaited(request, fields, guest)
            answer = self._answer_guest(request, fields, wish, guest)
        except Refused as refused:
            return wish.refuse(refused)
        assert answer is not None
        return answer if isinstance(answer, Reply) else await answer

    def _answer_guest(self, request: Request, fields: Fields, wish: Wish, guest: Guest) -> Answering:
        if not may_enter(guest, request.certificate):
            raise unauthorized(fields["username"])
        return wish.do(request, fields, guest)

    # -- what may be asked ----------------------------------------------------------------------------

    def _send(self, request: Request, fields: Fields, guest: Guest) -> Answering:
        message = message_of(fields, guest.sender, self._now_ms())
        if "idempotency-key" in request.headers:
            return self._send_once(request, guest, message)
        refusal = self._intake.take_one(message, guest.account, partial(self._tell, request))
        return None if refusal is None else answers.error(refused_of(refusal))

    def _tell(self, request: Request, outcome: Accepted | Refusal) -> None:
        request.answer(self._told(outcome))

    def _told(self, outcome: Accepted | Refusal) -> Reply:
        if isinstance(outcome, Refusal):
            return answers.error(refused_of(outcome))
        if ARMED is not None:
            reach(CrashPoint.BEFORE_HTTP_ANSWER)
        return answers.success(uuid_of(int(outcome.id)))

    async def _send_awaited(self, request: Request, fields: Fields, guest: Guest) -> Reply:
        """The same for who waits in a task already."""
        if not may_enter(guest, request.certificate):
            raise unauthorized(fields["username"])
        message = message_of(fields, guest.sender, self._now_ms())
        if "idempotency-key" in request.headers:
            return await self._send_once(request, guest, message)
        (outcome,) = await self._intake.take((message,), guest.account)
        return self._told(outcome)

    async def _send_once(self, request: Request, guest: Guest, message: DoorMessage) -> Reply:
        """The same key and request get the same answer, and nothing is sent twice."""
        key, asked = request.headers["idempotency-key"], request.query.encode("utf-8") + request.body
        taken = await self._repeats.take((message,), guest.account, key, asked, request_id(), 0)
        if isinstance(taken, Refusal):
            return answers.error(refused_of(taken))
        if isinstance(taken, list):
            return answers.error(refused_of(taken[0]))
        return answers.success(uuid_of(int(_decode(taken.answers[0]).id)))

    def _rate(self, request: Request, fields: Fields, guest: Guest) -> Reply:
        """What a message would be: its parts, and what each costs."""
        message = message_of(fields, guest.sender, self._now_ms(), needs_content=False)
        judged = self._intake.preview(message, guest.account)
        if isinstance(judged, Refusal):
            return answers.json_error(refused_of(judged))
        rate = 0.0 if judged.price is None else float(Decimal(judged.price.amount) / judged.parts)
        return answers.found({"unit_rate": rate, "submit_sm_count": judged.parts})

    async def _balance(self, request: Request, fields: Fields, guest: Guest) -> Reply:
        """What is left of money or of parts; ND, not defined, is what has no limit."""
        try:
            left = await self._balance_of(guest.account)
        except StoreAway:
            return answers.json_error(Refused(503, answers.NOT_NOW, 1.0))
        money = _NOT_DEFINED if left.balance is None else float(left.balance.amount)
        return answers.found({"balance": money, "sms_count": _NOT_DEFINED if left.parts is None else left.parts})

    def _now_ms(self) -> int:
        return self._clock.utc_us() // 1000

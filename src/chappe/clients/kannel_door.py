"""The door for Kannel's clients: `/cgi-bin/sendsms` as Kannel's smsbox answers it.

A yes follows the commit of what it accepts.  Judging and storing are those of our own API.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

import msgspec

from chappe.clients import kannel_answers as answers
from chappe.clients.door_message import DoorMessage
from chappe.clients.guests import Guest, Guests, may_enter
from chappe.clients.http_intake import Intake
from chappe.clients.http_repeats import Repeats
from chappe.clients.http_replies import request_id
from chappe.clients.kannel_answers import Answer, answer_of, reply
from chappe.clients.kannel_request import Refused, fields_of_post, is_page, messages_of
from chappe.crash import ARMED, CrashPoint, reach
from chappe.model.message import Item
from chappe.net.http_message import BodyFault, Reply, Request
from chappe.runtime.clock import Clock
from chappe.store.port import StoreAway
from chappe.wire.http.forms import Fields, fields_of
from chappe.wire.http.messages import Accepted
from chappe.wire.http.problems import Refusal

PATH: Final = "/cgi-bin/sendsms"
METHODS: Final = ("GET", "POST")

Answering = Reply | Awaitable[Reply] | None


class KannelDoor:
    """Answers requests."""

    def __init__(
        self, intake: Intake, repeats: Repeats, guests: Guests, clock: Clock, is_up: Callable[[str], bool]
    ) -> None:
        """`is_up(operator)` says whether an operator can be sent to now."""
        self._intake = intake
        self._repeats = repeats
        self._guests = guests
        self._clock = clock
        self._is_up = is_up
        self.is_draining = False

    def answer(self, request: Request) -> Answering:
        """One request."""
        if self.is_draining:
            return reply(answers.TRY_AGAIN, closes=True)
        if request.body_fault is not None:
            return reply(_answer_of_fault(request.body_fault, request), closes=True)
        try:
            is_post = request.method == "POST"
            fields = fields_of_post(request.headers, request.body) if is_post else fields_of(request.query)
        except Refused as refused:
            return reply(refused.answer)
        name, password = fields.get("username", fields.get("user")), fields.get("password", fields.get("pass"))
        if name is None or password is None:
            return reply(answers.UNAUTHORIZED)
        guest = self._guests.known(name, password)
        if guest is None:
            return self._answer_stranger(request, fields, name, password)
        return self._answer_guest(request, fields, guest)

    async def _answer_stranger(self, request: Request, fields: Fields, name: bytes, password: bytes) -> Reply:
        """Answer whose password was not seen before."""
        guest = await self._guests.check(name, password, request.peer, self._clock.monotonic())
        if guest is None:
            return reply(answers.UNAUTHORIZED)
        answer = self._answer_guest(request, fields, guest, waits=True)
        assert answer is not None
        return answer if isinstance(answer, Reply) else await answer

    def _answer_guest(self, request: Request, fields: Fields, guest: Guest, *, waits: bool = False) -> Answering:
        """Take what a client asks for; one that `waits` is answered by its task."""
        if not may_enter(guest, request.certificate):
            return reply(answers.UNAUTHORIZED)
        try:
            _check_receiver(fields, request)
            messages = messages_of(fields, guest.sender, self._clock.utc_us() // 1000)
        except Refused as refused:
            return reply(refused.answer)
        if "idempotency-key" in request.headers:
            return self._take_once(request, fields, guest, messages)
        if len(messages) > 1 or waits:
            return self._take_many(messages, guest)
        return self._take_one(request, messages[0], guest)

    def _take_one(self, request: Request, message: DoorMessage, guest: Guest) -> Reply | None:
        judged = self._intake.judge_one(message, guest.account)
        if isinstance(judged, Refusal):
            return reply(answer_of(judged))
        self._intake.store_one(judged, guest.account, partial(self._tell, request, judged))
        return None

    def _tell(self, request: Request, item: Item, outcome: Accepted | Refusal) -> None:
        request.answer(reply(answer_of(outcome) if isinstance(outcome, Refusal) else self._accepted(item)))

    async def _take_many(self, messages: Sequence[DoorMessage], guest: Guest) -> Reply:
        """All that can go are stored together; Kannel answers with what became of the first of them."""
        judged = self._intake.judge_together(messages, guest.account)
        if isinstance(judged, Refusal):
            return reply(answer_of(judged))
        items = [each for each in judged if isinstance(each, Item)]
        if not items:
            return reply(next(answer_of(each) for each in judged if isinstance(each, Refusal)))
        try:
            faults = await self._intake.store_items(guest.account.name, items)
        except StoreAway:
            return reply(answers.TRY_AGAIN)
        # To be asked twice is better than to promise what is not there.
        if any(fault is not None and fault.is_passing for fault in faults):
            return reply(answers.TRY_AGAIN)
        if all(fault is not None for fault in faults):
            return reply(answers.FAILED)
        return reply(self._accepted(items[0]))

    async def _take_once(
        self, request: Request, fields: Fields, guest: Guest, messages: Sequence[DoorMessage]
    ) -> Reply:
        """The same key and request get the same answer, and nothing is sent twice.

        What is asked may stand in headers too.  There is one answer for all receivers, so all are stored together.
        """
        key, asked = request.headers["idempotency-key"], msgspec.msgpack.encode(sorted(fields.items()))
        slices = len(messages) if len(messages) > 1 else 0
        taken = await self._repeats.take(messages, guest.account, key, asked, request_id(), slices)
        if isinstance(taken, Refusal):
            return reply(answer_of(taken))
        if isinstance(taken, list):
            return reply(answer_of(taken[0]))
        return reply(answers.ACCEPTED)

    def _accepted(self, item: Item) -> Answer:
        if ARMED is not None:
            reach(CrashPoint.BEFORE_HTTP_ANSWER)
        return answers.ACCEPTED if self._is_up(item.queue.partition(":")[2]) else answers.QUEUED


def _check_receiver(fields: Fields, request: Request) -> None:
    """Somebody must be named, and a page is not sent.  Raises: Refused."""
    is_post = request.method == "POST"
    if "to" not in fields:
        raise Refused(answers.MISSING_RECEIVERS if is_post else answers.MISSING_RECEIVER)
    if not fields["to"]:
        raise Refused(answers.EMPTY_RECEIVER)
    if is_post and is_page(request.headers):
        raise Refused(answers.UNSUPPORTED_TYPE)


def _answer_of_fault(fault: BodyFault, request: Request) -> Answer:
    match fault:
        case BodyFault.TOO_LARGE:
            return answers.TOO_LARGE
        case BodyFault.UNWANTED:
            return answers.TOO_LARGE if "content-length" in request.headers else answers.NO_LENGTH
        case BodyFault.TOO_MANY:
            return answers.TRY_AGAIN
        case BodyFault.TOO_SLOW | BodyFault.BROKEN:
            return answers.BAD_BODY

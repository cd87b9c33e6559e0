"""Connections of a simulated HTTP operator: those on which it is asked, and those on which it calls its customer.

It must never know what messages mean: submits go to the desk of the simulator, deliveries come from its outbox.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import msgspec
from yarl import URL

from chappe.sim.faults import NO_FAULT, LinkFault
from chappe.sim.http_shape import Account, Refused, Result, Shape, WebCall, reference_in, url_of
from chappe.sim.http_shapes import SHAPES
from chappe.sim.ledger import Kind
from chappe.sim.link import Link
from chappe.sim.outbox import ANYONE, Delivery
from chappe.sim.web_session import WebOver, WebRequest, WebSession
from chappe.wire.smpp.pdus import SubmitSm

if TYPE_CHECKING:
    from chappe.sim.smsc import SmscSimulator

#: What a call that nobody took is, in the words of the ledger.
_NO_ANSWER: Final = 0x08
_CALL_S: Final = 10.0
#: Messages that can be asked for.
_REMEMBERED: Final = 100_000


class Pending(msgspec.Struct):
    """A request whose messages are being answered one by one."""

    submits: list[SubmitSm]
    results: dict[int, Result] = {}


def account_of(smsc: "SmscSimulator") -> Account:
    """Who may ask, and how calls are proved."""
    options = smsc.options
    return Account(options.system_id, options.password, options.callback_secret, options.callback_name)


class HttpSmscLink(Link):
    """One connection of a customer."""

    def __init__(self, smsc: "SmscSimulator", number: int) -> None:
        self._smsc = smsc
        self._shape: Shape = SHAPES[smsc.options.shape]
        self._pending: dict[int, Pending] = {}
        self._of_number: dict[int, tuple[Pending, int]] = {}
        self._numbers = 0
        self.session: WebSession
        super().__init__(smsc, number)

    def new_session(self, now: float) -> WebSession:
        """A server's."""
        self.session = WebSession()
        return self.session

    def handlers(self) -> Mapping[type, Callable[[Any, float], None]]:
        """Who deals with which fact."""
        return {WebRequest: self._on_request, WebOver: self._on_over}

    def say_goodbye(self, now: float) -> None:
        """The connection ends."""
        self.is_over = True
        self._smsc.soil(self)

    def deliver(self, delivery: Delivery) -> None:
        """Nothing is delivered over a customer's connection."""

    def accept_bind(self, request: object) -> None:
        """There are no binds."""

    def refuse_bind(self, request: object, command_status: int) -> None:
        """There are no binds."""

    # -- for the desk -------------------------------------------------------------------------------

    def respond(self, sequence_number: int, pdu: Any) -> None:
        """One message of a request is taken."""
        self._remember(sequence_number)
        self._settle(sequence_number, pdu.message_id, 0)

    def refuse(self, sequence_number: int, command_status: int) -> None:
        """One is not."""
        self._settle(sequence_number, "", command_status)

    def drop(self, sequence_number: int) -> None:
        """Its request is never answered."""
        self._remember(sequence_number)
        self._of_number.pop(sequence_number, None)

    def _remember(self, number: int) -> None:
        """It was taken, and may be asked for."""
        pending, at = self._of_number[number]
        references = self._smsc.references
        references[reference_in(pending.submits[at])] = ""
        if len(references) > _REMEMBERED:
            del references[next(iter(references))]

    def _settle(self, number: int, message_id: str, status: int) -> None:
        found = self._of_number.pop(number, None)
        if found is None:
            return
        pending, at = found
        pending.results[at] = Result(pending.submits[at], message_id, status)
        if len(pending.results) == len(pending.submits):
            self.session.respond(self._shape.reply([pending.results[at] for at in range(len(pending.submits))]))
            self._smsc.soil(self)

    # -- facts --------------------------------------------------------------------------------------

    def _on_request(self, fact: WebRequest, now: float) -> None:
        lookup = getattr(self._shape, "lookup", None)
        told = lookup(fact, self._smsc.references) if lookup is not None else None
        if told is not None:
            self.session.respond(told)
            return
        try:
            submits = self._shape.submits(fact, account_of(self._smsc))
        except Refused as refused:
            self.session.respond(refused.reply)
            return
        pending = Pending(submits)
        for at, submit in enumerate(submits):
            self._numbers += 1
            self._of_number[self._numbers] = pending, at
            action = self._smsc.desk.receive(self, self._numbers, submit, now)
            if action is not NO_FAULT:
                self._smsc.enact(action, self, now)

    def _on_over(self, fact: WebOver, now: float) -> None:
        self.end()


class HttpCaller:
    """Calls the customer with receipts and messages; in the simulator's words a link that is always ready."""

    def __init__(self, smsc: "SmscSimulator", number: int) -> None:
        self.number = number
        self.system_id = ANYONE
        self.is_ready = True
        self._smsc = smsc
        self._shape: Shape = SHAPES[smsc.options.shape]
        self._tasks: set[asyncio.Task[None]] = set()
        window = smsc.options.receipt_window_pdus
        self._window = window
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=window), timeout=aiohttp.ClientTimeout(total=_CALL_S)
        )

    def room(self) -> int:
        """How many calls may begin."""
        return self._window - len(self._tasks)

    def deliver(self, delivery: Delivery) -> None:
        """Call."""
        self._smsc.delivering(self, delivery)
        task = asyncio.get_running_loop().create_task(self._call(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call(self, delivery: Delivery) -> None:
        account, options = account_of(self._smsc), self._smsc.options
        if delivery.kind is Kind.RECEIPT:
            call = self._shape.receipt(delivery, url_of(delivery), account)
        else:
            call = self._shape.mo(delivery, options.mo_url, account)
        status = await self._ask(call)
        now = self._smsc.now()
        self._tasks.discard(asyncio.current_task())
        self._smsc.delivered(self, delivery, status, now)
        self._smsc.finish_batch(now)

    async def _ask(self, call: WebCall) -> int:
        """0 when the customer has taken it."""
        url = URL(call.url, encoded=True)
        try:
            async with self._http.request(call.method, url, headers=call.headers, data=call.body or None) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return _NO_ANSWER
        is_taken = 200 <= answer.status < 300 and call.expected in body
        return 0 if is_taken else answer.status

    def strike(self, fault: LinkFault, now: float) -> None:
        """Faults of links strike those of customers."""

    def tick(self, now: float) -> None:
        """Nothing is due."""

    def flush(self, now: float) -> None:
        """Everything is written at once."""

    def close(self, now: float) -> None:
        """End calls under way."""
        for task in self._tasks:
            task.cancel()

    async def end(self) -> None:
        """Let go of all connections."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.close()

    def accept_bind(self, request: object) -> None:
        """There are no binds."""

    def refuse_bind(self, request: object, command_status: int) -> None:
        """There are no binds."""

"""What an operator over HTTP hands to us: its calls with receipts and with messages from handsets.

Who cannot prove to be the operator gets 401, and nothing of what it says is looked at.  A call is answered when all
that it carries is stored.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from chappe.model.events import EventName
from chappe.net.http_limits import SMALL_BODY
from chappe.net.http_message import Reply, Request
from chappe.net.http_routes import Route
from chappe.operators.http_translate import mo_of, report_of
from chappe.operators.inbound import Arrival, Inbound, MoArrival
from chappe.operators.link import Link
from chappe.operators.shape import HttpShape
from chappe.rules.dedup import content_of
from chappe.runtime.backoff import Backoff
from chappe.runtime.node import Notes
from chappe.store.port import Report
from chappe.wire.webapi.calls import CallForm, InboundForm, ReceiptForm, Unreadable
from chappe.wire.webapi.proofs import Proof, is_proved, signed_values
from chappe.wire.webapi.readers import Said

_BAD: Final = 400
_STRANGER: Final = Reply(401, b"Not authorised.\n", "text/plain", headers=b"WWW-Authenticate: Basic\r\n", closes=True)
#: One caller that is turned away in so many seconds is told of.
_TOLD_EVERY_S: Final = 1.0
#: Messages or receipts of one call.
MOST_ITEMS: Final = 10_000


class Called:
    """One call, until it is answered; to the rest of the node it is a peer."""

    __slots__ = ("_form", "_left", "_request", "_status", "is_lost", "name")

    def __init__(self, request: Request, form: CallForm, items: int) -> None:
        self._request = request
        self._form = form
        self._left = items
        self._status = 0
        self.is_lost = False
        self.name = request.peer

    def settled(self, status: int) -> None:
        """One of its items is stored (0), or is not; what may be tried again beats what may not."""
        self._left -= 1
        self._status = max(self._status, status)

    def flush(self) -> None:
        """Answer when nothing is left to wait for."""
        if self._left or self.is_lost:
            return
        self.is_lost = True
        form = self._form
        if self._status:
            self._request.answer(Reply(self._status, b"Not stored.\n", "text/plain"))
        else:
            self._request.answer(Reply(form.status, form.body.encode(), form.content_type))


class HttpInbound(Inbound):
    """Reports and MO of one operator."""

    permanent_status = _BAD

    def __init__(self, *terms: Any, notes: Notes) -> None:
        super().__init__(*terms)
        self._notes = notes
        assert self._wire.http is not None
        self._shape: HttpShape = self._wire.http
        inbound = self._shape.api.inbound
        self.has_identities = inbound is not None and inbound.identity is not None
        #: Calls are no link's: each is answered by itself.
        self._link = Link(0, Backoff(1.0, 1.0))
        self._told_at = -_TOLD_EVERY_S

    def routes(self) -> list[Route]:
        """Where calls come in.  Operators choose the method."""
        api = self._shape.api
        found: list[Route] = []
        for form, take in ((api.receipt, self._take_receipts), (api.inbound, self._take_messages)):
            if form is not None:
                answer = self._answering(form, take)
                found += [Route(method, form.path, answer, self._may_have_body) for method in ("GET", "POST")]
        return found

    def _answering(
        self, form: Any, take: Callable[[Called, Any, Said, Sequence[Any]], None]
    ) -> Callable[[Request], Reply | None]:
        def answer(request: Request) -> Reply | None:
            said = _said(request)
            if not self._is_proved(request, said):
                return self._turn_away(request)
            if request.body_fault is not None:
                return Reply(413, b"The body could not be read.\n", "text/plain", closes=True)
            items = said.items(form.items) if form.is_readable(said) else []
            if not form.is_readable(said) or len(items) > MOST_ITEMS:
                self._refused(request, "a body that cannot be read")
                return Reply(_BAD, b"The body cannot be read.\n", "text/plain")
            called = Called(request, form, len(items))
            take(called, form, said, items)
            called.flush()
            return None

        return answer

    def _may_have_body(self, request: Request) -> bool:
        """Strangers do not hold room; a signature is known only when the body is there."""
        rule = self._shape.callers
        if rule is not None and rule.proof is Proof.HMAC:
            length = request.headers.get("content-length", "")
            return length.isdecimal() and int(length) <= SMALL_BODY * 16
        return self._is_proved(request, _said(request))

    def _is_proved(self, request: Request, said: Said) -> bool:
        rule = self._shape.callers
        if rule is None:
            return False
        url = self._shape.public_url + request.path + (f"?{request.query}" if request.query else "")
        return is_proved(rule, said, signed_values(said, request.method, url) if rule.proof is Proof.HMAC else {})

    def _turn_away(self, request: Request) -> Reply:
        now = self._clock.monotonic()
        if now - self._told_at >= _TOLD_EVERY_S:
            self._told_at = now
            detail = f"{request.peer} {request.method} {request.path[:100]}: no proof"
            self._notes.add(EventName.CALLER_REFUSED, operator=self._operator, detail=detail)
        return _STRANGER

    def _refused(self, request: Request, why: str) -> None:
        self._notes.add(EventName.PDU_REFUSED, operator=self._operator, detail=f"{request.peer} {why}")

    # -- what they carry ----------------------------------------------------------------------------

    def _take_receipts(self, called: Called, form: ReceiptForm, said: Said, items: Sequence[Any]) -> None:
        now_ms = self._clock.utc_us() // 1000
        reports: list[tuple[Arrival, Report]] = []
        for item, new_id in zip(items, self._ids.take(len(items), now_ms), strict=True):
            try:
                told = form.read(said, item)
            except Unreadable as error:
                self._unreadable(called, error)
                continue
            arrival = self._arrival(called)
            reports.append((arrival, report_of(told, new_id, self._operator, self._wire, now_ms)))
        self.take_reports(reports)

    def _take_messages(self, called: Called, form: InboundForm, said: Said, items: Sequence[Any]) -> None:
        now_ms = self._clock.utc_us() // 1000
        for item, new_id in zip(items, self._ids.take(len(items), now_ms), strict=True):
            try:
                told = form.read(said, item)
            except Unreadable as error:
                self._unreadable(called, error)
                continue
            message = mo_of(told, new_id, self._operator)
            # Two parts of one text may bear one name.
            identity = told.identity.encode() + b"\0" + content_of(message) if told.identity else None
            self.take_mo(self._arrival(called), message, identity)

    def _arrival(self, called: Called) -> Arrival:
        return Arrival(self._link, called, 0, Called)  # type: ignore[arg-type]

    def _unreadable(self, called: Called, error: Unreadable) -> None:
        self._notes.add(EventName.PDU_REFUSED, operator=self._operator, detail=f"{called.name} {error}")
        called.settled(_BAD)

    def take(self, link: Link, peer: Any, requests: Sequence[Any]) -> None:
        """Nothing comes over the connections that we open."""

    def say_yes(self, arrival: Arrival) -> None:
        """One item of a call is stored."""
        self._called(arrival).settled(0)

    def say_no(self, arrival: Arrival, status: int) -> None:
        """One is not."""
        self._called(arrival).settled(status)

    def _called(self, arrival: Arrival) -> Called:
        called: Any = arrival.peer
        assert isinstance(called, Called)
        return called

    # -- repeats ------------------------------------------------------------------------------------

    def _remember(self, fresh: list[MoArrival]) -> None:
        """Whether an answer was read is never proved: callers close when they have it, or before.  A copy without a
        name of its own is a message of its own.
        """
        for mo in fresh:
            self._last_id = max(self._last_id, mo.item.id)
            self._note_turn(mo)

    def _remember_repeats(self, repeated: list[MoArrival]) -> None:
        """One lost answer explains one copy; the next one is a message of its own."""


def _said(request: Request) -> Said:
    charset = request.headers.get("content-type", "").lower().partition("charset=")[2].split(";")[0].strip(' "')
    return Said(request.body, headers=request.headers, query=request.query, charset=charset)

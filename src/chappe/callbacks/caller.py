"""The callbacks of one client: what may be posted now, what must wait, and for whom.

A host that fails is tried less and less often, and what waits for it keeps its place in the queue.  Callbacks of one
message go one after the other.  It must never write to the store; the node does, with the outcomes.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

import msgspec

from chappe.callbacks.formats import FORMATS, format_of
from chappe.callbacks.order import GO, KEPT, MessageOrder
from chappe.callbacks.terms import Outgoing, Piece, Terms
from chappe.model.ids import made_at_ms
from chappe.model.message import Item, Message, Receipt
from chappe.net.http_call import Answer, Call, Endpoint, endpoint_of
from chappe.net.http_calls import Calls
from chappe.rules.asked import asked_of
from chappe.rules.calling import GONE, Circuit, pause_s, retry_after_s
from chappe.rules.match import host_of
from chappe.runtime.batching import Gathered
from chappe.runtime.clock import Clock
from chappe.runtime.supervisor import Crash, each
from chappe.text.encoding import Encoding

#: Callbacks that are ready and have no connection yet, in connections' worth.
READY: Final = 4
#: A host that failed so often in a row will not take callbacks that are past their time either.
HOPELESS: Final = 10
#: While something waits for a host, its queue is looked at no more often than this, in seconds.
LOOK_AGAIN_S: Final = 1.0
#: How many items such a look takes.
LOOK_ITEMS: Final = 8
#: Hosts that are remembered.
MAX_REMEMBERED: Final = 20_000


_NONE: Final[frozenset[Circuit]] = frozenset()
_NO_REPLIES: Final[Mapping[int, str]] = {}


class Outcome(msgspec.Struct, gc=False):
    """What became of a callback: taken, to be tried again at `due_at_ms`, or given up."""

    item: Item
    is_taken: bool
    due_at_ms: int = 0
    detail: str = ""
    reply: str = ""
    #: It was posted, and does not only wait for another one.
    was_tried: bool = True


class Posted(msgspec.Struct):
    """The context of a call."""

    pieces: Sequence[Piece]
    circuit: Circuit


class Sorted(msgspec.Struct):
    """Leased items: to be posted, to be given back, and those that cannot be posted and must make room for others."""

    ready: list[Item]
    given_back: list[Item]
    in_the_way: list[Item]


class Caller:
    """Reads `callback:NAME` of one client, through the node."""

    def __init__(
        self,
        terms: Terms,
        clock: Clock,
        encodings: Mapping[str, Encoding],
        outcomes: Gathered[Outcome],
        *,
        agent: str,
        wake: Callable[["Caller"], None],
        gone: Callable[["Caller", str], None],
        took: Callable[[str, float], None],
        crashed: Callable[[Crash], None],
    ) -> None:
        """`gone` hears of a URL that is no more, `took` how long an answer took, `crashed` what cannot be handled."""
        self.terms = terms
        self.calls: Calls
        #: Which of the client's own URLs said that it is gone; empty: none did.
        self.off_url = ""
        self.is_draining = False
        #: The last look found nothing that may be posted.
        self.is_waiting = False
        #: Its queue is being read: what is given back rings for nothing new.
        self.is_feeding = False
        #: Somebody else wanted it read meanwhile.
        self.is_wanted = False
        #: Monotonic seconds before which a look at its queue is not worth while.
        self.look_at = 0.0
        self._clock = clock
        self._encodings = encodings
        self._outcomes = outcomes
        self._crashed = crashed
        self._agent = agent
        self._wake = wake
        self._gone = gone
        self._took = took
        self._batch = terms.batch if FORMATS[terms.format].can_batch else 1
        self._ready: deque[Piece] = deque()
        #: Leased, but its host may not be tried after all: to be given back.
        self.returned: list[Item] = []
        self._circuits: dict[str, Circuit] = {}
        #: That of the client's own URL, which is asked for most.
        self._own: Circuit | None = None
        self._order = MessageOrder()

    def change(self, terms: Terms) -> None:
        """Post by other terms from the next callback on; what is known of hosts stays."""
        if (terms.url, terms.status_url) != (self.terms.url, self.terms.status_url):
            self.off_url, self._own = "", None
        self.terms = terms
        self._batch = terms.batch if FORMATS[terms.format].can_batch else 1
        self.look_at = 0.0
        self.calls.change(limit=terms.max_connections, timeout_s=terms.timeout_s, may_be_private=terms.may_lead_home)

    @property
    def is_off(self) -> bool:
        """A URL of the client's own is gone."""
        return bool(self.off_url)

    @property
    def is_failing(self) -> bool:
        """The client's own URL does not take what is posted."""
        return self._own is not None and self._own.is_broken

    def is_own(self, url: str) -> bool:
        """The settings name this URL, and no message."""
        return bool(url) and url in (self.terms.url, self.terms.status_url)

    # -- what is leased -----------------------------------------------------------------------------

    @property
    def wanted(self) -> int:
        """How many more items are worth leasing now."""
        if self.is_draining:
            return 0
        if self.is_waiting:
            return LOOK_ITEMS if self.calls.room else 0
        # Also while all connections are busy: their answers come together, and so do the next callbacks.
        ahead = self.terms.max_connections * self._batch * READY
        return ahead - len(self._ready) if len(self._ready) < ahead // 2 else 0

    def sort(self, items: Sequence[Item]) -> Sorted:
        """Say which of these must wait for their host."""
        now = self._clock.monotonic()
        ready: list[Item] = []
        waiting: list[tuple[Item, Circuit]] = []
        ready_by_lane: dict[str, set[Circuit]] = {}
        probed: set[Circuit] = set()
        for item in items:
            url = self._url_of(item)
            circuit = self._circuit(url)
            if circuit not in probed and self._may_post(url, now):
                ready.append(item)
                ready_by_lane.setdefault(item.lane, set()).add(circuit)
                if circuit.is_broken:
                    probed.add(circuit)
            elif not self._is_hopeless(item, url):
                waiting.append((item, circuit))
        given_back: list[Item] = []
        in_the_way: list[Item] = []
        for item, circuit in waiting:
            is_in_the_way = bool(ready_by_lane.get(item.lane, _NONE) - {circuit})
            (in_the_way if is_in_the_way else given_back).append(item)
        return Sorted(ready, given_back, in_the_way)

    def prepare(self, item: Item) -> None:
        """Make a callback ready, unless an earlier one of its message must come first."""
        terms = self.terms
        # Written first: what cannot be written must not have others wait behind it.
        piece = format_of(item, terms).piece(item, self._url_of(item), self._encodings, terms)
        turn = self._order.turn(item, self._now_ms)
        if turn == GO:
            self._ready.append(piece)
        elif turn != KEPT:
            self._outcomes.add(_waiting(item, turn))

    def _url_of(self, item: Item) -> str:
        content, terms = item.content, self.terms
        if not isinstance(content, Receipt):
            return terms.url
        return (content.callback_url and asked_of(content.callback_url).url) or terms.status_url or terms.url

    def begin_anew(self) -> None:
        """Nothing of it is under way, and somebody else may have posted for it meanwhile."""
        self._order.begin_anew()

    def note_waiting(self, item: Item) -> bool:
        """A callback that was refused before the start: those behind it must wait, too.  Says no: nobody takes it.

        One whose moment has passed counts as well: it lies where it became due, behind what came meanwhile.
        """
        if item.due_at_ms:
            self._order.waits(item, item.due_at_ms)
        return False

    # -- hosts --------------------------------------------------------------------------------------

    def _circuit(self, url: str) -> Circuit:
        if url is self.terms.url and self._own is not None:
            return self._own
        host = host_of(url)
        circuit = self._circuits.get(host)
        if circuit is None:
            if len(self._circuits) >= MAX_REMEMBERED:
                self._circuits.clear()
                self._own = None
            circuit = self._circuits[host] = Circuit()
        if url is self.terms.url:
            self._own = circuit
        return circuit

    def _may_post(self, url: str, now: float) -> bool:
        return url != (self.off_url or None) and self._circuit(url).may_try(now)

    def _is_hopeless(self, item: Item, url: str) -> bool:
        """Its time is over, and its host takes nothing: it is given up untried."""
        circuit, is_gone = self._circuit(url), self.is_off and url == self.off_url
        if not self._is_too_old(item) or not (is_gone or circuit.failures >= HOPELESS):
            return False
        why = "its URL is gone" if is_gone else f"its host failed {circuit.failures} times in a row"
        self._give_up(item, why)
        return True

    def _give_up(self, item: Item, why: str) -> None:
        """It goes to the list of failed ones, and those behind it go on."""
        self._outcomes.add(Outcome(item, False, detail=why))
        self._go_on(self._order.passed(item))

    def _go_on(self, items: Sequence[Item]) -> None:
        """It is their turn."""
        for crash in each(items, self.prepare):
            self._crashed(crash)

    def _guarded(self, pieces: Sequence[Piece], act: Callable[[Item], None]) -> None:
        """Do something with a whole request; if that crashes, its callbacks are laid aside and stop nobody else."""
        for crash in each((pieces[0].item,), act):
            for piece in pieces:
                self._crashed(msgspec.structs.replace(crash, item=piece.item))
                self._go_on(self._order.passed(piece.item))

    def _delay(self, item: Item, wait_s: float, why: str) -> None:
        """It is tried again, and those behind it wait longer."""
        due = self._now_ms + int(wait_s * 1000)
        self._outcomes.add(Outcome(item, False, due, why))
        for follower in self._order.delayed(item, due):
            self._outcomes.add(_waiting(follower, due + 1))

    @property
    def _now_ms(self) -> int:
        return self._clock.utc_us() // 1000

    def _is_too_old(self, item: Item) -> bool:
        return self._now_ms - made_at_ms(item.id) >= self.terms.give_up_after_s * 1000

    def due_again_ms(self, item: Item) -> int:
        """Unix ms from when on an item that is in the way of others is worth another look."""
        wait_s = self._circuit(self._url_of(item)).opens_in_s(self._clock.monotonic()) or LOOK_AGAIN_S
        return self._now_ms + int(wait_s * 1000)

    # -- posting ------------------------------------------------------------------------------------

    def post(self) -> None:
        """Post what is ready, as far as there are connections and the hosts may be tried."""
        now = self._clock.monotonic()
        while self._ready and self.calls.room > 0:
            url = self._ready[0].url
            if not self._may_post(url, now):
                # Its host broke after it was leased.
                self._return(self._ready.popleft())
                continue
            pieces = self._take(url)
            self._guarded(pieces, partial(self._begin, pieces, self._circuit(url)))

    def _take(self, url: str) -> Sequence[Piece]:
        """Ready callbacks for one URL, one after the other."""
        pieces = [self._ready.popleft()]
        limit = self._batch if pieces[0].format.can_batch else 1
        while len(pieces) < limit and self._ready and self._ready[0].url == url and self._ready[0].format.can_batch:
            pieces.append(self._ready.popleft())
        return pieces

    def _begin(self, pieces: Sequence[Piece], circuit: Circuit, _: Item) -> None:
        # Whoever is called compares it with a clock of its own.
        request = pieces[0].format.request(pieces, self.terms, int(time.time()))
        try:
            endpoint = endpoint_of(request.url)
        except ValueError as error:
            for piece in pieces:
                self._give_up(piece.item, f"its URL {error}")
            return
        circuit.trying += 1
        self.calls.begin(Call(endpoint, self._octets_of(request, endpoint), Posted(pieces, circuit)))

    def _octets_of(self, request: Outgoing, endpoint: Endpoint) -> bytes:
        head = (
            f"{request.method} {endpoint.target} HTTP/1.1\r\nHost: {endpoint.authority}\r\n"
            f"User-Agent: {self._agent}\r\n{request.head}Content-Length: {len(request.body)}\r\n\r\n"
        )
        return head.encode("ascii") + request.body

    def _return(self, piece: Piece) -> None:
        """It keeps its place in the queue, and so do those behind it."""
        self.returned += (piece.item, *self._order.returned(piece.item, self._now_ms))

    # -- answers ------------------------------------------------------------------------------------

    def on_answer(self, call: Call, answer: Answer) -> None:
        """A client has answered, or it has not."""
        posted: Posted = call.context
        posted.circuit.trying -= 1
        self._guarded(posted.pieces, lambda _: self._judge(posted, answer, call.began_at))
        self.post()
        self._wake(self)

    def _judge(self, posted: Posted, answer: Answer, began_at: float) -> None:
        now = self._clock.monotonic()
        if posted.pieces[0].format.is_taken(answer.status, answer.body):
            posted.circuit.answered()
            self._took(self.terms.client, now - began_at)
            self._taken(posted.pieces, answer)
        else:
            self._refused(posted, answer, now)

    def _taken(self, pieces: Sequence[Piece], answer: Answer) -> None:
        detail = f"HTTP {answer.status}"
        replies = self._replies(pieces, answer) if answer.body and self.terms.takes_replies else _NO_REPLIES
        for piece in pieces:
            item = piece.item
            self._outcomes.add(Outcome(item, True, 0, detail, replies.get(item.id, "") if replies else ""))
            self._go_on(self._order.passed(piece.item))

    def _replies(self, pieces: Sequence[Piece], answer: Answer) -> Mapping[int, str]:
        """Number of an MO's callback → the text that goes to its handset."""
        form, numbers = pieces[0].format, {each.item.id for each in pieces if isinstance(each.item.content, Message)}
        if not numbers:
            return _NO_REPLIES
        found = dict(form.replies_in(answer.body)) if self._batch > 1 else {}
        if len(pieces) == 1 and (reply := form.reply_in(answer.body, answer.content_type)):
            found[pieces[0].item.id] = reply
        return {number: text for number, text in found.items() if number in numbers}

    def _refused(self, posted: Posted, answer: Answer, now: float) -> None:
        detail = answer.fault or f"HTTP {answer.status}"
        if not answer.fault and 200 <= answer.status < 300:
            detail += " without its acknowledgement"
        circuit, first = posted.circuit, posted.pieces[0]
        if answer.status == GONE:
            self._refused_for_good(posted.pieces, detail)
            return
        utc_us = self._clock.utc_us()
        wait_s = retry_after_s(answer.status, answer.retry_after, datetime.fromtimestamp(utc_us / 1e6, UTC))
        circuit.failed(now, random.random())
        if wait_s:
            circuit.leave_alone(now, wait_s)
        elif circuit.is_broken:
            wait_s = circuit.opens_in_s(now) or LOOK_AGAIN_S
        else:
            wait_s = pause_s(first.item.attempts, self.terms.retry_s, random.random())
        for piece in posted.pieces:
            if self._is_too_old(piece.item):
                self._give_up(piece.item, detail)
            else:
                self._delay(piece.item, wait_s, detail)

    def _refused_for_good(self, pieces: Sequence[Piece], detail: str) -> None:
        """A client's own URL is switched off, and its callbacks wait; a URL that a message named ends that one."""
        is_own = self.is_own(pieces[0].url)
        if is_own:
            self.off_url = pieces[0].url
            self._gone(self, detail)
        for piece in pieces:
            if is_own:
                self._delay(piece.item, LOOK_AGAIN_S, detail)
            else:
                self._give_up(piece.item, detail)

    # -- stopping -----------------------------------------------------------------------------------

    def unposted(self) -> list[Item]:
        """What was leased and not posted; it is forgotten here."""
        unposted = [piece.item for piece in self._ready]
        followers = [each for item in unposted for each in self._order.returned(item, self._now_ms)]
        items = [*self.returned, *unposted, *followers, *self._order.clear()]
        self.returned.clear()
        self._ready.clear()
        return items

    def switched_on(self) -> None:
        """Somebody says that the client's URL is back."""
        self._circuits.pop(host_of(self.off_url), None)
        self.off_url = ""
        self._own = None
        self.look_at = 0.0
        self._wake(self)


def _waiting(item: Item, due_at_ms: int) -> Outcome:
    """It waits behind an earlier callback of its message."""
    return Outcome(item, False, due_at_ms, was_tried=False)

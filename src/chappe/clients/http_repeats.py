"""Requests with an Idempotency-Key: asked again they get the answer of the first time, and nothing is done twice.

The key lies in the store with the answer, written by the transaction that stores the messages.  Many messages are
stored slice by slice, each under the key and its place, so that what a death left undone is done by the repeat.

It must never know how a request came or how an answer travels.
"""

import asyncio
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from chappe.clients.account import Account
from chappe.clients.http_intake import STORE_AWAY, Intake
from chappe.clients.http_view import accepted_of
from chappe.crash import ARMED, CrashPoint, reach
from chappe.model.message import Item
from chappe.store.port import Fault, Kept, Once, Store, StoreAway
from chappe.wire.http.messages import Accepted
from chappe.wire.http.posted import Posted
from chappe.wire.http.problems import Code, Problem, Refusal, problem_of

MAX_KEY: Final = 255
#: How long a repeat is recognised: the contract promises a day at least.
KEPT_MS: Final = 25 * 3_600_000
RUNNING_RETRY_S: Final = 1.0
#: The place of a message that is the whole body.
_ALONE: Final = -1

_encode = msgspec.json.Encoder().encode

Judged = Item | Refusal


class Replayed(msgspec.Struct, frozen=True):
    """The answers to a request that bears a key, in JSON: of one message one, of many one for each slice."""

    answers: list[bytes]
    #: All of them were given before.
    is_repeat: bool


class _Slice(msgspec.Struct):
    """Some messages of a body, from `start` on, that are stored together."""

    start: int
    messages: Sequence[Posted]
    judged: Sequence[Judged] = ()

    @property
    def start_or_none(self) -> int | None:
        """Where pointers of refusals lead: into the list, or into the one message."""
        return None if self.start == _ALONE else self.start


class Repeats:
    """Takes requests with keys in; one key is worked on by one request at a time."""

    def __init__(self, store: Store, intake: Intake) -> None:
        self._store = store
        self._intake = intake
        #: Client and key of the requests that have no answer yet.
        self._running: set[tuple[str, str]] = set()

    async def take(
        self, messages: Sequence[Posted], account: Account, key: str, body: bytes, request_id: str, slices: int
    ) -> Replayed | Refusal | list[Refusal]:
        """Answer the messages of a body, in slices of so many, once for each key; 0: the body is the one message.

        A refusal of the request, or those of all its messages: nothing was stored and nothing is kept.
        """
        if not key or len(key) > MAX_KEY or not key.isprintable():
            return Refusal(Code.INVALID_KEY, f"An Idempotency-Key has 1 to {MAX_KEY} printable characters.")
        running = (account.name, key)
        if running in self._running:
            detail = "A request with this Idempotency-Key is being answered; ask again."
            return Refusal(Code.KEY_RUNNING, detail, (), RUNNING_RETRY_S)
        self._running.add(running)
        try:
            request = _Request(self._store, self._intake, account, key, body, request_id)
            return await request.answer(_slices(messages, slices))
        except StoreAway:
            return STORE_AWAY
        finally:
            self._running.discard(running)


def _slices(messages: Sequence[Posted], of: int) -> list[_Slice]:
    if not of:
        return [_Slice(_ALONE, messages)]
    return [_Slice(start, messages[start : start + of]) for start in range(0, len(messages), of)]


class _Refused(Exception):
    """The whole request is refused."""

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.why = Refusal(code, detail)


class _Request:
    """One request that bears a key."""

    def __init__(self, store: Store, intake: Intake, account: Account, key: str, body: bytes, request_id: str) -> None:
        self._store = store
        self._intake = intake
        self._account = account
        self._name = f"{account.name}\0{key}".encode("utf-8", "surrogatepass")
        self._fingerprint = blake2b(body, digest_size=16).digest()
        self._request_id = request_id
        #: Slices that were judged anew, and of which the store knew the answer.
        self._lost = 0

    async def answer(self, slices: Sequence[_Slice]) -> Replayed | Refusal | list[Refusal]:
        """What is kept is told again, what is not is done now.  Raises: StoreAway."""
        reserved = 0
        try:
            # One message is stored as quickly as its key is looked for: the store tells if it was there.
            is_one = slices[0].start == _ALONE
            kept = {} if is_one else await self._kept(slices)
            left = [each for each in slices if each.start not in kept]
            for each in left:
                each.judged = self._intake.judge(each.messages, self._account, each.start_or_none)
                reserved += self._intake.reserve(self._account.name, each.judged)
                if not is_one:
                    await asyncio.sleep(0)
            if not reserved and is_one:
                # It may have been accepted when there was still a route, or the client's rate was not used up.
                kept = await self._kept(slices)
                left = [each for each in slices if each.start not in kept]
            if not kept and not reserved:
                return [one for each in left for one in each.judged if isinstance(one, Refusal)]
            answers: list[bytes] = []
            for each in slices:
                answers += (
                    [kept[each.start]] if each.start in kept else await self._store_slice(each.start, each.judged)
                )
        except _Refused as refused:
            return refused.why
        finally:
            self._intake.give_back(self._account.name, reserved)
        if not left:
            self._intake.tell_repeat(self._account.name, sum(len(each.messages) for each in slices))
        return Replayed(answers, is_repeat=len(left) <= self._lost)

    async def _kept(self, slices: Sequence[_Slice]) -> dict[int, bytes]:
        """Start of a slice → the answer that was given to it before."""
        start_by_digest = {self._digest(each.start): each.start for each in slices}
        kept = await self._store.kept(list(start_by_digest), self._intake.now_ms())
        return {start_by_digest[digest]: self._checked(found) for digest, found in kept.items()}

    def _checked(self, kept: Kept) -> bytes:
        if kept.fingerprint != self._fingerprint:
            raise _Refused(Code.KEY_REUSED, "This Idempotency-Key was used for another body.")
        return kept.answer

    async def _store_slice(self, start: int, judged: Sequence[Judged], piece: int = 0) -> list[bytes]:
        """Store these messages, or find out that another request with the key was faster.

        `piece` is 0 for a whole slice, else how many messages of it these are.
        """
        items = tuple(each for each in judged if isinstance(each, Item))
        now_ms = self._intake.now_ms()
        answer = self._told(judged) if start != _ALONE else _encode(self._one(judged[0]))
        digest = self._digest(start, piece)
        once = Once(self._intake.next_id(now_ms), digest, self._fingerprint, answer, now_ms + KEPT_MS, items)
        try:
            outcome = await self._intake.store_once(self._account.name, once)
        except StoreAway:
            if start in (_ALONE, 0):
                raise
            return [self._told([STORE_AWAY if isinstance(each, Item) else each for each in judged])]
        if isinstance(outcome, Kept):
            self._lost += 1
            return [self._checked(outcome)]
        if isinstance(outcome, Fault):
            return await self._store_apart(start, judged, outcome)
        if ARMED is not None:
            reach(CrashPoint.BEFORE_HTTP_ANSWER)
        return [answer]

    async def _store_apart(self, start: int, judged: Sequence[Judged], fault: Fault) -> list[bytes]:
        """One of these messages cannot be stored: halves, until it is alone."""
        if len(judged) > 1:
            middle = len(judged) // 2
            first = await self._store_slice(start, judged[:middle], middle)
            return first + await self._store_slice(start + middle, judged[middle:], len(judged) - middle)
        detail = f"The store refused it: {fault.what}"
        if start == _ALONE:
            raise _Refused(Code.NOT_STORABLE, detail)
        return [self._told([Refusal(Code.NOT_STORABLE, detail)])]

    def _told(self, judged: Sequence[Judged]) -> bytes:
        """The answers to some messages of many, without the brackets of their list."""
        return _encode([self._one(each) for each in judged])[1:-1]

    def _one(self, judged: Judged) -> Accepted | Problem:
        return accepted_of(judged) if isinstance(judged, Item) else problem_of(judged, self._request_id)

    def _digest(self, start: int, piece: int = 0) -> bytes:
        """The key of some messages; that of the first ones is the same in every body, so that another is noticed."""
        place = max(start, 0).to_bytes(8, "big") + piece.to_bytes(8, "big")
        return blake2b(self._name, digest_size=16, salt=place).digest()

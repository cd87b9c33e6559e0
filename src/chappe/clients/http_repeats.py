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
from chappe.clients.credit import units_in
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
#: The answer of a slice that could not be stored whole: its halves have keys of their own, now and in every repeat.
_APART: Final = b""
#: How the answer to an accepted message begins; inside of a JSON string it would be spelt otherwise.
_ACCEPTED: Final = b'{"id":'

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
        #: Something of the request was not known yet, and is now.
        self._is_new = False
        #: What its messages were charged that are not stored.
        self._charged = 0
        #: What is told where not one message was accepted.
        self._why_none = Refusal(Code.NOT_STORABLE, "The store can keep none of these messages.")

    async def answer(self, slices: Sequence[_Slice]) -> Replayed | Refusal | list[Refusal]:
        """What is kept is told again, what is not is done now.  Raises: StoreAway."""
        reserved = 0
        try:
            # One message is stored as quickly as its key is looked for: the store tells if it was there.
            is_one = slices[0].start == _ALONE
            kept = {} if is_one else await self._kept(slices)
            left = [each for each in slices if not kept.get(each.start)]
            for each in left:
                each.judged = self._intake.judge(each.messages, self._account, each.start_or_none)
                reserved += self._intake.reserve(self._account.name, each.judged)
                self._charged += units_in(one for one in each.judged if isinstance(one, Item))
                if not is_one:
                    await asyncio.sleep(0)
            if not reserved and is_one:
                # It may have been accepted when there was still a route, or the client's rate was not used up.
                kept = await self._kept(slices)
                left = [each for each in slices if not kept.get(each.start)]
            if not kept and not reserved:
                return [one for each in left for one in each.judged if isinstance(one, Refusal)]
            answers: list[bytes] = []
            for each in slices:
                known = kept.get(each.start)
                answers += [known] if known else await self._store_slice(each.start, each.judged)
        except _Refused as refused:
            return refused.why
        finally:
            self._intake.give_back(self._account.name, reserved)
            self._intake.give_back_credit(self._account.name, self._charged)
        if not left:
            self._intake.tell_repeat(self._account.name, sum(len(each.messages) for each in slices))
        if not any(_ACCEPTED in each for each in answers):
            return self._why_none
        return Replayed(answers, is_repeat=not self._is_new)

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
        answer = self._told(judged) if start != _ALONE else _encode(self._one(judged[0]))
        try:
            outcome = await self._keep(start, piece, answer, judged)
            if isinstance(outcome, Fault) and len(judged) > 1:
                # Noted before its halves are stored: a repeat may be judged otherwise, and would fit as a whole.
                outcome = await self._keep(start, piece, _APART) or Kept(self._fingerprint, _APART)
            if isinstance(outcome, Fault):
                return await self._refuse_alone(start, piece, outcome)
        except StoreAway:
            if start in (_ALONE, 0):
                raise
            self._why_none = STORE_AWAY
            return [self._told([STORE_AWAY if isinstance(each, Item) else each for each in judged])]
        if isinstance(outcome, Kept):
            known = self._checked(outcome)
            if not known:
                return await self._store_halves(start, judged)
            self._intake.tell_repeat(self._account.name, len(judged))
            return [known]
        self._is_new = True
        if ARMED is not None:
            reach(CrashPoint.BEFORE_HTTP_ANSWER)
        return [answer]

    async def _keep(self, start: int, piece: int, answer: bytes, judged: Sequence[Judged] = ()) -> Kept | Fault | None:
        """Store the good ones of these with their answer.  Raises: StoreAway."""
        items = tuple(each for each in judged if isinstance(each, Item))
        now_ms = self._intake.now_ms()
        digest = self._digest(start, piece)
        once = Once(self._intake.next_id(now_ms), digest, self._fingerprint, answer, now_ms + KEPT_MS, items)
        outcome = await self._intake.store_once(self._account.name, once)
        if outcome is None and self._charged:
            self._charged -= units_in(items)
        return outcome

    async def _store_halves(self, start: int, judged: Sequence[Judged]) -> list[bytes]:
        """One of these messages cannot be stored, or could not the first time: halves, until it is alone."""
        middle = len(judged) // 2
        first = await self._store_slice(start, judged[:middle], middle)
        return first + await self._store_slice(start + middle, judged[middle:], len(judged) - middle)

    async def _refuse_alone(self, start: int, piece: int, fault: Fault) -> list[bytes]:
        """The one message that cannot be stored.  Beside others that can be its refusal is kept.  Raises: StoreAway."""
        refusal = Refusal(Code.NOT_STORABLE, f"The store refused it: {fault.what}")
        if start == _ALONE:
            raise _Refused(refusal.code, refusal.detail)
        told = self._told([refusal])
        outcome = await self._keep(start, piece, told)
        self._is_new |= outcome is None
        return [self._checked(outcome) if isinstance(outcome, Kept) else told]

    def _told(self, judged: Sequence[Judged]) -> bytes:
        """The answers to some messages of many, without the brackets of their list."""
        return _encode([self._one(each) for each in judged])[1:-1]

    def _one(self, judged: Judged) -> Accepted | Problem:
        return accepted_of(judged) if isinstance(judged, Item) else problem_of(judged, self._request_id)

    def _digest(self, start: int, piece: int = 0) -> bytes:
        """The key of some messages; that of the first ones is the same in every body, so that another is noticed."""
        place = max(start, 0).to_bytes(8, "big") + piece.to_bytes(8, "big")
        return blake2b(self._name, digest_size=16, salt=place).digest()

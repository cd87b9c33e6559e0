"""A simulated client over HTTP: posts messages one by one or many at once, and keeps a ledger of the answers.

With an address to be called back at, it also takes callbacks: what became of its messages, and MO.  It must never know
the gateway that it is a test for.
"""

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from random import SystemRandom
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import msgspec

from chappe.model.errors import SettingsError
from chappe.sim.callback_receiver import CallbackReceiver
from chappe.sim.ledger import Entry, Kind, Ledger, Role
from chappe.sim.messages import Message, MessageSource
from chappe.sim.options import ClientOptions
from chappe.sim.pace import Pace
from chappe.sim.script import read_script

#: Answers that say: later.  409: the first request with this key is still being answered.
_LATER: Final = frozenset({409, 429, 503})

_REST_S: Final = 0.002
_LOOK_S: Final = 0.02
#: Ends that may be told before the answers that name their messages are read.
_EARLY_KEPT: Final = 100_000


class Result(msgspec.Struct, frozen=True):
    """What the gateway says about one message: an id, or a problem."""

    id: str = ""
    status: str | int = ""
    code: str = ""


class BulkResult(msgspec.Struct, frozen=True):
    """What the gateway says about many messages, in their order."""

    messages: tuple[Result, ...] = ()


class HttpClientSimulator:
    """Posts the messages of the options; at most `window_pdus` requests are in flight.

    Raises:
        SettingsError: the ledger cannot be written.
    """

    def __init__(self, options: ClientOptions) -> None:
        self.options: Final = options
        self.source: Final = MessageSource(options, SystemRandom())
        self.sent = self.accepted = self.refused = self.resent = self.given_up = 0
        #: Takes callbacks, if the options say where.
        self.receiver: CallbackReceiver | None = None
        #: Accepted messages whose end was not told yet, and ends that were told before the answer was read.
        self.awaiting: set[str] = set()
        self._early: dict[str, None] = {}
        self._heard_at = 0.0
        self.move_to(options.port)

    async def __aenter__(self) -> Self:
        """Open the ledger and the session."""
        self.ledger = Ledger.of(self.options.ledger_path, keeps=self.options.remembers)
        self._pace = Pace(self.options.rate, time.monotonic())
        self._log(Kind.OPENED, detail=f"role={Role.CLIENT.value}")
        if self.options.callback_host:
            await self._listen()
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self.options.window_pdus),
            headers={"Authorization": f"Bearer {self.options.http_token}"},
            timeout=aiohttp.ClientTimeout(total=self.options.response_s),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session and the ledger."""
        await self._http.close()
        if self.receiver is not None:
            self.receiver.close()
        self.ledger.close()

    async def _listen(self) -> None:
        """Open the web server for callbacks.  Raises: SettingsError."""
        options = self.options
        receiver = self.receiver = CallbackReceiver(
            read_script(options.script_path),
            self.ledger,
            reply=options.callback_reply,
            keeps=options.remembers,
            on_receipt=self._told,
            on_callback=_show if options.shows_callbacks else None,
        )
        try:
            self.callback_port = await receiver.listen(options.callback_host, options.callback_port)
        except OSError as error:
            address = f"{options.callback_host}:{options.callback_port}"
            raise SettingsError(f"callbacks at {address}: {error.strerror}; expected a free address") from error

    def move_to(self, port: int) -> None:
        """The gateway is at another port."""
        self._base_url = f"http://{self.options.host}:{port}"

    def _told(self, message_id: str) -> None:
        """A callback says that a message has ended."""
        self._heard_at = time.monotonic()
        if message_id in self.awaiting:
            self.awaiting.discard(message_id)
            return
        while len(self._early) >= _EARLY_KEPT:
            del self._early[next(iter(self._early))]
        self._early[message_id] = None

    def counts(self) -> dict[str, int]:
        """The sums so far, by what they count."""
        return {
            "sent": self.sent,
            "accepted": self.accepted,
            "refused": self.refused,
            "resent": self.resent,
            "given_up": self.given_up,
            **({} if self.receiver is None else {name: self.receiver.counts[name] for name in ("receipts", "mo")}),
        }

    async def run(self) -> bool:
        """Post everything that the options ask for; whether all of it was accepted."""
        async with asyncio.TaskGroup() as group:
            for number in range(min(self.options.window_pdus, self.options.count)):
                group.create_task(self._post_all(), name=f"poster {number + 1}")
        await self._wait_for_callbacks()
        return self.accepted == self.options.count and not self._is_something_missing()

    async def _wait_for_callbacks(self) -> None:
        """Until all are there, or none came for `linger_s`."""
        self._heard_at = time.monotonic()
        heard = 0
        while self._is_something_missing() and time.monotonic() - self._heard_at < self.options.linger_s:
            await asyncio.sleep(_LOOK_S)
            assert self.receiver is not None
            if self.receiver.counts["callbacks"] != heard:
                heard, self._heard_at = self.receiver.counts["callbacks"], time.monotonic()

    def _is_something_missing(self) -> bool:
        if self.receiver is None:
            return False
        return bool(self.awaiting) or self.receiver.counts["mo"] < self.options.expect_mo

    async def _post_all(self) -> None:
        while batch := await self._next_batch():
            times = 0
            while batch:
                self._note_sending(batch, times)
                batch = await self._post(batch)
                times += 1
                if batch:
                    await asyncio.sleep(self.options.retry_s)

    async def _next_batch(self) -> list[Message]:
        wanted = min(self.options.http_batch, self.source.remaining)
        while wanted and not (granted := self._pace.grant(time.monotonic(), wanted)):
            await asyncio.sleep(max(_REST_S, (self._pace.deadline() or 0.0) - time.monotonic()))
            wanted = min(self.options.http_batch, self.source.remaining)
        return [self.source.make() for _ in range(granted)] if wanted else []

    async def _post(self, batch: list[Message]) -> list[Message]:
        """Post a batch; those messages that are to be posted again."""
        items = [_item(message) for message in batch]
        body = {"messages": items} if self.options.http_batch > 1 else items[0]
        try:
            headers = {"Idempotency-Key": batch[0].tag} if self.options.http_keys else None
            async with self._http.post(f"{self._base_url}/v1/messages", json=body, headers=headers) as response:
                return self._read(batch, response.status, await response.read())
        except (aiohttp.ClientError, TimeoutError):
            if self.options.may_resend:
                return batch
            self.given_up += len(batch)
            return []

    def _read(self, batch: list[Message], status: int, body: bytes) -> list[Message]:
        if status in _LATER:
            for message in batch:
                self._log(Kind.REFUSED, message.tag, detail=f"status={status}")
            return batch
        results = _results(body, is_bulk=self.options.http_batch > 1)
        for index, message in enumerate(batch):
            result = results[index] if index < len(results) else Result()
            self._note_result(message, result, status)
        self.ledger.flush()
        return []

    def _note_sending(self, batch: list[Message], times: int) -> None:
        self.sent += len(batch) * (times == 0)
        self.resent += len(batch) * (times > 0)
        wanted = "rd=0" if self.receiver is None else "rd=1"
        for message in batch:
            entry_kind = Kind.RESENT if times else Kind.SENT
            self._log(entry_kind, message.tag, "", message.source, message.destination, wanted)
        self.ledger.flush()

    def _note_result(self, message: Message, result: Result, status: int) -> None:
        if result.id:
            self.accepted += 1
            self._log(Kind.ACCEPTED, message.tag, result.id)
            if self.receiver is not None and result.id not in self._early:
                self.awaiting.add(result.id)
            self._early.pop(result.id, None)
        else:
            self.refused += 1
            self._log(Kind.REFUSED, message.tag, detail=f"status={status} code={result.code or 'none'}")

    def _log(self, kind: Kind, *fields: str, detail: str = "") -> None:
        entry = Entry(time.monotonic_ns(), kind, *fields)
        self.ledger.append(entry._replace(detail=detail) if detail else entry)


def _show(callback: Mapping[str, Any]) -> None:
    """For people: one line of JSON, at once."""
    sys.stdout.write(json.dumps(callback, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _item(message: Message) -> Mapping[str, Any]:
    return {
        "to": f"+{message.destination}",
        "from": message.source,
        "text": message.text,
        "reference": message.tag,
    }


def _results(body: bytes, *, is_bulk: bool) -> tuple[Result, ...]:
    try:
        if is_bulk:
            return msgspec.json.decode(body, type=BulkResult).messages
        return (msgspec.json.decode(body, type=Result),)
    except msgspec.DecodeError:
        return ()

"""Asks an API over HTTP which networks numbers have: so many requests at a time, each as long as the API takes them.

It must never know a message, nor what is done with a network.
"""

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import chappe
from chappe.net.http_call import Answer, Call, Connection, Endpoint
from chappe.net.http_line import HttpLine
from chappe.wire.webapi.lookups import LookupForm, NoAnswer
from chappe.wire.webapi.readers import Said
from chappe.wire.webapi.template import CannotWrite

_AGENT: Final = f"chappe/{chappe.__version__}"

#: Hears of each request once: the numbers, the networks that it said (empty where nobody knows it), or why none.
OnSaid = Callable[[Sequence[str], dict[str, str], str], None]


class Asking:
    """The requests of one router node."""

    def __init__(
        self,
        form: LookupForm,
        endpoint: Endpoint,
        *,
        concurrency: int,
        timeout_s: float,
        now: Callable[[], float],
        on_said: OnSaid,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        """`tls` makes what https is verified by.  `on_said` is called from the loop, never from `ask`."""
        self._form = form
        self._endpoint = endpoint
        self._on_said = on_said
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._line = HttpLine(
            endpoint,
            limit=concurrency,
            timeout_s=timeout_s,
            dial=self._dial,
            write=lambda connection, call: connection.send(call),
            on_answer=self._on_answer,
            spawn=self._spawn,
            now=now,
        )

    @property
    def room(self) -> int:
        """How many more requests may begin."""
        return self._line.room

    @property
    def batch(self) -> int:
        """How many numbers one request may ask about."""
        return self._form.request.batch if self._form.request.each is not None else 1

    def ask(self, numbers: Sequence[str]) -> None:
        """Ask about some numbers, at most `batch`."""
        try:
            written = self._form.ask(numbers)
        except CannotWrite as error:
            asyncio.get_running_loop().call_soon(self._on_said, numbers, {}, str(error))
            return
        octets = written.octets(self._endpoint.authority, _AGENT)
        before = self._endpoint.target.rstrip("/")
        octets = octets.replace(f" {written.target} ".encode(), f" {before}{written.target} ".encode(), 1)
        self._line.begin(Call(self._endpoint, octets, tuple(numbers)))

    def look(self) -> None:
        """End requests that have taken too long."""
        self._line.look()

    def close(self) -> None:
        """Ask nothing more; nobody hears of what is under way."""
        self._line.close()
        for task in self._tasks:
            task.cancel()

    def _on_answer(self, call: Call, answer: Answer) -> None:
        if not answer.status:
            self._on_said(call.context, {}, answer.fault)
            return
        try:
            self._on_said(call.context, self._form.read(Said(answer.body, status=answer.status), call.context), "")
        except NoAnswer as error:
            self._on_said(call.context, {}, str(error))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="look-up dial")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _dial(self, make: Callable[[], Connection]) -> Connection:
        """Raises: OSError."""
        loop, host, port = asyncio.get_running_loop(), self._endpoint.host, self._endpoint.port
        if not self._endpoint.is_tls:
            return (await loop.create_connection(make, host, port))[1]
        if self._tls is None:
            self._tls = self._make_tls()
        return (await loop.create_connection(make, host, port, ssl=self._tls, server_hostname=host))[1]

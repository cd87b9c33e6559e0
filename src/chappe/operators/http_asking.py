"""Asks an operator over HTTP what became of a message, when nobody has said so: by our own reference, a few times.

A yes counts at once.  That there is no such message counts only when it has been said twice with a pause between: lists
of what was taken lag behind.  While it asks, the message bears its durable mark: a death leaves it held.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from chappe.net.http_call import Answer, Call, Connection, Endpoint
from chappe.net.http_line import HttpLine
from chappe.operators.link import InFlight
from chappe.operators.shape import HttpShape
from chappe.wire.webapi.answers import Meaning, Verdict
from chappe.wire.webapi.readers import Said
from chappe.wire.webapi.template import CannotWrite

#: Questions at the same time.
MOST: Final = 8
#: How long to wait before each question.
PAUSES_S: Final = (2.0, 30.0, 60.0, 120.0)
#: So often "no such message" has to be said.
ABSENT_TIMES: Final = 2


class Asking:
    """One operator's."""

    def __init__(
        self,
        shape: HttpShape,
        endpoint: Endpoint,
        agent: str,
        dial: Callable[[Callable[[], Connection]], Awaitable[Connection]],
        now: Callable[[], float],
        *,
        timeout_s: float,
        pauses_s: tuple[float, ...] = PAUSES_S,
    ) -> None:
        self._shape = shape
        self._endpoint = endpoint
        self._agent = agent
        self._pauses_s = pauses_s
        self._timeout_s = timeout_s
        self._room = asyncio.Semaphore(MOST)
        self._line = HttpLine(
            endpoint,
            limit=MOST,
            timeout_s=timeout_s,
            dial=dial,
            write=lambda connection, call: connection.send(call),
            on_answer=_resolve,
            spawn=lambda work: self._tasks.append(asyncio.get_running_loop().create_task(work)),
            now=now,
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def ask(self, flight: InFlight, reference: str) -> Verdict:
        """What became of a part: taken, absent, or still unknown."""
        absent = 0
        for pause_s in self._pauses_s:
            await asyncio.sleep(pause_s)
            async with self._room:
                verdict = await self._question(reference)
            if verdict.meaning is Meaning.TAKEN:
                return verdict
            absent = absent + 1 if verdict.meaning is Meaning.ABSENT else 0
            if absent >= ABSENT_TIMES:
                return verdict
        return Verdict(Meaning.UNKNOWN, "the operator could not say")

    async def _question(self, reference: str) -> Verdict:
        form, found = self._shape.api.query, self._shape.api.found
        if form is None or found is None:
            return Verdict(Meaning.UNKNOWN)
        try:
            written = form.write({**self._shape.values, "reference": reference})
        except CannotWrite:
            return Verdict(Meaning.UNKNOWN)
        octets = written.octets(self._endpoint.authority, self._agent)
        target = self._endpoint.target.rstrip("/")
        octets = octets.replace(f" {written.target} ".encode(), f" {target}{written.target} ".encode(), 1)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._tasks = [task for task in self._tasks if not task.done()]
        self._line.begin(Call(self._endpoint, octets, future))
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await future
        except TimeoutError:
            return Verdict(Meaning.UNKNOWN)
        if not answer.status:
            return Verdict(Meaning.UNKNOWN, answer.fault)
        return found.find(Said(answer.body, status=answer.status))

    def close(self) -> None:
        """End all connections."""
        self._line.close()


def _resolve(call: Call, answer: Answer) -> None:
    future: asyncio.Future[Answer] = call.context
    if not future.done():
        future.set_result(answer)

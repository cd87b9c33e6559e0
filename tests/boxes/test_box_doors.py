"""Doors over HTTP, callbacks and joined texts where each node is a process: what one process promised, others keep."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from box_house import PATIENCE_S, Box, running, smsc
from standardwebhooks import Webhook
from test_box_over_postgres import over_postgres

from chappe.sim.callback_receiver import CallbackReceiver
from chappe.sim.faults import Event, Fault
from chappe.sim.script import Faults, Rule
from chappe.sim.smsc import SmscSimulator
from chappe.text import udh

pytestmark = pytest.mark.slow

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NODES = ("client-http*2", "operator:three*2", "router", "callback*2", "counter")
POSTS = 120
_MORE = """
[[clients]]
name = "web"
join_s = 30
[clients.http]
token = "web-token"
username = "web"
password = "secret"
sender = "SHOP"
[clients.callback]
url = "http://127.0.0.1:{port}/cb"
secret = "{secret}"
retry_s = [0.2]
[[clients]]
name = "shop"
[clients.http]
token = "shop-token"
[clients.callback]
url = "http://127.0.0.1:{port}/cb"
secret = "{secret}"
retry_s = [0.2]
[[routes]]
direction = "mo"
to = "12345"
client = "web"
"""


def send_part(smsc: SmscSimulator, number: int, total: int, text: bytes, *, reference: int) -> None:
    header = udh.build([udh.concatenation_8(reference, total, number)])
    smsc.send_mo(header + text, source="37120000001", esm_class=0x40, tag=f"{reference}:{number}")


class Web:
    """The web server of the client, and what it was told."""

    def __init__(self, receiver: CallbackReceiver) -> None:
        self._receiver = receiver

    def told(self, kind: str) -> list[dict[str, Any]]:
        """What callbacks of a kind said; each is verified."""
        found = []
        for request in self._receiver.received:
            found += [each for each in request.callbacks if each["type"] == kind]
        return found

    def posts(self) -> list[tuple[dict[str, Any], bool]]:
        """Every callback that was posted, and whether it was taken, in order."""
        return [(each, 200 <= got.status < 300) for got in self._receiver.received for each in got.callbacks]

    def taken(self) -> list[dict[str, Any]]:
        """What was taken."""
        return [each for each, is_taken in self.posts() if is_taken]

    def verify(self) -> None:
        """Every one is signed as Standard Webhooks has it."""
        for request in self._receiver.received:
            Webhook(SECRET).verify(request.body, request.headers)


@asynccontextmanager
async def called_box(folder: Path, dsn: str, faults: Faults | None = None) -> AsyncIterator[tuple[Box, Web, Any]]:
    receiver = CallbackReceiver(faults)
    port = await receiver.listen()
    async with smsc() as operator:
        box = Box(folder, dsn, operator.port, nodes=NODES, more=_MORE.format(port=port, secret=SECRET))
        async with running(box):
            await box.shared()
            yield box, Web(receiver), operator
    receiver.close()


async def post(session: aiohttp.ClientSession, number: int, tries: int = 60, report: str = "final") -> dict[str, Any]:
    """Post a message under its key until somebody says yes, as a client does whose connections break."""
    body = {"to": f"+37120{number:06}", "text": f"text {number}", "reference": f"r{number}", "report": report}
    for _ in range(tries):
        try:
            async with session.post("/v1/messages", json=body, headers={"Idempotency-Key": f"key{number}"}) as answer:
                if answer.status == 202:
                    found: dict[str, Any] = await answer.json()
                    return found
                assert answer.status in (409, 503), await answer.text()
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.2)
    raise AssertionError(f"nobody took message {number}")


def session_of(box: Box, token: str = "web-token") -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        f"http://127.0.0.1:{box.http_port}",
        headers={"Authorization": f"Bearer {token}"},
        # A connection for each request: both processes get some.
        connector=aiohttp.TCPConnector(force_close=True, limit=8),
    )


async def until(holds: Any, otherwise: str) -> None:
    try:
        async with asyncio.timeout(2 * PATIENCE_S):
            while not holds():
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise TimeoutError(otherwise) from None


@over_postgres
async def test_what_is_posted_twice_at_two_processes_is_one_message_and_is_told_of_by_callback(
    folder: Path, dsn: str
) -> None:
    async with called_box(folder, dsn) as (box, web, operator), session_of(box) as session:
        answers = await asyncio.gather(*(post(session, number) for number in (*range(POSTS), *range(POSTS))))
        await until(lambda: len(web.told("message.status")) >= POSTS, "callbacks are missing")

        ids = [each["id"] for each in answers]
        assert ids[:POSTS] == ids[POSTS:]
        assert len(set(ids)) == POSTS
        told = Counter(each["data"]["id"] for each in web.told("message.status"))
        assert told == dict.fromkeys(ids, 1)
        assert {each["data"]["status"] for each in web.told("message.status")} == {"delivered"}
        web.verify()
        assert len(operator.submitted) == POSTS
        async with session.get(f"/v1/messages/{ids[0]}") as answer:
            found = await answer.json()
        assert (found["status"], found["operator"]) == ("delivered", "three")


@over_postgres
async def test_the_doors_of_other_gateways_answer_and_parts_over_several_links_become_one_text(
    folder: Path, dsn: str
) -> None:
    async with called_box(folder, dsn) as (box, web, operator), session_of(box) as session:
        kannel = "/cgi-bin/sendsms?username=web&password=secret&to=37120000001&text=Hello"
        async with session.get(kannel) as answer:
            assert (answer.status, await answer.text()) == (202, "0: Accepted for delivery")
        async with session.get("/send?username=web&password=secret&to=37120000001&content=Hello") as answer:
            assert (await answer.text()).startswith('Success "')
        for reference in range(20):
            for part in (2, 3, 1):
                send_part(operator, part, 3, b"abc"[part - 1 : part] * 100, reference=reference)
        await until(lambda: len(web.told("message.inbound")) >= 20, "texts are missing")

        texts = [each["data"]["text"] for each in web.told("message.inbound")]
        assert texts == ["a" * 100 + "b" * 100 + "c" * 100] * 20
        web.verify()


@over_postgres
async def test_whoever_is_killed_in_the_midst_of_it_nothing_posted_or_brought_is_lost(folder: Path, dsn: str) -> None:
    async with called_box(folder, dsn) as (box, web, operator), session_of(box) as session:
        pids = await box.pids()
        posting = asyncio.gather(*(post(session, number) for number in range(3 * POSTS)))
        for reference in range(10):
            send_part(operator, 1, 2, b"first", reference=reference)
        for node in ("client-http", "callback", "router", "operator:three", "callback#2", "client-http#2"):
            await asyncio.sleep(0.3)
            os.kill(pids[node], signal.SIGKILL)
        answers = await posting
        await box.until(box.is_ready, "is not ready again")
        await until(lambda: any(link.is_ready for link in operator.links), "no link is back")
        for reference in range(10):
            send_part(operator, 2, 2, b" second", reference=reference)
        ids = {each["id"] for each in answers}
        await until(lambda: ids <= {each["data"]["id"] for each in web.told("message.status")}, "callbacks are missing")
        await until(
            lambda: len({each["data"]["id"] for each in web.told("message.inbound")}) >= 10, "texts are missing"
        )

        assert len(ids) == 3 * POSTS
        # At least once: a callback whose yes was not noted comes again under its name.
        by_name = {each["id"]: each["data"]["id"] for each in web.told("message.status")}
        assert set(by_name.values()) == ids
        assert len(by_name) == len(ids)
        assert {each["data"]["text"] for each in web.told("message.inbound")} == {"first second"}
        web.verify()


@over_postgres
async def test_the_callbacks_of_one_message_stay_in_order_over_two_processes_refusals_and_kills(
    folder: Path, dsn: str
) -> None:
    """None is posted before all that precede it are taken, though one process lays what another one posts.

    The groups of `web` and `shop` are called back by different processes while both live.
    """
    refusing = Rule(fault=Fault.REFUSE, on=Event.CALLBACK, status=500, probability=0.2)
    async with (
        called_box(folder, dsn, Faults([refusing])) as (box, web, _),
        session_of(box) as of_web,
        session_of(box, "shop-token") as of_shop,
    ):
        sessions = [(session, number) for number in range(POSTS) for session in (of_web, of_shop)]
        answering = asyncio.gather(*(post(session, number, report="all") for session, number in sessions))
        for node in ("callback", "callback#2", "callback"):
            await asyncio.sleep(1.0)
            os.kill((await box.pids())[node], signal.SIGKILL)
            await box.until(box.is_ready, "is not ready again")
        ids = {each["id"] for each in await answering}
        await until(
            lambda: ids <= {each["data"]["id"] for each in web.taken() if each["data"]["final"]},
            "callbacks are missing",
        )

        for message in ids:
            told = [
                (each["data"]["sequence"], is_taken) for each, is_taken in web.posts() if each["data"]["id"] == message
            ]
            taken: set[int] = set()
            for sequence, is_taken in told:
                earlier = {other for other, _ in told if other < sequence}
                assert earlier <= taken, f"message {message}: {sequence} was posted before {earlier - taken}: {told}"
                taken |= {sequence} if is_taken else set()
            assert len(taken) >= 2

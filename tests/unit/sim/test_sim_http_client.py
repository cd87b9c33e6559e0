"""The simulated client over HTTP against a small server: single and bulk, refusals, throttling, lost connections."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import web
from msgspec.structs import replace

from chappe.sim.http_client import HttpClientSimulator
from chappe.sim.ledger import Entry, Kind
from chappe.sim.options import ClientOptions

OPTIONS = ClientOptions(
    http_token="acme-token", tag_prefix="h", retry_s=0.01, window_pdus=4, destination="37120000000", response_s=2.0
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def post(
    options: ClientOptions, handler: Handler, kind: type[HttpClientSimulator] = HttpClientSimulator
) -> tuple[HttpClientSimulator, bool]:
    """Run the client against a server with this handler."""

    async def main() -> tuple[HttpClientSimulator, bool]:
        application = web.Application()
        application.router.add_post("/v1/messages", handler)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            port = runner.addresses[0][1]
            async with kind(replace(options, port=port)) as client:
                return client, await client.run()
        finally:
            await runner.cleanup()

    return asyncio.run(asyncio.wait_for(main(), 20.0))


def accept(item: dict[str, Any]) -> dict[str, Any]:
    return {"id": f"id-{item['reference']}", "status": "accepted", "final": False}


def entries(client: HttpClientSimulator, kind: Kind) -> list[Entry]:
    return [entry for entry in client.ledger.entries if entry.kind is kind]


def test_messages_are_posted_one_by_one_with_the_token() -> None:
    bodies: list[dict[str, Any]] = []

    async def handler(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer acme-token"
        bodies.append(await request.json())
        return web.json_response(accept(bodies[-1]), status=202)

    client, is_well = post(replace(OPTIONS, count=10), handler)

    assert is_well
    assert {"to": "+37120000000", "from": "SHOP", "text": "h1 Your code is 1", "reference": "h1"} in bodies
    assert {(entry.tag, entry.message_id) for entry in entries(client, Kind.ACCEPTED)} == {
        (f"h{number}", f"id-h{number}") for number in range(1, 11)
    }


def test_a_bulk_with_one_bad_item_accepts_the_others() -> None:
    async def handler(request: web.Request) -> web.Response:
        items = (await request.json())["messages"]
        results = [accept(item) if item["reference"] != "h3" else {"code": "bad_to", "status": 422} for item in items]
        return web.json_response({"messages": results}, status=202)

    client, is_well = post(replace(OPTIONS, count=10, http_batch=4), handler)

    assert not is_well
    assert (client.accepted, client.refused) == (9, 1)
    assert entries(client, Kind.REFUSED)[0].tag == "h3"
    assert "code=bad_to" in entries(client, Kind.REFUSED)[0].detail


def test_throttled_posts_go_again_later() -> None:
    answers = iter([503, 429])

    async def handler(request: web.Request) -> web.Response:
        if status := next(answers, 0):
            return web.json_response({"code": "later"}, status=status)
        return web.json_response(accept(await request.json()), status=202)

    client, is_well = post(replace(OPTIONS, count=2, window_pdus=1), handler)

    assert is_well
    assert (client.accepted, client.resent, client.refused) == (2, 2, 0)
    assert [entry.detail for entry in entries(client, Kind.REFUSED)] == ["status=503", "status=429"]


def test_a_refused_post_is_final() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text="nobody home", status=404)

    client, is_well = post(replace(OPTIONS, count=1), handler)

    assert not is_well
    assert entries(client, Kind.REFUSED)[0].detail == "status=404 code=none"


def test_a_post_whose_connection_broke_goes_again() -> None:
    breaks = iter([True])

    async def handler(request: web.Request) -> web.StreamResponse:
        if next(breaks, False):
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(accept(await request.json()), status=202)

    client, is_well = post(replace(OPTIONS, count=3, window_pdus=1), handler)

    assert is_well
    assert client.accepted == 3
    assert client.resent >= 1


def test_without_resending_a_broken_post_is_given_up() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    client, is_well = post(replace(OPTIONS, count=1, may_resend=False), handler)

    assert not is_well
    assert client.given_up == 1


def told(message_id: str, status: str = "delivered") -> dict[str, Any]:
    data = {"id": message_id, "status": status, "to": "+37120000000", "final": status == "delivered"}
    return {"type": "message.status", "id": f"msg_{message_id}", "data": data}


def calling_back(*statuses: str, is_early: bool = False) -> tuple[HttpClientSimulator, bool]:
    """A gateway that takes messages and calls the client back."""
    options = replace(OPTIONS, count=3, callback_host="127.0.0.1", linger_s=0.3)
    clients: list[HttpClientSimulator] = []
    later: set[asyncio.Task[None]] = set()

    async def call(port: int, message_id: str) -> None:
        async with aiohttp.ClientSession() as session:
            for status in statuses:
                async with session.post(f"http://127.0.0.1:{port}/", json=told(message_id, status)) as answer:
                    assert answer.status == 204

    async def handler(request: web.Request) -> web.Response:
        item = await request.json()
        work = call(clients[0].callback_port, f"id-{item['reference']}")
        if is_early:
            await work
        else:
            later.add(asyncio.ensure_future(work))
        return web.json_response(accept(item), status=202)

    class Noted(HttpClientSimulator):
        def __init__(self, options: ClientOptions) -> None:
            super().__init__(options)
            clients.append(self)

    return post(options, handler, Noted)


def test_a_client_that_is_called_back_waits_for_the_end_of_its_messages() -> None:
    client, is_well = calling_back("sent", "delivered")

    assert is_well
    assert client.counts()["receipts"] == 3
    assert {entry.facts["stat"] for entry in entries(client, Kind.RECEIPT)} == {"ENROUTE", "DELIVRD"}
    assert all(entry.facts["rd"] == "1" for entry in entries(client, Kind.SENT))


def test_a_callback_may_come_before_the_answer() -> None:
    assert calling_back("delivered", is_early=True)[1]


def test_a_client_whose_messages_never_end_says_so() -> None:
    client, is_well = calling_back("sent")

    assert not is_well
    assert len(client.awaiting) == 3


def test_a_post_that_goes_again_bears_the_key_that_it_had() -> None:
    seen: list[tuple[str, bytes]] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append((request.headers["Idempotency-Key"], await request.read()))
        if len(seen) in (1, 3):
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(accept(json.loads(seen[-1][1])), status=409 if len(seen) == 2 else 202)

    client, is_well = post(replace(OPTIONS, count=2, window_pdus=1, http_keys=True), handler)

    assert is_well
    assert client.accepted == 2
    assert len(set(seen)) == 2
    assert len({key for key, _ in seen}) == 2

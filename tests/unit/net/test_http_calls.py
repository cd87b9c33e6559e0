"""Calls to other people's servers: every way in which one may end, over real sockets."""

import asyncio
import functools
import inspect
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from certificates import Authority
from chappe.net.addresses import Resolver
from chappe.net.http_call import MAX_ANSWER, Answer, Call, endpoint_of
from chappe.net.http_calls import Calls

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*values: Any, **named: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*values, **named), 20))

    run.__signature__ = inspect.signature(test)  # type: ignore[attr-defined]
    return run


class Desk:
    """Makes calls and gathers their answers.  Time stands still unless a test moves it."""

    def __init__(self, limit: int = 4, tls: Callable[[], ssl.SSLContext] = ssl.create_default_context) -> None:
        self.now_s = 100.0
        self.answers: asyncio.Queue[Answer] = asyncio.Queue()
        self.tasks: set[asyncio.Task[None]] = set()
        self.calls = Calls(
            lambda call, answer: self.answers.put_nowait(answer),
            limit=limit,
            timeout_s=5.0,
            may_be_private=lambda host, port: host == "127.0.0.1" or tls is not ssl.create_default_context,
            resolver=Resolver(1),
            tls=tls,
            spawn=lambda work: self.tasks.add(asyncio.ensure_future(work)),
            now=lambda: self.now_s,
        )

    def begin(self, port: int, host: str = "127.0.0.1") -> None:
        self.calls.begin(Call(endpoint_of(f"http://{host}:{port}/cb"), b"POST /cb HTTP/1.1\r\n\r\n", None))

    async def call(self, port: int) -> Answer:
        self.begin(port)
        return await self.answers.get()


@asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[int]]]:
    """A server; the port, and a list that grows with each connection."""
    connections: list[int] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(len(connections))
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield int(server.sockets[0].getsockname()[1]), connections


def saying(*answers: bytes, closes: bool = False) -> Serve:
    """A server that answers so, one request after the other, and then listens on."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        if not closes:
            await reader.read()

    return serve


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@in_loop
async def test_a_connection_is_kept_for_the_next_call() -> None:
    desk = Desk()
    async with serving(saying(OK, OK)) as (port, connections):
        assert await desk.call(port) == Answer(200, b"hi")
        assert await desk.call(port) == Answer(200, b"hi")

    assert len(connections) == 1
    assert desk.calls.room == 4


@in_loop
async def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    async with serving(saying(b"HTTP/1.1 200 OK\r\n\r\nall of it", closes=True)) as (port, _):
        assert await Desk().call(port) == Answer(200, b"all of it")


@in_loop
async def test_retry_after_is_told() -> None:
    async with serving(saying(b"HTTP/1.1 503 No\r\nretry-After: 7\r\nContent-Length: 0\r\n\r\n")) as (port, _):
        assert await Desk().call(port) == Answer(503, b"", "7")


@in_loop
async def test_an_interim_answer_is_not_taken_for_the_answer() -> None:
    async with serving(saying(b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + OK)) as (port, _):
        assert await Desk().call(port) == Answer(200, b"hi")


@in_loop
async def test_a_body_without_end_is_not_read_to_its_end() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"2000\r\n" + b"." * 0x2000 + b"\r\n")
            await writer.drain()

    desk = Desk()
    async with serving(endless) as (port, _):
        answer = await desk.call(port)

    assert answer.status == 200
    assert len(answer.body) <= MAX_ANSWER
    assert desk.calls.room == 4


@in_loop
async def test_lines_without_end_behind_the_body_are_not_gathered() -> None:
    written = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: ")
        while True:
            writer.write(b"." * 0x2000)
            await writer.drain()
            written += 0x2000

    desk = Desk()
    async with serving(endless) as (port, _):
        answer = await desk.call(port)

    assert (answer.status, answer.body) == (200, b"ok")


@in_loop
async def test_a_head_without_end_is_given_up() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-More: " + b"." * 1000 + b"\r\n")
            await writer.drain()

    async with serving(endless) as (port, _):
        answer = await Desk().call(port)

    assert answer.status == 0
    assert answer.fault


@in_loop
async def test_what_is_no_http_is_told_as_such() -> None:
    async with serving(saying(b"220 smtp.example ESMTP\r\n")) as (port, _):
        answer = await Desk().call(port)

    assert answer.fault.startswith("no HTTP")


@in_loop
async def test_whoever_never_answers_is_given_up_in_time() -> None:
    desk = Desk()
    async with serving(saying(closes=False)) as (port, connections):
        desk.begin(port)
        while not connections:
            await asyncio.sleep(0)
        desk.now_s += 4.9
        desk.calls.look()
        assert desk.answers.empty()
        desk.now_s += 0.2
        while desk.answers.empty():
            desk.calls.look()
            await asyncio.sleep(0)

    assert (await desk.answers.get()).fault == "no answer within 5 s"
    assert desk.calls.room == 4


@in_loop
async def test_a_yes_whose_body_trickles_is_a_yes() -> None:
    sent = asyncio.Event()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
        await writer.drain()
        sent.set()
        await reader.read()

    desk = Desk()
    async with serving(trickle) as (port, _):
        desk.begin(port)
        await sent.wait()
        await asyncio.sleep(0.05)
        desk.now_s += 6
        desk.calls.look()

    assert (await desk.answers.get()).status == 200


@in_loop
async def test_a_kept_connection_that_was_closed_meanwhile_says_nothing_of_its_host() -> None:
    desk = Desk()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")

    async with serving(once) as (port, connections):
        assert (await desk.call(port)).status == 200
        assert (await desk.call(port)).status == 200

    assert len(connections) == 2


@in_loop
async def test_a_connection_that_ends_before_its_first_answer_is_a_failure() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with serving(cut) as (port, connections):
        answer = await Desk().call(port)

    assert "closed before the answer" in answer.fault
    assert len(connections) == 1


@in_loop
async def test_a_port_where_nobody_listens_is_a_failure() -> None:
    async with serving(saying(OK)) as (port, _):
        pass

    answer = await Desk().call(port)

    assert answer.fault.startswith("no connection")


@in_loop
async def test_a_name_that_leads_into_the_house_is_not_dialled() -> None:
    desk = Desk()
    async with serving(saying(OK)) as (port, connections):
        desk.begin(port, "localhost")
        answer = await desk.answers.get()

    assert "allow_private" in answer.fault
    assert connections == []


@in_loop
async def test_no_more_calls_than_allowed_are_under_way() -> None:
    desk = Desk(limit=2)
    async with serving(saying(closes=False)) as (port, _):
        desk.begin(port)
        desk.begin(port)

        assert desk.calls.room == 0
        desk.calls.close()
    for task in desk.tasks:
        task.cancel()


@in_loop
async def test_connections_to_another_host_make_room() -> None:
    desk = Desk(limit=1)
    async with serving(saying(OK)) as (one, _), serving(saying(OK)) as (other, _):
        assert (await desk.call(one)).status == 200
        assert (await desk.call(other)).status == 200
        assert desk.calls.room == 1


@in_loop
async def test_a_connection_that_nobody_uses_is_closed() -> None:
    desk = Desk()
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await saying(OK)(reader, writer)
        ended.set()

    async with serving(serve) as (port, _):
        await desk.call(port)
        desk.now_s += 60
        desk.calls.look()
        await ended.wait()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://shop.example/", "http"),
        ("https:///x", "host"),
        ("https://me:secret@shop.example/", "password"),
        ("https://shop.example/ä", "%"),
        ("https://shop.example/a b", "%"),
        ("https://shop.example/a\r\nX: y", "%"),
        ("https://shop.example:99999/", "ort"),
    ],
)
def test_a_url_that_cannot_be_called_says_why(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        endpoint_of(url)


def test_a_url_is_taken_apart() -> None:
    endpoint = endpoint_of("https://Shop.Example:8443/a/b?c=%20&d#fragment")

    assert (endpoint.is_tls, endpoint.host, endpoint.port) == (True, "shop.example", 8443)
    assert (endpoint.authority, endpoint.target) == ("Shop.Example:8443", "/a/b?c=%20&d")
    assert endpoint_of("http://[::1]").host == "::1"
    assert endpoint_of("http://shop.example?x=1").target == "/?x=1"


@in_loop
async def test_calls_that_are_closed_are_heard_of_no_more() -> None:
    desk = Desk()
    async with serving(saying(closes=False)) as (port, connections):
        desk.begin(port)
        while not connections:
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        desk.calls.close()
        await asyncio.sleep(0.05)

    assert desk.answers.empty()


@pytest.mark.parametrize(
    ("host", "is_trusted", "fault"),
    [("localhost", True, ""), ("localhost", False, "certificate"), ("shop.example", True, "certificate")],
)
def test_a_server_must_prove_that_it_bears_the_name_of_the_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, is_trusted: bool, fault: str
) -> None:
    authority = Authority(tmp_path)
    certified = authority.vouch_for("web")
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))]
    monkeypatch.setattr("chappe.net.addresses.socket.getaddrinfo", lambda *values, **named: found)

    @in_loop
    async def run() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certified.certificate, certified.key)
        desk = Desk(tls=lambda: ssl.create_default_context(cafile=str(authority.path) if is_trusted else None))
        async with serving(saying(OK), context) as (port, _):
            desk.calls.begin(Call(endpoint_of(f"https://{host}:{port}/cb"), b"POST /cb HTTP/1.1\r\n\r\n", None))
            answer = await desk.answers.get()
        assert answer.status == (0 if fault else 200)
        assert fault in answer.fault.lower()

    run()

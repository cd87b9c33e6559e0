"""Connections and their server: order, patience and the end, without a socket and without a clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chappe.net import http_limits
from chappe.net.http_connection import Connection
from chappe.net.http_message import Reply, Request
from chappe.net.http_routes import Route
from chappe.net.http_server import HttpServer


def get(path: str, more: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode()


def post(path: str, body: bytes, more: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Line(asyncio.Transport):
    """A connection that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_ended = self.is_closed = self.is_aborted = self.is_paused = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.7", 5000) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def write(self, data: Any) -> None:
        assert not self.is_closed
        self.written += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.is_ended = True

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def abort(self) -> None:
        self.is_aborted = True

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    @property
    def statuses(self) -> list[int]:
        """The status codes of what was written."""
        return [int(each[:3]) for each in self.written.split(b"HTTP/1.1 ")[1:]]


class Door:
    """A server whose handlers the test answers for."""

    def __init__(self) -> None:
        self.later: list[Request] = []
        self.now = 0.0
        self.server = HttpServer(
            [
                Route("GET", "/now", lambda request: Reply(200, b"now")),
                Route("HEAD", "/now", lambda request: Reply(200, b"now")),
                Route("GET", "/later", self._later),
                Route("POST", "/body", self._later, lambda request: "authorization" in request.headers),
                Route("GET", "/task", self._task),
                Route("GET", "/crash", self._crash),
                Route("GET", "/crash-later", self._crash_later),
            ]
        )
        self.server.now = lambda: self.now
        self.tasks = asyncio.Event()

    def _later(self, request: Request) -> None:
        self.later.append(request)

    async def _task(self, request: Request) -> Reply:
        await self.tasks.wait()
        return Reply(201, b"")

    def _crash(self, request: Request) -> Reply:
        raise ValueError("a bug")

    async def _crash_later(self, request: Request) -> Reply:
        raise ValueError("a bug")

    def connect(self) -> tuple[Connection, Line]:
        connection, line = Connection(self.server), Line()
        connection.connection_made(line)
        return connection, line

    def pass_by(self, seconds: float) -> None:
        """Let time go by for all connections."""
        self.now += seconds
        self.server._look()


def in_loop(test: Callable[[Door], Awaitable[None]]) -> Callable[[], None]:
    def run() -> None:
        async def scenario() -> None:
            await test(Door())

        asyncio.run(scenario())

    run.__name__ = test.__name__
    return run


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@in_loop
async def test_replies_keep_the_order_of_their_requests(door: Door) -> None:
    connection, line = door.connect()
    connection.data_received(get("/now") + get("/later") + get("/now") + get("/later"))

    assert (line.statuses, line.is_paused, len(door.later)) == ([200], True, 1)
    door.later[0].answer(Reply(202, b""))
    assert (line.statuses, line.is_paused, len(door.later)) == ([200, 202, 200], False, 2)
    door.later[1].answer(Reply(404, b""))
    assert line.statuses == [200, 202, 200, 404]


@in_loop
async def test_an_answer_is_given_once(door: Door) -> None:
    connection, line = door.connect()
    connection.data_received(get("/later") + get("/later"))
    door.later[0].answer(Reply(202, b""))
    door.later[0].answer(Reply(500, b""))

    assert line.statuses == [202]


@in_loop
async def test_thousands_of_requests_in_one_piece_are_answered(door: Door) -> None:
    connection, line = door.connect()
    connection.data_received(get("/now") * 5_000)

    assert line.statuses == [200] * 5_000


@in_loop
async def test_an_awaited_answer_comes_when_it_is_there(door: Door) -> None:
    connection, line = door.connect()
    connection.data_received(get("/task") + get("/now"))
    await turns()
    before = line.statuses
    door.tasks.set()
    await turns()

    assert (before, line.statuses) == ([], [201, 200])


@pytest.mark.parametrize("path", ["/crash", "/crash-later"])
def test_a_handler_that_crashes_is_told_of_and_harms_no_other_connection(path: str) -> None:
    async def scenario() -> tuple[list[str], Line, Line]:
        door, told = Door(), []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
        (bad, line), (good, other) = door.connect(), door.connect()
        bad.data_received(get(path))
        good.data_received(get("/now"))
        await turns()
        return told, line, other

    told, line, other = asyncio.run(scenario())

    assert told == [f"HTTP GET {path} crashed its handler"]
    assert (line.statuses, line.is_closed, other.statuses) == ([500], True, [200])


@in_loop
async def test_head_says_how_long_a_body_would_be_and_brings_none(door: Door) -> None:
    connection, line = door.connect()
    connection.data_received(get("/now").replace(b"GET", b"HEAD"))

    assert b"Content-Length: 3\r\n" in line.written
    assert line.written.endswith(b"\r\n\r\n")


@in_loop
async def test_what_is_not_there_and_what_may_not_be_done_is_told(door: Door) -> None:
    connection, line = door.connect()
    connection.data_received(get("/nothing") + get("/body"))

    assert line.statuses == [404, 405]
    assert b"\r\nAllow: POST\r\n" in line.written


@in_loop
async def test_a_stranger_gets_its_answer_before_its_body_and_the_end_behind_it(door: Door) -> None:
    connection, line = door.connect()
    connection.data_received(post("/body", b"x" * 1000)[:-1])

    assert door.later[0].body_fault is not None
    door.later[0].answer(Reply(401, b""))
    assert b"\r\nConnection: close\r\n" in line.written
    assert (line.is_ended, line.is_closed) == (True, False)
    connection.data_received(b"x" + get("/now"))
    door.pass_by(http_limits.LINGER_S)
    assert (line.statuses, line.is_aborted) == ([401], True)


@in_loop
async def test_an_invitation_waits_for_the_answers_before_it(door: Door) -> None:
    connection, line = door.connect()
    asking = post("/body", b"abc", "Authorization: x\r\nExpect: 100-continue\r\n")[:-3]
    connection.data_received(get("/later") + asking)
    before = line.statuses
    door.later[0].answer(Reply(202, b""))

    assert (before, line.statuses) == ([], [202, 100])
    connection.data_received(b"abc")
    assert door.later[1].body == b"abc"


@in_loop
async def test_large_bodies_are_counted_until_they_are_there_or_given_up(door: Door) -> None:
    large = post("/body", b"x" * 100_000, "Authorization: x\r\n")
    (whole, _), (slow, slow_line), (gone, _), (chunked, _) = (door.connect() for _ in range(4))
    for each in (whole, slow, gone):
        each.data_received(large[:200])
    chunked.data_received(b"POST /body HTTP/1.1\r\nAuthorization: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert door.server.reading == 300_000 + http_limits.MAX_BODY

    whole.data_received(large[200:])
    gone.connection_lost(None)
    chunked.data_received(b"0\r\n\r\n")
    assert door.server.reading == 100_000
    door.pass_by(http_limits.BODY_WITHIN_S)
    assert door.server.reading == 0
    door.later[-1].answer(Reply(408, b""))
    assert (slow_line.statuses, slow_line.is_ended) == ([408], True)


@in_loop
async def test_a_connection_has_its_time_to_ask_and_to_ask_again(door: Door) -> None:
    (_, silent_line), (slow, slow_line), (idle, idle_line), (busy, busy_line) = (door.connect() for _ in range(4))
    idle.data_received(get("/now"))
    slow.data_received(get("/now") + get("/now")[:6])
    busy.data_received(get("/later"))
    door.pass_by(http_limits.HEADERS_WITHIN_S - 1)
    slow.data_received(b"o")
    assert not any(line.is_closed for line in (silent_line, slow_line, idle_line, busy_line))

    door.pass_by(1)
    assert [line.is_closed for line in (silent_line, slow_line, idle_line, busy_line)] == [True, True, False, False]
    door.pass_by(http_limits.KEEP_ALIVE_S)
    assert [line.is_closed for line in (idle_line, busy_line)] == [True, False]


@in_loop
async def test_a_peer_that_does_not_read_is_not_read_and_then_cut_off(door: Door) -> None:
    connection, line = door.connect()
    connection.pause_writing()
    connection.data_received(get("/now") * 3)
    assert (line.statuses, line.is_paused) == ([], True)

    connection.resume_writing()
    assert (line.statuses, line.is_paused) == ([200] * 3, False)
    connection.pause_writing()
    door.pass_by(http_limits.BODY_WITHIN_S)
    assert line.is_aborted


@in_loop
async def test_a_peer_that_does_not_read_its_last_answer_is_cut_off_too(door: Door) -> None:
    (last, last_line), (idle, idle_line) = door.connect(), door.connect()
    last.data_received(get("/now", "Connection: close\r\n"))
    idle.data_received(get("/now"))
    assert (last_line.is_closed, last_line.is_aborted) == (True, False)

    door.pass_by(http_limits.BODY_WITHIN_S)
    assert (last_line.is_aborted, idle_line.is_aborted) == (True, False)
    door.pass_by(http_limits.KEEP_ALIVE_S)
    assert (idle_line.is_closed, idle_line.is_aborted) == (True, False)
    door.pass_by(1)
    assert idle_line.is_aborted


@in_loop
async def test_strangers_cannot_hold_the_room_for_bodies(door: Door) -> None:
    lines = []
    for _ in range(http_limits.MAX_BODIES // http_limits.MAX_BODY + 1):
        connection, line = door.connect()
        connection.data_received(get("/now", "Transfer-Encoding: chunked\r\n"))
        lines.append(line)

    assert door.server.reading == 0
    assert all(line.statuses == [200] and line.is_ended for line in lines)


@in_loop
async def test_a_peer_that_has_said_all_still_gets_its_answers(door: Door) -> None:
    connection, line = door.connect()
    connection.data_received(get("/later") + get("/now"))

    assert connection.eof_received()
    door.later[0].answer(Reply(202, b""))
    assert (line.statuses, line.is_closed) == ([202, 200], True)
    idle, _ = door.connect()
    assert not idle.eof_received()


@in_loop
async def test_an_answer_to_nobody_is_lost_without_a_trace(door: Door) -> None:
    connection, line = door.connect()
    connection.data_received(get("/later"))
    connection.connection_lost(None)
    door.later[0].answer(Reply(202, b""))

    assert line.written == b""


@in_loop
async def test_no_http_is_told_so_behind_the_answers_that_are_due(door: Door) -> None:
    connection, line = door.connect()
    connection.data_received(get("/later") + b"\x00\x01\x02\x03")
    door.later[0].answer(Reply(202, b""))

    assert (line.statuses, line.is_ended) == ([202, 400], True)


@in_loop
async def test_the_server_ends_with_the_answers_that_are_under_way(door: Door) -> None:
    (idle, idle_line), (busy, busy_line) = door.connect(), door.connect()
    busy.data_received(get("/later"))
    closing = asyncio.create_task(door.server.close())
    await turns()
    assert (idle_line.is_closed, busy_line.is_closed) == (True, False)

    door.later[0].answer(Reply(202, b""))
    assert (busy_line.statuses, busy_line.is_closed) == ([202], True)
    assert b"\r\nConnection: close\r\n" in busy_line.written
    for connection in (idle, busy):
        connection.connection_lost(None)
    await closing


@in_loop
async def test_the_server_does_not_wait_for_ever(door: Door) -> None:
    connection, line = door.connect()
    connection.data_received(get("/task"))
    closing = asyncio.create_task(door.server.close())
    await turns()
    door.now += http_limits.CLOSE_WITHIN_S
    await closing

    assert line.is_aborted
    assert door.server._tasks == set()

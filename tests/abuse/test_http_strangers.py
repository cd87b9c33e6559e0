"""What strangers and broken clients do to the HTTP door, and that a good client beside them notices nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chappe.net import http_limits
from chappe.runtime.settings_client_doors import ClientHttp
from house import House, client, journey, small_house

MESSAGE = b'{"to":"+37120000001","text":"Hello"}'
HEAD = (
    b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer demo-token\r\nContent-Type: application/json\r\n"
)
GOOD = HEAD + b"Content-Length: %d\r\n\r\n" % len(MESSAGE) + MESSAGE


class Peer:
    """A bare connection to the HTTP door."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, octets: bytes) -> None:
        self.writer.write(octets)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the next answer."""
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            length = int(headers.get("Content-Length", "0"))
            return int(head[0].split()[1]), headers, await self.reader.readexactly(length)

    async def ended(self) -> bytes:
        """What still comes until the door closes the connection."""
        async with asyncio.timeout(10):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""


@asynccontextmanager
async def door(folder: Path) -> AsyncIterator[House]:
    async with small_house(folder, clients=[client(http=ClientHttp(token="demo-token"))]) as (house, _):
        yield house
        await is_well(house)


async def peer(house: House) -> Peer:
    return Peer(*await asyncio.open_connection("127.0.0.1", house.gateway.http_port))


async def is_well(house: House) -> None:
    """A good client gets its answer."""
    good = await peer(house)
    good.send(GOOD)
    assert (await good.answer())[0] == 202
    good.writer.close()


@journey
async def test_a_connection_that_never_says_what_it_wants_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_limits, "HEADERS_WITHIN_S", 0.2)
    monkeypatch.setattr(http_limits, "LOOK_EVERY_S", 0.05)
    async with door(tmp_path) as house:
        silent, slow = await peer(house), await peer(house)
        slow.send(b"POST /v1/messages HT")

        assert await silent.ended() == b""
        assert await slow.ended() == b""


@journey
async def test_a_body_that_never_ends_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_limits, "BODY_WITHIN_S", 0.2)
    async with door(tmp_path) as house:
        slow = await peer(house)
        slow.send(HEAD + b"Content-Length: 100\r\n\r\n{")
        status, headers, body = await slow.answer()

        assert (status, json.loads(body)["code"]) == (408, "body_too_slow")
        assert headers["Connection"] == "close"


@pytest.mark.parametrize("framing", [b"Content-Length: 99999999\r\n\r\n", b"Content-Length: 2001\r\n\r\n"])
@journey
async def test_a_body_that_is_announced_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, framing: bytes
) -> None:
    monkeypatch.setattr(http_limits, "MAX_BODY", 2000)
    async with door(tmp_path) as house:
        large = await peer(house)
        large.send(HEAD + framing)
        status, _, body = await large.answer()

        assert (status, json.loads(body)["code"]) == (413, "body_too_large")
        assert (await large.ended()) == b""


@journey
async def test_a_body_that_grows_too_large_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_limits, "MAX_BODY", 2000)
    async with door(tmp_path) as house:
        large = await peer(house)
        large.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"3e8\r\n" + b" " * 1000 + b"\r\n")
        large.send(b"5dc\r\n" + b" " * 1500 + b"\r\n")
        status, _, body = await large.answer()

        assert (status, json.loads(body)["code"]) == (413, "body_too_large")


@journey
async def test_large_bodies_of_all_clients_together_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_limits, "MAX_BODIES", 250_000)
    async with door(tmp_path) as house:
        slow = [await peer(house) for _ in range(2)]
        for each in slow:
            each.send(HEAD + b"Content-Length: 100000\r\n\r\n{")
        await asyncio.sleep(0.05)
        third = await peer(house)
        third.send(HEAD + b"Content-Length: 100000\r\n\r\n{")
        status, headers, body = await third.answer()
        await is_well(house)
        for each in slow:
            each.writer.close()
        await asyncio.sleep(0.05)
        fourth = await peer(house)
        fourth.send(HEAD + b"Content-Length: 100000\r\n\r\n" + MESSAGE + b" " * (100_000 - len(MESSAGE)))

        assert (status, json.loads(body)["code"]) == (503, "busy")
        assert "Retry-After" in headers
        assert (await fourth.answer())[0] == 202


@journey
async def test_a_stranger_is_refused_before_its_body_is_read(tmp_path: Path) -> None:
    async with door(tmp_path) as house:
        stranger = await peer(house)
        stranger.send(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n")

        assert (await stranger.answer())[0] == 401


@pytest.mark.parametrize(
    "octets",
    [
        b"\x00\x00\x00\x10\x80\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x01",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: " + b"y" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X%d: y\r\n" % each for each in range(500)) + b"\r\n",
        b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
@journey
async def test_what_is_no_http_is_answered_with_4xx_and_ends_there(tmp_path: Path, octets: bytes) -> None:
    async with door(tmp_path) as house:
        stranger = await peer(house)
        stranger.send(octets)
        said = await stranger.ended()

        assert said.split(b" ")[1][:1] == b"4"
        assert b"Traceback" not in said


@journey
async def test_a_client_that_never_reads_its_answers_costs_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_limits, "BODY_WITHIN_S", 0.3)
    monkeypatch.setattr(http_limits, "MAX_UNREAD", 1000)
    async with door(tmp_path) as house:
        deaf = await peer(house)
        deaf.writer.transport.pause_reading()
        request = (
            b"GET /v1/messages/" + b"1" * 4000 + b" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer demo-token\r\n\r\n"
        )

        async def ask_on() -> None:
            while True:
                deaf.send(request * 50)
                await deaf.writer.drain()
                await is_well(house)

        with pytest.raises(ConnectionError):
            await asyncio.wait_for(ask_on(), 20)


@journey
async def test_connections_beyond_the_limit_are_closed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with door(tmp_path) as house:
        monkeypatch.setattr(http_limits, "MAX_CONNECTIONS", 3)
        kept = [await peer(house) for _ in range(3)]
        beyond = await peer(house)

        assert await beyond.ended() == b""
        kept[0].send(GOOD)
        assert (await kept[0].answer())[0] == 202
        kept[1].writer.close()
        kept[2].writer.close()
        await asyncio.sleep(0.05)


@journey
async def test_hundreds_of_idle_connections_disturb_nobody(tmp_path: Path) -> None:
    async with door(tmp_path) as house:
        idle = [await peer(house) for _ in range(400)]
        await is_well(house)
        for each in idle:
            each.writer.close()


@journey
async def test_a_client_that_asks_before_it_sends_a_large_body_is_invited(tmp_path: Path) -> None:
    async with door(tmp_path) as house:
        polite = await peer(house)
        polite.send(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(MESSAGE))
        assert (await polite.answer())[0] == 100
        polite.send(MESSAGE)

        assert (await polite.answer())[0] == 202


@journey
async def test_requests_that_come_in_one_piece_are_answered_in_order(tmp_path: Path) -> None:
    async with door(tmp_path) as house:
        quick = await peer(house)
        look = b"GET /v1/messages/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer demo-token\r\n\r\n"
        quick.send(GOOD + look + GOOD + look)

        assert [(await quick.answer())[0] for _ in range(4)] == [202, 404, 202, 404]


@journey
async def test_an_old_client_gets_its_answer_and_the_end_of_the_connection(tmp_path: Path) -> None:
    async with door(tmp_path) as house:
        old = await peer(house)
        old.send(GOOD.replace(b"HTTP/1.1", b"HTTP/1.0"))
        status, headers, _ = await old.answer()

        assert (status, headers["Connection"]) == (202, "close")
        assert await old.ended() == b""


@journey
async def test_head_of_health_has_no_body(tmp_path: Path) -> None:
    async with door(tmp_path) as house:
        probe = await peer(house)
        probe.send(b"HEAD /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        said = await probe.ended()

        assert said.startswith(b"HTTP/1.1 200 OK\r\n")
        assert said.endswith(b"\r\n\r\n")
        assert b"\r\nDate: " in said

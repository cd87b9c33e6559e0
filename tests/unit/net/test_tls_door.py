"""A door that speaks TLS: who shakes hands is let in, who does not costs nothing for long."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from certificates import Authority
from chappe.net import tls_door
from chappe.net.tls import Credentials, TlsTerms, shown_by
from chappe.net.tls_door import TlsDoor

Test = Callable[["Doorway"], Coroutine[Any, Any, None]]


class Echo(asyncio.Protocol):
    """Says back what it hears, and counts who is there."""

    def __init__(self, doorway: Doorway) -> None:
        self.doorway = doorway

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.doorway.here += 1
        self.doorway.shown.append(shown_by(transport))

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[attr-defined]

    def connection_lost(self, exc: Exception | None) -> None:
        self.doorway.here -= 1


class Doorway:
    """A door, its credentials, and what happened there."""

    def __init__(self, folder: Path, handshake_s: float) -> None:
        self.authority = Authority(folder)
        own = self.authority.vouch_for("door")
        terms = TlsTerms("listen.smpp_tls", own.certificate, own.key, self.authority.path, requires_certificate=False)
        self.credentials = Credentials(terms)
        self.here = 0
        self.shown: list[Any] = []
        self.failed: list[tuple[str, str]] = []
        self.door = TlsDoor(
            lambda: Echo(self), self.credentials, handshake_s, lambda peer, why: self.failed.append((peer, why))
        )

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority.path))

    async def connect(self, context: ssl.SSLContext | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.door.port, ssl=context or self.context())

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.005)


def in_each_loop(handshake_s: float = 5.0) -> Callable[[Test], Callable[[str], None]]:
    def decorate(test: Test) -> Callable[[str], None]:
        async def whole() -> None:
            with tempfile.TemporaryDirectory() as folder:
                doorway = Doorway(Path(folder), handshake_s)
                await doorway.door.listen("127.0.0.1", 0)
                await test(doorway)
                await doorway.door.close()

        @pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
        def run(loop: str) -> None:
            if loop == "asyncio":
                asyncio.run(whole())
            else:
                pytest.importorskip("uvloop").run(whole())

        return run

    return decorate


@in_each_loop()
async def test_octets_pass_both_ways(doorway: Doorway) -> None:
    reader, writer = await doorway.connect()
    octets = bytes(range(256)) * 4_000
    writer.write(octets)

    heard = await reader.readexactly(len(octets))

    assert heard == octets
    assert doorway.shown == [None]
    writer.close()
    await doorway.until(lambda: doorway.here == 0)


@in_each_loop()
async def test_a_certificate_that_is_shown_is_known(doorway: Doorway) -> None:
    acme = doorway.authority.vouch_for("acme", organisation="Acme")
    context = doorway.context()
    context.load_cert_chain(acme.certificate, acme.key)

    _, writer = await doorway.connect(context)
    await doorway.until(lambda: doorway.here == 1)

    (shown,) = doorway.shown
    assert f"sha256:{shown.fingerprint}" == acme.fingerprint
    assert shown.subject == {("CN", "acme"), ("O", "Acme")}
    writer.close()


@in_each_loop(handshake_s=0.2)
async def test_who_never_shakes_hands_is_cut_off_and_was_never_there(doorway: Doorway) -> None:
    silent = socket.create_connection(("127.0.0.1", doorway.door.port))
    silent.setblocking(False)

    heard = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(silent, 1), 5)

    assert heard == b""
    await doorway.until(lambda: bool(doorway.failed))
    assert doorway.here == 0
    assert doorway.failed[0][0] == "127.0.0.1"
    silent.close()


@in_each_loop()
async def test_the_oldest_of_too_many_handshakes_gives_way(doorway: Doorway) -> None:
    silent = []
    for _ in range(tls_door.MAX_HANDSHAKES + 20):
        each = socket.socket()
        each.setblocking(False)
        await asyncio.get_running_loop().sock_connect(each, ("127.0.0.1", doorway.door.port))
        silent.append(each)

    reader, writer = await doorway.connect()
    writer.write(b"hello")

    assert await reader.readexactly(5) == b"hello"
    assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(silent[0], 1), 5) == b""
    for each in (writer, *silent):
        each.close()


@in_each_loop()
async def test_handshakes_are_bounded_however_many_come_at_once(doorway: Doorway) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tls_door, "MAX_HANDSHAKES", 5)
        silent = [socket.create_connection(("127.0.0.1", doorway.door.port)) for _ in range(60)]
        reader, writer = await doorway.connect()
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"

    assert sum(is_open(each) for each in silent) <= 5
    for each in (writer, *silent):
        each.close()


def is_open(connection: socket.socket) -> bool:
    """The other side has not ended it."""
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


@in_each_loop()
async def test_renewed_credentials_are_shown_at_the_same_door(doorway: Doorway) -> None:
    doorway.authority.vouch_for("renewed", file="door")
    doorway.credentials.renew()

    _, writer = await doorway.connect()

    assert writer.get_extra_info("peercert")["subject"] == ((("commonName", "renewed"),),)
    writer.close()


@in_each_loop()
async def test_who_stands_before_a_door_that_closes_is_still_let_in(doorway: Doorway) -> None:
    waiting = socket.socket()
    waiting.setblocking(False)
    await asyncio.get_running_loop().sock_connect(waiting, ("127.0.0.1", doorway.door.port))
    port = doorway.door.port

    await doorway.door.close()

    reader, writer = await asyncio.open_connection(sock=waiting, ssl=doorway.context(), server_hostname="localhost")
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)

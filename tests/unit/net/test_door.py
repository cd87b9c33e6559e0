"""A door that several processes share, and that cuts nobody off who stands before it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from chappe.net.door import Door


class Greeter(asyncio.Protocol):
    """Says hello to whoever comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(b"hello")  # type: ignore[attr-defined]
        transport.close()


def in_each_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[str], None]:
    @pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
    def run(loop: str) -> None:
        if loop == "asyncio":
            asyncio.run(test())
        else:
            pytest.importorskip("uvloop").run(test())

    return run


async def heard(connection: socket.socket) -> bytes:
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(5):
        return await loop.sock_recv(connection, 100)


@in_each_loop
async def test_those_who_stand_in_the_queue_when_the_door_closes_are_let_in() -> None:
    door = await Door.open(Greeter, "127.0.0.1", 0)
    waiting = [socket.create_connection(("127.0.0.1", door.port)) for _ in range(20)]

    await door.close()

    assert [await heard(each) for each in waiting] == [b"hello"] * 20
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", door.port))
    for each in waiting:
        each.close()


@in_each_loop
async def test_two_shared_doors_stand_at_one_port_and_the_other_stays_open() -> None:
    one = await Door.open(Greeter, "127.0.0.1", 0, is_shared=True)
    other = await Door.open(Greeter, "127.0.0.1", one.port, is_shared=True)

    await one.close()

    for _ in range(20):
        with socket.create_connection(("127.0.0.1", other.port)) as connection:
            assert await heard(connection) == b"hello"
    await other.close()


@in_each_loop
async def test_an_address_that_somebody_has_is_refused_by_name() -> None:
    door = await Door.open(Greeter, "127.0.0.1", 0)

    with pytest.raises(OSError, match=f"127.0.0.1:{door.port}"):
        await Door.open(Greeter, "127.0.0.1", door.port)

    await door.close()


@in_each_loop
async def test_a_closed_door_closes_once_more_without_harm() -> None:
    door = await Door.open(Greeter, "127.0.0.1", 0)

    await door.close()
    await door.close()

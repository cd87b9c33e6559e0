"""Which addresses may be called."""

import asyncio
import socket
import threading
from ipaddress import ip_address
from typing import Any

import pytest

from chappe.net.addresses import ForbiddenAddress, Resolver, is_public, literal


@pytest.mark.parametrize("text", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_open_internet_may_be_called(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "64:ff9b:1:a00:0:100:808:808",
        "fec0::1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)
def test_addresses_of_a_house_may_not_be_called_however_they_are_written(text: str) -> None:
    assert not is_public(ip_address(text))


def test_only_true_addresses_are_literals() -> None:
    assert literal("[::1]") == ip_address("::1")
    assert literal("127.0.0.1") == ip_address("127.0.0.1")
    assert literal("2130706433") is None
    assert literal("localhost") is None


def resolved(monkeypatch: pytest.MonkeyPatch, *found: str, allow_private: bool = False) -> list[str]:
    def look_up(*values: Any, **named: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 443)) for each in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    async def run() -> list[str]:
        return await Resolver(1).addresses_of("shop.example", allow_private=allow_private)

    return asyncio.run(run())


def test_whoever_asks_for_a_name_that_is_being_looked_up_waits_for_the_same_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    may_answer, looked_up = threading.Event(), []

    def look_up(host: str, *values: Any, **named: Any) -> list[Any]:
        looked_up.append(host)
        may_answer.wait(10)
        if host == "gone.example":
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    async def run() -> list[Any]:
        resolver = Resolver(4)
        hosts = ["shop.example"] * 5 + ["gone.example"]
        asking = [asyncio.ensure_future(resolver.addresses_of(host, allow_private=False)) for host in hosts]
        await asyncio.sleep(0.01)
        asking[0].cancel()
        may_answer.set()
        return await asyncio.gather(*asking, return_exceptions=True)

    gave_up, *others, gone = asyncio.run(run())

    assert isinstance(gave_up, asyncio.CancelledError)
    assert others == [["8.8.8.8"]] * 4
    assert isinstance(gone, socket.gaierror)
    assert sorted(looked_up) == ["gone.example", "shop.example"]


def test_no_more_names_are_looked_up_at_the_same_time_than_there_are_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    busy, most = [], []

    def look_up(host: str, *values: Any, **named: Any) -> list[Any]:
        busy.append(host)
        most.append(len(busy))
        busy.remove(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    async def run() -> None:
        resolver = Resolver(2)
        await asyncio.gather(*(resolver.addresses_of(f"{n}.example", allow_private=False) for n in range(20)))

    asyncio.run(run())

    assert len(most) == 20
    assert max(most) <= 2


def test_of_a_name_only_the_public_addresses_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolved(monkeypatch, "10.0.0.1", "8.8.8.8", "8.8.8.8") == ["8.8.8.8"]


def test_a_name_that_leads_into_the_house_is_refused_and_says_how_to_allow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ForbiddenAddress, match="allow_private"):
        resolved(monkeypatch, "127.0.0.1", "fd00::1")


def test_private_addresses_are_called_where_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolved(monkeypatch, "127.0.0.1", allow_private=True) == ["127.0.0.1"]


def test_a_system_without_a_thread_to_spare_is_asked_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def look_up() -> list[str]:
        resolver = Resolver(1)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            for _ in range(2):
                with pytest.raises(OSError, match="can't start new thread"):
                    await resolver.addresses_of("shop.example", allow_private=False)
                await asyncio.sleep(0)
        return await resolver.addresses_of("shop.example", allow_private=False)

    monkeypatch.setattr(socket, "getaddrinfo", lambda *values, **named: [(0, 0, 0, "", ("8.8.8.8", 0))])

    assert asyncio.run(asyncio.wait_for(look_up(), 5)) == ["8.8.8.8"]

"""What comes before the bind: slow, silent, endless and senseless connections, and floods of wrong passwords."""

import asyncio
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from bystander import BYSTANDER, resident_octets, watched

from chappe.wire.smpp.codec import encode
from chappe.wire.smpp.pdus import BindReceiver, BindTransceiver, BindTransmitter, EnquireLink
from house import Raw, client, framed, gather_bounded, journey, mt, small_house

BIND = encode(BindTransceiver("demo", "secret"), 1)
WRONG = BindTransceiver("demo", "wrong")


@pytest.fixture(autouse=True)
def _many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@journey
async def test_bind_that_comes_octet_by_octet_is_cut_off_in_time(tmp_path: Path) -> None:
    async with (
        small_house(tmp_path, clients=[client(), BYSTANDER], session_init_s=1.0) as (house, _),
        watched(house) as latencies,
    ):
        began = time.monotonic()
        raw = await Raw.connect(house.port)
        for octet in BIND:
            raw.send(bytes((octet,)))
            await asyncio.sleep(0.1)
            if raw.reader.at_eof():
                break

        assert raw.reader.at_eof()
        assert time.monotonic() - began > 0.9
        assert not latencies.has_stalled
        assert [line[3] for line in house.events("client_bound")] == ["bystander"]


@journey
async def test_bind_that_comes_slowly_but_in_time_is_heard(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, _):
        raw = await Raw.connect(house.port)
        for at in range(0, len(BIND), 4):
            raw.send(BIND[at : at + 4])
            await raw.writer.drain()
            await asyncio.sleep(0.01)

        assert (await raw.read())[:2] == (0x8000_0009, 0)
        raw.close()


async def hold_idle_connections(folder: Path, count: int, session_init_s: float) -> None:
    """Open `count` connections that say nothing; they end in time, and a client beside them hears nothing of it."""
    clients = [client(), BYSTANDER]
    async with small_house(folder, clients=clients, session_init_s=session_init_s) as (house, _):
        async with watched(house) as latencies:
            before = resident_octets()
            script = str(Path(__file__).with_name("idle_strangers.py"))
            strangers = await asyncio.create_subprocess_exec(
                sys.executable, script, str(house.port), str(count), stdout=asyncio.subprocess.PIPE
            )
            assert strangers.stdout is not None
            assert await asyncio.wait_for(strangers.stdout.readline(), 60) == b"open\n"
            await house.until(lambda: house.gateway.smpp_door.unbound == count)
            grown = resident_octets() - before
            await house.until(lambda: house.gateway.smpp_door.unbound == 0, session_init_s + 30)
            ended = await asyncio.wait_for(strangers.stdout.readline(), 60)
            await strangers.wait()

        assert grown < count * 20_000
        assert int(ended) == count
        assert not latencies.has_stalled
        late = await Raw.bound(house.port)
        assert await late.is_alive()
        late.close()


@journey
async def test_two_thousand_idle_connections_disturb_nobody(tmp_path: Path) -> None:
    await hold_idle_connections(tmp_path, 2_000, 4.0)


@pytest.mark.slow
@journey
async def test_ten_thousand_idle_connections_disturb_nobody(tmp_path: Path) -> None:
    await hold_idle_connections(tmp_path, 10_000, 20.0)


@journey
async def test_client_gets_in_although_strangers_hold_all_the_places(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, _):
        house.gateway.smpp_door._max_unbound = 50
        strangers = [await Raw.connect(house.port) for _ in range(120)]

        raw = await Raw.bound(house.port)

        assert await raw.is_alive()
        assert house.gateway.smpp_door.unbound <= 50
        assert await strangers[0].ended() == b""
        for each in (raw, *strangers):
            each.close()


@journey
async def test_beginnings_of_long_pdus_from_strangers_cost_no_memory(tmp_path: Path) -> None:
    async with small_house(tmp_path, clients=[client(), BYSTANDER]) as (house, _), watched(house) as latencies:
        begun = framed(0x09, bytes(69_000))[:-1]
        strangers = await gather_bounded([Raw.connect(house.port) for _ in range(200)])
        before = resident_octets()
        for stranger in strangers:
            stranger.send(begun)
        answers = await gather_bounded([stranger.read() for stranger in strangers])
        ends = await gather_bounded([stranger.ended() for stranger in strangers])

        assert {answer[:2] for answer in answers} == {(0x8000_0000, 0x02)}
        assert set(ends) == {b""}
        assert resident_octets() - before < 10_000_000
        assert not latencies.has_stalled


@pytest.mark.parametrize("length", [0, 1, 15, 70_001, 0x7FFF_FFFF, 0xFFFF_FFFF])
@pytest.mark.parametrize("is_bound", [False, True], ids=["stranger", "bound"])
@journey
async def test_command_length_that_cannot_be_true_is_nacked_and_ends_the_connection(
    tmp_path: Path, length: int, is_bound: bool
) -> None:
    async with small_house(tmp_path) as (house, _):
        raw = await (Raw.bound if is_bound else Raw.connect)(house.port)
        raw.send(length.to_bytes(4, "big") + framed(0x04, b"x" * 50, number=7)[4:])

        answer = await raw.read()

        assert answer == (0x8000_0000, 0x02, 7, b"")
        assert await raw.ended() == b""
        other = await Raw.bound(house.port)
        assert await other.is_alive()
        other.close()


@pytest.mark.parametrize(
    ("noise", "nack"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "8000000000000002"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), "8000000000000002"),
        # It looks like a response, and a response is never nacked.
        (b"\xff" * 9_999, ""),
    ],
)
@journey
async def test_what_is_no_smpp_at_all_is_shown_the_door(tmp_path: Path, noise: bytes, nack: str) -> None:
    async with small_house(tmp_path) as (house, _):
        raw = await Raw.connect(house.port)
        raw.send(noise)

        assert (await raw.ended())[4:12] == bytes.fromhex(nack)


@journey
async def test_stranger_gets_enquire_link_answered_and_nothing_else(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, smsc):
        raw = await Raw.connect(house.port)
        assert await raw.is_alive()
        for command_id in (0x04, 0x103, 0x21, 0x03, 0x08, 0x07, 0x05):
            raw.tell(command_id, bytes(40), number=9)
            assert (await raw.read())[:3] == (command_id | 0x8000_0000, 0x04, 9)
        raw.tell(0x0BAD, number=10)
        assert (await raw.read())[:3] == (0x8000_0000, 0x03, 10)
        raw.tell(0x8000_0004, b"id\0", number=11)
        raw.tell(0x8000_0000, number=12, status=3)
        assert await raw.is_alive()
        raw.close()
        assert smsc.submitted == []


@journey
async def test_second_bind_on_one_connection_is_refused_and_the_first_lives_on(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, _):
        raw = await Raw.bound(house.port)

        answers = [await raw.ask(kind("demo", "secret"), number=2) for kind in (BindTransceiver, BindReceiver)]

        assert [answer[1] for answer in answers] == [0x05, 0x05]
        assert await raw.is_alive()
        raw.close()


@journey
async def test_who_may_not_come_in_hears_why_and_is_shown_the_door(tmp_path: Path) -> None:
    clients = [
        client(),
        client("elsewhere", smpp={"allowed": ("192.0.2.0/24", "2001:db8::/32")}),
        client("gone", enabled=False),
    ]
    expected = {
        BindTransceiver("demo", "wrong"): 0x0E,
        BindTransmitter("demo", ""): 0x0E,
        BindReceiver("nobody", "secret"): 0x0F,
        BindTransceiver("", ""): 0x0F,
        BindTransceiver("gone", "secret"): 0x0F,
        BindTransceiver("elsewhere", "secret"): 0x0D,
    }
    async with small_house(tmp_path, clients=clients) as (house, _):
        for bind, status in expected.items():
            raw = await Raw.connect(house.port)
            answer = await raw.ask(bind)
            assert (answer[1], await raw.ended()) == (status, b"")
        await house.until(lambda: len(house.events("bind_refused")) == len(expected))
        assert not any("secret" in ",".join(line) or "wrong" in ",".join(line) for line in house.events("bind_refused"))


@pytest.mark.parametrize(
    ("name", "octets", "status"), [("system_id", 16, 0x0F), ("password", 9, 0x0E), ("system_type", 13, 0x53)]
)
@journey
async def test_bind_with_a_field_that_is_too_long_is_refused_by_name(
    tmp_path: Path, name: str, octets: int, status: int
) -> None:
    fields = {"system_id": b"demo", "password": b"secret", "system_type": b""}
    fields[name] = b"x" * octets
    body = b"".join(value + b"\0" for value in fields.values()) + b"\x34\0\0\0"
    async with small_house(tmp_path) as (house, _):
        raw = await Raw.connect(house.port)
        raw.tell(0x09, body)

        assert (await raw.read())[:2] == (0x8000_0009, status)


@journey
async def test_binds_beyond_the_limit_are_refused_until_one_goes(tmp_path: Path) -> None:
    async with small_house(tmp_path, clients=[client(smpp={"max_binds": 3})]) as (house, _):
        inside = [await Raw.bound(house.port) for _ in range(3)]
        outside = await Raw.connect(house.port)
        assert (await outside.ask(BindTransceiver("demo", "secret")))[1] == 0x05

        inside[0].close()
        await house.until(lambda: house.gateway.smpp_door.bound["demo"] == 2)

        inside[0] = await Raw.bound(house.port)
        for raw in inside:
            raw.close()


@journey
async def test_after_too_many_wrong_passwords_even_the_right_one_must_wait(tmp_path: Path) -> None:
    async with small_house(tmp_path, clients=[client(), BYSTANDER]) as (house, _):
        statuses = []
        for _ in range(12):
            raw = await Raw.connect(house.port)
            statuses.append((await raw.ask(WRONG))[1])
            await raw.ended()
        raw = await Raw.connect(house.port)
        right = (await raw.ask(BindTransceiver("demo", "secret")))[1]

        assert statuses == [0x0E] * 10 + [0x0D] * 2
        assert right == 0x0D
        # Another client from the same address is not punished.
        other = await Raw.bound(house.port, "bystander")
        other.close()


@journey
async def test_fifty_binds_that_verify_at_once_stall_nobody(tmp_path: Path) -> None:
    hashed = PasswordHasher().hash("secret")
    clients = [BYSTANDER, *(client(f"c{number}", smpp={"password_hash": hashed}) for number in range(25))]
    async with small_house(tmp_path, clients=clients, routes=[mt()]) as (house, _), watched(house, 0.002) as latencies:
        await house.until(lambda: len(latencies.seconds) > 50)
        binds = [BindTransceiver(f"c{number % 25}", "secret" if number < 25 else "wrong") for number in range(50)]
        raws = await gather_bounded([Raw.connect(house.port) for _ in binds])
        for raw, bind in zip(raws, binds, strict=True):
            raw.send(encode(bind, 1))
        answers = await gather_bounded([raw.read(40) for raw in raws])

        assert [answer[1] for answer in answers] == [0] * 25 + [0x0E] * 25
        assert not latencies.has_stalled
        for raw in raws:
            raw.close()


@journey
async def test_flood_of_binds_leaves_the_door_open_for_others(tmp_path: Path) -> None:
    async with small_house(tmp_path, clients=[client(), BYSTANDER]) as (house, _), watched(house) as latencies:
        for _ in range(10):
            raws = await gather_bounded([Raw.connect(house.port) for _ in range(100)])
            for raw in raws:
                raw.send(encode(WRONG, 1) * 20 + encode(EnquireLink(), 2) * 20)
            await gather_bounded([raw.ended() for raw in raws])

        assert not latencies.has_stalled
        assert house.gateway.smpp_door.unbound == 0

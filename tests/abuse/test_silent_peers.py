"""Peers that stop: never read, never answer, never end.  Memory is bounded, the end is clear, nothing is lost."""

import asyncio
import socket
from pathlib import Path

import pytest
from bystander import BYSTANDER, resident_octets, watched

import chappe.net.peer
from chappe.runtime.settings_profiles import Profile, UnknownOutcome
from chappe.sim.faults import Event, Fault
from chappe.sim.options import SmscOptions
from chappe.sim.script import Faults, Rule
from chappe.wire.smpp.codec import encode
from chappe.wire.smpp.pdus import BindTransceiver, SubmitSm, Unbind
from house import Raw, bound, client, framed, journey, mo, mt, small_house

MESSAGE = SubmitSm(destination_addr="37120000001", short_message=b"hello", registered_delivery=1)
WIDE = {"window": 100_000, "response_s": 60.0, "enquire_link_s": 60.0}


def deaf(port: int, name: str = "demo") -> socket.socket:
    """A bound connection that will not read, with as little room for unread octets as there can be."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    connection.connect(("127.0.0.1", port))
    connection.sendall(encode(BindTransceiver(name, "secret"), 1))
    return connection


@journey
async def test_client_that_never_reads_is_cut_off_and_its_receipts_reach_another_bind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chappe.net.peer, "UNREAD_PATIENCE_S", 1.0)
    monkeypatch.setattr(chappe.net.peer, "HIGH_WATER_OCTETS", 65_536)
    clients = [client(smpp=WIDE), BYSTANDER]
    async with small_house(tmp_path, clients=clients, routes=[mt(), mo()]) as (house, smsc):
        connection = deaf(house.port)
        await house.until(lambda: house.gateway.smpp_door.bound["demo"] == 1)
        before = resident_octets()
        async with watched(house) as latencies:
            for number in range(20_000):
                smsc.send_mo(b"%05d" % number + b"x" * 150)
                if not number % 500:
                    await asyncio.sleep(0)
            await house.until(lambda: smsc.mo_acked == 20_000, 20)
            await house.until(lambda: house.gateway.smpp_door.bound["demo"] == 0, 20)
        grown = resident_octets() - before

        await house.until(lambda: any("did not read" in line[9] for line in house.events("client_gone")))
        assert not latencies.has_stalled
        assert grown < 150_000_000
        async with bound(house) as other:
            await other.until(lambda: len(other.received) == 20_000, 20)
            texts = [each.pdu.short_message[:5] for each in other.received]
        assert sorted(texts) == [b"%05d" % number for number in range(20_000)]
        connection.close()


async def pour(connection: socket.socket, octets: bytes) -> None:
    """Write for ever."""
    while True:
        await asyncio.get_running_loop().sock_sendall(connection, octets)
        await asyncio.sleep(0)


@journey
async def test_client_that_asks_and_never_reads_the_answers_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chappe.net.peer, "UNREAD_PATIENCE_S", 1.0)
    monkeypatch.setattr(chappe.net.peer, "HIGH_WATER_OCTETS", 16_384)
    async with small_house(tmp_path, clients=[client(), BYSTANDER]) as (house, _):
        connection = deaf(house.port)
        connection.setblocking(False)
        before = resident_octets()
        noise = framed(0x15, number=9) * 5_000
        async with watched(house) as latencies:
            with pytest.raises((TimeoutError, ConnectionError)):
                await asyncio.wait_for(pour(connection, noise), 8)
            await house.until(lambda: house.gateway.smpp_door.bound["demo"] == 0)

        assert resident_octets() - before < 30_000_000
        assert not latencies.has_stalled
        connection.close()


@journey
async def test_client_that_never_answers_gets_no_more_than_its_window_and_loses_nothing(tmp_path: Path) -> None:
    faults = Faults((Rule(fault=Fault.DROP_RESPONSE, on=Event.DELIVER),))
    impatient = client(smpp={"window": 10, "response_s": 0.3, "retry_s": 0.2})
    async with small_house(tmp_path, clients=[impatient, BYSTANDER]) as (house, smsc):
        for number in range(40):
            smsc.send_mo(b"%02d" % number, source=f"371{number}")
        await house.until(lambda: smsc.mo_acked == 40)
        async with bound(house, faults=faults) as mute, watched(house):
            await mute.until(lambda: len(mute.received) >= 30)
            assert house.depth("client:demo") == 40

        async with bound(house) as other:
            await house.until(lambda: house.depth("client:demo") == 0)

        assert {each.pdu.short_message for each in other.received} == {b"%02d" % number for number in range(40)}


@journey
async def test_half_open_client_is_noticed_and_its_receipts_reach_another_bind(tmp_path: Path) -> None:
    watchful = client(smpp={"enquire_link_s": 0.5, "response_s": 0.5, "retry_s": 0.2})
    async with small_house(tmp_path, clients=[watchful]) as (house, smsc):
        raw = await Raw.bound(house.port)
        smsc.send_mo(b"to nobody")
        assert (await raw.read())[0] == 0x05
        assert (await raw.read())[0] == 0x15

        await house.until(lambda: house.gateway.smpp_door.bound["demo"] == 0)

        await house.until(lambda: any("enquire_link" in line[9] for line in house.events("client_gone")))
        async with bound(house) as other:
            await other.until(lambda: other.received)
            assert other.received[0].pdu.short_message == b"to nobody"
        raw.close()


@pytest.mark.parametrize("outcome", [UnknownOutcome.RESEND, UnknownOutcome.HOLD])
@journey
async def test_operator_that_never_answers_ends_in_a_resend_or_in_holding(
    tmp_path: Path, outcome: UnknownOutcome
) -> None:
    faults = Faults((Rule(fault=Fault.DROP_RESPONSE, on=Event.SUBMIT, last_count=10),))
    terms = {"window": 10, "response_s": 0.5, "retry_s": (0.2,)}
    profile = Profile(unknown_outcome=outcome)
    async with (
        small_house(tmp_path, faults=faults, of_operator=terms, profile=profile) as (house, smsc),
        bound(house) as demo,
    ):
        for number in range(30):
            answer = await demo.ask(SubmitSm(destination_addr=f"371{number}", short_message=b"%d" % number))
            assert answer.command_status == 0
        texts = 40 if outcome is UnknownOutcome.RESEND else 30
        await house.until(lambda: len(smsc.submitted) == texts)

        times = [each.octets for each in smsc.submitted]
        assert set(times) == {b"%d" % number for number in range(30)}
        if outcome is UnknownOutcome.HOLD:
            await house.until(lambda: len(house.events("mt_held")) == 10)
            assert len(times) == 30


@journey
async def test_operator_that_reads_and_never_speaks_again_is_left_and_another_link_takes_over(tmp_path: Path) -> None:
    faults = Faults((Rule(fault=Fault.NEVER_ANSWER, on=Event.SUBMIT, at_count=1),))
    terms = {"binds": 2, "window": 5, "response_s": 0.4, "enquire_link_s": 0.4}
    async with small_house(tmp_path, faults=faults, of_operator=terms) as (house, smsc), bound(house) as demo:
        for number in range(30):
            await demo.ask(SubmitSm(destination_addr=f"371{number}", short_message=b"%d" % number))

        await house.until(lambda: {each.octets for each in smsc.submitted} == {b"%d" % each for each in range(30)})

        await house.until(lambda: house.events("link_down"))
        await house.until(lambda: sum(link.is_ready for link in smsc.links) >= 2)


@journey
async def test_operator_that_stops_reading_is_left_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chappe.net.peer, "UNREAD_PATIENCE_S", 0.5)
    faults = Faults((Rule(fault=Fault.HALF_OPEN, on=Event.SUBMIT, at_count=50),))
    terms = {"binds": 2, "window": 50, "response_s": 0.6, "enquire_link_s": 0.5, "retry_s": (0.2,)}
    async with (
        small_house(tmp_path, faults=faults, of_operator=terms) as (house, smsc),
        bound(house, window_pdus=200) as demo,
    ):
        for number in range(300):
            demo.send(SubmitSm(destination_addr=f"371{number}", short_message=b"%d" % number + b" " * 150))

        await house.until(lambda: len({each.octets for each in smsc.submitted}) == 300)
        await house.until(lambda: house.depth("operator:sim") == 0)

        # Doubled is at most what was in flight on the link that went silent.
        assert len(smsc.submitted) <= 300 + 50


@journey
async def test_peer_that_unbinds_and_stays_is_closed_in_the_end(tmp_path: Path) -> None:
    async with small_house(tmp_path, clients=[client(smpp={"response_s": 0.5})]) as (house, _):
        raw = await Raw.bound(house.port)
        raw.send(encode(Unbind(), 2) + encode(Unbind(), 3) + encode(MESSAGE, 4))

        answers = await raw.ended()

        assert answers.startswith(framed(0x8000_0006, number=2))
        assert house.gateway.smpp_door.bound["demo"] == 0


@journey
async def test_octets_that_trickle_in_after_the_bind_hold_nobody_up(tmp_path: Path) -> None:
    async with small_house(tmp_path, clients=[client(), BYSTANDER]) as (house, _), watched(house) as latencies:
        trickles = [await Raw.bound(house.port) for _ in range(10)]
        octets = encode(MESSAGE, 2)
        for octet in octets:
            for raw in trickles:
                raw.send(bytes((octet,)))
            await asyncio.sleep(0.002)

        assert [(await raw.read())[1] for raw in trickles] == [0] * 10
        assert not latencies.has_stalled
        for raw in trickles:
            raw.close()


@journey
async def test_receipts_that_pile_up_while_nobody_is_bound_do_not_fill_the_memory(tmp_path: Path) -> None:
    async with small_house(tmp_path, smsc=SmscOptions(remembers=False)) as (house, smsc):
        for number in range(2_000):
            smsc.send_mo(b"%d" % number + b"x" * 100)
        await house.until(lambda: smsc.mo_acked == 2_000)
        before = resident_octets()
        for number in range(20_000):
            smsc.send_mo(b"%d" % number + b"x" * 100)
            if not number % 500:
                await asyncio.sleep(0)
        await house.until(lambda: smsc.mo_acked == 22_000, 20)

        assert house.depth("client:demo") == 22_000
        assert resident_octets() - before < 60_000_000

"""Who goes when: between clients, between priorities, between operators; and what never overtakes what."""

import asyncio
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from chappe.runtime.settings_client_doors import ClientHttp
from chappe.runtime.settings_clients import Priority
from chappe.runtime.settings_profiles import Profile
from chappe.sim.client import ClientSimulator
from chappe.sim.faults import Action, Event, Fault, LinkFault
from chappe.sim.options import SmscOptions
from chappe.sim.script import Faults, Rule
from chappe.sim.smsc import SmscSimulator
from chappe.wire.smpp.pdus import SubmitSm
from house import House, bound, client, journey, mt, operator, settings_of, small_house
from ports import free_port


def text(words: str, to: str = "37120000001", **fields: Any) -> SubmitSm:
    return SubmitSm(destination_addr=to, short_message=words.encode(), **fields)


async def queue(sender: ClientSimulator, pdus: list[SubmitSm]) -> None:
    """Hand all in and wait until all are taken."""
    before = sender.outgoing.accepted
    for pdu in pdus:
        sender.send(pdu)
    await sender.until(lambda: sender.outgoing.accepted == before + len(pdus))


@journey
async def test_one_message_of_one_client_does_not_wait_for_all_of_another(tmp_path: Path) -> None:
    clients = [client("many"), client("one")]
    terms = {"rate": 100.0, "window": 10}
    async with (
        small_house(tmp_path, clients=clients, of_operator=terms) as (house, smsc),
        bound(house, "many", window_pdus=500) as many,
        bound(house, "one") as one,
    ):
        await queue(many, [text(f"many {number}") for number in range(3_000)])
        before = len(smsc.submitted)
        await one.ask(text("one"))
        await smsc.until(lambda: any(each.octets == b"one" for each in smsc.submitted[before:]))

        # At 100 a second these are two seconds.
        assert [each.octets for each in smsc.submitted].index(b"one") - before <= 200
        assert house.depth("operator:sim") > 2_000


@journey
async def test_bulk_keeps_its_twentieth_while_high_never_ends(tmp_path: Path) -> None:
    clients = [
        client("bulk", priority=Priority.BULK),
        client("normal", priority=Priority.NORMAL),
        client("high", priority=Priority.HIGH),
    ]
    terms = {"rate": 400.0, "window": 20}
    async with (
        small_house(tmp_path, clients=clients, of_operator=terms) as (house, smsc),
        bound(house, "bulk", window_pdus=500) as bulk,
        bound(house, "normal", window_pdus=500) as normal,
        bound(house, "high", window_pdus=500) as high,
    ):
        for sender, word in ((bulk, "bulk"), (normal, "normal"), (high, "high")):
            await queue(sender, [text(word) for _ in range(1_000)])
        start = len(smsc.submitted)
        await smsc.until(lambda: len(smsc.submitted) >= start + 500)

        sent = [each.octets for each in smsc.submitted[start : start + 500]]
        # A twentieth are 25; links exchange what stands at either end.
        assert sent.count(b"bulk") >= 24
        assert sent.count(b"high") > 2 * sent.count(b"normal") > 2 * sent.count(b"bulk")


@journey
async def test_expired_message_tells_its_client_in_time_although_the_operator_is_down(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, [operator(free_port())])
    async with House(settings) as house, bound(house) as demo:
        answer = await demo.ask(text("soon worthless", registered_delivery=1, validity_period="000000000001000R"))
        await demo.until(lambda: demo.received, 10)

        assert (demo.received[0].message_id, demo.received[0].stat) == (answer.message_id, "EXPIRED")
        assert house.depth("operator:sim") == 0


@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.QUEUE_FULL])
@pytest.mark.parametrize("window", [1, 10])
@journey
async def test_operator_that_asks_for_a_slower_pace_is_overtaken_by_no_more_than_was_in_flight(
    tmp_path: Path, fault: Fault, window: int
) -> None:
    faults = Faults((Rule(fault=fault, on=Event.SUBMIT, every_count=7),))
    async with (
        small_house(tmp_path, faults=faults, of_operator={"window": window}) as (house, smsc),
        bound(house, window_pdus=100) as demo,
    ):
        await queue(demo, [text(f"{number:03d}", to=f"3712000000{number % 4}") for number in range(60)])
        await house.until(lambda: len(smsc.submitted) == 60, 30)

        came = [int(each.octets) for each in smsc.submitted]
        assert sorted(came) == list(range(60))
        assert all(abs(place - number) < window for place, number in enumerate(came))
        await house.until(lambda: house.events("throttled"))


@journey
async def test_several_links_keep_each_handsets_messages_in_order(tmp_path: Path) -> None:
    options = SmscOptions(resp_delay_s=0.01)
    terms = {"binds": 4, "window": 5}
    async with (
        small_house(tmp_path, smsc=options, of_operator=terms) as (house, smsc),
        bound(house, window_pdus=100) as demo,
    ):
        await queue(demo, [text(f"{number:03d}", to=f"371200000{number % 20:02d}") for number in range(400)])
        await house.until(lambda: len(smsc.submitted) == 400)

        check_order(smsc)
        assert len({each.link for each in smsc.submitted}) == 4


def check_order(smsc: SmscSimulator) -> None:
    """To each handset the messages came in the order in which they were handed in, none twice."""
    by_handset: dict[str, list[bytes]] = defaultdict(list)
    for taken in smsc.submitted:
        by_handset[taken.pdu.destination_addr].append(taken.octets)
    assert all(texts == sorted(set(texts)) for texts in by_handset.values()), by_handset


@pytest.fixture
def _quick_failover(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chappe.operators.failover.FAILOVER_AFTER_S", 0.3)
    monkeypatch.setattr("chappe.operators.failover.FAILOVER_EVERY_S", 0.2)


@pytest.mark.usefixtures("_quick_failover")
@journey
async def test_messages_go_to_the_next_operator_while_the_first_cannot_be_reached(tmp_path: Path) -> None:
    async with SmscSimulator() as second:
        operators = [operator(free_port(), "first"), operator(second.port, "second")]
        settings = settings_of(tmp_path, operators, routes=[mt("first", "second")])
        async with House(settings) as house, bound(house) as demo:
            ids = [(await demo.ask(text(f"{number}", registered_delivery=1))).message_id for number in range(20)]
            await demo.until(lambda: len(demo.received) == 20)

            assert [each.octets for each in second.submitted] == [b"%d" % number for number in range(20)]
            assert {each.message_id for each in demo.received} == set(ids)
            assert {line[4] for line in house.events("mt_moved")} == {"first"}


@pytest.mark.usefixtures("_quick_failover")
@journey
async def test_messages_come_back_to_the_first_operator_when_only_that_can_be_reached(tmp_path: Path) -> None:
    port = free_port()
    async with SmscSimulator(SmscOptions(resp_delay_s=60.0)) as second:
        operators = [operator(port, "first"), operator(second.port, "second", window=1, retry_s=(0.1,))]
        settings = settings_of(tmp_path, operators, routes=[mt("first", "second")])
        async with House(settings) as house, bound(house) as demo:
            await queue(demo, [text(f"{number}") for number in range(10)])
            await house.until(lambda: house.depth("operator:second") == 10)
            second._server.close()
            second.strike(Action(link_fault=LinkFault.CUT, has_every_link=True))

            async with SmscSimulator(SmscOptions(port=port)) as first:
                await house.until(lambda: len(first.submitted) == 10)
                assert {each.octets for each in first.submitted} == {b"%d" % number for number in range(10)}
                await house.until(lambda: house.depth("operator:first") == 0)


@pytest.mark.usefixtures("_quick_failover")
@journey
async def test_message_without_another_operator_waits_for_its_own(tmp_path: Path) -> None:
    port = free_port()
    async with House(settings_of(tmp_path, [operator(port)])) as house, bound(house) as demo:
        await demo.ask(text("patience"))
        await asyncio.sleep(1.0)
        assert house.depth("operator:sim") == 1

        async with SmscSimulator(SmscOptions(port=port)) as late:
            await house.until(lambda: late.submitted)
            await house.until(lambda: house.events("mt_sent"))


@pytest.mark.usefixtures("_quick_failover")
@journey
async def test_parts_never_change_operator_after_the_first_was_accepted(tmp_path: Path) -> None:
    # The first operator takes one part, says nothing to the second, and is gone for a while.
    faults = Faults(
        (
            Rule(fault=Fault.DROP_RESPONSE, on=Event.SUBMIT, first_count=2, last_count=3),
            Rule(fault=Fault.REFUSE, on=Event.BIND, first_count=2, last_count=8, status=0x0D),
        )
    )
    async with SmscSimulator(faults=faults) as first, SmscSimulator() as second:
        operators = [
            operator(first.port, "first", retry_s=(0.2,), reconnect_max_s=0.3),
            operator(second.port, "second"),
        ]
        clients = [client(http=ClientHttp(token="demo-token"))]
        settings = settings_of(tmp_path, operators, clients, [mt("first", "second")])
        async with House(settings) as house:
            await house.until(lambda: first.links and second.links)
            await _post_long(house.gateway.http_port, "A text that is long. " * 20)
            await house.until(lambda: house.events("mt_sent"))
            first.strike(Action(link_fault=LinkFault.CUT, has_every_link=True))
            await house.until(lambda: len({each.part.number for each in first.submitted}) == 3, 20)
            await house.until(lambda: house.events("mt_delivered"), 20)
            assert house.events("mt_moved") == []

        assert second.submitted == []


async def _post_long(port: int, words: str) -> None:
    async with aiohttp.ClientSession() as session:
        answer = await session.post(
            f"http://127.0.0.1:{port}/v1/messages",
            json={"to": "+37120000001", "from": "SHOP", "text": words},
            headers={"Authorization": "Bearer demo-token"},
        )
        assert answer.status == 202
        assert (await answer.json())["parts"] == 3


@journey
async def test_refused_links_come_back_with_growing_pauses_and_no_storm(tmp_path: Path) -> None:
    faults = Faults((Rule(fault=Fault.REFUSE, on=Event.BIND, status=0x0D),))
    async with SmscSimulator(faults=faults) as smsc:
        terms = {"binds": 10, "reconnect_min_s": 0.2, "reconnect_max_s": 2.0}
        async with House(settings_of(tmp_path, [operator(smsc.port, **terms)])):
            counts = []
            for _ in range(30):
                await asyncio.sleep(0.1)
                counts.append(smsc.binds)

    # Ten links that doubled their pauses: 0.2, 0.4, 0.8, 1.6 s, each shortened by up to a half.
    assert 30 <= counts[-1] <= 60
    steps = [after - before for before, after in pairwise(counts[5:])]
    assert max(steps) <= 8


@journey
async def test_links_that_are_cut_together_do_not_come_back_at_one_instant(tmp_path: Path) -> None:
    terms = {"binds": 20, "reconnect_min_s": 0.6, "reconnect_max_s": 2.0}
    async with small_house(tmp_path, of_operator=terms) as (house, smsc):
        for link in list(smsc.links):
            link.reset()
        await house.until(lambda: not smsc.links)
        counts = []
        while smsc.binds < 40:
            await asyncio.sleep(0.05)
            counts.append(smsc.binds)

        steps = [after - before for before, after in pairwise(counts)]
        assert max(steps) <= 12
        await house.until(lambda: sum(link.is_ready for link in smsc.links) == 20)


@journey
async def test_temporary_refusal_is_retried_and_permanent_one_ends(tmp_path: Path) -> None:
    faults = Faults(
        (
            Rule(fault=Fault.REFUSE, on=Event.SUBMIT, at_count=1, status=0x08),
            Rule(fault=Fault.REFUSE, on=Event.SUBMIT, at_count=2, status=0x0B),
        )
    )
    terms = {"retry_s": (0.3,), "window": 1}
    async with (
        small_house(tmp_path, faults=faults, of_operator=terms, profile=Profile()) as (house, smsc),
        bound(house) as demo,
    ):
        again = await demo.ask(text("again", to="37120000001", registered_delivery=1))
        never = await demo.ask(text("never", to="37120000002", registered_delivery=1))
        await demo.until(lambda: len(demo.received) == 2)

        assert {each.message_id: each.stat for each in demo.received} == {
            again.message_id: "DELIVRD",
            never.message_id: "REJECTD",
        }
        assert [each.octets for each in smsc.submitted] == [b"again"]
        assert [line[9] for line in house.events("mt_deferred")] == ["ESME_RSYSERR"]

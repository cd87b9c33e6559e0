"""The simulated SMSC against the simulated client over a real socket: a good day, and every fault."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from chappe.model.errors import ResourceError, SettingsError
from chappe.sim.account import Account, account
from chappe.sim.client import ClientSimulator
from chappe.sim.faults import Action, LinkFault
from chappe.sim.ledger import Kind, read
from chappe.sim.message_ids import IdStyle
from chappe.sim.options import ClientOptions, MoOptions, SmscOptions
from chappe.sim.script import Faults
from chappe.sim.smsc import SmscSimulator
from chappe.wire.smpp.pdus import DataSm, QuerySm, SubmitSm
from chappe.wire.smpp.statuses import CommandStatus

QUICK = ClientOptions(reconnect_s=0.01, retry_s=0.01, linger_s=0.3, tag_prefix="t")

Scenario = Callable[[SmscSimulator, ClientSimulator], Awaitable[None]]


def play(
    scenario: Scenario,
    *,
    smsc: SmscOptions = SmscOptions(),  # noqa: B008 - frozen
    client: ClientOptions = QUICK,
    script: str = "",
) -> Account:
    """Both simulators beside each other for the time of the scenario; the account of their ledgers."""

    async def main() -> Account:
        async with SmscSimulator(smsc, Faults.parse(script)) as center:
            options = ClientOptions(
                **{**{f: getattr(client, f) for f in client.__struct_fields__}, "port": center.port}
            )
            async with ClientSimulator(options) as esme:
                await esme.until_bound()
                await scenario(center, esme)
        return account([center.ledger.entries, esme.ledger.entries])

    return asyncio.run(asyncio.wait_for(main(), 30.0))


def fault(text: str) -> str:
    return f"[[faults]]\nfault = {text}\n"


def submit(tag: str, registered_delivery: int = 1) -> SubmitSm:
    return SubmitSm(
        source_addr="SHOP",
        destination_addr="37120000001",
        registered_delivery=registered_delivery,
        short_message=f"{tag} hello".encode(),
    )


def with_count(count: int, **more: object) -> ClientOptions:
    return replace(QUICK, count=count, **more)


def test_messages_are_answered_and_receipted() -> None:
    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        assert await client.run()
        await smsc.until(lambda: smsc.receipts_acked == 200)
        assert {taken.tag for taken in smsc.submitted} == {f"t{number}" for number in range(1, 201)}

    result = play(scenario, client=with_count(200, binds=2))

    assert (result.accepted, result.final, result.receipts_seen) == (200, 200, 200)
    assert result.is_clean


def test_a_separate_receiver_gets_the_receipts() -> None:
    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        assert await client.run()
        assert {received.link for received in client.received} != {taken.link for taken in smsc.submitted}

    assert play(scenario, client=with_count(20, bind="transmitter+receiver")).is_clean


def test_answers_and_receipts_wait_for_their_delays() -> None:
    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        asked_at = client.now()
        await client.ask(submit("a"))
        assert client.now() - asked_at >= 0.05
        await client.until(lambda: len(client.received) == 1)
        assert client.now() - asked_at >= 0.1

    play(scenario, smsc=SmscOptions(resp_delay_s=0.05, receipt_delay_s=0.1))


def test_submits_above_the_rate_are_throttled_and_go_later() -> None:
    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        assert await client.run()
        assert smsc.desk.refused > 0

    result = play(scenario, smsc=SmscOptions(rate=200.0), client=with_count(60))

    assert (result.accepted, result.extra.copies, result.is_clean) == (60, 0, True)


def test_a_wrong_password_is_refused_with_its_own_status() -> None:
    async def main() -> list[int]:
        async with SmscSimulator(SmscOptions(system_id="acme", password="right")) as smsc:
            statuses = []
            for system_id, password in (("acme", "wrong"), ("other", "right")):
                options = ClientOptions(port=smsc.port, system_id=system_id, password=password)
                async with ClientSimulator(options) as client:
                    await client.until(lambda client=client: bool(client.bind_refusals))
                    statuses.append(client.bind_refusals[0])
            return statuses

    assert asyncio.run(main()) == [CommandStatus.ESME_RINVPASWD, CommandStatus.ESME_RINVSYSID]


@pytest.mark.parametrize(
    ("registered_delivery", "script", "stats"),
    [
        (0, "", []),
        (1, "", ["DELIVRD"]),
        (2, "", []),
        (2, fault('"undelivered"'), ["UNDELIV"]),
        (3, fault('"undelivered"'), []),
        (3, "", ["DELIVRD"]),
        (0x11, "", ["ENROUTE", "DELIVRD"]),
        (0x10, "", ["ENROUTE"]),
        (0x12, "", ["ENROUTE"]),
        (1, fault('"undelivered"\nstat = "EXPIRED"'), ["EXPIRED"]),
        (1, fault('"no_receipt"'), []),
        (1, fault('"double_receipt"\ncopies = 3'), ["DELIVRD"] * 3),
        (1, fault('"contradictory_receipt"\ndelay_s = 0.02'), ["DELIVRD", "UNDELIV"]),
        (1, fault('"malformed_receipt"\nform = "noise"'), ["-"]),
        (1, fault('"malformed_receipt"\nform = "cut_short"'), ["-"]),
    ],
)
def test_receipts_are_sent_as_asked_for_and_as_scripted(
    registered_delivery: int, script: str, stats: list[str]
) -> None:
    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        await client.ask(submit("a", registered_delivery))
        await client.until(lambda: len(client.received) == len(stats))
        # One more exchange: what was on its way before is there by now.
        await client.ask(submit("b", 0))
        assert [received.stat for received in client.received] == stats

    play(scenario, script=script)


def test_a_late_receipt_is_late_by_its_delay() -> None:
    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        await client.ask(submit("a"))
        answered_at = client.now()
        await client.until(lambda: len(client.received) == 1)
        assert client.now() - answered_at >= 0.1

    play(scenario, script=fault('"late_receipt"\ndelay_s = 0.12'))


def test_an_early_receipt_arrives_before_the_answer() -> None:
    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        assert await client.run()
        kinds = [entry.kind for entry in client.ledger.entries if entry.kind in (Kind.ACCEPTED, Kind.RECEIPT)]
        assert kinds == [Kind.RECEIPT, Kind.ACCEPTED]

    assert play(scenario, client=with_count(1), script=fault('"early_receipt"')).is_clean


def test_receipts_write_the_id_in_the_base_of_the_script() -> None:
    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        answer = await client.ask(submit("a"))
        await client.until(lambda: len(client.received) == 1)
        assert answer.message_id == "00000001"
        assert client.received[0].message_id == "0000000001"

    play(scenario, smsc=SmscOptions(ids=IdStyle.HEX), script=fault('"receipt_id_base"\nbase = "decimal"'))


def test_ids_are_reused_and_scattered_as_scripted() -> None:
    script = fault('"reuse_ids"\nat_count = 2') + fault('"random_ids"\nat_count = 3')

    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        ids = [(await client.ask(submit(tag))).message_id for tag in "abc"]
        assert ids[:2] == ["1", "1"]
        assert int(ids[2]) > 1_000_000

    play(scenario, script=script)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ('"throttle"', CommandStatus.ESME_RTHROTTLED),
        ('"queue_full"', CommandStatus.ESME_RMSGQFUL),
        ('"refuse"\nstatus = 0x45', CommandStatus.ESME_RSUBMITFAIL),
    ],
)
def test_a_scripted_refusal_takes_nothing(name: str, status: CommandStatus) -> None:
    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        answer = await client.ask(submit("a"))
        assert (answer.command_status, answer.message_id) == (status, "")
        assert smsc.submitted == []

    result = play(scenario, script=fault(name))

    assert (result.refused, result.parts_taken) == (1, 0)


def test_a_bind_can_be_refused_by_the_script() -> None:
    async def main() -> None:
        script = fault('"refuse"\non = "bind"\nat_count = 1\nstatus = 8')
        async with (
            SmscSimulator(faults=Faults.parse(script)) as smsc,
            ClientSimulator(replace(QUICK, port=smsc.port)) as client,
        ):
            await client.until_bound()
            assert client.bind_refusals == [CommandStatus.ESME_RSYSERR]

    asyncio.run(main())


def test_a_dropped_response_leaves_the_message_taken_and_unanswered() -> None:
    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        client.send(submit("a"))
        await client.ask(submit("b"))
        await client.until(lambda: client.outgoing.resent == 1)
        await client.until(lambda: client.outgoing.accepted == 2)

    client = ClientOptions(response_s=0.1, enquire_link_s=0, tag_prefix="t")
    result = play(scenario, client=client, script=fault('"drop_response"\nat_count = 1'))

    assert (result.extra.copies, result.extra.sent_again, result.is_clean) == (1, 1, True)


@pytest.mark.parametrize("link_fault", ["cut", "unbind"])
def test_a_link_that_ends_gives_its_messages_to_the_next(link_fault: str) -> None:
    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        assert await client.run()
        assert len([entry for entry in smsc.ledger.entries if entry.kind is Kind.LINK_UP]) >= 4

    result = play(scenario, client=with_count(300, window_pdus=10), script=fault(f'"{link_fault}"\nevery_count = 100'))

    assert (result.accepted, result.lost, result.receipts_lost, result.extra.doubled) == (300, 0, 0, 0)


def test_a_half_open_link_neither_reads_nor_writes_but_stays() -> None:
    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        client.send(submit("a"))
        await client.until(lambda: not client.links, 5.0)
        assert len(smsc.links) == 1
        await client.until(lambda: client.outgoing.accepted == 1)

    client = ClientOptions(response_s=0.1, enquire_link_s=0.1, reconnect_s=0.05, tag_prefix="t")
    play(scenario, client=client, script=fault('"half_open"\nat_count = 1'))


def test_a_link_that_never_answers_is_given_up_by_the_client() -> None:
    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        client.send(submit("a"))
        await client.until(lambda: client.outgoing.accepted == 1)
        assert smsc.binds == 2

    client = ClientOptions(response_s=0.1, enquire_link_s=0.1, reconnect_s=0.01, tag_prefix="t")
    result = play(scenario, client=client, script=fault('"never_answer"\nat_count = 1'))

    assert result.extra.doubled == 0


def test_faults_strike_at_named_moments() -> None:
    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        await smsc.until(lambda: smsc.binds == 2)
        await client.until(lambda: client.inbox.mo == 5)

    script = fault('"cut"\nat_s = 0.1') + fault('"mo_burst"\nat_s = 0.15\nmessages = 5')
    assert play(scenario, script=script).mo_seen == 5


def test_a_test_may_strike_when_it_likes() -> None:
    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        smsc.strike(Action(link_fault=LinkFault.CUT))
        await smsc.until(lambda: smsc.binds == 2)
        smsc.strike(Action(mo_count=2))
        await client.until(lambda: client.inbox.mo == 2)

    assert play(scenario).mo_seen == 2


def test_what_is_asked_on_a_link_that_is_cut_is_an_error() -> None:
    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        with pytest.raises(ResourceError, match="no answer came for SubmitSm"):
            await client.ask(submit("a"))

    play(scenario, script=fault('"cut"\nat_count = 1'))


def test_mo_messages_are_sent_at_their_rate_with_own_handsets() -> None:
    mo = MoOptions(count=20, rate=200.0, text="VOTE {n}", destination="12345")

    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        await client.until(lambda: client.inbox.mo == 20)
        assert client.received[-1].at - client.received[0].at >= 0.08
        assert len({received.pdu.source_addr for received in client.received}) == 20
        assert client.received[4].pdu.short_message == b"VOTE 5 #mo5"
        await smsc.until(lambda: smsc.mo_acked == 20)

    result = play(scenario, smsc=SmscOptions(mo=mo))

    assert (result.mo_sent, result.mo_acked, result.mo_seen, result.is_clean) == (20, 20, 20, True)


def test_mo_messages_wait_until_so_many_links_may_receive() -> None:
    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        await client.until(lambda: client.inbox.mo == 5)
        first_mo = next(entry for entry in smsc.ledger.entries if entry.kind is Kind.MO)
        links_up = [entry for entry in smsc.ledger.entries if entry.kind is Kind.LINK_UP]
        assert len(links_up) == 2
        assert first_mo.time_ns >= links_up[-1].time_ns

    client = ClientOptions(binds=2, tag_prefix="t")
    play(scenario, smsc=SmscOptions(mo=MoOptions(count=5, wait_binds=2)), client=client)


def test_one_mo_can_be_sent_by_hand_with_any_octets() -> None:
    octets = bytes(range(1, 256))

    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        smsc.send_mo(octets, source="37129999999", destination="777", tag="all", data_coding=4)
        await client.until(lambda: client.inbox.mo == 1)
        pdu = client.received[0].pdu
        assert (pdu.short_message, pdu.source_addr, pdu.destination_addr) == (octets, "37129999999", "777")

    play(scenario)


@pytest.mark.parametrize("answer", ['"refuse"\nstatus = 0x64', '"drop_response"', '"cut"'])
def test_a_delivery_that_got_no_yes_is_sent_again(answer: str) -> None:
    async def main() -> tuple[int, Account]:
        client_faults = Faults.parse(fault(f'{answer}\non = "deliver"\nat_count = 1'))
        async with (
            SmscSimulator(SmscOptions(retry_s=0.01, response_s=0.2)) as smsc,
            ClientSimulator(replace(QUICK, port=smsc.port), client_faults) as client,
        ):
            await client.until_bound()
            smsc.send_mo(b"VOTE 5 #m1")
            await smsc.until(lambda: smsc.mo_acked == 1)
            return client.inbox.deliveries, account([smsc.ledger.entries, client.ledger.entries])

    deliveries, result = asyncio.run(main())

    assert deliveries == 2
    assert (result.mo_lost, result.mo_extra.doubled) == (0, 0)


def test_receipts_wait_for_a_link_of_their_own_account() -> None:
    async def main() -> None:
        async with SmscSimulator(SmscOptions(receipt_delay_s=0.05)) as smsc:
            options = ClientOptions(port=smsc.port, system_id="acme", tag_prefix="t")
            async with ClientSimulator(options) as client:
                await client.until_bound()
                await client.ask(submit("a"))
            async with ClientSimulator(ClientOptions(port=smsc.port, system_id="other")) as other:
                await other.until_bound()
                await smsc.until(lambda: len(smsc.outbox) == 1)
                async with ClientSimulator(options) as client:
                    await client.until(lambda: len(client.received) == 1)
                assert other.received == []

    asyncio.run(main())


def test_data_sm_is_taken_like_submit_sm() -> None:
    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        pdu = DataSm(source_addr="SHOP", destination_addr="37120000001", tlvs=((0x0424, b"d1 hello"),))
        answer = await client.ask(pdu)
        assert answer.message_id == "1"
        assert smsc.submitted[0].tag == "d1"

    assert play(scenario).is_clean


def test_a_query_about_a_message_is_refused_with_its_own_status() -> None:
    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        answer = await client.ask(QuerySm(message_id="1"))
        assert answer.command_status == CommandStatus.ESME_RQUERYFAIL

    play(scenario)


def test_a_long_message_in_parts_is_one_message_in_the_ledger() -> None:
    async def scenario(smsc: SmscSimulator, client: ClientSimulator) -> None:
        for number, text in ((1, b"long1 Your"), (2, b" code")):
            header = b"\x05\x00\x03\x2a\x02" + bytes((number,))
            await client.ask(SubmitSm(destination_addr="371", esm_class=0x40, short_message=header + text))
        assert [(taken.tag, taken.part.number) for taken in smsc.submitted] == [("long1", 1), ("long1", 2)]

    assert play(scenario).extra.copies == 0


def test_the_ledger_file_has_everything_that_a_peer_was_told(tmp_path: Path) -> None:
    path = tmp_path / "smsc.csv"

    async def main() -> None:
        async with (
            SmscSimulator(SmscOptions(ledger_path=str(path))) as smsc,
            ClientSimulator(replace(QUICK, port=smsc.port)) as client,
        ):
            await client.until_bound()
            await client.ask(submit("a"))
            kinds = [entry.kind for entry in read(path)]
            assert kinds[:4] == [Kind.OPENED, Kind.LINK_UP, Kind.SUBMIT, Kind.RESPONSE]

    asyncio.run(main())


def test_an_address_that_is_taken_is_a_settings_error() -> None:
    async def main() -> None:
        async with SmscSimulator() as smsc:
            with pytest.raises(SettingsError, match="expected a free address"):
                await SmscSimulator(SmscOptions(port=smsc.port)).__aenter__()

    asyncio.run(main())

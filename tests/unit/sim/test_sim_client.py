"""The simulated client: connecting, keeping to rates and windows, coming back, waiting for what should come."""

import asyncio

import pytest
from msgspec.structs import replace

from chappe.model.errors import PeerError, ResourceError
from chappe.sim.client import ClientSimulator
from chappe.sim.faults import LinkFault
from chappe.sim.ledger import Kind
from chappe.sim.options import ClientOptions, SmscOptions
from chappe.sim.script import Faults
from chappe.sim.smsc import SmscSimulator
from chappe.wire.smpp.pdus import SubmitSm
from chappe.wire.smpp.statuses import CommandStatus

QUICK = ClientOptions(reconnect_s=0.01, retry_s=0.01, linger_s=0.2, tag_prefix="t")


def test_a_client_keeps_to_its_rate() -> None:
    async def main() -> float:
        async with (
            SmscSimulator() as smsc,
            ClientSimulator(replace(QUICK, port=smsc.port, count=60, rate=200.0)) as client,
        ):
            assert await client.run()
            return smsc.submitted[-1].at - smsc.submitted[0].at

    assert asyncio.run(main()) >= 0.19


def test_a_client_keeps_to_its_window() -> None:
    async def main() -> int:
        async with (
            SmscSimulator(SmscOptions(resp_delay_s=0.05)) as smsc,
            ClientSimulator(replace(QUICK, port=smsc.port, count=12, window_pdus=4)) as client,
        ):
            most = 0

            def is_done() -> bool:
                nonlocal most
                most = max(most, client.links[0].session.in_flight if client.links else 0)
                return client.outgoing.accepted == 12

            running = asyncio.ensure_future(client.run())
            await client.until(is_done)
            await running
            return most

    assert asyncio.run(main()) == 4


def test_a_bind_refused_for_good_is_told_with_its_status() -> None:
    async def main() -> None:
        async with (
            SmscSimulator(SmscOptions(password="right")) as smsc,
            ClientSimulator(replace(QUICK, port=smsc.port, count=1)) as client,
        ):
            with pytest.raises(PeerError, match="ESME_RINVPASWD") as raised:
                await client.run()
            assert raised.value.status == CommandStatus.ESME_RINVPASWD

    asyncio.run(main())


def test_a_gateway_that_is_not_there_is_told_after_the_patience(unused_port: int) -> None:
    async def main() -> None:
        async with ClientSimulator(replace(QUICK, port=unused_port)) as client:
            with pytest.raises(ResourceError, match=r"were bound within 0\.05 s"):
                await client.until_bound(patience_s=0.05)

    asyncio.run(main())


def test_a_client_connects_as_soon_as_the_gateway_is_there(unused_port: int) -> None:
    async def main() -> None:
        async with (
            ClientSimulator(replace(QUICK, port=unused_port, count=3)) as client,
            SmscSimulator(SmscOptions(port=unused_port)),
        ):
            assert await client.run()

    asyncio.run(main())


def test_a_gateway_that_restarts_gets_the_rest(unused_port: int) -> None:
    async def main() -> None:
        silent_after_three = Faults.parse('[[faults]]\nfault = "never_answer"\nat_count = 4')
        at_port = SmscOptions(port=unused_port)
        async with ClientSimulator(replace(QUICK, port=unused_port, count=10, window_pdus=1)) as client:
            async with SmscSimulator(at_port, silent_after_three) as before:
                running = asyncio.ensure_future(client.run())
                await before.until(lambda: len(before.submitted) == 4)
            async with SmscSimulator(at_port) as after:
                await client.until(lambda: client.outgoing.accepted == 10)
                assert [taken.tag for taken in after.submitted] == [f"t{number}" for number in range(4, 11)]
                running.cancel()

    asyncio.run(main())


def test_without_resending_what_was_unanswered_is_given_up() -> None:
    async def main() -> None:
        faults = Faults.parse('[[faults]]\nfault = "cut"\nat_count = 1')
        async with (
            SmscSimulator(faults=faults) as smsc,
            ClientSimulator(replace(QUICK, port=smsc.port, count=1, may_resend=False)) as client,
        ):
            assert not await client.run()
            assert (client.outgoing.given_up, client.outgoing.resent, client.missing) == (1, 0, 0)

    asyncio.run(main())


def test_a_missing_receipt_makes_a_run_fail_after_the_linger() -> None:
    async def main() -> None:
        faults = Faults.parse('[[faults]]\nfault = "no_receipt"\nat_count = 2')
        async with (
            SmscSimulator(faults=faults) as smsc,
            ClientSimulator(replace(QUICK, port=smsc.port, count=3)) as client,
        ):
            assert not await client.run()
            assert client.counts()["missing"] == 1
            assert client.inbox.awaiting == {"2"}

    asyncio.run(main())


def test_a_message_refused_for_good_makes_a_run_fail() -> None:
    async def main() -> None:
        faults = Faults.parse('[[faults]]\nfault = "refuse"\nstatus = 0x0B\nat_count = 2')
        async with (
            SmscSimulator(faults=faults) as smsc,
            ClientSimulator(replace(QUICK, port=smsc.port, count=3)) as client,
        ):
            assert not await client.run()
            assert (client.outgoing.accepted, client.outgoing.refused) == (2, 1)

    asyncio.run(main())


def test_text_can_be_sent_in_ucs2() -> None:
    async def main() -> None:
        options = replace(QUICK, count=1, data_coding=8, text="Привет")
        async with SmscSimulator() as smsc, ClientSimulator(replace(options, port=smsc.port)) as client:
            assert await client.run()
            assert smsc.submitted[0].tag == "t1"
            assert smsc.submitted[0].octets.decode("utf-16-be") == "t1 Привет"

    asyncio.run(main())


def test_an_answer_that_does_not_come_is_a_timeout() -> None:
    async def main() -> None:
        faults = Faults.parse('[[faults]]\nfault = "drop_response"')
        async with SmscSimulator(faults=faults) as smsc, ClientSimulator(replace(QUICK, port=smsc.port)) as client:
            await client.until_bound()
            with pytest.raises(TimeoutError):
                await client.ask(SubmitSm(destination_addr="371", short_message=b"a"), patience_s=0.05)

    asyncio.run(main())


def test_a_test_may_cut_a_link_of_the_client() -> None:
    async def main() -> None:
        async with SmscSimulator() as smsc, ClientSimulator(replace(QUICK, port=smsc.port)) as client:
            await client.until_bound()
            client.links[0].strike(LinkFault.CUT, client.now())
            await smsc.until(lambda: smsc.binds == 2)
            downs = [entry for entry in client.ledger.entries if entry.kind is Kind.LINK_DOWN]
            assert len(downs) == 1

    asyncio.run(main())

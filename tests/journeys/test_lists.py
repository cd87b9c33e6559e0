"""Lists that people keep while the gateway runs: handsets that hear no more, and handsets that nobody wants to hear."""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec.structs import replace

from chappe.instructions.asking import asking_of
from chappe.instructions.kinds import (
    AddBlock,
    AddOptOut,
    Approve,
    Instruction,
    RemoveBlock,
    RemoveOptOut,
)
from chappe.instructions.outcome import Outcome, State
from chappe.runtime.settings_conf import ConfRules, Section
from chappe.runtime.settings_operators import Protocol
from chappe.runtime.settings_routing import BlockAction, BlockRule, Direction, OptOutRule
from chappe.sim.options import SmscOptions
from chappe.sim.smsc import SmscSimulator
from chappe.wire.smpp.pdus import SubmitSm
from chappe.wire.smpp.statuses import CommandStatus
from house import House, bound, journey, mo, mt, operator, settings_of
from web import web_client

HANDSET = "37120000000"
HELLO = SubmitSm(source_addr="SHOP", destination_addr=HANDSET, short_message=b"hello")
SHOP = (OptOutRule(name="shop", numbers=("12345",), senders=("SHOP*",), stop_words=("stop",)),)


async def outcome(house: House, instruction: Instruction, person: str = "ada") -> tuple[int, Outcome]:
    """Ask as commands do, wherever instructions lie, and wait for what becomes of it."""

    def ask() -> tuple[int, Outcome | None]:
        asking = asking_of(house.settings)
        number = asking.ask(instruction, person)
        return number, asking.wait(number, 10.0)

    number, found = await asyncio.to_thread(ask)
    assert found is not None
    return number, found


@journey
async def test_a_person_adds_a_handset_to_a_list_and_takes_it_off(tmp_path: Path) -> None:
    async with SmscSimulator() as smsc:
        settings = settings_of(tmp_path, [operator(smsc.port)], [web_client()], [mt("sim"), mo()])
        async with House(replace(settings, opt_outs=SHOP)) as house, bound(house) as demo:
            _, done = await outcome(house, AddOptOut("shop", f"+{HANDSET}", "called us"))
            assert done.state is State.DONE
            assert house.events("opted_out")[0][-1] == "list shop: add_opt_out by ada: called us"
            refused = await demo.ask(HELLO)
            assert refused.command_status == CommandStatus.ESME_RSUBMITFAIL

            _, done = await outcome(house, RemoveOptOut("shop", HANDSET))
            assert done.state is State.DONE
            assert (await demo.ask(HELLO)).command_status == 0

            _, failed = await outcome(house, AddOptOut("shopp", HANDSET))
            assert "no list of opt-outs is named 'shopp'; did you mean" in failed.fault
            _, failed = await outcome(house, AddOptOut("shop", "SHOP"))
            assert "no number of a handset" in failed.fault


@journey
async def test_an_opt_out_waits_for_a_second_person_where_these_are_to_approve(tmp_path: Path) -> None:
    async with SmscSimulator() as smsc:
        settings = settings_of(tmp_path, [operator(smsc.port)], [web_client()], [mt("sim"), mo()])
        settings = replace(settings, opt_outs=SHOP, conf=ConfRules(approvals=(Section.OPT_OUTS, Section.BLOCKS)))
        async with House(settings) as house, bound(house) as demo:
            number, waits = await outcome(house, AddOptOut("shop", HANDSET))
            assert waits.needs_approval == ("opt_outs",)
            assert (await demo.ask(HELLO)).command_status == 0

            _, done = await outcome(house, Approve(number), "grace")
            assert done.approved_by == "grace"
            assert not done.fault
            assert (await demo.ask(HELLO)).command_status == CommandStatus.ESME_RSUBMITFAIL

            _, waits = await outcome(house, AddBlock(block={"direction": "mo", "from": HANDSET}))
            assert waits.needs_approval == ("blocks",)


@journey
async def test_messages_of_a_blocked_handset_reach_nobody_and_leave_an_event(tmp_path: Path) -> None:
    async with SmscSimulator() as smsc:
        settings = settings_of(tmp_path, [operator(smsc.port)], [web_client()], [mt("sim"), mo(via="smpp")])
        async with House(settings) as house, bound(house) as demo:
            await house.until(lambda: any(link.is_ready for link in smsc.links))
            block = {"direction": "mo", "from": HANDSET, "reason": "floods the vote"}
            _, done = await outcome(house, AddBlock(block=block))
            assert done.state is State.DONE, done

            smsc.send_mo(b"VOTE 1", source=HANDSET)
            await smsc.until(lambda: smsc.mo_acked == 1)
            (told,) = house.events("mo_blocked")
            assert told[-1] == "blocks[0]: floods the vote; dropped"
            assert not house.events("mo_received")
            assert not demo.received

            _, failed = await outcome(house, RemoveBlock(place=0, block={"from": "1"}))
            assert "look again" in failed.fault
            _, done = await outcome(house, RemoveBlock(place=0, block={"from": HANDSET}))
            assert done.state is State.DONE, done
            smsc.send_mo(b"VOTE 2", source=HANDSET)
            await demo.until(lambda: len(demo.received) == 1)


@journey
async def test_an_operator_hears_that_a_blocked_message_will_never_be_taken(tmp_path: Path) -> None:
    for protocol in (Protocol.SMPP, Protocol.UCP):
        async with SmscSimulator(SmscOptions(protocol=protocol.value, retry_s=60.0)) as smsc:
            settings = settings_of(
                tmp_path / protocol.value, [operator(smsc.port, protocol=protocol)], [web_client()], [mt("sim"), mo()]
            )
            block = BlockRule(direction=Direction.MO, source=HANDSET, action=BlockAction.REFUSE)
            async with House(replace(settings, blocks=(block,))) as house:
                await house.until(lambda: any(link.is_ready for link in smsc.links))
                smsc.send_mo(b"VOTE 1", source=HANDSET)
                await house.until(lambda: house.events("mo_blocked"))

                assert house.events("mo_blocked")[0][-1] == "blocks[0]: blocked; refused"
                assert smsc.mo_acked == 0

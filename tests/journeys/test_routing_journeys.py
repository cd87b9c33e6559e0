"""Routes, senders and block lists as clients meet them: over SMPP and over HTTP, to several operators."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from chappe.runtime.settings import Settings
from chappe.runtime.settings_routing import (
    BlockRule,
    Choice,
    LoopGuard,
    NetworkRange,
    OperatorPrice,
    OptOutRule,
    SenderAction,
    SenderKind,
    SenderRule,
)
from chappe.sim.client import ClientSimulator
from chappe.sim.smsc import SmscSimulator
from chappe.wire.smpp.pdus import ReplaceSm, SubmitSm
from chappe.wire.smpp.statuses import CommandStatus
from house import House, bound, journey, mo, mt, operator, settings_of
from web import MESSAGE, Caller, calling, web_client


@asynccontextmanager
async def routed_house(
    folder: Path, *names: str, **tables: Any
) -> AsyncIterator[tuple[House, dict[str, SmscSimulator], ClientSimulator, Caller]]:
    """A gateway with an operator of each name, all links up, and one client at both doors."""
    async with AsyncExitStack() as stack:
        smscs = {name: await stack.enter_async_context(SmscSimulator()) for name in names}
        operators = [operator(smsc.port, name) for name, smsc in smscs.items()]
        settings: Settings = settings_of(folder, operators, [web_client()], tables.pop("routes"))
        house = await stack.enter_async_context(House(replace(settings, **tables)))
        await house.until(lambda: all(any(link.is_ready for link in smsc.links) for smsc in smscs.values()))
        demo = await stack.enter_async_context(bound(house))
        yield house, smscs, demo, await stack.enter_async_context(calling(house))


def texts(smsc: SmscSimulator) -> list[bytes]:
    return [each.pdu.short_message for each in smsc.submitted]


@journey
async def test_networks_texts_tags_and_prices_say_which_operator_gets_a_message(tmp_path: Path) -> None:
    routes = [
        mt("otp", text="*code*", name="codes"),
        mt("bulk", tags=("promo",)),
        mt("home", networks=("24701",)),
        mt("dear", "cheap", choice=Choice.PRICE, name="rest"),
        mo(),
    ]
    networks = (NetworkRange(network="24701", prefixes=("37120",)),)
    prices = (OperatorPrice(operator="dear", amount="0.05"), OperatorPrice(operator="cheap", amount="0.005"))
    names = ("otp", "bulk", "home", "dear", "cheap")
    house_terms = {"routes": routes, "networks": networks, "prices": prices}
    async with routed_house(tmp_path, *names, **house_terms) as (house, smscs, demo, caller):
        await demo.ask(SubmitSm(destination_addr="447700900001", short_message=b"Your CODE is 1"))
        await demo.ask(SubmitSm(destination_addr="37120000001", short_message=b"home"))
        await demo.ask(SubmitSm(destination_addr="447700900001", short_message=b"rest"))
        posted = await caller.post(
            {"messages": [{**MESSAGE, "tags": ["promo"]}, {**MESSAGE, "text": "code 2"}, MESSAGE]}
        )
        await house.until(lambda: sum(len(smsc.submitted) for smsc in smscs.values()) == 6)

        assert posted.status == 202
        assert {name: sorted(texts(smsc)) for name, smsc in smscs.items()} == {
            "otp": [b"Your CODE is 1", b"code 2"],
            "bulk": [b"Hello"],
            "home": [b"Hello", b"home"],
            "dear": [],
            "cheap": [b"rest"],
        }
        (told,) = house.events("mt_routed")
        assert ",".join(told[9:]) == '"routes[3] rest: cheap, cheapest: cheap 0.005, dear 0.05"'


@journey
async def test_senders_are_replaced_and_refused_at_both_doors(tmp_path: Path) -> None:
    senders = (
        SenderRule(source="BANK*", action=SenderAction.REFUSE, reason="not yours"),
        SenderRule(kinds=(SenderKind.ALPHANUMERIC,), to="1*", action=SenderAction.REPLACE, sender="12345"),
    )
    async with routed_house(tmp_path, "sim", routes=[mt(), mo()], senders=senders) as (house, smscs, demo, caller):
        bank = SubmitSm(source_addr_ton=5, source_addr="Bank1", destination_addr="371", short_message=b"x")
        refused = (await demo.ask(bank)).command_status
        posted = await caller.post({**MESSAGE, "from": "BANK"})
        shop = SubmitSm(source_addr_ton=5, source_addr="SHOP", destination_addr="12025550100", short_message=b"smpp")
        await demo.ask(shop)
        await caller.post({**MESSAGE, "to": "+12025550100", "text": "http"})
        await house.until(lambda: len(smscs["sim"].submitted) == 2)

        assert refused == CommandStatus.ESME_RINVSRCADR
        assert (posted.status, posted.code, posted.body["detail"]) == (422, "sender_refused", "not yours")
        sent = [each.pdu for each in smscs["sim"].submitted]
        assert [(pdu.source_addr, pdu.source_addr_ton, pdu.source_addr_npi) for pdu in sent] == [("12345", 0, 0)] * 2
        assert [line[-1] for line in house.events("mt_routed")] == ["senders[1]: SHOP becomes 12345"] * 2


@journey
async def test_what_is_blocked_is_refused_at_both_doors_and_cannot_slip_in_as_a_replacement(tmp_path: Path) -> None:
    listed = tmp_path / "blocked.csv"
    listed.write_text("# asked for it\n37120000009,court order\n3712111*,,2020-01-01\n")
    blocks = (BlockRule(file=str(listed), reason="listed"), BlockRule(text="*casino*", reason="gambling"))
    async with routed_house(tmp_path, "sim", routes=[mt(), mo()], blocks=blocks) as (_, _, demo, caller):
        number = (await demo.ask(SubmitSm(destination_addr="37120000009", short_message=b"x"))).command_status
        posted = await caller.post({**MESSAGE, "text": "The CASINO is open"})
        expired = await caller.post({**MESSAGE, "to": "+37121110001"})
        late = await demo.ask(
            SubmitSm(destination_addr="371", short_message=b"later", schedule_delivery_time="000001000000000R")
        )
        replaced = (await demo.ask(ReplaceSm(message_id=late.message_id, short_message=b"casino"))).command_status

        assert number == replaced == CommandStatus.ESME_RSUBMITFAIL
        assert (posted.status, posted.code, posted.body["detail"]) == (422, "blocked", "gambling")
        assert expired.status == 202


STOPPING = (
    OptOutRule(name="shop", numbers=("12345",), senders=("SHOP*", "12345"), stop_reply="Bye.", start_reply="Welcome."),
)


@journey
async def test_stop_ends_what_waits_refuses_what_comes_and_start_lets_speak_again(tmp_path: Path) -> None:
    house_terms = {"routes": [mt(), mo()], "opt_outs": STOPPING}
    async with routed_house(tmp_path, "sim", **house_terms) as (house, smscs, demo, caller):
        smsc, handset = smscs["sim"], "37120000001"
        later = SubmitSm(
            source_addr_ton=5,
            source_addr="SHOP",
            destination_addr=handset,
            short_message=b"sale",
            registered_delivery=1,
            schedule_delivery_time="000000000002000R",
        )
        waiting = await demo.ask(later)
        smsc.send_mo(b" Stop. ", source=handset, destination="12345")
        await house.until(lambda: house.events("opted_out"))
        await demo.until(lambda: len(demo.received) == 2)

        receipt = next(each for each in demo.received if each.message_id == waiting.message_id)
        assert b"stat:REJECTD" in receipt.pdu.short_message
        assert b"err:OPT" in receipt.pdu.short_message
        assert [each.pdu.short_message for each in smsc.submitted] == [b"Bye."]
        assert smsc.submitted[0].pdu.source_addr == "12345"
        refused = await demo.ask(SubmitSm(source_addr="SHOP", destination_addr=handset, short_message=b"x"))
        posted = await caller.post({**MESSAGE, "to": f"+{handset}"})
        other = await caller.post({**MESSAGE, "to": f"+{handset}", "from": "BANK"})
        assert refused.command_status == CommandStatus.ESME_RSUBMITFAIL
        assert (posted.code, other.status) == ("opted_out", 202)

        smsc.send_mo(b"START", source=handset, destination="12345")
        await house.until(lambda: house.events("opted_in"))
        await house.until(lambda: b"Welcome." in texts(smsc))
        assert (await caller.post({**MESSAGE, "to": f"+{handset}"})).status == 202

    (told,) = (line for line in house.events("mt_failed"))
    assert "opted out: list shop" in ",".join(told)


@journey
async def test_who_opted_out_is_known_after_a_restart(tmp_path: Path) -> None:
    house_terms = {"routes": [mt(), mo()], "opt_outs": STOPPING}
    async with routed_house(tmp_path, "sim", **house_terms) as (house, smscs, _, caller):
        smscs["sim"].send_mo(b"STOP", source="37120000001", destination="12345")
        await house.until(lambda: house.events("opted_out"))
    async with routed_house(tmp_path, "sim", **house_terms) as (_, _, _, caller):
        assert (await caller.post({**MESSAGE, "to": "+37120000001"})).code == "opted_out"


@journey
async def test_answers_to_answers_stop_when_they_go_round(tmp_path: Path) -> None:
    house_terms = {"routes": [mt(), mo()], "loops": LoopGuard(limit=3, window_s=60.0)}
    async with routed_house(tmp_path, "sim", **house_terms) as (house, smscs, demo, _):
        smsc = smscs["sim"]
        for number in range(5):
            smsc.send_mo(b"ping", source="37120000001", destination="12345")
            await demo.until(lambda number=number: sum(not each.message_id for each in demo.received) == number + 1)
            await demo.ask(
                SubmitSm(
                    source_addr="12345", destination_addr="37120000001", short_message=b"pong", registered_delivery=1
                )
            )
            await house.until(lambda number=number: len(smsc.submitted) + len(house.events("mt_failed")) == number + 1)

        assert len(smsc.submitted) == 3
        assert ["a circle" in ",".join(line) for line in house.events("mt_failed")] == [True, True]

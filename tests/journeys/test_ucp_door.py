"""What clients over UCP meet at their door, and on whole ways through the gateway."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from chappe.sim.account import account
from chappe.sim.client import ClientSimulator
from chappe.sim.faults import Event, Fault
from chappe.sim.ledger import Kind
from chappe.sim.options import MoOptions, SmscOptions
from chappe.sim.script import Faults, Rule
from chappe.sim.smsc import SmscSimulator
from chappe.wire.ucp.codec import write_operation
from chappe.wire.ucp.operations import (
    Alert,
    CallInput,
    DeleteMessage,
    DeleteResponse,
    InquiryMessage,
    InquiryResponse,
    ModifyMessage,
    MultipleAddressCallInput,
    SessionManagement,
    SmsMessageTransfer,
    SubmitShortMessage,
)
from house import House, bound, journey, mo, mt, small_house, ucp_client

NOBODY = "37129999999"


def text(said: str, to: str = "37120000001", **fields: str) -> SubmitShortMessage:
    values = {"adc": to, "oadc": "12345", "nrq": "1", "nt": "3", "mt": "3", "msg": said.encode().hex(), **fields}
    return SubmitShortMessage(**values)


@asynccontextmanager
async def door(
    folder: Path, *rules: Rule, client: dict[str, Any] | None = None, sim: dict[str, Any] | None = None, **keys: Any
) -> AsyncIterator[tuple[House, SmscSimulator, ClientSimulator]]:
    """A gateway with a client that has signed on over UCP."""
    async with (
        small_house(folder, clients=[ucp_client(**(client or {}))], **keys) as (house, smsc),
        bound(house, protocol="ucp", faults=Faults(tuple(rules)), linger_s=5.0, **(sim or {})) as demo,
    ):
        yield house, smsc, demo


@journey
async def test_many_messages_bring_their_receipts_home(tmp_path: Path) -> None:
    async with door(tmp_path, sim={"count": 500, "destinations": 100, "binds": 2}) as (_, smsc, demo):
        assert await demo.run()

        assert len(smsc.submitted) == 500
        result = account([smsc.ledger.entries, demo.ledger.entries])
        assert result.is_clean, result.as_text()


@journey
async def test_no_two_messages_of_one_recipient_bear_the_same_name(tmp_path: Path) -> None:
    async with door(tmp_path, sim={"count": 50, "destinations": 1}) as (_, _smsc, demo):
        assert await demo.run()

        names = [entry.message_id for entry in demo.ledger.entries if entry.kind is Kind.ACCEPTED]
        assert len(set(names)) == 50
        assert all(name.startswith("37120000000:") and len(name) == 24 for name in names)


@journey
async def test_more_to_one_recipient_than_a_minute_has_seconds_is_throttled(tmp_path: Path) -> None:
    async with door(tmp_path) as (_, _smsc, demo):
        answers = [await demo.ask(text(f"a{number}")) for number in range(70)]

        assert answers[0].command_status == 0
        # Error code 04 is what the simulated client reads as: later.
        assert {answer.command_status for answer in answers[65:]} == {0x58}


@journey
async def test_a_run_gives_no_name_that_the_run_before_it_gave(tmp_path: Path) -> None:
    names: list[str] = []
    for number in range(2):
        async with door(tmp_path) as (_, _smsc, demo):
            names += [(await demo.ask(text(f"a{number}{each}"))).message_id for each in range(20)]

    assert len(set(names)) == 40


@journey
async def test_whatever_an_operation_51_says_travels_with_the_message(tmp_path: Path) -> None:
    ends = (datetime.now(UTC) + timedelta(hours=2)).strftime("%d%m%y%H%M")
    async with door(tmp_path) as (_, smsc, demo):
        await demo.ask(text("a1", "0037120000001", vp=ends, rpid="0065", otoa="5039", oadc="07D4E2940A"))
        await demo.ask(text("", mt="4", nb="0032", msg="0102FF80", xser="0106050003AA0201020104"))
        await demo.ask(text("", mt="4", msg="04180430", nb="0032", xser="020108", pr="2", mcls="1"))
        await smsc.until(lambda: len(smsc.submitted) == 3)

        named, binary, ucs2 = (each.pdu for each in sorted(smsc.submitted, key=lambda each: each.pdu.data_coding))
        assert (named.source_addr, named.source_addr_ton) == ("TEST", 5)
        assert (named.destination_addr, named.dest_addr_ton, named.protocol_id) == ("37120000001", 1, 65)
        assert named.validity_period
        assert (binary.short_message.hex(), binary.esm_class, binary.data_coding) == ("050003aa02010102ff80", 0x40, 4)
        assert (ucs2.short_message.hex(), ucs2.data_coding, ucs2.priority_flag) == ("04180430", 8, 2)


@pytest.mark.parametrize(
    ("operation", "septets"),
    [
        (SmsMessageTransfer("37120000001", "12345", nrq="1", amsg=b"a1 hello".hex()), b"a1 hello"),
        (CallInput("37120000001", "12345", mt="3", msg=b"a1 hello".hex()), b"a1 hello"),
        (CallInput("37120000001", "12345", mt="2", msg="4711"), b"4711"),
    ],
)
@journey
async def test_old_clients_send_by_the_operations_that_they_know(
    tmp_path: Path, operation: Any, septets: bytes
) -> None:
    async with door(tmp_path) as (_, smsc, demo):
        answer = await demo.ask(operation)
        await smsc.until(lambda: len(smsc.submitted) == 1)

        assert answer.message_id.startswith("37120000001:")
        assert smsc.submitted[0].octets == septets


@journey
async def test_one_operation_for_several_recipients_is_one_message_for_each(tmp_path: Path) -> None:
    async with door(tmp_path) as (_, smsc, demo):
        wrong = await demo.ask(MultipleAddressCallInput(("37120000001", ""), "12345", mt="3", msg=b"a1".hex()))
        right = await demo.ask(MultipleAddressCallInput(("37120000001", "37120000002"), mt="3", msg=b"a2".hex()))
        await smsc.until(lambda: len(smsc.submitted) == 2)

        assert wrong.command_status == 0x0B
        assert right.message_id.startswith("37120000001:")
        assert {each.pdu.destination_addr for each in smsc.submitted} == {"37120000001", "37120000002"}


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        (text("a1", ""), 0x0B),
        (text("a1", "4412345"), 0x0B),
        (text("a1", vp="0101201200"), 22),
        (text("a1", vp="9999999999"), 2),
        (text("a1", nt="9"), 2),
        (text("a1", dd="1"), 2),
        (text("a1", mt="9"), 23),
        (text("a1", oadc="AB"), 2),
        (text("a1", mt="4", xser="01020500"), 2),
        (text("a1", xser="0205"), 2),
        (CallInput("37120000001", mt="3", msg="a"), 2),
        (CallInput("37120000001", mt="2", msg="\xff"), 28),
    ],
)
@journey
async def test_what_cannot_be_sent_is_refused_alone_and_the_session_goes_on(
    tmp_path: Path, operation: Any, code: int
) -> None:
    async with door(tmp_path, routes=[mt(to="371*"), mo("demo")]) as (house, _smsc, demo):
        refused = await demo.ask(operation)
        accepted = await demo.ask(text("a2"))

        assert refused.command_status == code
        assert accepted.command_status == 0
        await house.until(lambda: house.events("mt_rejected"))


@journey
async def test_notifications_say_what_became_of_it_and_go_where_they_are_wanted(tmp_path: Path) -> None:
    async with door(tmp_path) as (_, _smsc, demo):
        first = await demo.ask(text("a1", "0037120000001"))
        await demo.ask(text("a2", nadc="77", oadc="07D4E2940A", otoa="5039"))
        await demo.until(lambda: len(demo.received) == 2)

        plain = next(each for each in demo.received if each.message_id == first.message_id)
        other = next(each for each in demo.received if each is not plain)
        assert (plain.pdu.destination_addr, plain.stat) == ("12345", "DELIVRD")
        assert plain.message_id.startswith("0037120000001:")
        assert other.pdu.destination_addr == "77"


@journey
async def test_a_deferred_message_waits_and_may_be_asked_for_changed_and_taken_back(tmp_path: Path) -> None:
    at = (datetime.now(UTC) + timedelta(hours=1)).strftime("%d%m%y%H%M")
    async with door(tmp_path) as (house, smsc, demo):
        kept = await demo.ask(text("a1", dd="1", ddt=at))
        recipient, _, scts = kept.message_id.partition(":")

        assert (await demo.ask(InquiryMessage(recipient, "12345", scts=scts))).command_status == 0
        assert (await demo.ask(ModifyMessage(recipient, "12345", scts=scts, mt="3", msg=b"b1".hex()))).message_id
        assert (await demo.ask(InquiryMessage(recipient, "12345"))).message_id == kept.message_id
        assert (await demo.ask(DeleteMessage(recipient, "999", scts=scts))).command_status == 27
        assert (await demo.ask(DeleteMessage(recipient, "12345", scts=scts))).command_status == 0
        assert (await demo.ask(DeleteMessage(NOBODY, "12345"))).command_status == 27
        await demo.until(lambda: len(demo.asked) == 3)

        found = [(type(each), each.oadc, each.scts, each.dst) for each in demo.asked]  # type: ignore[attr-defined]
        waits = (InquiryResponse, recipient, scts, "1")
        assert found == [waits, waits, (DeleteResponse, recipient, scts, "2")]
        assert house.depth("operator:sim") == 0
        assert len(smsc.submitted) == 0


@journey
async def test_what_was_sent_is_too_late_to_be_taken_back(tmp_path: Path) -> None:
    async with door(tmp_path) as (_, _smsc, demo):
        sent = await demo.ask(text("a1"))
        await demo.until(lambda: len(demo.received) == 1)
        recipient, _, scts = sent.message_id.partition(":")

        answer = await demo.ask(DeleteMessage(recipient, "12345", scts=scts))

        assert answer.command_status == 38


@journey
async def test_mo_reach_the_client_in_whatever_alphabet_they_were_written(tmp_path: Path) -> None:
    smsc = SmscOptions(mo=MoOptions(count=20, rate=0))
    async with door(tmp_path, smsc=smsc, sim={"expect_mo": 20}) as (_, simulator, demo):
        await demo.until(lambda: demo.inbox.mo == 20)

        assert {each.pdu.destination_addr for each in demo.received} == {"12345"}
        result = account([simulator.ledger.entries, demo.ledger.entries])
        assert result.is_clean, result.as_text()


@pytest.mark.parametrize(
    "fault",
    [
        Rule(fault=Fault.DROP_RESPONSE, on=Event.DELIVER, at_count=1),
        Rule(fault=Fault.THROTTLE, on=Event.DELIVER, at_count=1),
    ],
)
@journey
async def test_a_notification_without_a_yes_comes_again(tmp_path: Path, fault: Rule) -> None:
    hasty = {"ucp": {"retry_s": 0.05, "response_s": 0.3}}
    async with door(tmp_path, fault, client=hasty) as (_, _smsc, demo):
        demo.send(text("a1"))
        await demo.until(lambda: demo.inbox.deliveries == 2)


@journey
async def test_who_comes_too_fast_or_with_too_much_is_told_so_by_his_own_codes(tmp_path: Path) -> None:
    client = {"rate": 1.0, "ucp": {"throttle_code": 61}}
    async with door(tmp_path, client=client) as (_, _smsc, demo):
        answers = [await demo.ask(text(f"a{number}", f"3712000{number:04}")) for number in range(5)]

        assert answers[0].command_status == 0
        assert 61 in {answer.command_status for answer in answers}


@journey
async def test_a_full_queue_is_told_by_its_code(tmp_path: Path) -> None:
    at = (datetime.now(UTC) + timedelta(hours=1)).strftime("%d%m%y%H%M")
    async with door(tmp_path, client={"queue_limit": 1, "ucp": {"queue_full_code": 35}}) as (_, _smsc, demo):
        first = await demo.ask(text("a1", dd="1", ddt=at))
        second = await demo.ask(text("a2", "37120000002"))

        assert (first.command_status, second.command_status) == (0, 35)


async def signed_on(house: House, name: str, password: str) -> bytes:
    """What a sign-on is answered with."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.gateway.ucp_port)
    writer.write(write_operation(0, SessionManagement(name, "6", "5", "1", password.encode().hex(), vers="0100")))
    answer = await reader.readuntil(b"\x03")
    writer.close()
    return answer


@journey
async def test_who_is_refused_is_not_told_what_was_wrong_and_attempts_are_counted(tmp_path: Path) -> None:
    hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("secret")
    elsewhere = ucp_client("far", ucp={"allowed": ("192.0.2.0/24",)})
    async with small_house(tmp_path, clients=[ucp_client(ucp={"password_hash": hashed}), elsewhere]) as (house, _):
        assert b"/R/60/A/" in await signed_on(house, "demo", "secret")
        answers = [await signed_on(house, *each) for each in (("demo", "wrong"), ("nobody", "x"), ("far", "secret"))]
        assert {answer[1:] for answer in answers} == {answers[0][1:]}
        assert b"/R/60/N/07/" in answers[0]
        for _ in range(10):
            await signed_on(house, "demo", "wrong")
        assert b"/N/07/" in await signed_on(house, "demo", "secret")
        await house.until(lambda: any("too many attempts" in each[9] for each in house.events("bind_refused")))


@journey
async def test_no_more_sessions_than_the_client_may_have_and_nothing_before_the_sign_on(tmp_path: Path) -> None:
    async with door(tmp_path, client={"ucp": {"max_binds": 1}}) as (house, _, _demo):
        assert b"/R/60/N/04/too many sessions/" in await signed_on(house, "demo", "secret")
        reader, writer = await asyncio.open_connection("127.0.0.1", house.gateway.ucp_port)
        writer.write(write_operation(3, text("a1")) + write_operation(4, Alert("1", "0539")))
        refused, alive = await reader.readuntil(b"\x03"), await reader.readuntil(b"\x03")
        writer.close()

        assert b"/R/51/N/04/" in refused
        assert b"/R/31/A/0000/" in alive

"""The simulated SMSC over UCP, asked by a client of frames: sign-on, submits, notifications, MO and faults."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from chappe.sim.faults import LinkFault
from chappe.sim.ledger import Kind
from chappe.sim.message_ids import TimestampIds
from chappe.sim.options import SmscOptions
from chappe.sim.script import Faults
from chappe.sim.smsc import SmscSimulator
from chappe.sim.ucp_forms import code_of
from chappe.wire.ucp.codec import Ack, Nack
from chappe.wire.ucp.constants import ErrorCode
from chappe.wire.ucp.facts import Fact, Request, Response, SignedOn, SignOnRefused
from chappe.wire.ucp.operations import (
    CallInput,
    DeliverNotification,
    DeliverShortMessage,
    InquiryMessage,
    Operation,
    SessionManagement,
    SmsMessageTransfer,
    SubmitShortMessage,
)
from chappe.wire.ucp.session import Role, Session, Timers

HANDSET = "37120000001"


class Client:
    """Drives the client's side of a session over a stream; answers what it is asked with yes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, result: Ack | Nack) -> None:
        self._reader, self._writer = reader, writer
        self._result = result
        self.session = Session(Role.CLIENT, now=time.monotonic(), timers=Timers(response_s=5.0), window=100)
        self.facts: list[Fact] = []
        self.is_closed = False

    async def read(self, condition: Callable[[], bool]) -> None:
        """Read until it holds."""
        while not condition():
            octets = await asyncio.wait_for(self._reader.read(65_536), 5.0)
            if not octets:
                self.is_closed = True
                return
            for fact in self.session.receive(octets, time.monotonic()):
                self.facts.append(fact)
                if isinstance(fact, Request):
                    self.session.respond(fact.trn, fact.operation.ot, self._result)
            self.write()

    def write(self) -> None:
        self._writer.write(self.session.take_octets())

    async def sign_on(self, password: str = "secret") -> None:
        self.session.sign_on(
            SessionManagement("acme", "6", "5", "1", password.encode().hex(), vers="0100"), time.monotonic()
        )
        self.write()
        await self.read(lambda: any(isinstance(fact, SignedOn | SignOnRefused) for fact in self.facts))

    def ask(self, operation: Operation) -> None:
        self.session.request(operation, time.monotonic(), operation)
        self.write()

    @property
    def results(self) -> list[Ack | Nack]:
        return [fact.result for fact in self.facts if isinstance(fact, Response)]

    def asked(self, kind: type[Operation]) -> list[Operation]:
        return [fact.operation for fact in self.facts if isinstance(fact, Request) and isinstance(fact.operation, kind)]


Scenario = Callable[[SmscSimulator, Client], Awaitable[None]]


def play(scenario: Scenario, *, script: str = "", result: Ack | Nack = Ack(), signs_on: bool = True) -> None:  # noqa: B008
    async def main() -> None:
        options = SmscOptions(protocol="ucp", system_id="acme", password="secret", retry_s=0.01)
        async with SmscSimulator(options, Faults.parse(script)) as smsc:
            reader, writer = await asyncio.open_connection("127.0.0.1", smsc.port)
            client = Client(reader, writer, result)
            if signs_on:
                await client.sign_on()
            await scenario(smsc, client)
            writer.close()

    asyncio.run(asyncio.wait_for(main(), 30.0))


def submit(tag: str, **more: str) -> SubmitShortMessage:
    text = f"{tag} hello".encode().hex()
    return SubmitShortMessage(adc=HANDSET, oadc="12345", **{"nrq": "1", "nt": "3", "mt": "3", "msg": text, **more})


def fault(text: str) -> str:
    return f"[[faults]]\nfault = {text}\n"


def test_a_submit_is_named_by_recipient_and_second_and_notified_by_the_same() -> None:
    async def scenario(smsc: SmscSimulator, client: Client) -> None:
        client.ask(submit("t1"))
        await client.read(lambda: bool(client.results and client.asked(DeliverNotification)))
        (result,), (notification,) = client.results, client.asked(DeliverNotification)
        assert isinstance(result, Ack)
        assert isinstance(notification, DeliverNotification)
        recipient, _, scts = result.sm.partition(":")
        assert (recipient, len(scts)) == (HANDSET, 12)
        assert (notification.oadc, notification.scts, notification.adc) == (HANDSET, scts, "12345")
        assert (notification.dst, notification.rsn) == ("0", "000")
        await smsc.until(lambda: smsc.receipts_acked == 1)
        assert [taken.tag for taken in smsc.submitted] == ["t1"]

    play(scenario)


def test_no_recipient_gets_the_name_of_a_second_twice() -> None:
    async def scenario(smsc: SmscSimulator, client: Client) -> None:
        for number in range(5):
            client.ask(submit(f"t{number}"))
        await client.read(lambda: len(client.results) == 5)
        assert len({result.sm for result in client.results}) == 5

    play(scenario)


def test_names_of_a_recipient_run_ahead_of_a_clock_that_stands() -> None:
    ids = TimestampIds(lambda: datetime(2026, 1, 16, 23, 59, 59, tzinfo=UTC))

    names = [ids.issue("1"), ids.issue("1"), ids.repeat("1"), ids.issue("2"), ids.scatter("1"), ids.repeat("3")]

    assert names == [
        "1:160126235959",
        "1:170126000000",
        "1:170126000000",
        "2:160126235959",
        "1:170126000001",
        "3:160126235959",
    ]


def test_a_script_makes_twins() -> None:
    async def scenario(smsc: SmscSimulator, client: Client) -> None:
        client.ask(submit("t1"))
        client.ask(submit("t2"))
        await client.read(lambda: len(client.results) == 2)
        first, second = client.results
        assert first == second

    play(scenario, script=fault('"reuse_ids"\nat_count = 2'))


@pytest.mark.parametrize(
    ("nt", "dsts"), [("3", ["0"]), ("0", ["0"]), ("", ["0"]), ("1", ["0"]), ("2", []), ("7", ["1", "0"]), ("4", ["1"])]
)
def test_nt_says_what_is_notified(nt: str, dsts: list[str]) -> None:
    async def scenario(smsc: SmscSimulator, client: Client) -> None:
        client.ask(submit("t1", nt=nt))
        client.ask(submit("t2", nt="1"))
        await client.read(lambda: len(client.asked(DeliverNotification)) == len(dsts) + 1)
        told = [each.dst for each in client.asked(DeliverNotification) if isinstance(each, DeliverNotification)]
        assert told[:-1] == dsts

    play(scenario)


def test_a_failure_is_notified_with_its_reason() -> None:
    async def scenario(smsc: SmscSimulator, client: Client) -> None:
        client.ask(submit("t1"))
        await client.read(lambda: bool(client.asked(DeliverNotification)))
        (notification,) = client.asked(DeliverNotification)
        assert isinstance(notification, DeliverNotification)
        assert (notification.dst, notification.rsn) == ("2", "108")

    play(scenario, script=fault('"undelivered"'))


def test_operations_01_and_30_are_taken_and_others_are_not() -> None:
    async def scenario(smsc: SmscSimulator, client: Client) -> None:
        client.ask(CallInput(HANDSET, "12345", mt="3", msg=b"a1 x".hex()))
        client.ask(SmsMessageTransfer(HANDSET, "12345", nrq="1", amsg=b"a2 x".hex()))
        client.ask(InquiryMessage(HANDSET, "12345"))
        await client.read(lambda: len(client.results) == 3)
        assert [taken.tag for taken in smsc.submitted] == ["a1", "a2"]
        assert client.results[2] == Nack(ErrorCode.OPERATION_NOT_SUPPORTED)

    play(scenario)


def test_an_mo_is_sent_again_with_its_own_timestamp_until_it_is_taken() -> None:
    async def scenario(smsc: SmscSimulator, client: Client) -> None:
        smsc.send_mo(b"VOTE 5 #m1")
        await client.read(lambda: len(client.asked(DeliverShortMessage)) == 2)
        first, second = client.asked(DeliverShortMessage)
        assert first == second
        assert isinstance(first, DeliverShortMessage)
        assert (first.oadc, first.otoa, first.adc, bytes.fromhex(first.msg)) == (
            HANDSET,
            "1139",
            "12345",
            b"VOTE 5 #m1",
        )
        assert len(first.scts) == 12
        assert not smsc.mo_acked

    play(scenario, result=Nack(ErrorCode.SYSTEM_ERROR))


def test_a_wrong_password_is_refused_and_the_connection_ends() -> None:
    async def scenario(smsc: SmscSimulator, client: Client) -> None:
        await client.sign_on("wrong")
        assert [fact.result.ec for fact in client.facts if isinstance(fact, SignOnRefused)] == [7]
        await client.read(lambda: False)
        assert client.is_closed

    play(scenario, signs_on=False)


@pytest.mark.parametrize(("word", "ec"), [("throttle", 4), ("queue_full", 55)])
def test_a_refusal_has_its_code(word: str, ec: int) -> None:
    async def scenario(smsc: SmscSimulator, client: Client) -> None:
        client.ask(submit("t1"))
        await client.read(lambda: bool(client.results))
        assert client.results == [Nack(ec)]
        assert not smsc.submitted

    play(scenario, script=fault(f'"{word}"'))


def test_a_dropped_response_leaves_the_others_as_they_were() -> None:
    async def scenario(smsc: SmscSimulator, client: Client) -> None:
        client.ask(submit("t1", nrq="0"))
        client.ask(submit("t2", nrq="0"))
        await client.read(lambda: bool(client.results))
        assert [taken.tag for taken in smsc.submitted] == ["t1", "t2"]
        assert client.session.in_flight == 1

    play(scenario, script=fault('"drop_response"\nat_count = 1'))


@pytest.mark.parametrize("link_fault", [LinkFault.CUT, LinkFault.UNBIND])
def test_a_link_fault_ends_the_connection(link_fault: LinkFault) -> None:
    async def scenario(smsc: SmscSimulator, client: Client) -> None:
        client.ask(submit("t1"))
        try:
            await client.read(lambda: False)
        except ConnectionResetError:
            client.is_closed = True
        assert client.is_closed
        await smsc.until(lambda: Kind.LINK_DOWN in {entry.kind for entry in smsc.ledger.entries})

    play(scenario, script=fault(f'"{link_fault.name.lower()}"'))


@pytest.mark.parametrize(("status", "ec"), [(0x58, 4), (0x14, 55), (0x0B, 6), (0x18, 24), (0x36, 54), (0x400, 55)])
def test_statuses_become_codes(status: int, ec: int) -> None:
    assert code_of(status) == ec

"""The library `smpplib` as a client of the SMPP door, and as the reader of everything that the door says."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import smpplib.client
import smpplib.consts
import smpplib.exceptions
import smpplib.gsm

from chappe.sim.faults import Event, Fault
from chappe.sim.script import Faults, Rule
from house import House, client, journey, small_house


class Foreigner:
    """One blocking client of that library, used from threads."""

    def __init__(self, port: int) -> None:
        self.ids: list[str] = []
        self.deliveries: list[Any] = []
        self.errors: list[int] = []
        self.client = smpplib.client.Client("127.0.0.1", port, timeout=0.2, allow_unknown_opt_params=True)
        self.client.set_message_sent_handler(self._note_answer)
        self.client.set_message_received_handler(self._take)
        self.told: list[Any] = []
        self.client.set_query_resp_handler(self.told.append)
        self.client.set_error_pdu_handler(lambda pdu: self.errors.append(int(pdu.status)))

    async def bind(self, kind: str, password: str = "secret", system_id: str = "demo") -> Any:
        def work() -> Any:
            self.client.connect()
            self.client.timeout = 5
            return getattr(self.client, f"bind_{kind}")(system_id=system_id, password=password)

        return await asyncio.to_thread(work)

    async def send(self, **fields: Any) -> None:
        values = {
            "source_addr_ton": smpplib.consts.SMPP_TON_ALNUM,
            "source_addr": "SHOP",
            "dest_addr_ton": smpplib.consts.SMPP_TON_INTL,
            "dest_addr_npi": smpplib.consts.SMPP_NPI_ISDN,
            "destination_addr": "37120000001",
            "short_message": b"hello",
            "registered_delivery": True,
            **fields,
        }
        await asyncio.to_thread(self.client.send_message, **values)

    async def until(self, condition: Callable[[], Any]) -> None:
        """Read until `condition` holds; every silent moment the library probes the link."""
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.to_thread(self.client.read_once)

    async def leave(self) -> None:
        answer = await asyncio.to_thread(self.client.unbind)
        while answer.command == "enquire_link_resp":
            answer = await asyncio.to_thread(self.client.read_pdu)
        assert answer.command == "unbind_resp"
        self.client.state = smpplib.consts.SMPP_CLIENT_STATE_OPEN
        self.client.disconnect()

    def _note_answer(self, pdu: Any) -> None:
        # The library calls this for refusals too, which name no message.
        if pdu.message_id is not None:
            self.ids.append(pdu.message_id.decode())

    def _take(self, pdu: Any) -> None:
        self.deliveries.append(pdu)


@journey
async def test_smpplib_sends_as_transceiver_and_hears_of_the_delivery(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, smsc):
        foreigner = Foreigner(house.port)
        answer = await foreigner.bind("transceiver")
        await foreigner.send()
        await foreigner.until(lambda: foreigner.ids and foreigner.deliveries)
        await foreigner.leave()

        receipt = foreigner.deliveries[0]
        assert answer.system_id == b"chappe"
        assert receipt.receipted_message_id.rstrip(b"\0").decode() == foreigner.ids[0]
        assert receipt.short_message.startswith(f"id:{foreigner.ids[0]} sub:001 dlvrd:001 ".encode())
        assert b"stat:DELIVRD err:000 text:hello" in receipt.short_message
        assert int(receipt.message_state) == smpplib.consts.SMPP_MESSAGE_STATE_DELIVERED
        assert receipt.esm_class == smpplib.consts.SMPP_MSGTYPE_DEFAULT | 0x04
        assert (receipt.source_addr, receipt.destination_addr) == (b"37120000001", b"SHOP")
        assert [each.octets for each in smsc.submitted] == [b"hello"]
        await settled(house)


@journey
async def test_smpplib_sends_as_transmitter_and_listens_as_receiver(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, smsc):
        sender, listener = Foreigner(house.port), Foreigner(house.port)
        await sender.bind("transmitter")
        await listener.bind("receiver")
        await sender.send()
        smsc.send_mo("VOTE 5 €".encode("utf-16-be"), data_coding=8)
        await sender.until(lambda: sender.ids)
        await listener.until(lambda: len(listener.deliveries) == 2)

        texts = {bytes(each.short_message) for each in listener.deliveries}
        assert "VOTE 5 €".encode("utf-16-be") in texts
        assert any(text.startswith(f"id:{sender.ids[0]} ".encode()) for text in texts)
        await sender.leave()
        await listener.leave()
        await settled(house)


@journey
async def test_smpplib_asks_what_became_of_its_message(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, _):
        foreigner = Foreigner(house.port)
        await foreigner.bind("transceiver")
        await foreigner.send()
        await foreigner.until(lambda: foreigner.ids and foreigner.deliveries)
        asked = {"message_id": foreigner.ids[0], "source_addr_ton": 5, "source_addr_npi": 0, "source_addr": "SHOP"}
        await asyncio.to_thread(foreigner.client.query_message, **asked)
        await foreigner.until(lambda: foreigner.told)
        await asyncio.to_thread(foreigner.client.query_message, **{**asked, "message_id": "4711"})
        await foreigner.until(lambda: foreigner.errors)
        await foreigner.leave()

        told = foreigner.told[0]
        assert told.message_id == foreigner.ids[0].encode()
        assert told.message_state == smpplib.consts.SMPP_MESSAGE_STATE_DELIVERED
        assert told.error_code == 0
        assert len(told.final_date) == 16
        assert foreigner.errors == [0x0C]
        await settled(house)


@journey
async def test_smpplib_sends_a_long_text_in_parts_of_its_own(tmp_path: Path) -> None:
    text = "A long text with a € sign. " * 12
    parts, coding, kind = smpplib.gsm.make_parts(text)

    async with small_house(tmp_path) as (house, smsc):
        foreigner = Foreigner(house.port)
        await foreigner.bind("transceiver")
        for part in parts:
            await foreigner.send(short_message=part, data_coding=coding, esm_class=kind)
        await foreigner.until(lambda: len(foreigner.ids) == len(foreigner.deliveries) == len(parts))
        await foreigner.leave()

        assert len(parts) > 1
        assert [each.pdu.short_message for each in smsc.submitted] == list(parts)
        assert {each.pdu.esm_class for each in smsc.submitted} == {0x40}


@journey
async def test_smpplib_is_told_every_kind_of_bad_end(tmp_path: Path) -> None:
    stats = ["UNDELIV", "EXPIRED", "REJECTD", "DELETED"]
    rules = tuple(Rule(fault=Fault.UNDELIVERED, stat=stat, at_count=at) for at, stat in enumerate(stats, 1))
    async with small_house(tmp_path, faults=Faults(rules)) as (house, _):
        foreigner = Foreigner(house.port)
        await foreigner.bind("transceiver")
        for _ in stats:
            await foreigner.send()
        await foreigner.until(lambda: len(foreigner.deliveries) == len(stats))
        await foreigner.leave()

        told = [bytes(each.short_message).split(b"stat:")[1].split()[0].decode() for each in foreigner.deliveries]
        assert sorted(told) == sorted(stats)


@pytest.mark.parametrize(
    ("system_id", "password", "status"),
    [
        ("demo", "wrong", smpplib.consts.SMPP_ESME_RINVPASWD),
        ("nobody", "secret", smpplib.consts.SMPP_ESME_RINVSYSID),
    ],
)
@journey
async def test_smpplib_is_refused_by_name(tmp_path: Path, system_id: str, password: str, status: int) -> None:
    async with small_house(tmp_path) as (house, _):
        foreigner = Foreigner(house.port)

        with pytest.raises(smpplib.exceptions.PDUError) as refusal:
            await foreigner.bind("transceiver", password, system_id)

        assert refusal.value.args[1] == status
        foreigner.client.disconnect()


@journey
async def test_smpplib_understands_refusals_of_messages(tmp_path: Path) -> None:
    async with small_house(tmp_path, clients=[client(rate=1.0)]) as (house, _):
        foreigner = Foreigner(house.port)
        await foreigner.bind("transmitter")
        await foreigner.send(destination_addr="")
        await foreigner.until(lambda: foreigner.errors)
        await foreigner.send()
        await foreigner.send()
        await foreigner.until(lambda: len(foreigner.errors) == 2 and foreigner.ids)
        await foreigner.leave()

        assert foreigner.errors == [smpplib.consts.SMPP_ESME_RINVDSTADR, smpplib.consts.SMPP_ESME_RTHROTTLED]


@journey
async def test_smpplib_answers_our_probes_and_we_answer_its(tmp_path: Path) -> None:
    watchful = client(smpp={"enquire_link_s": 0.3, "response_s": 0.5})
    async with small_house(tmp_path, clients=[watchful]) as (house, _):
        foreigner = Foreigner(house.port)
        await foreigner.bind("transceiver")
        began = asyncio.get_running_loop().time()
        await foreigner.until(lambda: asyncio.get_running_loop().time() - began > 2)

        assert house.gateway.smpp_door.bound["demo"] == 1
        await foreigner.leave()


@journey
async def test_delivery_that_smpplib_refuses_comes_again(tmp_path: Path) -> None:
    faults = Faults((Rule(fault=Fault.NO_RECEIPT, on=Event.RECEIPT, at_count=99),))
    async with small_house(tmp_path, faults=faults, clients=[client(smpp={"retry_s": 0.2})]) as (house, _):
        foreigner = Foreigner(house.port)
        answers = iter([smpplib.consts.SMPP_ESME_RSYSERR, smpplib.consts.SMPP_ESME_ROK])
        foreigner.client.set_message_received_handler(
            lambda pdu: foreigner.deliveries.append(pdu) or next(answers)  # type: ignore[func-returns-value]
        )
        await foreigner.bind("transceiver")
        await foreigner.send()
        await foreigner.until(lambda: len(foreigner.deliveries) == 2)
        await foreigner.leave()

        first, second = foreigner.deliveries
        assert first.short_message == second.short_message
        await settled(house)


async def settled(house: House) -> None:
    """Nothing waits for the client any more, and nothing that was said could not be read."""
    await house.until(lambda: house.depth("client:demo") == 0)
    assert house.events("pdu_refused") == []

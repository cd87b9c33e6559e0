"""An SMSC made of smpplib's own PDUs: it reads what the gateway says to operators, and answers in its own words."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import smpplib.consts
import smpplib.smpp

from chappe.wire.smpp.pdus import SubmitSm
from house import House, bound, journey, operator, settings_of


class Numbers:
    """What smpplib asks its client for when it makes a PDU."""

    allow_unknown_opt_params = True

    def __init__(self) -> None:
        self.sequence = 1_000

    def next_sequence(self) -> int:
        self.sequence += 1
        return self.sequence


class ForeignSmsc:
    """Takes everything, reports everything as delivered."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.numbers = Numbers()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readexactly(4)
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()
                return
            octets = head + await reader.readexactly(int.from_bytes(head, "big") - 4)
            pdu = smpplib.smpp.parse_pdu(octets, client=self.numbers, allow_unknown_opt_params=True)
            self.heard.append(pdu)
            self.answer(pdu, writer)

    def answer(self, pdu: Any, writer: asyncio.StreamWriter) -> None:
        if pdu.command.endswith("_resp"):
            return
        fields = {"message_id": f"id-{len(self.of('submit_sm'))}"} if pdu.command == "submit_sm" else {}
        if pdu.command.startswith("bind"):
            fields = {"system_id": "foreign"}
        answer = smpplib.smpp.make_pdu(f"{pdu.command}_resp", client=self.numbers, **fields)
        answer.sequence = pdu.sequence
        writer.write(answer.generate())
        if pdu.command == "submit_sm":
            writer.write(self.receipt(pdu, fields["message_id"]))

    def receipt(self, pdu: Any, message_id: str) -> bytes:
        text = (
            f"id:{message_id} sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 stat:DELIVRD err:000 text:"
        )
        receipt = smpplib.smpp.make_pdu(
            "deliver_sm",
            client=self.numbers,
            source_addr=pdu.destination_addr.decode(),
            destination_addr=pdu.source_addr.decode(),
            esm_class=smpplib.consts.SMPP_MSGTYPE_DEFAULT | 0x04,
            short_message=text.encode(),
        )
        return bytes(receipt.generate())

    def of(self, command: str) -> list[Any]:
        return [pdu for pdu in self.heard if pdu.command == command]


@asynccontextmanager
async def foreign_smsc() -> AsyncIterator[ForeignSmsc]:
    smsc = ForeignSmsc()
    server = await asyncio.start_server(smsc.serve, "127.0.0.1", 0)
    smsc.port = server.sockets[0].getsockname()[1]
    yield smsc
    server.close()


@journey
async def test_smpplib_reads_what_an_operator_is_told_and_the_gateway_what_it_answers(tmp_path: Path) -> None:
    async with foreign_smsc() as smsc:
        settings = settings_of(tmp_path, [operator(smsc.port, enquire_link_s=0.3)])
        async with House(settings) as house, bound(house) as demo:
            message = SubmitSm(
                source_addr_ton=5,
                source_addr="SHOP",
                dest_addr_ton=1,
                dest_addr_npi=1,
                destination_addr="37120000001",
                data_coding=8,
                short_message="jā €".encode("utf-16-be"),
                registered_delivery=1,
                tlvs=((0x0204, b"\0\7"),),
            )
            answer = await demo.ask(message)
            await demo.until(lambda: demo.received)
            await house.until(lambda: smsc.of("deliver_sm_resp") and smsc.of("enquire_link"))

            assert demo.received[0].message_id == answer.message_id
            assert house.events("pdu_refused") == []
        [bind], [submit] = smsc.of("bind_transceiver"), smsc.of("submit_sm")
        assert (bind.system_id, bind.password) == (b"chappe", b"secret")
        assert int(bind.interface_version) == smpplib.consts.SMPP_VERSION_34
        assert (submit.source_addr, submit.destination_addr) == (b"SHOP", b"37120000001")
        assert submit.short_message == "jā €".encode("utf-16-be")
        assert (int(submit.data_coding), int(submit.registered_delivery)) == (8, 1)
        assert int(submit.user_message_reference) == 7
        assert len(smsc.of("unbind")) == 1

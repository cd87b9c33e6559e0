"""The simulated SMSC speaks with a client that others wrote."""

import asyncio
from collections.abc import Callable

import smpplib.client
import smpplib.consts
import smpplib.exceptions

from chappe.sim.options import SmscOptions
from chappe.sim.smsc import SmscSimulator


def talk(smsc: SmscSimulator, conversation: Callable[[smpplib.client.Client], None]) -> None:
    client = smpplib.client.Client("127.0.0.1", smsc.port, allow_unknown_opt_params=True, timeout=5)
    client.connect()
    try:
        conversation(client)
    finally:
        client.disconnect()


def test_a_foreign_client_sends_and_receives() -> None:
    heard: list[str] = []

    def conversation(client: smpplib.client.Client) -> None:
        client.bind_transceiver(system_id="acme", password="secret")
        client.set_message_sent_handler(lambda pdu: heard.append(f"id {pdu.message_id.decode()}"))
        client.set_message_received_handler(lambda pdu: heard.append(pdu.short_message.decode()))
        client.send_message(
            source_addr="SHOP", destination_addr="37120000001", short_message=b"f1 hello", registered_delivery=True
        )
        while len(heard) < 3:
            client.read_once()
        client.unbind()

    async def main() -> None:
        async with SmscSimulator(SmscOptions(system_id="acme", password="secret")) as smsc:
            smsc.send_mo(b"VOTE 5 #m1")
            await asyncio.to_thread(talk, smsc, conversation)
            await smsc.until(lambda: smsc.receipts_acked == 1 and smsc.mo_acked == 1)
            assert smsc.submitted[0].tag == "f1"

    asyncio.run(main())

    assert heard[0] == "VOTE 5 #m1"
    assert heard[1] == "id 1"
    assert heard[2].startswith("id:1 sub:001 dlvrd:001 submit date:")
    assert heard[2].endswith("stat:DELIVRD err:000 Text:f1 hello")


def test_a_foreign_client_hears_why_its_bind_was_refused() -> None:
    statuses: list[int] = []

    def conversation(client: smpplib.client.Client) -> None:
        try:
            client.bind_transmitter(system_id="acme", password="wrong")
        except smpplib.exceptions.PDUError as refusal:
            statuses.append(refusal.args[1])

    async def main() -> None:
        async with SmscSimulator(SmscOptions(password="secret")) as smsc:
            await asyncio.to_thread(talk, smsc, conversation)

    asyncio.run(main())

    assert statuses == [smpplib.consts.SMPP_ESME_RINVPASWD]

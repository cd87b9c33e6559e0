"""The library `aiosmpplib` as a client of the SMPP door."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmpplib import ESME, AbstractHook, BindMode, DeliverSm, PhoneNumber, SubmitSm
from aiosmpplib.broker import SimpleBroker
from aiosmpplib.protocol import EnquireLink, EnquireLinkResp, SmppMessage, SubmitSmResp
from aiosmpplib.state import SmppSessionState

from house import House, client, journey, small_house


class Witness(AbstractHook):
    """Keeps what came and what could not be read."""

    def __init__(self) -> None:
        self.received_messages: list[SmppMessage] = []
        self.unread: list[bytes] = []
        self.errors: list[Exception] = []

    async def sending(self, smpp_message: SmppMessage, pdu: bytes, client_id: str) -> None:
        """What leaves is its own affair."""

    async def received(self, smpp_message: SmppMessage | None, pdu: bytes, client_id: str) -> None:
        if smpp_message is None:
            self.unread.append(pdu)
        else:
            self.received_messages.append(smpp_message)

    async def send_error(self, smpp_message: SmppMessage, error: Exception, client_id: str) -> None:
        self.errors.append(error)

    def of(self, kind: type[Any]) -> list[Any]:
        return [each for each in self.received_messages if isinstance(each, kind)]


@asynccontextmanager
async def foreigner(
    house: House, mode: BindMode = BindMode.TRANSCEIVER, password: str = "secret"
) -> AsyncIterator[tuple[ESME, Witness]]:
    """A started client; it ends by unbinding."""
    witness = Witness()
    esme = ESME(
        smsc_host="127.0.0.1",
        smsc_port=house.port,
        system_id="demo",
        password=password,
        bind_mode=mode,
        hook=witness,
        broker=SimpleBroker(),
        enquire_link_interval=0.5,
        socket_timeout=5.0,
        log_level="CRITICAL",
    )
    work = asyncio.create_task(esme.start())
    try:
        yield esme, witness
    finally:
        # Where an answer arrives while it stops, the library's own work fails and its stop waits for ever.
        stopping = asyncio.create_task(esme.stop())
        await asyncio.wait([stopping, work], timeout=5, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait([stopping, work], timeout=1)
        stopping.cancel()
        work.cancel()
        await asyncio.gather(stopping, work, return_exceptions=True)


async def bound_as(esme: ESME, house: House, state: SmppSessionState) -> None:
    await house.until(lambda: esme.session_state is state)


def message(text: str = "hello", **fields: Any) -> SubmitSm:
    return SubmitSm(
        short_message=text, source=PhoneNumber("37120009999"), destination=PhoneNumber("37120000001"), **fields
    )


def first(witness: Witness, kind: type[Any]) -> Callable[[], list[Any]]:
    return lambda: witness.of(kind)


@journey
async def test_aiosmpplib_sends_and_matches_the_receipt_with_its_message(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, smsc):
        async with foreigner(house) as (esme, witness):
            await bound_as(esme, house, SmppSessionState.BOUND_TRX)
            await esme.broker.enqueue(message(log_id="first"))
            await house.until(first(witness, DeliverSm))
            await house.until(lambda: house.depth("client:demo") == 0)

            [answer], [delivery] = witness.of(SubmitSmResp), witness.of(DeliverSm)
            assert delivery.is_receipt()
            assert delivery.parse_receipt()["id"] == answer.message_id
            assert delivery.parse_receipt()["stat"] == "DELIVRD"
            assert delivery.log_id == "first"
            assert witness.unread == []
        assert smsc.submitted[0].octets == b"hello"
        assert house.gateway.smpp_door.bound["demo"] == 0


@journey
async def test_aiosmpplib_transmitter_and_receiver_share_the_work(tmp_path: Path) -> None:
    async with (
        small_house(tmp_path) as (house, smsc),
        foreigner(house, BindMode.TRANSMITTER) as (sender, sent),
        foreigner(house, BindMode.RECEIVER) as (_, heard),
    ):
        # The library calls a receiver's state BOUND_TX, so the door is asked instead.
        await house.until(lambda: house.gateway.smpp_door.bound["demo"] == 2)
        await bound_as(sender, house, SmppSessionState.BOUND_TX)
        await sender.broker.enqueue(message())
        smsc.send_mo(b"VOTE 5")
        await house.until(lambda: len(heard.of(DeliverSm)) == 2)

        assert sent.of(DeliverSm) == []
        [receipt] = [each for each in heard.of(DeliverSm) if each.is_receipt()]
        [mo] = [each for each in heard.of(DeliverSm) if not each.is_receipt()]
        assert receipt.parse_receipt()["id"] == sent.of(SubmitSmResp)[0].message_id
        assert mo.short_message == "VOTE 5"
        assert heard.unread == sent.unread == []


@pytest.mark.parametrize("text", ["plain", "ünïcode ✓ 🙂", "€ and {braces}"])
@journey
async def test_text_of_aiosmpplib_reaches_the_operator_in_its_encoding(tmp_path: Path, text: str) -> None:
    async with small_house(tmp_path) as (house, smsc), foreigner(house) as (esme, _):
        await bound_as(esme, house, SmppSessionState.BOUND_TRX)
        ucs2 = None if text == "plain" else "ucs2"
        await esme.broker.enqueue(message(text, encoding=ucs2))
        await house.until(lambda: smsc.submitted)

        encoding = "utf-16-be" if ucs2 else "ascii"
        assert smsc.submitted[0].octets == text.encode(encoding)
        assert smsc.submitted[0].pdu.data_coding == (8 if ucs2 else 0)


@journey
async def test_aiosmpplib_with_a_wrong_password_never_gets_in(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, _), foreigner(house, password="wrong") as (esme, witness):
        await house.until(lambda: house.events("bind_refused"))

        assert esme.session_state not in (SmppSessionState.BOUND_TRX, SmppSessionState.BOUND_TX)
        # A refusal has no body (SMPP 3.4 §4.1.2), and that the library does not expect; the header it does read.
        assert {pdu[4:12].hex() for pdu in witness.unread} <= {"800000090000000e", "800000090000000d"}
        assert house.events("client_bound") == []


@journey
async def test_aiosmpplib_stays_bound_while_both_probe_each_other(tmp_path: Path) -> None:
    watchful = client(smpp={"enquire_link_s": 0.3, "response_s": 0.5})
    async with small_house(tmp_path, clients=[watchful]) as (house, _), foreigner(house) as (esme, witness):
        await bound_as(esme, house, SmppSessionState.BOUND_TRX)
        await house.until(lambda: len(witness.of(EnquireLink)) >= 3 and witness.of(EnquireLinkResp))

        assert esme.session_state is SmppSessionState.BOUND_TRX
        assert witness.unread == []
        assert len(house.events("client_bound")) == 1

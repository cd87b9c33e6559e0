"""Debian's Kannel as a client over UCP (`smsc = emi`) of our door and, through it, of a simulated SMSC over UCP."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, quote, quote_from_bytes, urlsplit

import pytest
from kannel import IS_THERE, UCP, kannel
from test_tshark import _why_not, captured
from test_tshark_ucp import complaints, counted

from chappe.runtime.settings_operators import Protocol
from chappe.sim.faults import Event, Fault
from chappe.sim.options import SmscOptions
from chappe.sim.script import Faults, Rule
from chappe.sim.smsc import SmscSimulator
from house import House, journey, small_house, ucp_client
from raw_web import Web, ask

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not IS_THERE, reason="Kannel is not installed")]

#: How long Kannel may take for anything, on a machine with other things to do.
PATIENCE_S = 40.0


class Scene(NamedTuple):
    """Kannel, our gateway, and the SMSC behind it."""

    house: House
    smsc: SmscSimulator
    web: Web
    web_port: int
    port: int

    async def send(self, text: str | bytes, to: str = "37120000001", **more: str) -> None:
        """Have Kannel send something, and tell of it."""
        said = quote_from_bytes(text if isinstance(text, bytes) else text.encode())
        told = quote(f"http://127.0.0.1:{self.web_port}/dlr?id={to}&type=%d&ts=%T&answer=%A", safe="")
        rest = "".join(f"&{name}={quote(value, encoding='latin-1')}" for name, value in more.items())
        asked = f"username=tester&password=foobar&from=12345&to={to}&text={said}&dlr-mask=3&dlr-url={told}{rest}"
        status, body, _ = await ask(self.port, "GET", f"/cgi-bin/sendsms?{asked}")
        assert status == 202, body

    def told(self, path: str) -> list[dict[str, str]]:
        """What Kannel called our web server with, at this path."""
        urls = [urlsplit(target) for target in self.web.targets]
        return [
            {key: values[0] for key, values in parse_qs(url.query, encoding="latin-1").items()}
            for url in urls
            if url.path == path
        ]


@asynccontextmanager
async def scene(folder: Path, *rules: Rule, pcap: Path | None = None) -> AsyncIterator[Scene]:
    web = Web(answer=b"")
    web_port = await web.listen()
    options = SmscOptions(protocol="ucp")
    async with AsyncExitStack() as stack:
        terms = {"protocol": Protocol.UCP, "retry_s": (0.05,)}
        client = ucp_client("kannel", ucp={"retry_s": 0.2})
        house, smsc = await stack.enter_async_context(
            small_house(folder, smsc=options, faults=Faults(rules), of_operator=terms, clients=[client])
        )
        if pcap is not None:
            await stack.enter_async_context(captured(pcap, [house.gateway.ucp_port, smsc.port]))
        mo_url = f"http://127.0.0.1:{web_port}/mo?from=%p&to=%P&text=%a&coding=%c&udh=%u&hex=%b"
        port = await stack.enter_async_context(kannel(folder, house.gateway.ucp_port, mo_url, UCP))
        await house.until(lambda: house.gateway.ucp_door.bound["kannel"] > 0, PATIENCE_S)
        found = Scene(house, smsc, web, web_port, port)
        # Only what has come back shows that all of Kannel's boxes have found each other.
        await found.send("ready?", "37129999999")
        await house.until(lambda: found.told("/dlr"), PATIENCE_S)
        web.targets.clear()
        smsc.submitted.clear()
        yield found
    web.close()


@journey
async def test_kannel_sends_and_hears_what_became_of_each_message(tmp_path: Path) -> None:
    undelivered = Rule(fault=Fault.UNDELIVERED, on=Event.RECEIPT, at_count=4)
    async with scene(tmp_path, undelivered) as kannel_side:
        recipients = [f"3712000{number:04}" for number in range(30)]
        await asyncio.gather(*(kannel_side.send(f"a{to} hello @ €", to) for to in recipients))
        await kannel_side.house.until(lambda: len(kannel_side.told("/dlr")) == 30, PATIENCE_S)

        assert Counter(each["type"] for each in kannel_side.told("/dlr")) == {"1": 29, "2": 1}
        assert {each["id"] for each in kannel_side.told("/dlr")} == set(recipients)
        assert {taken.octets[-3:] for taken in kannel_side.smsc.submitted} == {b" \x1b\x65"}
        assert not kannel_side.house.events("pdu_refused", "bind_refused")


@journey
async def test_messages_to_one_handset_within_a_second_are_told_apart(tmp_path: Path) -> None:
    async with scene(tmp_path) as kannel_side:
        for number in range(12):
            await kannel_side.send(f"a{number}")
        await kannel_side.house.until(lambda: len(kannel_side.told("/dlr")) == 12, PATIENCE_S)

        assert {each["type"] for each in kannel_side.told("/dlr")} == {"1"}
        assert len(kannel_side.smsc.submitted) == 12


@journey
async def test_long_and_national_texts_arrive_as_kannel_cut_them(tmp_path: Path) -> None:
    long, national = "x" * 300, "Ačiū, labas vakaras! " * 5
    async with scene(tmp_path) as kannel_side:
        await kannel_side.send(long)
        await kannel_side.send(national.encode("utf-16-be"), "37120000002", coding="2")
        await kannel_side.send(b"\x00\x01\xff", "37120000003", coding="1", udh="\x06\x05\x04\x15\x8a\x00\x00")
        await kannel_side.house.until(lambda: len(kannel_side.smsc.submitted) == 5, PATIENCE_S)
        await kannel_side.house.until(lambda: len(kannel_side.told("/dlr")) >= 3, PATIENCE_S)

        by_number: dict[str, list[bytes]] = {}
        for taken in kannel_side.smsc.submitted:
            assert taken.pdu.esm_class & 0x40
            by_number.setdefault(taken.pdu.destination_addr, []).append(taken.pdu.short_message)
        texts = {to: b"".join(each[each[0] + 1 :] for each in sorted(parts)) for to, parts in by_number.items()}
        assert texts["37120000001"] == long.encode()
        assert texts["37120000002"].decode("utf-16-be") == national
        assert by_number["37120000003"] == [bytes.fromhex("060504158a00000001ff")]


@journey
async def test_kannel_gets_what_handsets_send(tmp_path: Path) -> None:
    headers = [bytes.fromhex(f"0500030702{number:02x}") for number in (1, 2)]
    async with scene(tmp_path) as kannel_side:
        smsc = kannel_side.smsc
        smsc.send_mo(b"VOTE 5 @"[:7] + b"\x00")
        smsc.send_mo("Rīgā".encode("utf-16-be"), data_coding=8, source="37120000002")
        for header, part in zip(headers, (b"one, ", b"two"), strict=True):
            smsc.send_mo(header + part, esm_class=0x40, source="37120000003")
        await kannel_side.house.until(lambda: len(kannel_side.told("/mo")) == 3, PATIENCE_S)

        found = {each["from"]: each for each in kannel_side.told("/mo")}
        assert {each["to"] for each in found.values()} == {"12345"}
        assert found["37120000001"]["text"] == "VOTE 5 @"
        assert found["37120000002"]["text"].encode("latin-1").decode("utf-16-be") == "Rīgā"
        assert found["37120000003"]["text"] == "one, two"
        await kannel_side.house.until(lambda: kannel_side.house.depth("client:kannel") == 0)


@pytest.mark.skipif(bool(_why_not()), reason=_why_not())
@journey
async def test_wireshark_finds_nothing_malformed_between_kannel_the_gateway_and_the_smsc(tmp_path: Path) -> None:
    pcap = tmp_path / "kannel.pcapng"
    async with scene(tmp_path, pcap=pcap) as kannel_side:
        for number in range(20):
            await kannel_side.send(f"a{number} hello @ €", f"3712000{number:04}")
        await kannel_side.send("x" * 300)
        await kannel_side.send("Ačiū".encode("utf-16-be"), coding="2")
        kannel_side.smsc.send_mo(b"VOTE 5")
        kannel_side.smsc.send_mo("Ačiū".encode("utf-16-be"), data_coding=8)
        await kannel_side.house.until(lambda: len(kannel_side.told("/mo")) == 2, PATIENCE_S)
        await kannel_side.house.until(lambda: len(kannel_side.told("/dlr")) >= 22, PATIENCE_S)
        ports = [kannel_side.house.gateway.ucp_port, kannel_side.smsc.port]

    assert complaints(pcap, ports) == []
    found = counted(pcap, ports)
    for operation, least in (("51", 46), ("53", 44), ("52", 4), ("60", 1), ("31", 1)):
        assert found["O", operation] == found["R", operation] >= least, (operation, found)

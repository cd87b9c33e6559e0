"""Wireshark's dissector reads everything that a journey wrote on both sides of the gateway."""

import asyncio
import json
import shutil
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chappe.runtime.settings_profiles import Profile, Split
from chappe.sim.faults import Event, Fault
from chappe.sim.options import SmscOptions
from chappe.sim.script import Faults, Rule
from chappe.wire.smpp.constants import VERSION_3_3
from chappe.wire.smpp.pdus import DataSm, QuerySm, SubmitSm
from house import Raw, bound, client, framed, journey, small_house

PAYLOAD = 0x0424


def _why_not() -> str:
    """Why nothing can be captured here; empty if it can."""
    if shutil.which("tshark") is None or shutil.which("dumpcap") is None:
        return "tshark is not installed (Debian: apt-get install tshark)"
    seen = subprocess.run(["dumpcap", "-D"], capture_output=True, text=True, check=False)
    is_found = seen.returncode == 0 and any(" lo" in line or "(Loopback)" in line for line in seen.stdout.splitlines())
    return "" if is_found else "dumpcap may not capture on lo (it needs CAP_NET_RAW)"


pytestmark = pytest.mark.skipif(bool(_why_not()), reason=_why_not())


@asynccontextmanager
async def captured(path: Path, ports: list[int]) -> AsyncIterator[None]:
    """Capture all TCP of these ports of the loopback interface while this lasts."""
    ports_text = " or ".join(f"tcp port {port}" for port in ports)
    capture = await asyncio.create_subprocess_exec(
        "dumpcap", "-q", "-i", "lo", "-B", "32", "-f", ports_text, "-w", str(path), stderr=asyncio.subprocess.PIPE
    )
    assert capture.stderr is not None
    async with asyncio.timeout(10):
        while b"File:" not in await capture.stderr.readline():
            pass
    await asyncio.sleep(0.2)
    try:
        yield
    finally:
        # dumpcap writes what it has when it is asked to stop; the kernel hands packets over in slices of time.
        await asyncio.sleep(0.5)
        capture.terminate()
        await capture.wait()


def dissected(path: Path, ports: list[int]) -> list[dict[str, Any]]:
    """Every packet that carries SMPP, as tshark reads it."""
    decode_as = [word for port in ports for word in ("-d", f"tcp.port=={port},smpp")]
    command = ["tshark", "-r", str(path), *decode_as, "-T", "ek", "-Y", "smpp || _ws.malformed"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [line["layers"] for line in lines if "layers" in line]


def complaints(path: Path, ports: list[int]) -> list[str]:
    """What tshark finds malformed or remarkable in SMPP; TCP's own remarks are not ours."""
    decode_as = [word for port in ports for word in ("-d", f"tcp.port=={port},smpp")]
    wanted = "_ws.malformed || (smpp && _ws.expert && !tcp.analysis.flags && !_ws.expert.group == 0x02000000)"
    fields = ["-T", "fields", "-e", "frame.number", "-e", "_ws.col.Info", "-e", "_ws.expert.message"]
    command = ["tshark", "-r", str(path), *decode_as, "-Y", wanted, *fields]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    about_tcp = ("Connection ", "This frame", "ACK", "TCP ")
    return [line for line in output.splitlines() if not _is_about(line.split("\t")[-1], about_tcp)]


def _is_about(messages: str, words: tuple[str, ...]) -> bool:
    return bool(messages) and all(message.startswith(words) for message in messages.split(","))


def commands_of(packets: list[dict[str, Any]]) -> Counter[str]:
    """How often each command_id was dissected."""
    found: Counter[str] = Counter()
    for packet in packets:
        layers = packet["smpp"]
        for layer in layers if isinstance(layers, list) else [layers]:
            ids = layer["smpp_smpp_command_id"]
            found.update(ids if isinstance(ids, list) else [ids])
    return Counter({f"{int(str(name), 0):08x}": count for name, count in found.items()})


@journey
async def test_wireshark_finds_nothing_malformed_in_a_journey_of_everything(tmp_path: Path) -> None:
    rules = (
        Rule(fault=Fault.UNDELIVERED, on=Event.RECEIPT, at_count=2),
        Rule(fault=Fault.THROTTLE, on=Event.SUBMIT, at_count=3),
    )
    demo_terms = client(smpp={"enquire_link_s": 0.5, "window": 20})
    terms = {"enquire_link_s": 0.5, "binds": 2}
    options = SmscOptions(enquire_link_s=0.5)
    pcap = tmp_path / "journey.pcapng"
    async with small_house(tmp_path, smsc=options, faults=Faults(rules), of_operator=terms, clients=[demo_terms]) as (
        house,
        smsc,
    ):
        ports = [house.port, smsc.port]
        async with captured(pcap, ports):
            async with bound(house) as demo:
                for pdu in messages():
                    assert (await demo.ask(pdu)).command_status == 0
                refused = [SubmitSm(), QuerySm("7"), SubmitSm(destination_addr="371", validity_period="x" * 16)]
                assert all([(await demo.ask(pdu)).command_status for pdu in refused])
                smsc.send_mo(b"VOTE 5", tlvs=((0x1401, b"vendor"),))
                smsc.send_mo("jā €".encode("utf-16-be"), data_coding=8)
                smsc.send_mo(b"", tlvs=((PAYLOAD, b"long " * 100),))
                await demo.until(lambda: len(demo.received) >= len(messages()) + 3)
                await asyncio.sleep(1.2)
            await strangers(house.port)

    found = commands_of(dissected(pcap, ports))
    assert complaints(pcap, ports) == []
    # Bind, submit, deliver, data, enquire_link and unbind in both directions with their answers, and a nack.
    for command_id in ("00000009", "00000004", "00000005", "00000103", "00000015", "00000006"):
        assert found[command_id] >= 1, command_id
        assert found[f"8{command_id[1:]}"] >= 1, command_id
    assert found["80000000"] >= 1
    # The client's side and the operator's: nothing was left out by the dissector.
    assert found["00000004"] >= 2 * len(messages()) - 2
    assert found["80000004"] == found["00000004"]
    assert found["80000005"] == found["00000005"]


def messages() -> list[SubmitSm | DataSm]:
    """Messages of every kind that a client may send."""
    to = "37120000001"
    return [
        SubmitSm(
            source_addr_ton=5, source_addr="SHOP", destination_addr=to, short_message=b"hi", registered_delivery=1
        ),
        SubmitSm(destination_addr=to, short_message="jā".encode("utf-16-be"), data_coding=8, registered_delivery=2),
        SubmitSm(destination_addr=to, short_message=b"x" * 254, registered_delivery=0x11),
        SubmitSm(destination_addr=to, tlvs=((PAYLOAD, b"y" * 5_000),), registered_delivery=1),
        SubmitSm(
            destination_addr=to,
            esm_class=0x40,
            short_message=b"\x05\x00\x03\x07\x02\x01part",
            validity_period="000001000000000R",
            registered_delivery=1,
            tlvs=((0x0204, b"\0\7"), (0x1401, b"vendor")),
        ),
        DataSm(destination_addr=to, registered_delivery=1, tlvs=((PAYLOAD, b"by data_sm"),)),
    ]


async def strangers(port: int) -> None:
    """Those who are refused, and one of version 3.3, are answered in PDUs that can be read too."""
    for name, password in (("demo", "wrong"), ("nobody", "secret")):
        raw = await Raw.connect(port)
        raw.send(framed(0x09, f"{name}\0{password}\0\0".encode() + b"\x34\0\0\0"))
        await raw.ended()
    raw = await Raw.bound(port, interface_version=VERSION_3_3)
    raw.tell(0x0000_0BAD, number=8)
    await raw.read()
    raw.tell(0x06, number=9)
    await raw.ended()


@pytest.mark.parametrize("split", [Split.UDH8, Split.UDH16, Split.SAR, Split.PAYLOAD])
@journey
async def test_wireshark_reads_long_messages_however_they_are_split(tmp_path: Path, split: Split) -> None:
    pcap = tmp_path / "long.pcapng"
    text = "A long text that needs several parts. " * 10
    async with small_house(tmp_path, profile=Profile(split=split), clients=[client(http=_http())]) as (house, smsc):
        ports = [smsc.port]
        async with captured(pcap, ports):
            status = await _post(house.gateway.http_port, {"to": "+37120000001", "from": "SHOP", "text": text})
            assert status == 202
            await house.until(lambda: house.events("mt_delivered"))
        parts = len(smsc.submitted)

    assert complaints(pcap, ports) == []
    assert commands_of(dissected(pcap, ports))["00000004"] == parts
    assert (parts == 1) is (split is Split.PAYLOAD)


def _http() -> Any:
    from chappe.runtime.settings_client_doors import ClientHttp

    return ClientHttp(token="demo-token")


async def _post(port: int, body: dict[str, str]) -> int:
    """Post one message by curl; the status of the answer."""
    curl = await asyncio.create_subprocess_exec(
        *("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Authorization: Bearer demo-token"),
        *("-H", "Content-Type: application/json", "-d", json.dumps(body), f"http://127.0.0.1:{port}/v1/messages"),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await curl.communicate()
    return int(output)

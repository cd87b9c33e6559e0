"""Wireshark's dissector reads everything that a journey wrote to an operator over UCP, and what that one wrote."""

import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from test_tshark import _why_not, captured

from chappe.runtime.settings_operators import Protocol
from chappe.sim.faults import Event, Fault
from chappe.sim.options import SmscOptions
from chappe.sim.script import Faults, Rule
from chappe.wire.smpp.pdus import SubmitSm
from house import bound, journey, small_house

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(_why_not()), reason=_why_not())]

TO = "37120000001"

MESSAGES = [
    SubmitSm(source_addr_ton=5, source_addr="SHOP", destination_addr=TO, short_message=b"hi", registered_delivery=1),
    SubmitSm(destination_addr=TO, short_message="j\u0101".encode("utf-16-be"), data_coding=8, registered_delivery=0x11),
    SubmitSm(source_addr="12345", destination_addr=TO, short_message=b"x" * 254, registered_delivery=1),
    SubmitSm(
        source_addr="12345", destination_addr=TO, short_message=bytes(range(100)), data_coding=4, registered_delivery=1
    ),
    SubmitSm(
        source_addr="12345",
        destination_addr=TO,
        esm_class=0x40,
        short_message=b"\x05\x00\x03\x07\x01\x01part",
        validity_period="000001000000000R",
        registered_delivery=1,
    ),
]


def read(path: Path, ports: Sequence[int], wanted: str, *fields: str) -> list[list[str]]:
    """The fields of every packet that `wanted` picks."""
    named = [word for field in fields for word in ("-e", field)]
    decode_as = [word for port in ports for word in ("-d", f"tcp.port=={port},ucp")]
    command = ["tshark", "-r", str(path), *decode_as, "-Y", wanted, "-T", "fields", *named]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [line.split("\t") for line in output.splitlines()]


def complaints(path: Path, ports: Sequence[int]) -> list[list[str]]:
    """What tshark finds malformed or wrong in UCP; TCP's own remarks are not ours."""
    wrong = "ucp && _ws.expert.severity >= 0x400000 && !tcp.analysis.flags"
    return read(path, ports, "_ws.malformed", "frame.number") + read(path, ports, wrong, "_ws.expert.message")


def counted(path: Path, ports: Sequence[int]) -> Counter[tuple[str, str]]:
    """How many operations (O) and results (R) of each type there are."""
    return Counter(
        (kind.strip("'"), operation)
        for kinds, operations in read(path, ports, "ucp", "ucp.hdr.O_R", "ucp.hdr.OT")
        for kind, operation in zip(kinds.split(","), operations.split(","), strict=True)
    )


@journey
async def test_wireshark_finds_nothing_malformed_in_a_journey_over_ucp(tmp_path: Path) -> None:
    rules = (
        Rule(fault=Fault.UNDELIVERED, on=Event.RECEIPT, at_count=2),
        Rule(fault=Fault.QUEUE_FULL, on=Event.SUBMIT, at_count=3),
    )
    terms = {"protocol": Protocol.UCP, "enquire_link_s": 0.3, "binds": 2, "retry_s": (0.05,), "notify_address": "12345"}
    options = SmscOptions(protocol="ucp", enquire_link_s=0.3)
    pcap = tmp_path / "journey.pcapng"
    async with small_house(tmp_path, smsc=options, faults=Faults(rules), of_operator=terms) as (house, smsc):
        async with captured(pcap, [smsc.port]), bound(house) as demo:
            for pdu in MESSAGES:
                assert (await demo.ask(pdu)).command_status == 0
            smsc.send_mo(b"VOTE 5")
            smsc.send_mo("j\u0101 \u20ac".encode("utf-16-be"), data_coding=8)
            # One receipt tells of buffering besides.
            await demo.until(lambda: len(demo.received) >= len(MESSAGES) + 3)
        port = smsc.port

    assert complaints(pcap, [port]) == []
    found = counted(pcap, [port])
    for operation in ("51", "52", "53"):
        asked, answered = found["O", operation], found["R", operation]
        assert asked == answered >= 2, (operation, found)

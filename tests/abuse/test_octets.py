"""Every octet 00-FF in every field arrives as it was sent, or its message alone is refused by name."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chappe.sim.smsc import SmscSimulator
from chappe.wire.smpp.codec import encode
from chappe.wire.smpp.pdus import DataSm, DeliverSm, DeliverSmResp, SubmitSm
from chappe.wire.smpp.statuses import CommandStatus
from house import House, Raw, bound, framed, journey, small_house

#: A vendor's TLV by which the test knows its messages again.
MARK = 0x1400
PAYLOAD = 0x0424
SUBMIT_SM, DATA_SM, DELIVER_SM = 0x04, 0x103, 0x05

#: Fields of submit_sm in wire order: what they hold unless the test says otherwise.
FIELDS: dict[str, bytes] = {
    "service_type": b"\0",
    "source_addr_ton": b"\0",
    "source_addr_npi": b"\0",
    "source_addr": b"SHOP\0",
    "dest_addr_ton": b"\1",
    "dest_addr_npi": b"\1",
    "destination_addr": b"37120000001\0",
    "esm_class": b"\0",
    "protocol_id": b"\0",
    "priority_flag": b"\0",
    "schedule_delivery_time": b"\0",
    "validity_period": b"\0",
    "registered_delivery": b"\0",
    "replace_if_present_flag": b"\0",
    "data_coding": b"\0",
    "sm_default_msg_id": b"\0",
    # A text that is a header and three octets, should esm_class say so.
    "short_message": b"\x09\x05\x00\x03\x01\x02\x01abc",
}

#: Fields of data_sm, likewise.
DATA_FIELDS: dict[str, bytes] = {
    name: FIELDS[name] for name in [*list(FIELDS)[:8], "registered_delivery", "data_coding"]
}

#: What a gateway answers for itself and never hands on; what an SMSC leaves empty in deliver_sm (SMPP 3.4 §4.6.1).
KEPT_BACK = {"registered_delivery", "schedule_delivery_time", "validity_period"}
UNUSED_IN_DELIVER = {"schedule_delivery_time", "validity_period", "replace_if_present_flag", "sm_default_msg_id"}


def body_of(fields: dict[str, bytes], number: int, payload: bytes | None = None) -> bytes:
    """A body with a mark; `payload` is the text of a data_sm."""
    tlvs = struct.pack(">HHI", MARK, 4, number)
    if payload is not None:
        tlvs += struct.pack(">HH", PAYLOAD, len(payload)) + payload
    return b"".join(fields.values()) + tlvs


def variants(fields: dict[str, bytes], name: str) -> Iterator[dict[str, bytes]]:
    """`fields` with each octet at every kind of place in one field; NUL ends a string, so there it cannot be put."""
    for octet in range(256):
        one = bytes((octet,))
        if name == "short_message":
            text = b"\x04" + b"a" + one + b"b" + one
            yield {**fields, name: bytes((len(text) - 1,)) + text[1:]}
        elif fields[name][-1:] == b"\0" and name not in _INTEGERS:
            if octet:
                yield {**fields, name: b"1" + one + b"2\0"}
        else:
            yield {**fields, name: one}


_INTEGERS = {name for name in FIELDS if name.endswith(("ton", "npi", "flag", "_id", "class", "coding", "delivery"))}


def mark_of(pdu: SubmitSm | DeliverSm | DataSm) -> int:
    return int.from_bytes(dict(pdu.tlvs)[MARK], "big")


def text_of(pdu: SubmitSm | DeliverSm | DataSm) -> bytes:
    return dict(pdu.tlvs).get(PAYLOAD) or getattr(pdu, "short_message", b"")


def on_the_wire(pdu: SubmitSm | DeliverSm, name: str) -> bytes:
    """One field of an arrived PDU as it stood on the wire."""
    value = getattr(pdu, name)
    if isinstance(value, int):
        return bytes((value,))
    return bytes((len(value),)) + value if isinstance(value, bytes) else value.encode("latin-1") + b"\0"


async def submit_all(
    house: House, smsc: SmscSimulator, pdus: list[bytes]
) -> tuple[dict[int, int], dict[int, SubmitSm]]:
    """Send all, numbered from 2; the answers by number, and what arrived by mark."""
    raw = await Raw.bound(house.port)
    raw.send(b"".join(pdus))
    answers: dict[int, int] = {}
    for _ in pdus:
        _, status, number, _ = await raw.read()
        assert number not in answers
        answers[number] = status
    accepted = [number for number, status in answers.items() if not status]
    await house.until(lambda: len(smsc.submitted) == len(accepted))
    assert await raw.is_alive()
    raw.close()
    return answers, {mark_of(taken.pdu): taken.pdu for taken in smsc.submitted}  # type: ignore[misc]


def check_named(answers: dict[int, int]) -> None:
    """A refusal has a name, and is none that means: try again, or: the gateway is broken."""
    known = {int(status) for status in CommandStatus}
    assert {status for status in answers.values() if status} <= known - {0x08, 0x14, 0x58}


@pytest.mark.parametrize("name", FIELDS)
@journey
async def test_every_octet_of_submit_sm_arrives_or_is_refused_alone(tmp_path: Path, name: str) -> None:
    sent = dict(enumerate(variants(FIELDS, name), 2))
    pdus = [framed(SUBMIT_SM, body_of(fields, number), number=number) for number, fields in sent.items()]

    async with small_house(tmp_path) as (house, smsc):
        answers, arrived = await submit_all(house, smsc, pdus)

    check_named(answers)
    assert set(arrived) == {number for number, status in answers.items() if not status}
    for number, pdu in arrived.items():
        for field in set(FIELDS) - KEPT_BACK:
            assert on_the_wire(pdu, field) == sent[number][field], (number, field)
        assert pdu.registered_delivery & 0xFC == sent[number]["registered_delivery"][0] & 0xFC


@pytest.mark.parametrize("name", [*DATA_FIELDS, "message_payload"])
@journey
async def test_every_octet_of_data_sm_arrives_or_is_refused_alone(tmp_path: Path, name: str) -> None:
    text = FIELDS["short_message"][1:]
    if name == "message_payload":
        sent = dict.fromkeys(range(2, 258), DATA_FIELDS)
        texts = {number: b"a" + bytes((number - 2,)) * 2 for number in sent}
    else:
        sent = dict(enumerate(variants(DATA_FIELDS, name), 2))
        texts = dict.fromkeys(sent, text)
    pdus = [framed(DATA_SM, body_of(each, number, texts[number]), number=number) for number, each in sent.items()]

    async with small_house(tmp_path) as (house, smsc):
        answers, arrived = await submit_all(house, smsc, pdus)

    check_named(answers)
    assert set(arrived) == {number for number, status in answers.items() if not status}
    for number, pdu in arrived.items():
        assert text_of(pdu) == texts[number]
        for field in set(DATA_FIELDS) - KEPT_BACK:
            assert on_the_wire(pdu, field) == sent[number][field], (number, field)


@journey
async def test_every_octet_of_every_tlv_value_arrives_octet_for_octet(tmp_path: Path) -> None:
    """Values of vendors, unknown tags, and known tags whose lengths are free."""
    values = [(tag, bytes((octet,)) * 5) for tag in (0x1401, 0x7777, 0x0381) for octet in range(256)]
    pdus = []
    for number, (tag, value) in enumerate(values, 2):
        tlv = struct.pack(">HH", tag, len(value)) + value
        pdus.append(framed(SUBMIT_SM, body_of(FIELDS, number) + tlv, number=number))

    async with small_house(tmp_path) as (house, smsc):
        answers, arrived = await submit_all(house, smsc, pdus)

    assert set(answers.values()) == {0}
    assert all((tag, value) in arrived[number].tlvs for number, (tag, value) in enumerate(values, 2))


@pytest.mark.parametrize("name", [each for each in FIELDS if each not in UNUSED_IN_DELIVER])
@journey
async def test_every_octet_of_deliver_sm_arrives_or_is_refused_alone(tmp_path: Path, name: str) -> None:
    sent = dict(enumerate(variants(FIELDS, name), 2))
    async with small_house(tmp_path) as (house, smsc), bound(house) as demo:
        link = smsc.links[0]
        # Straight into the connection: the simulator's own session would not say what is odd.
        answers: dict[int, int] = {}
        listen_for_answers(link, answers)
        for number, fields in sent.items():
            link.transport.write(framed(DELIVER_SM, body_of(fields, number), number=1_000_000 + number))
        await house.until(lambda: len(answers) == len(sent))
        reports = [number for number, each in sent.items() if each["esm_class"][0] & 0x3C in (0x04, 0x20)]
        taken = {number for number, status in answers.items() if not status} - set(reports)
        await demo.until(lambda: len(demo.received) == len(taken))

        arrived = {mark_of(each.pdu): each.pdu for each in demo.received}
        check_named(answers)
        assert set(arrived) == taken
        assert house.gateway.store.parked_reports == len(reports)
        for number, pdu in arrived.items():
            assert isinstance(pdu, DeliverSm)
            for field in set(FIELDS) - UNUSED_IN_DELIVER:
                assert on_the_wire(pdu, field) == sent[number][field], (number, field)


def listen_for_answers(link: object, answers: dict[int, int]) -> None:
    """Note what is said to numbers above a million, and leave the rest to the simulator."""
    receive: Callable[[bytes], None] = link.data_received  # type: ignore[attr-defined]
    held = bytearray()

    def note(octets: bytes) -> None:
        nonlocal held
        held += octets
        while len(held) >= 16 and len(held) >= int.from_bytes(held[:4], "big"):
            length, command_id, status, number = struct.unpack(">IIII", held[:16])
            pdu, held = bytes(held[:length]), held[length:]
            if command_id & 0x8000_0000 and number > 1_000_000:
                answers[number - 1_000_000] = status
            else:
                receive(pdu)

    link.transport.set_protocol(_Tap(link, note))  # type: ignore[attr-defined]


class _Tap:
    """A protocol that shows a link only what `note` leaves over."""

    def __init__(self, link: object, note: Callable[[bytes], None]) -> None:
        self._link = link
        self.data_received = note

    def __getattr__(self, name: str) -> object:
        return getattr(self._link, name)


@pytest.mark.parametrize(
    ("name", "length", "status"),
    [
        ("service_type", 6, 0x15),
        ("source_addr", 21, 0x0A),
        ("destination_addr", 21, 0x0B),
        ("schedule_delivery_time", 15, 0x61),
        ("schedule_delivery_time", 17, 0x61),
        ("validity_period", 15, 0x62),
        ("validity_period", 40, 0x62),
        ("source_addr", 5_000, 0x0A),
    ],
)
@journey
async def test_string_that_is_too_long_is_refused_by_its_name(
    tmp_path: Path, name: str, length: int, status: int
) -> None:
    odd = {**FIELDS, name: b"1" * length + b"\0"}
    async with small_house(tmp_path) as (house, smsc):
        answers, arrived = await submit_all(
            house,
            smsc,
            [
                framed(SUBMIT_SM, body_of(odd, 2), number=2),
                framed(SUBMIT_SM, body_of(FIELDS, 3), number=3),
            ],
        )

    assert answers == {2: status, 3: 0}
    assert set(arrived) == {3}


@journey
async def test_long_addresses_of_data_sm_reach_the_client_by_data_sm(tmp_path: Path) -> None:
    source, text = "a.long.address.of.somebody@example.org", b"by mail"
    async with small_house(tmp_path) as (house, smsc), bound(house) as demo:
        pdu = DataSm(source_addr=source, destination_addr="12345", tlvs=((PAYLOAD, text), (MARK, b"mark")))
        answers: dict[int, int] = {}
        listen_for_answers(smsc.links[0], answers)
        smsc.links[0].transport.write(encode(pdu, 1_000_001))
        await demo.until(lambda: demo.received)
        await house.until(lambda: answers)

        assert answers == {1: 0}
        arrived = demo.received[0].pdu
        assert isinstance(arrived, DataSm)
        assert arrived.source_addr == source
        assert text_of(arrived) == text


@journey
async def test_long_addresses_of_data_sm_toward_handsets_are_refused_by_name(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, _), bound(house) as demo:
        to_long = await demo.ask(DataSm(destination_addr="1" * 21, tlvs=((PAYLOAD, b"x"),)))
        from_long = await demo.ask(DataSm(source_addr="1" * 64, destination_addr="371", tlvs=((PAYLOAD, b"x"),)))
        short = await demo.ask(DataSm(destination_addr="37120000001", tlvs=((PAYLOAD, b"x"),)))

        assert (to_long.command_status, from_long.command_status, short.command_status) == (0x0B, 0x0A, 0)


@journey
async def test_mo_that_a_client_of_version_3_3_cannot_read_is_held_and_stops_nothing(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, smsc):
        raw = await Raw.bound(house.port, interface_version=0x33)
        smsc.send_mo(b"", tlvs=((PAYLOAD, b"x" * 300),))
        smsc.send_mo(b"short")

        command_id, _, number, body = await raw.read()
        raw.send(encode(DeliverSmResp(), number))

        assert command_id == DELIVER_SM
        assert b"short" in body
        await house.until(lambda: house.events("mo_refused"))
        assert "held" in house.events("mo_refused")[0][9]
        await house.until(lambda: house.events("mo_delivered"))
        assert house.depth("client:demo") == 0
        raw.close()

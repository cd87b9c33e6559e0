"""What vendors want otherwise than the specification has it: a profile says so, and both directions follow it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chappe.runtime.settings_profile_tables import Billing, NumberForm, Numbers, VendorTlv
from chappe.runtime.settings_profiles import Profile
from chappe.sim.options import SmscOptions
from chappe.sim.script import Faults
from chappe.text import gsm7
from chappe.wire.smpp.codec import decode
from chappe.wire.smpp.named_tlvs import TlvType
from chappe.wire.smpp.pdus import DeliverSm, SubmitSm
from house import Raw, journey, small_house

HEADER = bytes.fromhex("050003070201")


async def submitted(folder: Path, profile: Profile, **fields: Any) -> SubmitSm:
    """One message as the SMSC gets it."""
    async with small_house(folder, profile=profile) as (house, simulator):
        raw = await Raw.bound(house.port)
        pdu = SubmitSm(
            **{"source_addr": "SHOP", "destination_addr": "37120000001", "short_message": b"hello", **fields}
        )
        assert (await raw.ask(pdu))[1] == 0
        await house.until(lambda: simulator.submitted)
        raw.close()
        taken = simulator.submitted[0].pdu
        assert isinstance(taken, SubmitSm)
        return taken


@journey
async def test_texts_travel_packed_where_the_smsc_wants_them_so(tmp_path: Path) -> None:
    taken = await submitted(tmp_path, Profile(gsm7_packed=True))

    assert taken.short_message == bytes.fromhex("E8329BFD06")


@journey
async def test_a_header_stays_and_septets_begin_at_their_boundary(tmp_path: Path) -> None:
    taken = await submitted(tmp_path, Profile(gsm7_packed=True), short_message=HEADER + b"hello", esm_class=0x40)

    assert taken.short_message == HEADER + gsm7.pack(b"hello", 1)


@journey
async def test_what_is_no_septet_is_refused_alone(tmp_path: Path) -> None:
    async with small_house(tmp_path, profile=Profile(gsm7_packed=True)) as (house, _):
        raw = await Raw.bound(house.port)
        await raw.ask(SubmitSm(destination_addr="37120000001", short_message=b"\xe9t\xe9"))

        await house.until(lambda: house.events("mt_failed") and house.events("pdu_refused"))
        raw.close()


@pytest.mark.parametrize(("ours", "theirs"), [(0, 0xF1), (8, 0x18)])
@journey
async def test_data_codings_are_the_vendors_in_both_directions(tmp_path: Path, ours: int, theirs: int) -> None:
    profile = Profile(data_codings={str(ours): theirs})
    async with small_house(tmp_path, profile=profile) as (house, simulator):
        raw = await Raw.bound(house.port)
        await raw.ask(SubmitSm(destination_addr="37120000001", short_message=b"\0h\0i", data_coding=ours))
        await house.until(lambda: simulator.submitted)
        taken = simulator.submitted[0].pdu
        assert taken.data_coding == theirs

        simulator.send_mo(b"\0V\0O", data_coding=theirs)
        assert (await delivered(raw)).data_coding == ours
        raw.close()


async def delivered(raw: Raw) -> DeliverSm:
    """The next MO that the client gets."""
    while True:
        command_id, _, number, body = await raw.read()
        if command_id == 5:
            raw.tell(0x8000_0005, b"\0", number=number)
            pdu = decode(command_id, body)
            assert isinstance(pdu, DeliverSm)
            return pdu


@journey
async def test_packed_messages_of_handsets_are_unpacked(tmp_path: Path) -> None:
    async with small_house(tmp_path, profile=Profile(gsm7_packed=True)) as (house, simulator):
        raw = await Raw.bound(house.port)
        for text in (b"hello", b"seven c", b"eight ch"):
            simulator.send_mo(gsm7.pack(text))
            assert (await delivered(raw)).short_message == text
        raw.close()


@pytest.mark.parametrize(
    ("source", "ton", "npi", "written"),
    [("SHOP", 5, 0, "SHOP"), ("12345", 3, 0, "12345"), ("37120000009", 1, 1, "+37120000009")],
)
@journey
async def test_numbers_have_the_plan_and_the_form_of_their_kind(
    tmp_path: Path, source: str, ton: int, npi: int, written: str
) -> None:
    numbers = Numbers(
        alphanumeric=(5, 0),
        short=(3, 0),
        international=(1, 1),
        recipient=(1, 1),
        sender_form=NumberForm.PLUS,
        recipient_form=NumberForm.ZEROS,
    )

    taken = await submitted(tmp_path, Profile(numbers=numbers), source_addr=source)

    assert (taken.source_addr_ton, taken.source_addr_npi, taken.source_addr) == (ton, npi, written)
    assert (taken.dest_addr_ton, taken.dest_addr_npi, taken.destination_addr) == (1, 1, "0037120000001")


CHARGED = Profile(
    tlvs={
        "price": VendorTlv(tag=0x1501, type=TlvType.INTEGER, octets=2),
        "account": VendorTlv(tag=0x1502, type=TlvType.C_STRING, value="us"),
    },
    billing={"vote": Billing(service_type="P50", tlvs={"price": "50"})},
)


@journey
async def test_what_is_charged_is_told_by_service_type_and_named_tlvs(tmp_path: Path) -> None:
    taken = await submitted(tmp_path, CHARGED, service_type="vote", tlvs=((0x1501, b"\xff"), (0x0204, b"\0\1")))

    assert taken.service_type == "P50"
    assert dict(taken.tlvs) == {0x0204: b"\0\1", 0x1501: b"\0\x32", 0x1502: b"us\0"}


@journey
async def test_what_is_not_charged_bears_what_every_message_bears(tmp_path: Path) -> None:
    taken = await submitted(tmp_path, CHARGED, service_type="info")

    assert taken.service_type == "info"
    assert dict(taken.tlvs) == {0x1502: b"us\0"}


@journey
async def test_receipts_are_read_by_the_vendors_own_pattern(tmp_path: Path) -> None:
    profile = Profile(receipt_pattern=r"^(?P<id>\w+)/(?P<stat>\w+)(?:/(?P<err>\w+))?$")
    silent = Faults.parse('[[faults]]\nfault = "no_receipt"\n')
    async with small_house(tmp_path, profile=profile, faults=silent) as (house, simulator):
        raw = await Raw.bound(house.port)
        for destination in ("37120000001", "37120000002"):
            await raw.ask(SubmitSm(destination_addr=destination, short_message=b"hello"))
        await house.until(lambda: len(house.events("mt_sent")) == 2)

        first, second = (taken.message_id for taken in simulator.submitted)
        simulator.send_mo(f"{first}/DELIVRD".encode(), source="37120000001", esm_class=4)
        simulator.send_mo(f"{second}/undeliv/027".encode(), source="37120000002", esm_class=4)

        await house.until(lambda: house.events("mt_delivered") and house.events("mt_failed"))
        raw.close()


@journey
async def test_an_mo_is_known_again_by_a_tlv_that_has_a_name(tmp_path: Path) -> None:
    profile = Profile(tlvs={"mo_id": VendorTlv(tag=0x1401)}, mo_identity="tlv:mo_id")
    async with small_house(tmp_path, profile=profile, smsc=SmscOptions()) as (house, simulator):
        for identity in (b"a", b"a", b"b"):
            simulator.send_mo(b"VOTE 5", tlvs=((0x1401, identity),))

        await house.until(lambda: len(house.events("mo_received")) == 2 and house.events("mo_suppressed"))

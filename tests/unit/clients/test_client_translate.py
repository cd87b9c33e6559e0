import pytest

from chappe.clients.translate import (
    deliver_of_message,
    deliver_of_receipt,
    due_at_ms,
    ids_meant,
    message_of_data,
    message_of_submit,
)
from chappe.clients.translate import wire_id as id_of
from chappe.model.errors import PeerError
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Message, Receipt
from chappe.wire.smpp.pdus import DataSm, DeliverSm, SubmitSm
from chappe.wire.smpp.statuses import CommandStatus
from chappe.wire.smpp.tlvs import Tag

NOW_MS = 1_800_000_000_000
PAYLOAD = int(Tag.MESSAGE_PAYLOAD)
UDH_TEXT = b"\x05\x00\x03\x07\x02\x01part"


def read(pdu: SubmitSm) -> Message:
    return message_of_submit(pdu, 7, "acme", NOW_MS)


def mo(**fields: object) -> Message:
    values = {"source": "37120000001", "dest": "12345", "octets": b"VOTE 5", **fields}
    return Message(
        id=7, direction=Direction.MO, client="acme", operator="sim", source_ton=1, source_npi=1, dest_ton=0, dest_npi=1,
        **values,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize("esm_class", [0x00, 0x01, 0x03, 0x08, 0x10, 0x40, 0x43, 0x80, 0xC3, 0x48])
def test_class_that_may_be_submitted_travels_whole(esm_class: int) -> None:
    assert read(SubmitSm(esm_class=esm_class, short_message=UDH_TEXT)).esm_class == esm_class


@pytest.mark.parametrize("kind", [0x04, 0x0C, 0x14, 0x18, 0x1C, 0x20, 0x24, 0x3C])
def test_message_type_that_is_not_for_submitting_is_refused(kind: int) -> None:
    with pytest.raises(PeerError) as refusal:
        read(SubmitSm(esm_class=kind))

    assert refusal.value.status == CommandStatus.ESME_RINVESMCLASS


@pytest.mark.parametrize("text", [b"", b"\x00", b"\x05abcd", b"\xff" + b"x" * 20])
def test_header_that_does_not_lie_within_the_text_is_refused(text: bytes) -> None:
    if text == b"\x00":
        text = b"\x01"
    with pytest.raises(PeerError) as refusal:
        read(SubmitSm(esm_class=0x40, short_message=text))

    assert refusal.value.status == CommandStatus.ESME_RINVESMCLASS


@pytest.mark.parametrize(
    ("pdu", "status"),
    [
        (SubmitSm(replace_if_present_flag=1), CommandStatus.ESME_RINVREPFLAG),
        (SubmitSm(sm_default_msg_id=9), CommandStatus.ESME_RINVDFTMSGID),
        (SubmitSm(validity_period="no time at all!!"), CommandStatus.ESME_RINVEXPIRY),
        (SubmitSm(short_message=b"x", tlvs=((PAYLOAD, b"y"),)), CommandStatus.ESME_ROPTPARNOTALLWD),
        (SubmitSm(tlvs=((PAYLOAD, b"x"), (PAYLOAD, b"y"))), CommandStatus.ESME_ROPTPARNOTALLWD),
    ],
)
def test_what_would_have_to_be_dropped_is_refused_by_name(pdu: SubmitSm, status: CommandStatus) -> None:
    with pytest.raises(PeerError) as refusal:
        read(pdu)

    assert refusal.value.status == status


def test_text_in_message_payload_is_the_text_and_leaves_the_tlvs() -> None:
    message = read(SubmitSm(tlvs=((0x1401, b"vendor"), (PAYLOAD, b"long"), (int(Tag.USER_MESSAGE_REFERENCE), b"\1\2"))))

    assert message.octets == b"long"
    assert message.tlvs == ((0x1401, b"vendor"), (int(Tag.USER_MESSAGE_REFERENCE), b"\1\2"))
    assert message.reference == "258"


def test_schedule_too_far_away_is_refused_and_does_not_leave_at_once() -> None:
    for moment in ("990000000000000R", "450101000000000+"):
        with pytest.raises(PeerError) as refusal:
            read(SubmitSm(destination_addr="37120000001", schedule_delivery_time=moment))
        assert refusal.value.status == CommandStatus.ESME_RINVSCHED


def test_schedule_that_has_passed_is_now_and_one_that_is_no_time_is_refused() -> None:
    assert due_at_ms(SubmitSm(), NOW_MS) == 0
    assert due_at_ms(SubmitSm(schedule_delivery_time="000000000010000R"), NOW_MS) == NOW_MS + 10_000
    assert due_at_ms(SubmitSm(schedule_delivery_time="260101000000000+"), NOW_MS) == 0
    with pytest.raises(PeerError) as refusal:
        due_at_ms(SubmitSm(schedule_delivery_time="269901000000000+"), NOW_MS)
    assert refusal.value.status == CommandStatus.ESME_RINVSCHED


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"source_addr": "1" * 21}, CommandStatus.ESME_RINVSRCADR),
        ({"destination_addr": "1" * 21}, CommandStatus.ESME_RINVDSTADR),
        ({"esm_class": 0x04}, CommandStatus.ESME_RINVESMCLASS),
    ],
)
def test_data_sm_that_submit_sm_cannot_carry_on_is_refused_by_name(
    fields: dict[str, object], status: CommandStatus
) -> None:
    with pytest.raises(PeerError) as refusal:
        message_of_data(DataSm(**fields), 7, "acme")  # type: ignore[arg-type]

    assert refusal.value.status == status


def test_mo_reaches_the_client_with_its_class_and_what_it_asks_for() -> None:
    pdu = deliver_of_message(mo(esm_class=0x48, registered_delivery=0x04, data_coding=8, tlvs=((0x1401, b"v"),)))

    assert isinstance(pdu, DeliverSm)
    assert (pdu.esm_class, pdu.registered_delivery, pdu.data_coding) == (0x48, 0x04, 8)
    assert (pdu.short_message, pdu.tlvs) == (b"VOTE 5", ((0x1401, b"v"),))


def test_mo_whose_text_or_address_is_too_long_for_deliver_sm_finds_another_way() -> None:
    long_text = deliver_of_message(mo(octets=b"x" * 255))
    long_address = deliver_of_message(mo(source="somebody.with.a.long.name@example.org"))

    assert isinstance(long_text, DeliverSm)
    assert (long_text.short_message, long_text.tlvs) == (b"", ((PAYLOAD, b"x" * 255),))
    assert isinstance(long_address, DataSm)
    assert long_address.tlvs == ((PAYLOAD, b"VOTE 5"),)


@pytest.mark.parametrize(("form", "text"), [("decimal", "255"), ("hex", "ff"), ("text", "mff")])
def test_id_has_the_form_that_the_client_can_digest(form: str, text: str) -> None:
    assert id_of(255, form) == text


@pytest.mark.parametrize(
    ("text", "form", "ids"),
    [
        ("255", "decimal", [255]),
        ("ff", "decimal", []),
        ("ff", "hex", [255]),
        ("FF", "hex", [255]),
        ("255", "hex", [255, 0x255]),
        ("mff", "text", [255]),
        ("255", "text", [255]),
        ("ff", "text", []),
        ("mff", "hex", []),
        ("m", "text", []),
        ("", "decimal", []),
        ("-1", "decimal", []),
        ("٣", "decimal", []),
        (str(1 << 63), "decimal", []),
        ("m" + "f" * 16, "text", []),
    ],
)
def test_an_id_is_understood_in_decimal_and_in_the_clients_own_form(text: str, form: str, ids: list[int]) -> None:
    assert ids_meant(text, form) == ids


@pytest.mark.parametrize(
    ("status", "word", "esm_class", "state"),
    [
        (Status.DELIVERED, b"DELIVRD", 0x04, 2),
        (Status.EXPIRED, b"EXPIRED", 0x04, 3),
        (Status.CANCELLED, b"DELETED", 0x04, 4),
        (Status.FAILED, b"UNDELIV", 0x04, 5),
        (Status.UNKNOWN, b"UNKNOWN", 0x04, 7),
        (Status.REJECTED, b"REJECTD", 0x04, 8),
        (Status.BUFFERED, b"ENROUTE", 0x20, 1),
    ],
)
def test_receipt_says_the_status_in_text_type_and_tlv(status: Status, word: bytes, esm_class: int, state: int) -> None:
    receipt = Receipt(
        255, "acme", status, "027", NOW_MS, NOW_MS, 1, 1, "37120000001", 5, 0, "SHOP", b"hi", network_error=b"\3\0\x1b"
    )

    pdu = deliver_of_receipt(receipt, "hex")

    assert pdu.short_message.startswith(b"id:ff sub:001 dlvrd:")
    assert b" stat:" + word + b" err:027 text:hi" in pdu.short_message.replace(b"Text:", b"text:")
    assert pdu.esm_class == esm_class
    assert pdu.tlvs == ((0x001E, b"ff\0"), (0x0427, bytes((state,))), (0x0423, b"\3\0\x1b"))
    assert (pdu.source_addr, pdu.destination_addr) == ("37120000001", "SHOP")

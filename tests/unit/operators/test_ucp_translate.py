"""UCP and the model: what messages become, and what notifications and MO are read as."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Message
from chappe.operators.dialect import UnsendableError
from chappe.operators.shape import UcpShape, Wire
from chappe.operators.ucp_dialect import UCP, outcome_of
from chappe.operators.ucp_translate import mo_of, report_of, submit_of, submits_of
from chappe.text.encoding import Encoding
from chappe.wire.ucp import user_data, xser
from chappe.wire.ucp.codec import Ack, Nack
from chappe.wire.ucp.constants import XserType
from chappe.wire.ucp.errors import OperationError
from chappe.wire.ucp.operations import CallInput, DeliverNotification, DeliverShortMessage, SmsMessageTransfer

WIRE = Wire()


def message(octets: bytes = b"hello", **fields: Any) -> Message:
    values = {"source_ton": 0, "source_npi": 0, "source": "12345", "dest_ton": 1, "dest_npi": 1, "dest": "37120000001"}
    return Message(1, Direction.MT, "acme", "", octets=octets, **{**values, **fields})


def test_a_message_asks_for_success_and_failure_whatever_its_client_wants() -> None:
    submit = submit_of(message(registered_delivery=0), WIRE)

    assert (submit.adc, submit.oadc, submit.otoa) == ("37120000001", "12345", "")
    assert (submit.nrq, submit.nt, submit.nadc, submit.npid) == ("1", "3", "", "")
    assert (submit.mt, bytes.fromhex(submit.msg)) == ("3", b"hello")


def test_a_client_that_wants_to_hear_of_buffering_does() -> None:
    assert submit_of(message(registered_delivery=0x11), WIRE).nt == "7"


@pytest.mark.parametrize(
    ("fields", "prefix", "adc"),
    [
        ({"dest": "+37120000001"}, "", "37120000001"),
        ({"dest": "37120000001"}, "00", "0037120000001"),
        ({"dest": "0037120000001"}, "00", "0037120000001"),
        ({"dest": "12345", "dest_ton": 0}, "00", "12345"),
    ],
)
def test_recipients_are_digits(fields: dict[str, Any], prefix: str, adc: str) -> None:
    assert submit_of(message(**fields), Wire(ucp=UcpShape(recipient_prefix=prefix))).adc == adc


@pytest.mark.parametrize(
    ("source", "ton", "oadc", "otoa"),
    [
        ("12345", 0, "12345", ""),
        ("37120000009", 1, "37120000009", "1139"),
        ("+37120000009", 0, "37120000009", "1139"),
        ("TEST", 5, "07D4E2940A", "5039"),
        ("TEST", 0, "07D4E2940A", "5039"),
        ("", 0, "", ""),
    ],
)
def test_senders_are_digits_or_packed_names(source: str, ton: int, oadc: str, otoa: str) -> None:
    submit = submit_of(message(source=source, source_ton=ton, source_npi=1 if ton == 1 else 0), WIRE)

    assert (submit.oadc, submit.otoa) == (oadc, otoa)


def test_notifications_go_where_the_settings_say() -> None:
    submit = submit_of(message(source="SHOP"), Wire(ucp=UcpShape(notify_to="12345")))

    assert (submit.nadc, submit.npid) == ("12345", "0539")


@pytest.mark.parametrize(
    ("at_ms", "vp"), [(0, ""), (1_785_542_400_000, "0108260900"), (1_785_542_340_001, "0108260900")]
)
def test_validity_is_rounded_up_in_the_smscs_time(at_ms: int, vp: str) -> None:
    wire = Wire(ucp=UcpShape(zone=ZoneInfo("Asia/Tokyo")))

    assert submit_of(message(expires_at_ms=at_ms), wire).vp == vp


@pytest.mark.parametrize(
    ("octets", "coding", "default", "mt", "written", "dcs"),
    [
        (b"hi \x00", 0, Encoding.GSM7, "3", b"hi \x00", None),
        (b"hi @", 0, Encoding.LATIN1, "3", b"hi \x00", None),
        ("é@".encode("latin-1"), 3, Encoding.GSM7, "3", b"\x05\x00", None),
        (b"hi@", 1, Encoding.GSM7, "3", b"hi\x00", None),
        ("ç".encode("latin-1"), 3, Encoding.GSM7, "4", b"\x00\xe7", 8),
        ("Ж".encode("iso8859-5"), 6, Encoding.GSM7, "4", b"\x04\x16", 8),
        (b"\x00\xff", 2, Encoding.GSM7, "4", b"\x00\xff", 4),
        (b"\x00\xff", 4, Encoding.GSM7, "4", b"\x00\xff", 4),
        (b"\x00\xff", 0xF5, Encoding.GSM7, "4", b"\x00\xff", 0xF5),
    ],
)
def test_texts_are_written_in_what_ucp_has(
    octets: bytes, coding: int, default: Encoding, mt: str, written: bytes, dcs: int | None
) -> None:
    submit = submit_of(message(octets, data_coding=coding), Wire(default_encoding=default))

    scheme = xser.find(xser.read(submit.xser), XserType.DCS)
    assert (submit.mt, bytes.fromhex(submit.msg)) == (mt, written)
    assert scheme == (None if dcs is None else bytes((dcs,)))


@pytest.mark.parametrize(
    "fields",
    [
        {"dest": "SHOP"},
        {"dest": ""},
        {"source": "a name that is too long", "source_ton": 5},
        {"octets": b"\xe9"},
        {"octets": "ç".encode("latin-1") * 71, "data_coding": 3},
        {"octets": b"x", "data_coding": 9},
    ],
)
def test_what_ucp_cannot_carry_is_unsendable(fields: dict[str, Any]) -> None:
    with pytest.raises(UnsendableError):
        submit_of(message(**fields), WIRE)


def test_parts_bear_their_header_in_xser() -> None:
    text = b"abcdefghij" * 30

    parts = submits_of(message(text, parts=2), WIRE)

    headers = [xser.find(xser.read(part.xser), XserType.UDH) for part in parts]
    reference = headers[0][3] if headers[0] else -1
    assert headers == [bytes((5, 0, 3, reference, 2, 1)), bytes((5, 0, 3, reference, 2, 2))]
    assert b"".join(bytes.fromhex(part.msg) for part in parts) == text


def test_a_part_that_its_client_named_by_sar_gets_a_header() -> None:
    tlvs = ((0x020C, b"\x00\x07"), (0x020E, b"\x02"), (0x020F, b"\x01"))

    submit = submit_of(message(b"part", tlvs=tlvs), WIRE)

    assert xser.find(xser.read(submit.xser), XserType.UDH) == bytes((5, 0, 3, 7, 2, 1))


@given(octets=st.binary(max_size=300), coding=st.integers(0, 255), esm=st.sampled_from((0, 0x40, 0x80)), dest=st.text())
def test_any_message_is_written_or_unsendable(octets: bytes, coding: int, esm: int, dest: str) -> None:
    try:
        submit = submit_of(message(octets, data_coding=coding, esm_class=esm, dest=dest), WIRE)
    except UnsendableError:
        return
    user_data.read(submit)


@pytest.mark.parametrize(
    ("dst", "status"),
    [
        ("0", Status.DELIVERED),
        ("1", Status.BUFFERED),
        ("2", Status.FAILED),
        ("", Status.UNKNOWN),
        ("7", Status.UNKNOWN),
    ],
)
def test_a_notification_names_its_message_with_and_without_prefix(dst: str, status: Status) -> None:
    notification = DeliverNotification(adc="12345", oadc="0037120000001", scts="160126123852", dst=dst, rsn="107")

    report = report_of(notification, 7, "four", WIRE, 1)

    assert report.status is status
    assert report.references == ("0037120000001:160126123852", "37120000001:160126123852")
    assert (report.handset, report.error) == ("0037120000001", "107")


def test_a_notification_without_a_timestamp_names_nobody() -> None:
    assert report_of(DeliverNotification(oadc="37120000001", dst="0"), 7, "four", WIRE, 1).references == ()


def test_an_mo_is_known_by_its_second_and_all_that_it_says() -> None:
    first = DeliverShortMessage(adc="12345", oadc="37120000001", otoa="1139", scts="160126123852", mt="3", msg="566F")
    other = DeliverShortMessage(adc="12345", oadc="37120000001", otoa="1139", scts="160126123852", mt="3", msg="566F74")
    later = DeliverShortMessage(adc="12345", oadc="37120000001", otoa="1139", scts="160126123853", mt="3", msg="566F")

    read = [mo_of(each, number, "four") for number, each in enumerate((first, first, other, later))]

    identities = [identity for _, identity in read]
    assert identities[0] == identities[1]
    assert len(set(identities)) == 3
    mo = read[0][0]
    assert (mo.source_ton, mo.source, mo.dest, mo.octets, mo.data_coding) == (1, "37120000001", "12345", b"Vo", 0)


@pytest.mark.parametrize(
    "operation",
    [
        SmsMessageTransfer("12345", "37120000001", amsg="566F"),
        CallInput("12345", "37120000001", mt="3", msg="566F"),
        CallInput("12345", "37120000001", mt="3", msg="Vo"),
    ],
)
def test_old_smscs_bring_mo_without_identity(operation: SmsMessageTransfer | CallInput) -> None:
    mo, identity = mo_of(operation, 1, "four")

    assert (mo.octets, mo.source, mo.dest, identity) == (b"Vo", "37120000001", "12345", None)


def test_an_mo_that_cannot_be_read_says_so() -> None:
    with pytest.raises(OperationError):
        mo_of(DeliverShortMessage(adc="12345", oadc="371", mt="3", msg="56", xser="0106"), 1, "four")


def test_a_result_is_a_reference_or_a_code() -> None:
    assert outcome_of(Ack("37120000001:160126123852")) == (0, "37120000001:160126123852")
    assert outcome_of(Nack(4)) == (4, "")
    assert outcome_of(Nack(0)) == (54, "")
    assert (UCP.status_name(6), UCP.error_of(6)) == ("ADC_INVALID", "U06")

"""User data, addresses, extra services and times of UCP.  EMI-UCP 4.x §4.3."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers, lists, sampled_from, text, tuples

from chappe.text import gsm7, udh
from chappe.wire.ucp import addresses, times, user_data, xser
from chappe.wire.ucp.constants import ErrorCode
from chappe.wire.ucp.errors import FieldError, OperationError
from chappe.wire.ucp.operations import SubmitShortMessage
from chappe.wire.ucp.user_data import UserData

HEADER = udh.build([udh.concatenation_8(7, 2, 1)])
septets = binary(max_size=160).map(lambda octets: bytes(octet & 0x7F for octet in octets))


def message_of(data: UserData) -> SubmitShortMessage:
    written = user_data.write(data)
    return SubmitShortMessage(
        mt=written.mt, nb=written.nb, msg=written.msg, mcls=written.mcls, xser=xser.write(written.services)
    )


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (UserData(b"Hi @\x1be".replace(b"@", b"\x00")), {"mt": "3", "msg": "486920001B65"}),
        (UserData("дa".encode("utf-16-be"), 8), {"mt": "4", "nb": "0032", "msg": "04340061", "xser": "020108"}),
        (UserData(b"\x01\x02", 4), {"mt": "4", "nb": "0016", "msg": "0102", "xser": "020104"}),
        (UserData(b"\x01\x02", 2), {"mt": "4", "nb": "0016", "msg": "0102", "xser": "020104"}),
        (UserData(b"\x01\x02", 0xF5), {"mt": "4", "nb": "0016", "msg": "0102", "mcls": "1", "xser": "0201F5"}),
        (UserData(b"now", 0xF0), {"mt": "3", "msg": "6E6F77", "mcls": "0"}),
        (UserData(b"now", 0x10), {"mt": "3", "msg": "6E6F77", "xser": "020110"}),
        (UserData(HEADER + b"part", 0, True), {"mt": "3", "msg": "70617274", "xser": "0106050003070201"}),
        (
            UserData(HEADER + b"\x04\x34", 8, True),
            {"mt": "4", "nb": "0016", "msg": "0434", "xser": "0106050003070201020108"},
        ),
        (UserData(b""), {"mt": "3", "msg": ""}),
    ],
)
def test_user_data_is_written_as_smscs_expect_it(data: UserData, fields: dict[str, str]) -> None:
    assert message_of(data) == SubmitShortMessage(**fields)


@given(octets=septets, data_coding=sampled_from([0, 0x10, 0x11, 0xF0, 0xF3]))
def test_septets_come_back(octets: bytes, data_coding: int) -> None:
    data = UserData(octets, data_coding)

    assert user_data.read(message_of(data)) == data


@given(octets=binary(max_size=280), data_coding=sampled_from([4, 8, 0x18, 0xF4, 0xF7]))
def test_octets_come_back_with_their_header(octets: bytes, data_coding: int) -> None:
    for data in (UserData(octets, data_coding), UserData(HEADER + octets, data_coding, True)):
        assert user_data.read(message_of(data)) == data


@pytest.mark.parametrize(
    "data",
    [
        UserData(b"caf\xe9"),
        UserData(b"caf\xe9", 3),
        UserData(b"a" * 321),
        UserData(b"\0" * 701, 4),
        UserData(b"x", 1),
    ],
)
def test_what_the_fields_cannot_hold_is_not_written(data: UserData) -> None:
    with pytest.raises(FieldError):
        user_data.write(data)


@pytest.mark.parametrize(
    ("message", "data"),
    [
        (SubmitShortMessage(mt="2", msg="0123456789"), UserData(b"0123456789")),
        (SubmitShortMessage(mt="4", nb="0016", msg="0102"), UserData(b"\x01\x02", 4)),
        (SubmitShortMessage(mt="4", mcls="2", msg="0102"), UserData(b"\x01\x02", 0xF6)),
        (SubmitShortMessage(), UserData(b"")),
        (SubmitShortMessage(mt="3", msg="6f6B"), UserData(b"ok")),
    ],
)
def test_what_other_clients_write_is_read(message: SubmitShortMessage, data: UserData) -> None:
    assert user_data.read(message) == data


@pytest.mark.parametrize(
    ("message", "ec"),
    [
        (SubmitShortMessage(mt="2", msg="0A"), ErrorCode.SYNTAX_ERROR),
        (SubmitShortMessage(mt="9", msg="00"), ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED),
        (SubmitShortMessage(msg="00"), ErrorCode.SYNTAX_ERROR),
        (SubmitShortMessage(mt="3", msg="00", xser="0105"), ErrorCode.SYNTAX_ERROR),
        (SubmitShortMessage(mt="3", msg="00", xser="01"), ErrorCode.SYNTAX_ERROR),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_code(message: SubmitShortMessage, ec: ErrorCode) -> None:
    with pytest.raises(OperationError) as caught:
        user_data.read(message)

    assert caught.value.status == ec


@given(services=lists(tuples(integers(0, 255), binary(max_size=20)), max_size=8))
def test_extra_services_come_back_in_order(services: list[tuple[int, bytes]]) -> None:
    assert xser.read(xser.write(services)) == tuple(services)


def test_extra_services_have_an_end() -> None:
    with pytest.raises(FieldError):
        xser.write([(1, b"x" * 199)])
    with pytest.raises(FieldError):
        xser.write([(1, b"x" * 256)])


# -- addresses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ton", "npi", "address", "oadc", "otoa"),
    [
        (5, 0, "TEST", "07D4E2940A", "5039"),
        (1, 1, "37120000001", "37120000001", "1139"),
        (1, 1, "+37120000001", "37120000001", "1139"),
        (0, 1, "12345", "12345", ""),
        (0, 0, "", "", ""),
    ],
)
def test_a_sender_is_digits_or_a_packed_name(ton: int, npi: int, address: str, oadc: str, otoa: str) -> None:
    written = addresses.write_originator(ton, npi, address)

    assert (written.oadc, written.otoa) == (oadc, otoa)
    assert addresses.read_originator(oadc, otoa) == (ton, npi, address.removeprefix("+"))


@given(name=text(gsm7.BASIC.replace("\x1b", ""), min_size=1, max_size=11))
def test_names_of_up_to_eleven_characters_come_back(name: str) -> None:
    assert addresses.unpack_name(addresses.pack_name(name)) == name
    assert len(addresses.pack_name(name)) <= 22


@pytest.mark.parametrize("name", ["", "twelve chars", "шоп", "€€€€€€"])
def test_a_name_that_does_not_fit_is_not_written(name: str) -> None:
    with pytest.raises(FieldError):
        addresses.pack_name(name)


@pytest.mark.parametrize(
    ("oadc", "otoa"), [("AB", ""), ("", "5039"), ("07D4", "5039"), ("0", "5039"), ("FF00", "5039")]
)
def test_a_sender_that_cannot_be_read_is_a_syntax_error(oadc: str, otoa: str) -> None:
    with pytest.raises(OperationError):
        addresses.read_originator(oadc, otoa)


@pytest.mark.parametrize("address", ["", "+", "12a", "1" * 17, "TEST"])
def test_a_recipient_is_digits(address: str) -> None:
    with pytest.raises(FieldError):
        addresses.write_recipient(address)
    assert addresses.write_recipient("+37120000001") == "37120000001"


# -- times --------------------------------------------------------------------------------------------------------


def test_times_are_in_the_zone_of_the_smsc() -> None:
    moment = datetime(2026, 11, 23, 8, 43, 10, tzinfo=UTC)
    riga = timezone(timedelta(hours=2))

    assert times.write_second(moment, riga) == "231126104310"
    assert times.write_minute(moment, UTC) == "2311260843"
    assert times.read("231126104310", riga) == moment


@given(unix_s=integers(946_684_800, 3_092_601_600))
def test_times_come_back(unix_s: int) -> None:
    aware = datetime.fromtimestamp(unix_s, UTC)

    assert times.read(times.write_second(aware, UTC), UTC) == aware
    assert times.read(times.write_minute(aware, UTC), UTC) == aware.replace(second=0)


@pytest.mark.parametrize("digits", ["", "23112608", "320126084310", "231326084310", "2311262500", "2311260843101"])
def test_a_moment_that_is_none_is_a_syntax_error(digits: str) -> None:
    with pytest.raises(OperationError):
        times.read(digits, UTC)

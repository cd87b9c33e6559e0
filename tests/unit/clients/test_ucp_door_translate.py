"""Where a client's UCP meets the model."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from chappe.clients.account import Account
from chappe.clients.ucp_translate import delivery_of, message_of, notification_of, scts_of, second_of
from chappe.model.errors import PeerError
from chappe.model.ids import first_id_at
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Message, Receipt
from chappe.runtime.throttle import Throttle
from chappe.text.encoding import Encoding
from chappe.wire.ucp import codec
from chappe.wire.ucp.errors import FieldError
from chappe.wire.ucp.operations import CallInputWithSupplementaryServices, SubmitShortMessage

NOW_MS = 1_800_000_000_000
NOW = datetime.fromtimestamp(NOW_MS // 1000, UTC)
NAME = "0037120000001:150127080000"


def account(**fields: Any) -> Account:
    terms = {"is_enabled": True, "priority": 1, "queue_limit": 10, "store_away_status": 8, "throttle": Throttle(0, 0.0)}
    return Account(name="acme", default_validity_s=60.0, **terms, **fields)


def read(operation: Any, zone: Any = UTC) -> Message:
    return message_of(operation, 7, "acme", NOW_MS, known_as=NAME, zone=zone)


def submit(**fields: str) -> SubmitShortMessage:
    return SubmitShortMessage(**{"adc": "0037120000001", "oadc": "12345", "mt": "3", "msg": "6131", **fields})


@pytest.mark.parametrize(
    ("nrq", "nt", "wanted"),
    [
        ("", "3", 0),
        ("0", "7", 0),
        ("1", "", 1),
        ("1", "0", 1),
        ("1", "1", 3),
        ("1", "2", 2),
        ("1", "4", 16),
        ("1", "7", 17),
    ],
)
def test_notifications_are_wanted_as_nrq_and_nt_say(nrq: str, nt: str, wanted: int) -> None:
    assert read(submit(nrq=nrq, nt=nt)).registered_delivery == wanted


def test_validity_counts_to_the_end_of_its_minute_in_the_clients_own_time() -> None:
    in_riga = NOW.astimezone(ZoneInfo("Europe/Riga"))

    message = read(submit(vp=f"{in_riga:%d%m%y%H%M}"), ZoneInfo("Europe/Riga"))

    assert NOW_MS < message.expires_at_ms < NOW_MS + 60_000


def test_a_billing_identifier_travels_as_the_parameter_that_smpp_has_for_it() -> None:
    assert read(submit(xser="0C03AABBCC")).tlvs == ((0x060B, bytes.fromhex("AABBCC")),)


@pytest.mark.parametrize(("field", "code"), [("rp", 10), ("um", 14), ("rc", 16)])
def test_services_of_pagers_are_refused_by_name(field: str, code: int) -> None:
    with pytest.raises(PeerError) as told:
        read(CallInputWithSupplementaryServices(adc="1", mt="3", msg="61", **{field: "1"}))

    assert told.value.status == code


def receipt(status: Status, error: str = "000", **fields: Any) -> Receipt:
    known = {"known_as": NAME, **fields}
    return Receipt(7, "acme", status, error, NOW_MS, NOW_MS, 1, 1, "37120000001", 0, 1, "12345", b"", **known)


@pytest.mark.parametrize(
    ("told", "dst", "rsn"),
    [
        (receipt(Status.DELIVERED), "0", "000"),
        (receipt(Status.BUFFERED, "107"), "1", "107"),
        (receipt(Status.FAILED, "107"), "2", "107"),
        (receipt(Status.FAILED, "027"), "2", "107"),
        (receipt(Status.FAILED, "001"), "2", "101"),
        (receipt(Status.FAILED, "XYZ"), "2", "108"),
        (receipt(Status.EXPIRED), "2", "010"),
        (receipt(Status.REJECTED, "00B", was_sent=False), "2", "206"),
        (receipt(Status.CANCELLED), "2", "108"),
    ],
)
def test_a_notification_says_what_became_of_the_message_in_numbers_of_its_own(
    told: Receipt, dst: str, rsn: str
) -> None:
    notification = notification_of(told, account())

    assert (notification.dst, notification.rsn) == (dst, rsn)
    assert (notification.oadc, notification.scts, notification.adc) == ("0037120000001", "150127080000", "12345")
    assert codec.data_of(notification)


def test_what_came_by_another_door_is_named_by_when_it_came() -> None:
    told = msgspec.structs.replace(receipt(Status.DELIVERED, known_as=""), message_id=first_id_at(NOW_MS))

    assert notification_of(told, account()).scts == f"{NOW:%d%m%y%H%M%S}"


def test_a_second_and_its_digits_are_the_same() -> None:
    assert second_of(scts_of(NOW_MS // 1000)) == NOW_MS // 1000


def mo(octets: bytes, coding: int = 0, **fields: Any) -> Message:
    known = {"source": "37120000001", "dest": "12345", **fields}
    addresses = (1, 1, known.pop("source"), 0, 1, known.pop("dest"))
    return Message(first_id_at(NOW_MS), Direction.MO, "acme", "sim", *addresses, octets, coding, **known)


@pytest.mark.parametrize(
    ("message", "default", "mt", "msg", "xser"),
    [
        (mo(b"VOTE \x00"), Encoding.GSM7, "3", b"VOTE \x00", ""),
        (mo(b"VOTE @"), Encoding.LATIN1, "3", b"VOTE \x00", ""),
        (mo("façade".encode("latin-1"), 3), Encoding.GSM7, "4", "façade".encode("utf-16-be"), "020108"),
        (mo(bytes(range(256)), 4), Encoding.GSM7, "4", bytes(range(256)), "020104"),
    ],
)
def test_an_mo_is_written_in_an_alphabet_that_ucp_has(
    message: Message, default: Encoding, mt: str, msg: bytes, xser: str
) -> None:
    operation = delivery_of(message, account(), default)

    assert (operation.mt, bytes.fromhex(operation.msg), operation.xser) == (mt, msg, xser)
    assert operation.otoa == "1139"
    assert codec.data_of(operation)


def test_an_mo_to_what_is_no_number_fits_no_adc() -> None:
    with pytest.raises(FieldError):
        delivery_of(mo(b"a", dest="NAME"), account(), Encoding.GSM7)

"""What callbacks say."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from chappe.callbacks.formats import FORMATS
from chappe.callbacks.render import sequence_of
from chappe.callbacks.terms import Piece, Terms
from chappe.model.ids import first_id_at
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Content, Item, Message, Receipt
from chappe.text.encoding import Encoding
from chappe.wire.http.signing import read_secret

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
AT_MS = 1_800_000_000_000
ID = first_id_at(AT_MS) + 5
NOW_S = AT_MS // 1000 + 9
CHAPPE = FORMATS["chappe"]


def receipt(status: Status = Status.DELIVERED, **fields: Any) -> Receipt:
    values: dict[str, Any] = {"error": "000", "done_at_ms": AT_MS + 1_500, "operator": "three", **fields}
    error, done = values.pop("error"), values.pop("done_at_ms")
    return Receipt(ID, "acme", status, error, AT_MS, done, 1, 1, "37120000001", 5, 0, "SHOP", b"", **values)


def inbound(octets: bytes, **fields: Any) -> Message:
    return Message(ID, Direction.MO, "acme", "three", 1, 1, "37120000001", 0, 1, "12345", octets, **fields)


def piece(content: Content, number: int = 7) -> Piece:
    return CHAPPE.piece(Item("callback:acme", 0, "", 0, number, content), "https://shop.example/cb", {}, terms())


def told(content: Content) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(piece(content).octets)
    return found


def terms(**fields: Any) -> Terms:
    values = {"client": "acme", "url": "https://shop.example/cb", "keys": (read_secret(SECRET),), **fields}
    return Terms(**values)


def test_a_status_says_what_the_contract_promises() -> None:
    assert told(receipt(reference="order-881")) == {
        "type": "message.status",
        "id": "msg_7",
        "timestamp": "2027-01-15T08:00:01.500000Z",
        "data": {
            "id": str(ID),
            "reference": "order-881",
            "status": "delivered",
            "final": True,
            "sequence": 1503,
            "parts": 1,
            "to": "+37120000001",
            "operator": "three",
            "failure": None,
        },
    }


def test_a_failure_is_explained() -> None:
    data = told(receipt(Status.FAILED, error="027"))["data"]

    assert data["failure"] == {
        "code": "subscriber_absent",
        "category": "handset",
        "permanent": False,
        "operator_code": "027",
    }


def test_an_operators_refusal_is_not_read_as_an_error_of_the_network() -> None:
    assert told(receipt(Status.REJECTED, error="00B", was_sent=False))["data"]["failure"]["code"] == (
        "invalid_destination"
    )


def test_sequences_grow_from_sending_to_the_end() -> None:
    steps = [
        # The answer to the submit was read after the first report.
        receipt(Status.SENT, done_at_ms=AT_MS + 90),
        receipt(Status.BUFFERED, done_at_ms=AT_MS + 60),
        receipt(Status.DELIVERED, done_at_ms=AT_MS + 60),
    ]
    found = [sequence_of(step) for step in steps]

    assert found == sorted(set(found))


def test_an_mo_says_what_the_contract_promises() -> None:
    assert told(inbound(b"vote 5")) == {
        "type": "message.inbound",
        "id": "msg_7",
        "timestamp": "2027-01-15T08:00:00Z",
        "data": {
            "id": str(ID),
            "from": "+37120000001",
            "to": "12345",
            "text": "vote 5",
            "keyword": "VOTE",
            "operator": "three",
            "received_at": "2027-01-15T08:00:00Z",
            "possible_duplicate": False,
            "data_coding": 0,
            "binary": None,
            "udh": None,
        },
    }


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"octets": b"\x00 \x1be"}, "@ €"),
        ({"octets": "šķ 🙂".encode("utf-16-be"), "data_coding": 8}, "šķ 🙂"),
        ({"octets": b"", "data_coding": 0}, ""),
        ({"octets": b"\xd8", "data_coding": 8}, "�"),
    ],
)
def test_an_mo_is_read_in_its_alphabet(fields: dict[str, Any], text: str) -> None:
    assert told(inbound(**fields))["data"]["text"] == text


def test_an_operator_may_write_data_coding_0_in_another_alphabet() -> None:
    item = Item("callback:acme", 0, "", 0, 7, inbound(b"\x00@"))
    octets = CHAPPE.piece(item, "", {"three": Encoding.LATIN1}, terms()).octets

    assert json.loads(octets)["data"]["text"] == "\x00@"


def test_a_binary_mo_comes_in_hexadecimal_digits_beside_its_header() -> None:
    data = told(inbound(b"\x03\x01\x02\x03\xff\x00", data_coding=4, esm_class=0x40))["data"]

    assert (data["text"], data["binary"], data["udh"], data["keyword"]) == (None, "ff00", "03010203", "")


def test_every_octet_can_be_told() -> None:
    every = bytes(range(256))

    for data_coding in (0, 1, 3, 4, 8, 255):
        told(inbound(every, data_coding=data_coding))


def test_a_request_is_signed_with_every_key() -> None:
    older = "whsec_" + "b" * 32
    request = CHAPPE.request([piece(receipt())], terms(keys=(read_secret(SECRET), read_secret(older))), NOW_S)
    headers = dict(line.split(": ", 1) for line in request.head.strip().split("\r\n"))

    assert headers["webhook-id"] == "msg_7"
    assert headers["webhook-timestamp"] == str(NOW_S)
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in (SECRET, older):
        webhook = Webhook(secret)
        signed = headers["webhook-signature"].split(" ")
        moment = datetime.fromtimestamp(NOW_S, UTC)
        assert webhook.sign("msg_7", moment, request.body.decode()) in signed


def test_without_a_secret_nothing_is_signed() -> None:
    request = CHAPPE.request([piece(receipt())], terms(keys=()), NOW_S)

    assert "signature" not in request.head


def test_a_client_that_asked_for_batches_gets_arrays_also_of_one() -> None:
    pieces = [piece(receipt(), number) for number in (7, 8)]

    several = CHAPPE.request(pieces, terms(batch=100), NOW_S)
    one = CHAPPE.request(pieces[:1], terms(batch=100), NOW_S)

    assert [each["id"] for each in json.loads(several.body)] == ["msg_7", "msg_8"]
    assert [each["id"] for each in json.loads(one.body)] == ["msg_7"]
    assert "webhook-id: msg_7\r\n" in one.head
    assert CHAPPE.request(pieces, terms(batch=100), NOW_S + 1).head.split("\r\n")[1] == several.head.split("\r\n")[1]


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        (b'{"reply":{"text":"thanks"}}', "thanks"),
        (b'{"ok":true,"reply":{"text":"thanks"}}', "thanks"),
        (b'{"reply":null}', ""),
        (b'{"reply":{"text":""}}', ""),
        (b'{"reply":{"txt":"thanks"}}', ""),
        (b'{"reply":"thanks"}', ""),
        (b"reply", ""),
        (b"", ""),
        (b'{"reply":{"text":"\xff"}}', ""),
    ],
)
def test_a_reply_is_read_and_anything_else_is_the_clients_own_affair(body: bytes, reply: str) -> None:
    assert CHAPPE.reply_in(body, "application/json") == reply

"""Reports and messages of handsets as Jasmin's documentation says that they are called for."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from chappe.callbacks.formats import format_of
from chappe.callbacks.jasmin_format import JasminFormat
from chappe.callbacks.terms import Terms
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message, Receipt
from chappe.rules.asked import Asked, Outcome, Words

TERMS = Terms(client="acme", url="http://h/mo", format="jasmin")
AT_MS = 1_383_435_480_000  # 2013-11-02 23:38
ID = 0x0CAA_0000_0000_0001
UUID = "00000000-0000-0000-0caa-000000000001"


def receipt(status: Status, method: str = "POST", url: str = "http://h/dlr", **keys: object) -> Item:
    values = {
        "text": b"Hello foo bar",
        "operator": "demo_cid",
        "operator_reference": "2567",
        "callback_url": str(Asked(url, Words.JASMIN, Outcome(31), method, 3)),
        **keys,
    }
    error = str(values.pop("error", "000"))
    content = Receipt(
        ID,
        "acme",
        status,
        error,
        AT_MS,
        AT_MS,
        1,
        1,
        "37120000001",
        5,
        0,
        "SHOP",
        **values,  # type: ignore[arg-type]
    )
    return Item("callback:acme", 0, "", 0, 4711, content)


def posted(item: Item) -> dict[str, str]:
    found = format_of(item, TERMS)
    request = found.request([found.piece(item, "http://h/dlr", {}, TERMS)], TERMS, 0)
    assert (request.method, request.url) == ("POST", "http://h/dlr")
    assert "Content-Type: application/x-www-form-urlencoded\r\n" in request.head
    return dict(parse_qsl(request.body.decode(), keep_blank_values=True))


def test_a_delivery_is_told_as_a_level_2_report() -> None:
    assert posted(receipt(Status.DELIVERED)) == {
        "id": UUID,
        "level": "2",
        "message_status": "DELIVRD",
        "connector": "demo_cid",
        "id_smsc": "2567",
        "sub": "001",
        "dlvrd": "001",
        "subdate": "1311022338",
        "donedate": "1311022338",
        "err": "000",
        "text": "Hello foo bar",
    }


def test_a_sending_is_told_as_a_level_1_report() -> None:
    assert posted(receipt(Status.SENT)) == {
        "id": UUID,
        "level": "1",
        "message_status": "ESME_ROK",
        "connector": "demo_cid",
    }


@pytest.mark.parametrize(
    ("status", "keys", "level", "word"),
    [
        (Status.REJECTED, {"error": "00B", "was_sent": False}, "1", "ESME_RINVDSTADR"),
        (Status.REJECTED, {"error": "FFE", "was_sent": False}, "1", "REJECTD"),
        (Status.EXPIRED, {"error": "000", "was_sent": False, "operator": ""}, "1", "EXPIRED"),
        (Status.CANCELLED, {"was_sent": False, "operator": ""}, "1", "DELETED"),
        (Status.FAILED, {"error": "027"}, "2", "UNDELIV"),
        (Status.BUFFERED, {}, "2", "ACCEPTD"),
        (Status.UNKNOWN, {}, "2", "UNKNOWN"),
    ],
)
def test_each_status_has_its_word(status: Status, keys: dict[str, object], level: str, word: str) -> None:
    told = posted(receipt(status, **keys))

    assert (told["level"], told["message_status"]) == (level, word)


def test_a_message_may_ask_for_a_get() -> None:
    item = receipt(Status.SENT, "GET", "http://h/dlr?a=1")
    found = format_of(item, TERMS)

    request = found.request([found.piece(item, "http://h/dlr?a=1", {}, TERMS)], TERMS, 0)

    assert request.method == "GET"
    assert dict(parse_qsl(urlsplit(request.url).query))["a"] == "1"
    assert dict(parse_qsl(urlsplit(request.url).query))["message_status"] == "ESME_ROK"


@pytest.mark.parametrize(
    ("data_coding", "octets", "content", "binary"),
    [
        (0, b"VOTE \x00", b"VOTE @", "564f54452000"),
        (8, "ā".encode("utf-16-be"), b"\x01\x01", "0101"),
        (4, b"\xff\x00", b"\xff\x00", "ff00"),
    ],
)
def test_a_message_of_a_handset_bears_its_text_and_its_octets(
    data_coding: int, octets: bytes, content: bytes, binary: str
) -> None:
    message = Message(ID, Direction.MO, "acme", "mtn", 1, 1, "21620203060", 0, 0, "1771", octets, data_coding)
    item = Item("callback:acme", 0, "", 0, ID, message)

    piece = format_of(item, TERMS).piece(item, TERMS.url, {}, TERMS)

    told = dict(parse_qsl(piece.octets.decode(), keep_blank_values=True, encoding="latin-1"))
    assert told == {
        "id": UUID,
        "from": "21620203060",
        "to": "1771",
        "origin-connector": "mtn",
        "priority": "0",
        "coding": str(data_coding),
        "content": content.decode("latin-1"),
        "binary": binary,
    }


@pytest.mark.parametrize(
    ("status", "body", "is_taken"),
    [
        (200, b"ACK/Jasmin", True),
        (200, b"ACK/Jasmin\n", True),
        (200, b"ok", False),
        (200, b"", False),
        (500, b"ACK/Jasmin", False),
    ],
)
def test_only_an_acknowledgement_is_a_yes(status: int, body: bytes, is_taken: bool) -> None:
    assert JasminFormat().is_taken(status, body) is is_taken
    assert JasminFormat().reply_in(body, "text/plain") == ""

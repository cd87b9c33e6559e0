"""Reports and messages of handsets as Kannel calls for them."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from chappe.callbacks.formats import FORMATS, format_of
from chappe.callbacks.kannel_format import KannelFormat
from chappe.callbacks.render import ChappeFormat
from chappe.callbacks.terms import Terms
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message, Receipt
from chappe.rules.asked import Asked, Outcome, Words
from chappe.text.encoding import Encoding

TERMS = Terms(
    client="acme",
    username="tester",
    url="http://h/mo?text=%a",
    account_by_operator={"three": "chappe"},
    format="kannel",
)
URL = "http://h/dlr?d=%d&p=%p&P=%P&A=%A&k=%k&t=%t&T=%T&i=%i&n=%n&F=%F&o=%o&c=%c&D=%D"
AT_MS = 1_795_448_925_000


def receipt(status: Status, level: int = 0, **keys: object) -> Item:
    values = {
        "error": "000",
        "text": b"Hello world and more",
        "operator": "three",
        "operator_reference": "1",
        "callback_url": str(Asked(URL, Words.KANNEL, Outcome(31), "GET", level)),
        **keys,
    }
    content = Receipt(  # type: ignore[misc]
        912,
        "acme",
        status,
        values.pop("error"),  # type: ignore[arg-type]
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


def query_of(item: Item) -> dict[str, str]:
    found = format_of(item, TERMS)
    request = found.request([found.piece(item, URL, {}, TERMS)], TERMS, 0)
    assert (request.method, request.head, request.body) == ("GET", "", b"")
    return dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))


def test_a_delivery_is_told_with_the_operators_words_and_name_for_it() -> None:
    told = query_of(receipt(Status.DELIVERED))

    assert told == {
        "d": "1",
        "p": "37120000001",
        "P": "SHOP",
        "A": "id:1 sub:001 dlvrd:001 submit date:2611231548 done date:2611231548 stat:DELIVRD err:000 "
        "text:Hello world and more",
        "k": "id:1",
        "t": "2026-11-23 15:48:45",
        "T": "1795448925",
        "i": "three",
        "n": "tester",
        "F": "1",
        "o": "chappe",
        "c": "-1",
        "D": "?orig_msg?dlr_mask=31&?smpp?dlr_err=%03%00%00&",
    }


@pytest.mark.parametrize(
    ("status", "keys", "outcome", "words"),
    [
        (Status.SENT, {}, "8", "ACK/"),
        (Status.BUFFERED, {}, "4", "id:1"),
        (Status.FAILED, {"error": "027"}, "2", "id:1"),
        (
            Status.REJECTED,
            {"error": "00B", "was_sent": False, "operator_reference": ""},
            "16",
            "NACK/0x0000000b/Invalid",
        ),
    ],
)
def test_each_outcome_has_its_bit_of_the_mask(
    status: Status, keys: dict[str, object], outcome: str, words: str
) -> None:
    told = query_of(receipt(status, **keys))

    assert (told["d"], told["k"]) == (outcome, words)


def test_numbers_come_as_the_client_wrote_them() -> None:
    told = query_of(receipt(Status.DELIVERED, 3))

    assert (told["p"], told["P"]) == ("+37120000001", "+SHOP")


def test_a_message_of_a_handset_fills_the_url_of_the_settings() -> None:
    message = Message(7, Direction.MO, "acme", "three", 1, 1, "37120000009", 0, 0, "1771", b"VOTE 5")
    item = Item("callback:acme", 0, "", 0, 7, message)

    piece = format_of(item, TERMS).piece(item, "http://h/mo?p=%p&P=%P&k=%k&r=%r&c=%c&C=%C&n=%n", {}, TERMS)

    assert piece.octets == b"http://h/mo?p=%2B37120000009&P=1771&k=VOTE&r=5&c=0&C=UTF-8&n=default"


@pytest.mark.parametrize(
    ("data_coding", "octets", "query"),
    [
        (0x00, b"\x00", "a=%40&c=0&C=UTF-8&m=-1&u="),
        (0x08, b"\x01\x01", "a=%01%01&c=2&C=UTF-16BE&m=-1&u="),
        (0x04, b"\xff", "a=%FF&c=1&C=8-BIT&m=-1&u="),
        (0xF1, b"A", "a=A&c=0&C=UTF-8&m=1&u="),
    ],
)
def test_text_comes_in_utf_8_and_everything_else_as_its_octets(data_coding: int, octets: bytes, query: str) -> None:
    message = Message(7, Direction.MO, "acme", "three", 1, 1, "1", 0, 0, "1771", octets, data_coding)
    item = Item("callback:acme", 0, "", 0, 7, message)

    piece = KannelFormat().piece(item, "a=%a&c=%c&C=%C&m=%m&u=%u", {}, TERMS)

    assert piece.octets.decode() == query


def test_an_operators_own_alphabet_and_a_header_are_read_before() -> None:
    message = Message(
        7, Direction.MO, "acme", "three", 1, 1, "1", 0, 0, "1771", b"\x05\x00\x03\x01\x02\x01\xe4", esm_class=0x40
    )
    item = Item("callback:acme", 0, "", 0, 7, message)

    piece = KannelFormat().piece(item, "a=%a&u=%u", {"three": Encoding.LATIN1}, TERMS)

    assert piece.octets == b"a=%C3%A4&u=%05%00%03%01%02%01"


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain", b" Thank you\n", "Thank you"),
        ("text/plain; charset=iso-8859-1", b"gr\xfcn", "grün"),
        ("text/html; charset=utf-8", b"<p>Thank <b>you</b> &amp; bye</p>", "Thank you & bye"),
        ("application/json", b'{"ok":true}', ""),
        ("", b"ok", ""),
        ("text/plain; charset=ISO-8859-15", b"5 \xa4", "5 €"),
        ("text/plain; charset=nonsense", b"ok", ""),
        ("text/plain; charset=undefined", b"ok", ""),
        ("text/plain; charset=\0", b"ok", ""),
        ("text/plain; charset=punycode", b"\xff-abc", ""),
        ("text/plain; charset=utf-7", b"+2AA-", ""),
        ("text/plain; charset=unicode_escape", b"\\ud800", ""),
        ("text/plain", b"\xff", ""),
    ],
)
def test_an_answer_that_is_a_text_goes_to_the_handset(content_type: str, body: bytes, text: str) -> None:
    assert KannelFormat().reply_in(body, content_type) == text


def test_a_message_that_asked_in_no_words_is_told_in_those_of_its_client() -> None:
    own = receipt(Status.DELIVERED, callback_url=str(Asked("", Words.OWN, Outcome.DELIVERED)))

    assert format_of(own, TERMS) is FORMATS["kannel"]
    assert isinstance(format_of(own, Terms(client="acme", url="")), ChappeFormat)

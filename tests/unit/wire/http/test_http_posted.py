"""Bodies of `POST /v1/messages`: one, many, and everything that is neither."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chappe.wire.http.messages import NewMessage
from chappe.wire.http.posted import MAX_MESSAGES, Bulk, field_error, read
from chappe.wire.http.problems import Code, FieldError, Refusal

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)

NAMES = [
    "to",
    "from",
    "text",
    "binary",
    "udh",
    "data_coding",
    "encoding",
    "reference",
    "validity_seconds",
    "send_at",
    "priority",
    "report",
    "callback_url",
    "tags",
]


def refusal(body: bytes) -> Refusal:
    found = read(body)
    assert isinstance(found, Refusal)
    return found


def test_one_message_is_read_with_all_its_fields() -> None:
    found = read(
        b'{"to":"+37120000001","from":"SHOP","text":"Hi","reference":"order-881","validity_seconds":600,"send_at":null,'
        b'"priority":"high","report":"final","callback_url":null,"tags":["otp"]}'
    )

    assert found == NewMessage(
        to="+37120000001",
        source="SHOP",
        text="Hi",
        reference="order-881",
        validity_seconds=600,
        priority="high",
        tags=("otp",),
    )


def test_many_messages_are_read_in_their_order() -> None:
    found = read(b'{"messages":[{"to":"1"},{"to":"2"}]}')

    assert isinstance(found, Bulk)
    assert [each.to for each in found.messages if isinstance(each, NewMessage)] == ["1", "2"]


@pytest.mark.parametrize("field", ["text", "reference", "to"])
def test_the_word_messages_may_be_what_a_single_message_says(field: str) -> None:
    found = read(json.dumps({"to": "1", field: "messages"}).encode())

    assert isinstance(found, NewMessage)
    assert getattr(found, field) == "messages"


def test_a_key_written_with_escapes_is_the_same_key() -> None:
    found = read(b'{"m\\u0065ssages":[{"t\\u006f":"1"}]}')

    assert isinstance(found, Bulk)
    assert found.messages == [NewMessage(to="1")]


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        (b"{}", "/to", "is missing"),
        (b'{"to":1}', "/to", "Expected `str`, got `int`"),
        (b'{"to":"1","colour":"red"}', "/colour", "there is no such field"),
        (b'{"to":"1","a/b~c":1}', "/a~1b~0c", "there is no such field"),
        (b'{"to":"1","tags":["ok",""]}', "/tags/1", "Expected `str` of length >= 1"),
        (b'{"to":"1","tags":["a",5]}', "/tags/1", "Expected `str`, got `int`"),
        (b'{"to":"1","data_coding":256}', "/data_coding", "Expected `int` <= 255"),
        (b'{"to":"1","validity_seconds":0}', "/validity_seconds", "Expected `int` >= 1"),
        (b'{"to":"1","send_at":"tomorrow"}', "/send_at", "Invalid RFC3339 encoded datetime"),
        (b'{"messages":{"to":"1"}}', "/messages", "Expected `array`, got `object`"),
        (b'{"messages":[]}', "/messages", "holds no message"),
        (b'{"messages":[{"to":"1"}],"dry_run":true}', "/dry_run", "there is no such field"),
        (b"[]", "", "Expected `object`, got `array`"),
        (b'"messages"', "", "Expected `object`, got `str`"),
    ],
)
def test_what_is_wrong_is_told_with_a_pointer_to_it(body: bytes, pointer: str, detail: str) -> None:
    found = refusal(body)

    assert found.code is Code.INVALID_MESSAGE
    assert found.errors == (FieldError(pointer, detail),)


def test_a_moment_without_an_offset_is_no_moment() -> None:
    assert refusal(b'{"to":"1","send_at":"2026-01-01T00:00:00"}').errors[0].pointer == "/send_at"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nonsense", b'{"to":"1"', b'{"to":"\xff"}', b'{"to":"\\ud800"}', b"[" * 100_000, b"\xef\xbb\xbf{}"],
)
def test_what_is_no_json_is_refused_as_a_whole(body: bytes) -> None:
    assert refusal(body).code in (Code.MALFORMED_JSON, Code.INVALID_MESSAGE)


@pytest.mark.parametrize(
    ("item", "pointer"),
    [
        ('{"to":2}', "/messages/1/to"),
        ("3", "/messages/1"),
        ('{"to":"1","x":1}', "/messages/1/x"),
        ("null", "/messages/1"),
    ],
)
def test_one_bad_message_among_many_is_refused_alone(item: str, pointer: str) -> None:
    found = read(f'{{"messages":[{{"to":"1"}},{item},{{"to":"3"}}]}}'.encode())

    assert isinstance(found, Bulk)
    first, bad, last = found.messages
    assert (first, last) == (NewMessage(to="1"), NewMessage(to="3"))
    assert isinstance(bad, Refusal)
    assert [error.pointer for error in bad.errors] == [pointer]


@pytest.mark.parametrize("text", ["\\ud800", "\\udc00x", "\\ud800\\ud800"])
def test_half_a_surrogate_pair_takes_no_neighbour_along(text: str) -> None:
    found = read(f'{{"messages":[{{"to":"1","text":"{text}"}},{{"to":"2"}}]}}'.encode())

    assert isinstance(found, Bulk)
    assert isinstance(found.messages[0], Refusal)
    assert found.messages[1] == NewMessage(to="2")


def test_as_many_messages_as_the_limit_says_are_read() -> None:
    whole = read(b'{"messages":[' + b",".join([b'{"to":"1"}'] * MAX_MESSAGES) + b"]}")
    beyond = refusal(b'{"messages":[' + b",".join([b'{"to":"1"}'] * (MAX_MESSAGES + 1)) + b"]}")
    beyond_and_bad = refusal(b'{"messages":[' + b",".join([b"1"] * (MAX_MESSAGES + 1)) + b"]}")

    assert isinstance(whole, Bulk)
    assert len(whole.messages) == MAX_MESSAGES
    assert beyond.code is beyond_and_bad.code is Code.TOO_MANY_MESSAGES


def test_a_path_that_cannot_be_told_whole_still_leads_to_the_list() -> None:
    assert field_error("Expected `str`, got `int` - at `$.tags[...]`").pointer == "/tags/..."


@given(st.binary(max_size=200))
def test_no_octets_break_the_reader(body: bytes) -> None:
    assert isinstance(read(body), NewMessage | Bulk | Refusal)


@given(ANY_JSON)
def test_no_json_breaks_the_reader(value: Any) -> None:
    assert isinstance(read(json.dumps(value).encode()), NewMessage | Bulk | Refusal)


@given(st.dictionaries(st.sampled_from(NAMES), ANY_JSON, max_size=6), st.integers(0, 2))
def test_whatever_stands_in_one_message_the_others_are_read(fields: dict[str, Any], at: int) -> None:
    messages: list[Any] = [{"to": "1"}, {"to": "2"}]
    messages.insert(at, fields)

    found = read(json.dumps({"messages": messages}).encode())

    assert isinstance(found, Bulk)
    assert [each for number, each in enumerate(found.messages) if number != at] == [
        NewMessage(to="1"),
        NewMessage(to="2"),
    ]

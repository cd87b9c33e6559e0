"""Requests of other gateways' clients: whatever they hold, they become good messages or a refusal, never a crash."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chappe.clients import jasmin_request, kannel_request
from chappe.clients.account import CallbackRights
from chappe.clients.door_message import DoorMessage
from chappe.clients.http_path import Path
from chappe.clients.http_translate import item_of
from chappe.clients.jasmin_answers import Refused as JasminRefused
from chappe.clients.jasmin_answers import refused_of
from chappe.clients.kannel_answers import answer_of, misformed
from chappe.clients.kannel_request import Refused as KannelRefused
from chappe.model.message import Item, Message
from chappe.rules.asked import Outcome, Words, asked_of
from chappe.wire.http.forms import fields_of
from chappe.wire.http.problems import Refusal

NOW_MS = 1_795_448_925_000
RIGHTS = CallbackRights(may_name_url=True, allow_private=True)
KANNEL = {"to": b"37120000001", "from": b"SHOP", "text": b"Hello"}
JASMIN = {"username": b"foo", "password": b"bar", "to": b"37120000001", "content": b"Hello"}

VALUES = st.one_of(
    st.binary(max_size=30),
    st.integers(-3, 300).map(lambda number: str(number).encode()),
    st.sampled_from(
        [
            b"",
            b"\x05\x00\x03\x01\x02\x01",
            b"http://h/%d",
            b"UTF-16",
            b"idna",
            b"hex",
            b"+371 00371 x",
            b"?smpp?a=%zz&b",
        ]
    ),
)


R = TypeVar("R", bound=Exception)
T = TypeVar("T")


def refused_or(refused: type[R], read: Callable[[], T]) -> T | R:
    """What is read, or why it is not; anything else that is raised is a fault of ours."""
    try:
        return read()
    except refused as why:
        return why


def judged(message: Any) -> Item | Refusal:
    return item_of(message, 1, "acme", 1, NOW_MS, lambda to, source: Path("operator:three"), RIGHTS)


def kept(message: Any) -> Message:
    item = judged(message)
    assert isinstance(item, Item), item
    assert isinstance(item.content, Message)
    return item.content


@given(st.dictionaries(st.sampled_from([*sorted(kannel_request._FIELD_BY_HEADER.values()), "text", "charset"]), VALUES))
def test_whatever_comes_to_kannels_door_is_a_message_or_refused(changes: dict[str, bytes]) -> None:
    asked = refused_or(KannelRefused, lambda: kannel_request.messages_of({**KANNEL, **changes}, "", NOW_MS))
    messages = asked if isinstance(asked, list) else []

    assert isinstance(asked, list) or asked.answer.status == 400
    for message in messages:
        found = judged(message)
        if isinstance(found, Refusal):
            assert 400 <= answer_of(found).status < 500
        else:
            assert isinstance(found.content, Message)


def test_meta_data_of_the_group_for_smpp_travels_with_the_message_by_name() -> None:
    asked = {**KANNEL, "meta-data": b"?smpp?tariff=5&text=a%26b+c%ff&?billing?id=7&"}

    (message,) = kannel_request.messages_of(asked, "", NOW_MS)

    assert kept(message).named_values == (("tariff", "5"), ("text", "a&b c\xff"))


@pytest.mark.parametrize("values", ["x" * 1_025, "&".join(f"k{number}=v" for number in range(33))])
def test_more_meta_data_than_a_message_may_bear_is_refused(values: str) -> None:
    asked = {**KANNEL, "meta-data": f"?smpp?a={values}".encode()}

    refused = refused_or(KannelRefused, lambda: kannel_request.messages_of(asked, "", NOW_MS))

    assert isinstance(refused, KannelRefused)
    assert refused.answer == misformed("Meta-Data")


@given(st.dictionaries(st.sampled_from(sorted(jasmin_request.SEND)), VALUES))
def test_whatever_comes_to_jasmins_door_is_a_message_or_refused(changes: dict[str, bytes]) -> None:
    fields = {**JASMIN, **changes}

    def read() -> DoorMessage:
        jasmin_request.check(fields, jasmin_request.SEND)
        return jasmin_request.message_of(fields, "", NOW_MS)

    asked = refused_or(JasminRefused, read)

    if isinstance(asked, JasminRefused):
        assert asked.status == 400
        return
    found = judged(asked)
    if isinstance(found, Refusal):
        assert 400 <= refused_of(found).status < 500


@given(st.text(max_size=60))
def test_whatever_a_query_holds_it_is_read(query: str) -> None:
    fields = fields_of(query)

    assert all(isinstance(value, bytes) for value in fields.values())


def test_a_query_keeps_the_first_of_two_values_and_its_octets() -> None:
    assert fields_of("a=1&a=2&b=%ff+x&c&=d&%64=e") == {"a": b"1", "b": b"\xff x", "c": b"", "": b"d", "d": b"e"}


def test_a_message_of_kannel_carries_what_it_asked_to_hear_of() -> None:
    fields = {**KANNEL, "to": b"+37120000001", "dlr-mask": b"19", "dlr-url": b"http://h/d?s=%d x"}

    message = kept(kannel_request.messages_of(fields, "", NOW_MS)[0])

    asked = asked_of(message.callback_url)
    assert (asked.words, asked.outcomes, asked.url, asked.level) == (
        Words.KANNEL,
        Outcome.DELIVERED | Outcome.FAILED | Outcome.REFUSED,
        "http://h/d?s=%d%20x",
        1,
    )
    assert (message.is_called_back, message.registered_delivery) == (True, 0x01)


@pytest.mark.parametrize(
    ("asked", "tags"),
    [
        ({}, ()),
        ({"account": b"ads"}, ("ads",)),
        ({"smsc": b" three "}, ("smsc:three",)),
        ({"account": b"ads", "smsc": b"three"}, ("ads", "smsc:three")),
        ({"smsc": b"x" * 60}, ()),
        ({"smsc": b"a\x07"}, ()),
    ],
)
def test_accounts_and_smscs_become_what_routes_can_ask_for(asked: dict[str, bytes], tags: tuple[str, ...]) -> None:
    message = kept(kannel_request.messages_of({**KANNEL, **asked}, "", NOW_MS)[0])

    assert message.tags == tags


@pytest.mark.parametrize("mask", [b"0", b"-1", b"", b"x", b"64"])
def test_a_message_that_asks_for_nothing_is_told_of_to_nobody(mask: bytes) -> None:
    fields = {**KANNEL, "dlr-mask": mask, "dlr-url": b"http://h/d"}

    message = kept(kannel_request.messages_of(fields, "", NOW_MS)[0])

    assert (message.is_called_back, message.registered_delivery, message.callback_url) == (False, 0, "")


def test_minutes_count_from_now_and_a_validity_goes_on_from_the_moment_of_sending() -> None:
    later = kept(kannel_request.messages_of({**KANNEL, "deferred": b"10", "validity": b"15"}, "", NOW_MS)[0])
    jasmin = {**JASMIN, "sdt": b"000000001000000R", "validity-period": b"15"}
    also = kept(jasmin_request.message_of(jasmin, "", NOW_MS))

    for message in (later, also):
        assert message.send_at_ms == NOW_MS + 600_000
        assert message.expires_at_ms == NOW_MS + 900_000


def test_the_highest_priority_goes_first_and_is_handed_on() -> None:
    found = judged(kannel_request.messages_of({**KANNEL, "priority": b"3"}, "", NOW_MS)[0])

    assert isinstance(found, Item)
    assert isinstance(found.content, Message)
    assert (found.priority, found.content.priority_flag) == (0, 3)


def test_long_texts_are_cut_as_those_of_our_own_api() -> None:
    assert kept(kannel_request.messages_of({**KANNEL, "text": b"x" * 161}, "", NOW_MS)[0]).parts == 2
    octets = {"to": b"37120000001", "hex-content": b"00" * 141, "coding": b"4"}
    assert kept(jasmin_request.message_of(octets, "", NOW_MS)).parts == 2

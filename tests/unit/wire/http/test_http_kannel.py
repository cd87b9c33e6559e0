"""Parameters of Kannel's URLs, filled in as Kannel 1.4.5 itself filled them in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chappe.wire.http.kannel import Told, expand, meta_data_of, words_of_refusal

#: What a handset sent through Kannel to this URL, and the query that arrived.
VOTE = b"vote a*b c-\xc2\xa7.!\xc3\xbc'()&=+/d 1 #mo1"
ENCODED = "vote+a*b+c-%C2%A7.!%C3%BC'()%26%3D%2B%2Fd+1+%23mo1"
AT_S = 1_795_449_623


def told(text: bytes = VOTE, **keys: object) -> Told:
    values = {
        "handset": "+37120000009",
        "number": "12345",
        "at_s": AT_S,
        "operator": "three",
        "account": "chappe",
        "id": "c86a31c0-0d65-4c96-baf3-da8113f1eeeb",
        "service": "default",
        "coding": 0,
        "meta_data": "?smpp?",
        **keys,
    }
    return Told(text=text, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("%p", "%2B37120000009"),
        ("%P", "12345"),
        ("%a", ENCODED),
        ("%A", ENCODED),
        ("%b", ENCODED),
        ("%k", "vote"),
        ("%s", "a*b"),
        ("%s-%s", "a*b-c-%C2%A7.!%C3%BC'()%26%3D%2B%2Fd"),
        ("%s-%s-%S", "a*b-c-%C2%A7.!%C3%BC'()%26%3D%2B%2Fd-1"),
        ("%s-%s-%S-%r", "a*b-c-%C2%A7.!%C3%BC'()%26%3D%2B%2Fd-1-%23mo1"),
        ("%S", "a~b"),
        ("%r", "a*b+c-%C2%A7.!%C3%BC'()%26%3D%2B%2Fd+1+%23mo1"),
        ("%t", "2026-11-23+16:00:23"),
        ("%T", "1795449623"),
        ("%q", "%2B37120000009"),
        ("%Q", "12345"),
        ("%i", "three"),
        ("%I", "c86a31c0-0d65-4c96-baf3-da8113f1eeeb"),
        ("%n", "default"),
        ("%d", "-1"),
        ("%F", ""),
        ("%o", "chappe"),
        ("%c", "0"),
        ("%C", "UTF-8"),
        ("%m", "-1"),
        ("%M", "-1"),
        ("%u", ""),
        ("%B", ""),
        ("%O", "00"),
        ("%f", ""),
        ("%D", "%3Fsmpp%3F"),
        ("%R", ""),
        ("%v%V", ""),
        ("%x", "%x"),
        ("%%", "%"),
        ("e=%", "e=%"),
    ],
)
def test_a_parameter_is_filled_in_as_kannel_does(parameter: str, value: str) -> None:
    assert expand(f"http://h/mo?x={parameter}", told()) == f"http://h/mo?x={value}"


def test_words_that_are_not_there_leave_nothing() -> None:
    assert expand("k=%k&s=%s&S=%S&r=%r&a=%a", told(b"")) == "k=&s=&S=&r=&a="
    assert expand("k=%k&s=%s&s=%s&r=%r", told(b"one two")) == "k=one&s=two&s=&r="


def test_a_number_with_two_zeros_is_written_internationally_where_the_url_says_so() -> None:
    both = told(handset="0037120000009", number="0012345")

    assert expand("%p&%q&%Q", both) == "0037120000009&%2B37120000009&%2B12345"


@given(st.binary(max_size=40), st.text(max_size=20), st.sampled_from("aAbkpPsSrDnu"))
def test_whatever_a_handset_sends_stays_within_its_url(text: bytes, number: str, parameter: str) -> None:
    number = number.encode("utf-8", "ignore").decode()

    url = expand(f"http://h/?x=%{parameter}&y=%S", told(text, handset=number, number=number))

    assert url.isascii()
    assert url.isprintable()
    assert " " not in url


def test_a_refusal_is_told_in_kannels_words() -> None:
    assert words_of_refusal("00B") == b"NACK/0x0000000b/Invalid Destination Address"
    assert words_of_refusal("exp") == b"NACK/exp"


def test_meta_data_are_groups_of_names_and_values() -> None:
    groups = meta_data_of(("orig_msg", {"dlr_mask": "31"}), ("smpp", {"dlr_err": b"\x03\x00\x00"}))

    assert groups == "?orig_msg?dlr_mask=31&?smpp?dlr_err=%03%00%00&"

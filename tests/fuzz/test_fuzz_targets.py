"""Whatever foreign octets are read: good ones gone wrong, made-up ones, and bodies whose every field may be odd."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fuzz_edits import edited
from hypothesis import given, settings
from hypothesis import strategies as st
from targets import TARGETS

EDITS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 400), st.integers(0, 255)), max_size=6)

#: Letters of the alphabets that decide how a text leaves, and some that none has.
LETTERS = st.text("aZ0@£€^{}\\~[]|ÇåΔ_ΦΓ\x00\x0d\x1b çğışİĞşķļЖאあ\u200d\u0301😀\ud800\udfff\ufffe", max_size=400)
LONG = st.builds(lambda letter, count: letter * count, st.sampled_from("a€ğЖ😀@"), st.integers(0, 40_000))
HEX = st.binary(max_size=300).map(bytes.hex)
HEADERS = st.sampled_from(["", "00", "050003010201", "060804010201", "0304ff", "0500030102", "0", "8c" + "00" * 140])
NUMBERS = st.integers(-(2**70), 2**70) | st.floats()
ODD = st.none() | st.booleans() | NUMBERS | st.text(max_size=9) | st.just([]) | st.just({})
MOMENTS = ["2027-01-15T08:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "now"]
URLS = ["https://a.example/x", "http://[::1]/", "http://", "ftp://x", "http://\ud800/", "//"]
ADDRESSES = st.from_regex(re.compile(r"\+?[0-9]{0,17}"), fullmatch=True) | LETTERS

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "to": st.just("+37120000001") | ADDRESSES,
    "from": st.just("SHOP") | ADDRESSES,
    "text": st.just("hello") | LETTERS | LONG,
    "binary": HEX,
    "udh": HEADERS | HEX,
    "data_coding": st.integers(0, 255),
    "encoding": st.sampled_from(["auto", "gsm7", "ucs2", "latin1", "utf8"]),
    "reference": LETTERS,
    "validity_seconds": st.integers(1, 31_536_000),
    "send_at": st.sampled_from(MOMENTS),
    "priority": st.sampled_from(["high", "normal", "bulk", "low"]),
    "report": st.sampled_from(["final", "all", "none"]),
    "callback_url": st.sampled_from(URLS) | LETTERS,
    "transliterate": st.booleans(),
    "tags": st.lists(LETTERS, max_size=22),
}


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    """A message of few fields, nearly all of them as they may be."""
    message: dict[str, Any] = {"to": draw(FIELDS["to"])}
    message[draw(st.sampled_from(["text", "text", "binary"]))] = draw(FIELDS["text"] if draw(st.booleans()) else HEX)
    for name in draw(st.lists(st.sampled_from(list(FIELDS)), max_size=4)):
        message[name] = draw(FIELDS[name])
    if draw(st.integers(0, 9)) == 0:
        message[draw(st.sampled_from([*FIELDS, "too"]))] = draw(ODD)
    return message


@pytest.mark.parametrize("name", TARGETS)
@given(at=st.integers(0, 9), edits=EDITS, more=st.binary(max_size=40))
@settings(max_examples=150, deadline=None)
def test_good_octets_gone_wrong_are_read_or_refused(
    name: str, at: int, edits: list[tuple[int, int, int]], more: bytes
) -> None:
    target, good = TARGETS[name]

    target(edited(good[at % len(good)], edits) + more)


@pytest.mark.parametrize("name", TARGETS)
@given(octets=st.binary(max_size=300))
@settings(max_examples=50, deadline=None)
def test_any_octets_are_read_or_refused(name: str, octets: bytes) -> None:
    TARGETS[name][0](octets)


@given(posted=st.lists(messages(), min_size=1, max_size=4), is_bulk=st.booleans())
@settings(max_examples=300, deadline=None)
def test_every_message_of_a_body_is_refused_by_name_or_can_be_stored_and_sent(
    posted: list[dict[str, Any]], is_bulk: bool
) -> None:
    body = json.dumps({"messages": posted} if is_bulk else posted[0])

    TARGETS["json"][0](body.encode("utf-8", "surrogatepass"))


def test_the_words_for_the_fuzzer_are_the_fields_of_a_message() -> None:
    words = Path(__file__).with_name("json.dict").read_text()

    assert [name for name in FIELDS if f'"\\"{name}\\":"' not in words] == []

"""Event lines: RFC 4180 fields without raw control characters, counted and taken apart."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chappe.model.events import COLUMNS, EventBatch, EventName, clean, count, stamp, text_of

AT_US = 1_768_567_132_364_377


def fields_of(line: str) -> list[str]:
    (row,) = csv.reader(io.StringIO(line, newline=""), strict=True)
    return row


@pytest.mark.parametrize(
    ("field", "written"),
    [
        ("", ""),
        ("KK1544", "KK1544"),
        ("a b", "a b"),
        ("0011:160114123852,", '"0011:160114123852,"'),
        ('say "yes"', '"say ""yes"""'),
        ("a\nb\x00c", "a\\x0ab\\x00c"),
        ("\x85\u2028\ud800", "\\x85\\x2028\\xd800"),
        ("æøå漢", "æøå漢"),
    ],
)
def test_a_field_is_quoted_only_where_it_must_be(field: str, written: str) -> None:
    assert clean(field) == written


@given(st.text())
def test_whatever_a_peer_wrote_stays_one_field_of_one_line(text: str) -> None:
    batch = EventBatch(AT_US)

    batch.add(EventName.MT_SENT, 1, "acme", "three", text, text, text, text, text)

    line = batch.text
    assert line.count("\n") == 1
    assert len(line.splitlines()) == 1
    assert len(fields_of(line)) == len(COLUMNS.split(","))
    line.encode("utf-8")


def test_a_moment_is_written_to_the_microsecond_in_utc() -> None:
    assert stamp(AT_US) == "2026-01-16 12:38:52.364377"
    assert stamp(AT_US // 1_000_000 * 1_000_000) == "2026-01-16 12:38:52.000000"


def test_a_line_has_the_columns_in_their_order() -> None:
    batch = EventBatch(AT_US)

    batch.add(EventName.MT_SENT, 28, "acme", "three", "3712", "63103", "KK1544", "0011", "x")

    assert batch.text == "2026-01-16 12:38:52.364377,mt_sent,28,acme,three,3712,63103,KK1544,0011,x\n"


def test_an_event_about_no_message_has_no_id() -> None:
    batch = EventBatch(AT_US)

    batch.add(EventName.LINK_UP, operator="three")

    assert fields_of(batch.text)[2] == ""


def test_a_series_is_the_same_lines_under_several_names() -> None:
    one, apart = EventBatch(AT_US), EventBatch(AT_US)
    names = (EventName.DR_RECEIVED, EventName.DR_MATCHED)

    one.add_series(names, 5, "acme", "three", "3712", "SHOP", "a,b", "R", "DELIVRD 000")
    for name in names:
        apart.add(name, 5, "acme", "three", "3712", "SHOP", "a,b", "R", "DELIVRD 000")

    assert one.text == apart.text
    assert count([one]) == count([apart])
    assert len(one) == 2


@given(st.lists(st.text(st.sampled_from('ab1 ,"\n\x85\u2028\ud800é漢'), max_size=6), max_size=4))
def test_the_text_of_batches_is_that_of_their_lines_whatever_a_peer_wrote(fields: list[str]) -> None:
    one, two = EventBatch(AT_US), EventBatch(AT_US + 1)
    one.add(EventName.MT_ACCEPTED, 1, "acme", "", "3712", "SHOP")
    for field in fields:
        two.add_series(
            (EventName.DR_RECEIVED, EventName.DR_MATCHED), 2, "acme", "three", field, field, field, "R", field
        )

    text = text_of([one, two]).decode()

    assert text == one.text + two.text
    assert text.count("\n") == len(one) + len(two)
    assert all(len(fields_of(line)) == len(COLUMNS.split(",")) for line in text.splitlines())


def test_events_are_counted_by_name_client_and_operator() -> None:
    one, two = EventBatch(AT_US), EventBatch(AT_US)
    for batch in (one, one, two):
        batch.add(EventName.MT_SENT, 1, "acme", "three")
    two.add(EventName.MT_SENT, 2, "other", "three")

    assert count([one, two]) == {("mt_sent", "acme", "three"): 3, ("mt_sent", "other", "three"): 1}


def test_the_events_of_some_messages_can_be_taken_out_with_their_counts() -> None:
    batch = EventBatch(AT_US)
    batch.add(EventName.MT_ACCEPTED, 1, "acme")
    batch.add_series((EventName.DR_RECEIVED, EventName.DR_MATCHED), 2, "acme", "three", "", "", "", "", "")
    batch.add(EventName.LINK_UP, operator="three")

    taken, rest = batch.only(lambda each: each == 2), batch.only(lambda each: each != 2)

    assert [key[0] for key in count([taken])] == ["dr_received", "dr_matched"]
    assert [key[0] for key in count([rest])] == ["mt_accepted", "link_up"]
    assert (len(taken), len(rest)) == (2, 2)
    lines = batch.text.splitlines(keepends=True)
    assert taken.text + rest.text == "".join([*lines[1:3], lines[0], lines[3]])
    assert taken.at_us == batch.at_us

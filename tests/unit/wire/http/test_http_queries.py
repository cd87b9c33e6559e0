"""Queries of lists and their cursors, read strictly."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chappe.model.lifecycle import Status
from chappe.wire.http.problems import Code, Refusal
from chappe.wire.http.queries import (
    InboundQuery,
    MessagesQuery,
    cursor_of,
    read_cursor,
    read_query,
    statuses_in,
)

MOMENT = datetime(2026, 1, 16, 12, 0, tzinfo=UTC)


def test_an_empty_query_asks_for_the_newest_hundred() -> None:
    assert read_query("", MessagesQuery) == MessagesQuery(limit=100)


@pytest.mark.parametrize("moment", ["2026-01-16T12:00:00Z", "2026-01-16T13:00:00+01:00", "2026-01-16T13:00:00%2B01:00"])
def test_a_moment_is_read_whether_or_not_its_plus_is_encoded(moment: str) -> None:
    read = read_query(f"created_after={moment}", MessagesQuery)

    assert isinstance(read, MessagesQuery)
    assert read.created_after == MOMENT


def test_every_parameter_is_read() -> None:
    query = "to=%2B371&from=SHOP%20%26%20CO&reference=%C3%A4&status=sent&limit=7&cursor=x"

    read = read_query(query, MessagesQuery)

    assert read == MessagesQuery(to="+371", source="SHOP & CO", reference="ä", status="sent", limit=7, cursor="x")


def test_a_list_of_what_handsets_sent_knows_no_status() -> None:
    refused = read_query("status=sent", InboundQuery)

    assert isinstance(refused, Refusal)
    assert refused.code is Code.INVALID_QUERY
    assert refused.errors[0].pointer == "?status"


@given(st.text(max_size=80))
def test_no_query_crashes_the_reader(query: str) -> None:
    assert isinstance(read_query(query, MessagesQuery), MessagesQuery | Refusal)


def test_statuses_are_named_once_each() -> None:
    assert statuses_in(None) == ()
    assert statuses_in("sent,delivered,sent") == (Status.SENT, Status.DELIVERED)
    assert isinstance(statuses_in("sent,"), Refusal)


@given(before_id=st.integers(1, (1 << 63) - 1), scope=st.text())
def test_a_cursor_leads_back_to_its_place_and_only_in_its_own_list(before_id: int, scope: str) -> None:
    cursor = cursor_of(before_id, scope)

    assert read_cursor(cursor, scope) == before_id
    assert isinstance(read_cursor(cursor, scope + "!"), Refusal)


@given(st.text(max_size=40))
def test_no_cursor_crashes_the_reader(cursor: str) -> None:
    read = read_cursor(cursor, "acme")

    assert isinstance(read, int | Refusal)

"""A handset's number leaves the gateway as the setting says, in whichever column it stands."""

from __future__ import annotations

import csv

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chappe.model.events import COLUMNS, EventBatch, EventName
from chappe.observe.redact import hashed, mask, redactor

KEY = b"0123456789abcdef"


def redacted(how: str, **fields: str) -> dict[str, str]:
    """One event with these fields, as the files have it."""
    batch = EventBatch(1_768_564_800_000_000)
    batch.add(EventName.MT_SENT, 42, "acme", "three", **fields)
    redact = redactor(how, KEY)
    assert redact is not None
    line = redact(batch.text.encode()).decode()
    return dict(zip(COLUMNS.split(","), next(csv.reader([line])), strict=True))


def test_whole_numbers_need_no_work_at_all() -> None:
    assert redactor("whole", KEY) is None


def test_a_masked_number_keeps_its_country_and_its_end() -> None:
    event = redacted("masked", msisdn="37120000001", number="SHOP", client_ref="KK1544")

    assert event["msisdn"] == "371******01"
    assert (event["id"], event["client"], event["number"], event["client_ref"]) == ("42", "acme", "SHOP", "KK1544")


@pytest.mark.parametrize(
    ("number", "shown"),
    [("+37120000001", "371******01"), ("12345", "*****"), ("", ""), ('37a,b"c01', "*********")],
)
def test_what_is_short_or_no_number_is_hidden_whole(number: str, shown: str) -> None:
    assert mask(number) == shown


def test_a_hash_is_the_same_for_a_number_in_either_form_and_tells_nothing_without_the_key() -> None:
    assert hashed("37120000001", KEY) == hashed("+37120000001", KEY)
    assert hashed("37120000001", KEY) != hashed("37120000001", b"another key")
    assert len(hashed("37120000001", KEY)) == 16


@pytest.mark.parametrize("how", ["masked", "hashed"])
def test_a_number_is_hidden_too_where_a_reference_or_a_reason_repeats_it(how: str) -> None:
    event = redacted(
        how, msisdn="+37120000001", operator_ref="37120000001:160114123852", detail="no route to '+37120000001'"
    )

    assert "37120000001" not in "".join(event.values())
    assert event["operator_ref"].endswith(":160114123852")


def test_an_id_that_happens_to_hold_the_digits_stays() -> None:
    batch = EventBatch(1_768_564_800_000_000)
    batch.add(EventName.MT_SENT, 371200000019, msisdn="37120000001")
    redact = redactor("masked", KEY)
    assert redact is not None

    assert b",371200000019," in redact(batch.text.encode())


@example(msisdn='00000"', number="", reference='00000"', detail="")
@given(
    msisdn=st.text(max_size=20),
    number=st.text(max_size=8),
    reference=st.text(max_size=8),
    detail=st.text(max_size=20),
)
def test_whatever_peers_write_the_columns_stay_where_they_are(
    msisdn: str, number: str, reference: str, detail: str
) -> None:
    event = redacted("hashed", msisdn=msisdn, number=number, client_ref=reference, detail=detail)

    assert event["id"] == "42"
    assert event["msisdn"] == "" or len(event["msisdn"]) == 16

"""Templates: whatever a value is, it stays in its place, and what reads the request finds it there again."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chappe.wire.webapi.readers import Said, reader_of
from chappe.wire.webapi.requests import Auth, RequestForm
from chappe.wire.webapi.template import (
    CannotWrite,
    text_of,
    tree_of,
    urlencoded,
    write_header,
    write_json,
    write_pairs,
    write_path,
    write_xml,
)

#: The machine may be busy with other things.
BUSY = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
ANY = st.text(st.characters(codec="utf-8"))
IN_XML = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"))


@BUSY
@given(a=ANY, b=ANY)
def test_a_value_never_leaves_its_field_of_a_form(a: str, b: str) -> None:
    fields = {"x": text_of("<{a}>"), "y": text_of("{b}"), "z": text_of("fixed")}

    read = dict(parse_qsl(urlencoded(write_pairs(fields, {"a": a, "b": b})), keep_blank_values=True))

    assert read == {
        **({"x": f"<{a}>"} if a else {}),
        **({"y": b} if b else {}),
        "z": "fixed",
    }


@BUSY
@given(a=ANY, b=ANY)
def test_a_value_never_leaves_its_field_of_json(a: str, b: str) -> None:
    tree = tree_of({"one": {"x": "{a}"}, "list": [{"y": "{b}"}, "{a}{b}"], "z": 5, "t": True})

    read = json.loads(json.dumps(write_json(tree, {"a": a, "b": b})))

    assert read.get("one", {}).get("x", "") == a
    assert read["z"] == 5
    assert read["t"] is True
    assert (f"{a}{b}" in read.get("list", [])) == bool(a or b)


@BUSY
@given(a=IN_XML, b=IN_XML)
def test_a_value_never_leaves_its_field_of_xml(a: str, b: str) -> None:
    tree = tree_of({"message": {"@id": "{b}", "text": "{a}", "end": "fixed"}})

    said = Said(write_xml(tree, {"a": a, "b": b}))

    assert said.read(reader_of("xml:message.text")).strip() == a.strip()
    assert said.read(reader_of("xml:message.@id")) == b
    assert said.read(reader_of("xml:message.end")) == "fixed"


@BUSY
@given(a=ANY)
def test_a_value_is_one_segment_of_a_path(a: str) -> None:
    written = write_path(text_of("/accounts/{a}/messages"), {"a": a})

    assert written.count("/") == 3
    assert unquote(written.split("/")[2]) == a
    assert written.isascii()


@BUSY
@given(a=st.text())
def test_no_value_begins_a_header_of_its_own(a: str) -> None:
    try:
        written = write_header(text_of("App {a}"), {"a": a})
    except CannotWrite:
        return
    assert "\r" not in written
    assert "\n" not in written


@pytest.mark.parametrize("value", ["a\n", "a\r\nX: b", "\n"])
def test_a_line_that_ends_is_no_value_of_a_header(value: str) -> None:
    with pytest.raises(CannotWrite):
        write_header(text_of("{a}"), {"a": value})


@BUSY
@given(octets=st.binary())
def test_octets_travel_in_a_query(octets: bytes) -> None:
    written = urlencoded(write_pairs({"text": text_of("{octets}")}, {"octets": octets}))

    read = dict(parse_qsl(written, encoding="latin-1", keep_blank_values=True))
    assert read.get("text", "").encode("latin-1") == octets


@pytest.mark.parametrize("template", ["{", "}", "{a", "a}", "{A}", "{a b}", "{}", "{a!r}", "{a.b}", "{a[0]}", "{0}"])
def test_a_brace_that_names_nothing_is_a_fault(template: str) -> None:
    with pytest.raises(ValueError, match="brace stands alone"):
        text_of(template)


def test_braces_are_written_twice() -> None:
    assert text_of("{{{a}}}").write({"a": "x"}) == "{x}"


def test_numbers_and_booleans_are_no_strings_in_json() -> None:
    tree = tree_of({"n": "{n:number}", "b": "{b:boolean}", "s": "{n}"})

    assert write_json(tree, {"n": "5", "b": "true"}) == {"n": 5, "b": True, "s": "5"}
    with pytest.raises(CannotWrite):
        write_json(tree, {"n": "five"})


def test_a_field_without_values_is_left_out_and_its_table_with_it() -> None:
    tree = tree_of({"a": {"b": "{x}"}, "c": ["{x}"], "d": "{x}{y}", "e": {}})

    assert write_json(tree, {"y": "1"}) == {"d": "1", "e": {}}


def test_xml_refuses_what_it_cannot_carry() -> None:
    with pytest.raises(CannotWrite, match=r"U\+000C"):
        write_xml(tree_of({"a": "{x}"}), {"x": "\f"})


def test_a_request_has_its_parts_in_their_places() -> None:
    form = RequestForm(
        "POST",
        text_of("/v1/{to}"),
        {"key": text_of("{password}")},
        {"X-From": text_of("{from}")},
        Auth.BASIC,
        json=tree_of({"text": "{text}"}),
    )
    values: dict[str, Any] = {"to": "1/2", "password": "s&t", "from": "A", "text": 'say "hi"', "username": "u"}

    written = form.write(values).octets("api.example", "chappe/1")

    head, _, body = written.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"POST /v1/1%2F2?key=s%26t HTTP/1.1"
    assert b"Host: api.example" in head
    assert b"X-From: A" in head
    assert b"Authorization: Basic dTpzJnQ=" in head
    assert json.loads(body) == {"text": 'say "hi"'}
    assert f"Content-Length: {len(body)}".encode() in head

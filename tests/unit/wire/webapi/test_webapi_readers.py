"""Readers: whatever a peer says is read or is empty, and never an error; verdicts guess nothing."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chappe.wire.webapi.answers import AnswerForm, Meaning, Verdict
from chappe.wire.webapi.calls import short_error
from chappe.wire.webapi.proofs import Proof, ProofRule, is_proved, signed_values
from chappe.wire.webapi.readers import Said, reader_of
from chappe.wire.webapi.template import text_of

#: The machine may be busy with other things.
BUSY = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
BOMB = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>'
READERS = ["body", "status", "json:a.0.b", "xml:a.b", "form:a", "query:a", "header:X-Id", "body ~ id=([0-9]+)"]


@BUSY
@given(body=st.binary(), reader=st.sampled_from(READERS), query=st.text())
def test_no_octets_crash_a_reader(body: bytes, reader: str, query: str) -> None:
    said = Said(body, status=200, headers={"x-id": "1"}, query=query, charset="nonsense")

    assert isinstance(said.read(reader_of(reader)), str)
    assert isinstance(said.items(reader_of(reader)), list)


@pytest.mark.parametrize(
    ("told", "value"),
    [
        ("body", 'Success "ab" id=12'),
        ('body ~ Success "([^"]+)"', "ab"),
        ("body ~ id=([0-9]+)", "12"),
        ("body ~ no=(.*)", ""),
        ("status", "202"),
        ("header:X-Id", "seven"),
        ("query:q", "1 2"),
    ],
)
def test_a_value_is_found_where_it_is(told: str, value: str) -> None:
    said = Said(b'Success "ab" id=12', status=202, headers={"x-id": "seven"}, query="q=1+2")

    assert said.read(reader_of(told)) == value


def test_numbers_booleans_and_nothing_are_texts_in_json() -> None:
    said = Said(b'{"a": [{"n": 12345678901234567890, "t": true, "x": null, "l": []}]}')

    found = {key: said.read(reader_of(f"json:a.0.{key}")) for key in "ntxly"}
    assert found == {"n": "12345678901234567890", "t": "true", "x": "", "l": "", "y": ""}


def test_a_document_that_declares_entities_is_not_read() -> None:
    assert not Said(BOMB).is_readable(reader_of("xml:l").source)


@pytest.mark.parametrize("body", [b"<a>" * 10_000, b"[" * 200_000, b"{" * 200_000])
def test_what_is_nested_too_deeply_is_not_read(body: bytes) -> None:
    said = Said(body)

    assert not said.is_readable(reader_of("xml:a").source)
    assert not said.is_readable(reader_of("json:a").source)


@pytest.mark.parametrize("charset", ["idna", "undefined", "punycode", "hex", "\0", "utf-7", "nonsense"])
def test_a_charset_in_which_nobody_writes_texts_crashes_no_reader(charset: str) -> None:
    assert Said(b"id=7 \xff", charset=charset).read(reader_of("body ~ id=([0-9]+)")) == "7"


@pytest.mark.parametrize("encoding", ["foo", "utf-7", "big5", "undefined", "hex"])
def test_a_document_in_an_encoding_that_nobody_knows_is_not_read(encoding: str) -> None:
    said = Said(f'<?xml version="1.0" encoding="{encoding}"?><a>x</a>'.encode())

    assert not said.is_readable(reader_of("xml:a").source)


def test_half_a_pair_in_json_is_no_character() -> None:
    assert Said(b'{"id": "a\\ud83d"}').read(reader_of("json:id")) == "a\ufffd"


@pytest.mark.parametrize("told", ["", "json", "json:", "jsn:a", "body:x", "status:1", "body ~ (", "body ~ x"])
def test_a_reader_that_reads_nothing_is_a_fault(told: str) -> None:
    with pytest.raises(ValueError, match=r"expected|regular|group"):
        reader_of(told)


ANSWER = AnswerForm(
    statuses={200},
    items=reader_of("json:messages"),
    id=reader_of("json:id"),
    error=reader_of("json:code"),
    accepted={"0"},
    throttled={"http:429", "slow"},
    temporary={"busy"},
    unknown={"http:502"},
    denied={"http:401"},
)


@pytest.mark.parametrize(
    ("status", "body", "verdicts"),
    [
        (200, b'{"messages":[{"id":"a","code":"0"},{"id":7}]}', [(Meaning.TAKEN, "a"), (Meaning.TAKEN, "7")]),
        (
            200,
            b'{"messages":[{"code":"slow"},{"code":"bad"}]}',
            [(Meaning.THROTTLED, "slow"), (Meaning.PERMANENT, "bad")],
        ),
        (200, b'{"messages":[{"id":"a"}]}', [(Meaning.UNKNOWN, "an answer about 1 messages and not 2")] * 2),
        (200, b'{"messages":[{"id":""},{"id":"b"}]}', [(Meaning.UNKNOWN, "a yes without an id"), (Meaning.TAKEN, "b")]),
        (200, b"<html>", [(Meaning.UNKNOWN, "an answer that cannot be read")] * 2),
        (429, b"", [(Meaning.THROTTLED, "http:429")] * 2),
        (502, b"<html>", [(Meaning.UNKNOWN, "http:502")] * 2),
        (401, b"", [(Meaning.DENIED, "http:401")] * 2),
        (400, b'{"code":"busy"}', [(Meaning.TEMPORARY, "busy")] * 2),
        (400, b'{"code":"21211"}', [(Meaning.PERMANENT, "21211")] * 2),
        (418, b"", [(Meaning.PERMANENT, "http:418")] * 2),
        # Nobody says that the request was wrong: a proxy may stand in front of an operator that took it.
        *((each, b"", [(Meaning.UNKNOWN, f"http:{each}")] * 2) for each in (204, 302, 505, 524)),
    ],
)
def test_an_answer_is_judged_and_never_guessed(status: int, body: bytes, verdicts: list[tuple[Meaning, str]]) -> None:
    assert ANSWER.judge(Said(body, status=status), 2) == [Verdict(*each) for each in verdicts]


@pytest.mark.parametrize(
    ("code", "short"),
    [
        ("", "000"),
        ("0", "000"),
        ("27", "027"),
        ("30003", "003"),
        ("30004", "013"),
        ("EC_ABSENT", "ECA"),
        ("006", "006"),
        ("http:404", "404"),
    ],
)
def test_an_error_has_three_characters(code: str, short: str) -> None:
    assert short_error(code, {"30004": "013"}) == short


def test_a_signature_is_that_of_the_published_example() -> None:
    """Twilio's own: https://www.twilio.com/docs/usage/security, the example of validating requests."""
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    form = b"CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212"
    rule = ProofRule(Proof.HMAC, "12345", "", reader_of("header:X-Twilio-Signature"), "sha1", text_of("{url}{fields}"))
    signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8="

    said = Said(form, headers={"x-twilio-signature": signature})
    assert is_proved(rule, said, signed_values(said, "POST", url))
    assert not is_proved(rule, said, signed_values(said, "POST", url + "3"))
    tampered = Said(form.replace(b"1234&", b"1235&"), headers={"x-twilio-signature": signature})
    assert not is_proved(rule, tampered, signed_values(tampered, "POST", url))


@pytest.mark.parametrize("proof", list(Proof))
def test_nobody_is_proved_by_an_empty_secret(proof: Proof) -> None:
    rule = ProofRule(proof, "", "", reader_of("header:x"), "sha256", text_of("{body}"))
    said = Said(b"", headers={"authorization": "Basic Og==", "x": ""}, query="token=")

    assert not is_proved(rule, said, signed_values(said, "POST", ""))


@BUSY
@given(shown=st.text())
def test_no_guess_passes_for_a_secret(shown: str) -> None:
    headers = {"authorization": shown, "x": shown}
    for proof in Proof:
        rule = ProofRule(proof, "s3cret-ż", "us", reader_of("header:x"), "sha256", text_of("{body}"))
        said = Said(b"body", headers=headers, query=f"token={shown}")
        assert not is_proved(rule, said, signed_values(said, "POST", "u"))

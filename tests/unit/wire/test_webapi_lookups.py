"""What look-ups are asked and say."""

import json

import pytest

from chappe.runtime.lookup_api import lookup_faults, lookup_form_of
from chappe.runtime.settings_http_operators import HttpRequest
from chappe.runtime.settings_lookup import Lookup, LookupAnswer
from chappe.wire.webapi.lookups import NoAnswer
from chappe.wire.webapi.readers import Said
from chappe.wire.webapi.requests import Auth

MANY = Lookup(
    url="http://numbers.example",
    password="secret",
    request=HttpRequest(path="/v1", auth=Auth.BEARER, each={"n": "{to}"}, each_at="list", batch=10),
    answer=LookupAnswer(items="json:found", number="json:n", network="json:net", words={"LMT": "24701"}),
)


def test_one_number_is_asked_about_by_its_path() -> None:
    form = lookup_form_of(Lookup(url="http://numbers.example"))

    assert form.ask(["37120000001"]).target == "/37120000001"
    assert form.read(Said(b'{"network":"247-02"}', status=200), ["37120000001"]) == {"37120000001": "24702"}
    assert form.read(Said(b"{}", status=404), ["37120000001"]) == {"37120000001": ""}


def test_many_numbers_are_one_request_and_each_has_its_own_answer() -> None:
    form = lookup_form_of(MANY)

    written = form.ask(["1000001", "1000002", "1000003", "1000004"])
    said = Said(
        b'{"found":[{"n":"+1000002","net":"LMT"},{"n":"1000001","net":24702},{"n":"1000003","net":"??"},{"n":"9","net":"1"}]}',
        status=200,
    )

    assert json.loads(written.body) == {"list": [{"n": f"100000{n}"} for n in (1, 2, 3, 4)]}
    assert ("Authorization", "Bearer secret") in written.headers
    assert form.read(said, ["1000001", "1000002", "1000003", "1000004"]) == {
        "1000001": "24702",
        "1000002": "24701",
        "1000004": "",
    }


@pytest.mark.parametrize(
    "said", [Said(b"oops", status=200), Said(b"", status=500), Said(b'{"network":"Mars"}', status=200)]
)
def test_what_cannot_be_understood_is_no_answer(said: Said) -> None:
    with pytest.raises(NoAnswer):
        lookup_form_of(Lookup(url="http://numbers.example")).read(said, ["37120000001"])


@pytest.mark.parametrize(
    ("lookup", "key"),
    [
        (Lookup(password="x"), "lookup.url"),
        (Lookup(url="http://a", request=HttpRequest(path="/{text}{to}")), "lookup.request"),
        (Lookup(url="http://a", request=HttpRequest(path="/all")), "lookup.request"),
        (Lookup(url="http://a", request=HttpRequest(path="/{to")), "lookup.request.path"),
        (Lookup(url="http://a", answer=LookupAnswer(network="jsn:x")), "lookup.answer.network"),
        (Lookup(url="http://a", answer=LookupAnswer(words={"x": "1"})), "lookup.answer.words.x"),
        (Lookup(url="http://a", request=HttpRequest(each={"n": "{to}"}, batch=2)), "lookup.answer.number"),
    ],
)
def test_a_look_up_that_cannot_work_is_refused_by_its_key(lookup: Lookup, key: str) -> None:
    assert next(lookup_faults(lookup))[0] == key
    assert list(lookup_faults(MANY)) == []

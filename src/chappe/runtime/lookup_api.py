"""Turns the settings of a look-up into what speaks it, and finds what is wrong with them.

It must never know a socket.
"""

import re
from collections.abc import Iterator
from typing import Final

from chappe.runtime.http_profiles import api_of, http_faults
from chappe.runtime.settings_http_operators import HttpApi
from chappe.runtime.settings_lookup import Lookup
from chappe.runtime.settings_operator_checks import url_faults
from chappe.runtime.settings_table import Fault, nearest
from chappe.wire.webapi.lookups import LookupForm
from chappe.wire.webapi.readers import reader_of
from chappe.wire.webapi.requests import RequestForm

#: What templates of the request may ask for.
NAMES: Final = ("to", "username", "password")


def form_of(lookup: Lookup) -> RequestForm:
    """How numbers are asked about."""
    return api_of(HttpApi(submit=lookup.request)).submit


def lookup_form_of(lookup: Lookup) -> LookupForm:
    """The whole of it; the settings were checked before."""
    answer = lookup.answer
    return LookupForm(
        request=form_of(lookup),
        values={"username": lookup.username, "password": lookup.password},
        statuses=frozenset(answer.statuses),
        network=reader_of(answer.network),
        items=reader_of(answer.items) if answer.items is not None else None,
        number=reader_of(answer.number) if answer.number is not None else None,
        words=answer.words,
        unknown=frozenset(answer.unknown),
    )


def lookup_faults(lookup: Lookup) -> Iterator[Fault]:
    """Everything wrong with a look-up, by key."""
    if lookup.url is None:
        if lookup != Lookup():
            yield "lookup.url", "is missing: whom to ask"
        return
    yield from url_faults("lookup.url", lookup.url)
    for key, told in http_faults(HttpApi(submit=lookup.request)):
        yield f"lookup.{key.replace('submit', 'request', 1)}", told
    yield from _names(lookup)
    answer = lookup.answer
    for key in ("items", "number", "network"):
        told = getattr(answer, key)
        if told is not None:
            try:
                reader_of(told)
            except ValueError as error:
                yield f"lookup.answer.{key}", str(error)
    if lookup.request.batch > 1 and (answer.items is None or answer.number is None):
        yield "lookup.answer.number", "is missing: of several numbers `items` and `number` say which is which"
    for word, network in answer.words.items():
        if not re.fullmatch(r"[0-9]{5,6}", network):
            yield f"lookup.answer.words.{word}", 'expected MCC and MNC, as in "24701"'


def _names(lookup: Lookup) -> Iterator[Fault]:
    try:
        names = form_of(lookup).names
    except ValueError:
        return
    for name in sorted(names - set(NAMES)):
        yield "lookup.request", f"nothing is called {{{name}}}{nearest(name, NAMES)}"
    if "to" not in names:
        yield "lookup.request", "asks about no number: expected {to} somewhere in it"

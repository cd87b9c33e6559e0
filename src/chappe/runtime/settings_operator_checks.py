"""What one operator's table cannot see by itself: what its protocol has no room for, and what its profile lacks.

It must never read a file; it judges settings that are already typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from chappe.runtime.http_profiles import api_of
from chappe.runtime.profile_files import shipped
from chappe.runtime.settings_operators import Bind, Operator, Protocol
from chappe.runtime.settings_profile_tables import VendorTlv
from chappe.runtime.settings_profiles import Profile, Split, UnknownOutcome
from chappe.runtime.settings_table import Fault, nearest

if TYPE_CHECKING:
    from chappe.runtime.settings import Settings

#: Characters of service_type, its NUL aside.
MOST_OF_SERVICE_TYPE: Final = 5
#: TRN has two digits.
MOST_TRNS: Final = 100


def linked(at: str, operator: Operator) -> Iterator[Fault]:
    """What links over SMPP and UCP need."""
    for key in ("address", "system_id"):
        if not getattr(operator, key):
            yield f"{at}.{key}", "is missing"
    if operator.http is not None:
        yield f"{at}.http", 'is for protocol = "http"'


#: Why a protocol cannot ask for a message whose name it never learned.
_NO_QUERY: Final = {
    Protocol.SMPP: "query_sm of SMPP asks by the very id that was not learned",
    Protocol.UCP: 'operation 55 of UCP knows neither what was delivered nor which message is meant: say "hold"',
}


def profile_faults(at: str, operator: Operator, settings: Settings) -> Iterator[Fault]:
    """The profile is there, and for this protocol."""
    profile = settings.profiles.get(operator.profile)
    if profile is None:
        known = sorted({*settings.profiles, *shipped()})
        close = nearest(operator.profile, known) or f" (known: {', '.join(known)})"
        yield f"{at}.profile", f"no profile is named {operator.profile!r}{close}"
        return
    if profile.protocol not in (None, operator.protocol):
        yield f"{at}.profile", f'{operator.profile!r} is for protocol = "{profile.protocol.value}"'
    wanted = (profile.unknown_outcome, profile.unknown_outcome_premium)
    if UnknownOutcome.QUERY in wanted:
        if operator.protocol is not Protocol.HTTP:
            yield f"{at}.profile", f'{operator.profile!r} says "query", and {_NO_QUERY[operator.protocol]}'
        elif profile.http is not None and profile.http.query is None:
            yield f"{at}.profile", f'{operator.profile!r} says "query", and has no [http.query] to ask by'


def over_http(at: str, operator: Operator, settings: Settings) -> Iterator[Fault]:
    """What an operator over HTTP needs."""
    profile, http = settings.profiles.get(operator.profile), operator.http
    if http is None:
        yield f"{at}.http", "is missing: expected [operators.http] with the url of its API"
        return
    api = profile.http if profile is not None else None
    if profile is not None and api is None:
        yield f"{at}.profile", f"{operator.profile!r} has no [http], which tells what the API understands"
    if api is not None:
        for name in http.values:
            if name not in api.values:
                yield f"{at}.http.values.{name}", f"its profile names no such value{nearest(name, api.values)}"
    yield from url_faults(f"{at}.http.url", http.url)
    yield from url_faults(f"{at}.http.public_url", http.public_url)
    if http.listen is not None and not http.secret:
        yield f"{at}.http.secret", "is missing: without one nobody who calls there could prove to be the operator"
    if http.listen is None and (http.secret or http.public_url):
        yield f"{at}.http.listen", "is missing: where the operator's calls come in"


def over_ucp(at: str, operator: Operator, settings: Settings) -> Iterator[Fault]:
    """What UCP has no room for."""
    if operator.window > MOST_TRNS:
        yield f"{at}.window", f"is {operator.window}; UCP numbers no more than {MOST_TRNS} operations in flight"
    if operator.bind is not Bind.TRANSCEIVER:
        yield f"{at}.bind", "UCP has no pairs of links"
    profile = settings.profiles.get(operator.profile)
    if profile is not None and profile.split not in (Split.UDH8, Split.UDH16):
        yield f"{at}.profile", f'its split is "{profile.split.value}"; over UCP parts are named by "udh8" or "udh16"'


def vendor_faults(profile: Profile) -> Iterator[Fault]:
    """What is wrong between the tables of one profile, by key within it."""
    for ours in profile.data_codings:
        if _coding_of(ours) is None:
            yield f"data_codings.{ours}", "expected a data_coding from 0 to 255"
    if len(set(profile.data_codings.values())) < len(profile.data_codings):
        yield "data_codings", "two of ours have the same counterpart: nobody could tell them apart when they come"
    for name, tlv in profile.tlvs.items():
        if tlv.value is not None:
            yield from _value_faults(f"tlvs.{name}.value", tlv, tlv.value)
    for name, billing in profile.billing.items():
        if billing.service_type is not None and len(billing.service_type) > MOST_OF_SERVICE_TYPE:
            yield f"billing.{name}.service_type", "expected at most 5 characters (SMPP 3.4 §5.2.11)"
        for key, value in billing.tlvs.items():
            if key not in profile.tlvs:
                yield f"billing.{name}.tlvs.{key}", f"no TLV is named so{nearest(key, profile.tlvs)}"
            else:
                yield from _value_faults(f"billing.{name}.tlvs.{key}", profile.tlvs[key], value)
    yield from _pattern_faults(profile.receipt_pattern)
    named = profile.mo_identity.removeprefix("tlv:")
    if named not in ("none", *profile.tlvs) and not named.startswith("0x"):
        yield "mo_identity", f"no TLV is named {named!r}{nearest(named, profile.tlvs)}"


def _pattern_faults(pattern: str | None) -> Iterator[Fault]:
    try:
        groups = re.compile(pattern).groupindex if pattern is not None else {"id": 1, "stat": 2}
    except re.error as error:
        yield "receipt_pattern", f"is no regular expression: {error}"
        return
    for group in ("id", "stat"):
        if group not in groups:
            yield "receipt_pattern", f"has no group {group!r}, as in (?P<{group}>...)"


def _value_faults(key: str, tlv: VendorTlv, value: str) -> Iterator[Fault]:
    try:
        tlv.named.write(value)
    except ValueError as error:
        yield key, f"{value!r} is no {tlv.type.value}: {error}"


def _coding_of(ours: str) -> int | None:
    try:
        coding = int(ours, 0)
    except ValueError:
        return None
    return coding if 0 <= coding <= 0xFF else None


def billing_names(profile: Profile) -> dict[str, str]:
    """What the billing map gives templates to ask for."""
    return {name: "" for billing in profile.billing.values() for name in billing.http}


def names_of(profile: Profile) -> frozenset[str]:
    """What the templates of a submit ask for; `udh` in either form."""
    names = api_of(profile.http, billing_names(profile)).submit.names if profile.http is not None else frozenset()
    return names | {"udh"} if "udh_octets" in names else names


def url_faults(key: str, url: str) -> Iterator[Fault]:
    """A URL that is not empty has a host, and no user name in front of it."""
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
        if url and (not has_host or parts.username is not None or not url.isascii()):
            yield key, "expected a URL with a host and without a user name, in ASCII"
    except ValueError as error:
        yield key, f"expected a URL http://… or https://…: {error}"

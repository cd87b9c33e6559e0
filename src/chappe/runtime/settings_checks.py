"""What one table cannot see by itself: names used twice, names that nobody bears, keys that exclude each other.

It must never read a file; it judges settings that are already typed.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final, TypeVar

from chappe.runtime.http_profiles import http_faults
from chappe.runtime.settings_callbacks import CallbackFormat, ClientCallback
from chappe.runtime.settings_client_doors import ClientHttp
from chappe.runtime.settings_clients import Client
from chappe.runtime.settings_gateway import MOST_OF_A_NODE, NODE_KINDS, ONCE_A_BOX, host_and_port, node_parts
from chappe.runtime.settings_operator_checks import (
    billing_names,
    linked,
    names_of,
    over_http,
    over_ucp,
    profile_faults,
    url_faults,
    vendor_faults,
)
from chappe.runtime.settings_operators import Protocol
from chappe.runtime.settings_profiles import Split
from chappe.runtime.settings_routing_checks import routing_faults
from chappe.runtime.settings_table import Fault, nearest
from chappe.wire.http.signing import read_secret

if TYPE_CHECKING:
    from chappe.runtime.settings import Settings

T = TypeVar("T")


def faults(settings: Settings) -> Iterator[Fault]:
    """Everything wrong between the tables, in the order of the file's own sections."""
    for check in CHECKS:
        yield from check(settings)


def _gateway(settings: Settings) -> Iterator[Fault]:
    operators = [operator.name for operator in settings.operators]
    for node in settings.gateway.nodes:
        kind, name, count = node_parts(node)
        colon = ":" in node
        if not 1 <= count <= MOST_OF_A_NODE:
            yield "gateway.nodes", f"{node!r}: expected 1 to {MOST_OF_A_NODE} after the star"
        elif count > 1 and kind in ("all", *ONCE_A_BOX):
            yield (
                "gateway.nodes",
                f"{node!r}: only client-smpp, client-http, client-ucp and operator can be several on one box",
            )
        elif count > 1 and settings.gateway.is_one_process:
            yield "gateway.nodes", f"{node!r}: several processes need a postgresql store"
        if kind not in NODE_KINDS or (colon and kind != "operator"):
            yield "gateway.nodes", f"unknown node {node!r}{nearest(kind, NODE_KINDS)} (known: {', '.join(NODE_KINDS)})"
        elif colon and name not in operators:
            yield "gateway.nodes", f"{node!r} names no operator{nearest(name, operators)}"


def _addresses(settings: Settings) -> Iterator[Fault]:
    listens = [(f"listen.{key}", address) for key, address in settings.listen.addresses.items()]
    operators = [
        (f"{at}.address", operator.address)
        for at, operator in _each("operators", settings.operators)
        if operator.address
    ]
    calls = [
        (f"{at}.http.listen", operator.http.listen)
        for at, operator in _each("operators", settings.operators)
        if operator.http is not None and operator.http.listen
    ]
    listens += calls
    for key, address in listens + operators:
        if host_and_port(address)[1] > 65_535:
            yield key, f"port of {address!r} is beyond 65535"
    fixed = [(key, address) for key, address in listens if host_and_port(address)[1]]
    yield from _repeats(fixed, "address")


def _operators(settings: Settings) -> Iterator[Fault]:
    operators = list(_each("operators", settings.operators))
    yield from _repeats([(f"{at}.name", operator.name) for at, operator in operators], "operator")
    for at, operator in operators:
        if operator.protocol is Protocol.UCP:
            yield from over_ucp(at, operator, settings)
        if operator.protocol is Protocol.HTTP:
            yield from over_http(at, operator, settings)
        else:
            yield from linked(at, operator)
        yield from profile_faults(at, operator, settings)
        if operator.tls is not None and (operator.tls.certificate is None) != (operator.tls.key is None):
            yield f"{at}.tls.key", "certificate and key belong together: expected both or neither"
        if operator.reconnect_min_s > operator.reconnect_max_s:
            yield f"{at}.reconnect_min_s", f"is above reconnect_max_s = {operator.reconnect_max_s:g}"


def _profiles(settings: Settings) -> Iterator[Fault]:
    for name, profile in settings.profiles.items():
        seen: dict[int, str] = {}
        for key in ("throttle_statuses", "queue_full_statuses", "temporary_statuses"):
            for status in getattr(profile, key):
                if seen.setdefault(status, key) != key:
                    yield f"profiles.{name}.{key}", f"status 0x{status:X} already stands in {seen[status]}"
        for code in {*profile.ucp_throttle_codes} & {*profile.ucp_temporary_codes}:
            yield f"profiles.{name}.ucp_temporary_codes", f"error code {code:02} already stands in ucp_throttle_codes"
        for key, fault in vendor_faults(profile):
            yield f"profiles.{name}.{key}", fault
        if profile.http is not None:
            for key, fault in http_faults(profile.http, billing_names(profile)):
                yield f"profiles.{name}.http.{key}", fault
            if profile.split is not Split.PAYLOAD and "udh" not in names_of(profile):
                yield f"profiles.{name}.split", 'its API has no {udh}, so it cuts long texts itself: expected "payload"'
        if profile.ucp_zone is None:
            key = "time_zone" if profile.time_zone else "ucp_time_zone"
            told = profile.time_zone or profile.ucp_time_zone
            yield f"profiles.{name}.{key}", f"{told!r} is no time zone that this box knows"


def _clients(settings: Settings) -> Iterator[Fault]:
    clients = list(_each("clients", settings.clients))
    yield from _repeats([(f"{at}.name", client.name) for at, client in clients], "client")
    for at, client in clients:
        yield from _doors(at, client)
    ucp = [(f"{at}.ucp.system_id", client.ucp.system_id) for at, client in clients if client.ucp]
    yield from _repeats(ucp, "system_id")
    if ucp and settings.listen.ucp is None:
        yield ucp[0][0], "there is no door for it: expected ucp in [listen]"
    smpp = [(f"{at}.smpp.system_id", client.smpp.system_id) for at, client in clients if client.smpp]
    yield from _repeats(smpp, "system_id")
    usernames = [
        (f"{at}.http.username", client.http.username) for at, client in clients if client.http and client.http.username
    ]
    yield from _repeats(usernames, "username")
    tokens = [
        (f"{at}.http.{key}", digest)
        for at, client in clients
        if client.http
        for key, digest in (
            (_token_key(client.http), token_digest(client.http)),
            (_test_token_key(client.http), trial_token_digest(client.http)),
        )
    ]
    yield from _repeats([(key, digest) for key, digest in tokens if digest], "token", is_secret=True)


def _doors(at: str, client: Client) -> Iterator[Fault]:
    """One client's doors: at least one, each with one secret, and networks that are networks."""
    if not (client.smpp or client.ucp or client.http or client.callback):
        yield at, "has no door: expected [clients.smpp], [clients.ucp], [clients.http] or [clients.callback]"
    if client.ucp:
        yield from _ucp_door(at, client)
    if client.smpp:
        has_one = (client.smpp.password is None) != (client.smpp.password_hash is None)
        has_none = client.smpp.password is client.smpp.password_hash is None
        if not (has_one or (has_none and client.smpp.certificates)):
            yield f"{at}.smpp.password", "expected either password or password_hash"
        yield from _networks(f"{at}.smpp.allowed", client.smpp.allowed)
    if client.callback:
        yield from _callback(f"{at}.callback", client.callback)
    if client.http:
        has_one = (client.http.token is None) != (client.http.token_hash is None)
        has_none = client.http.token is client.http.token_hash is None
        if not (has_one or (has_none and (client.http.certificates or client.http.username is not None))):
            yield f"{at}.http.token", "expected either token or token_hash"
        yield from _username(f"{at}.http", client.http)
    if client.http and client.http.test_token is not None and client.http.test_token_hash is not None:
        yield f"{at}.http.test_token", "expected either test_token or test_token_hash"


def _ucp_door(at: str, client: Client) -> Iterator[Fault]:
    """A client's receipts wait in one queue, so it has either SMPP or UCP."""
    ucp = client.ucp
    assert ucp is not None
    if client.smpp:
        yield f"{at}.ucp", "a client has either SMPP or UCP: expected another client"
    has_one = (ucp.password is None) != (ucp.password_hash is None)
    has_none = ucp.password is ucp.password_hash is None
    if not (has_one or (has_none and ucp.certificates)):
        yield f"{at}.ucp.password", "expected either password or password_hash"
    if ucp.zone is None:
        yield f"{at}.ucp.time_zone", f"{ucp.time_zone!r} is no time zone that this box knows"
    yield from _networks(f"{at}.ucp.allowed", ucp.allowed)


def _certificates(settings: Settings) -> Iterator[Fault]:
    """A client that must show a certificate needs a door that asks for one."""
    for at, client in _each("clients", settings.clients):
        for key, door, tls in (
            ("smpp", client.smpp, settings.listen.smpp_tls),
            ("http", client.http, settings.listen.http_tls),
            ("ucp", client.ucp, settings.listen.ucp_tls),
        ):
            if door is not None and door.certificates and (tls is None or tls.client_ca is None):
                yield (
                    f"{at}.{key}.certificates",
                    f"nobody is asked for a certificate: expected [listen.{key}_tls] with client_ca",
                )
    if settings.listen.ucp_tls is not None and settings.listen.ucp is None:
        yield "listen.ucp_tls", "expected ucp in [listen]"
    doors = ("smpp_tls", "http_tls", "ucp_tls")
    for key, tls in ((door, getattr(settings.listen, door)) for door in doors):
        if tls is not None and tls.client_ca is None and not tls.requires_certificate:
            yield f"listen.{key}.requires_certificate", "is for doors with client_ca"


def _callback(at: str, callback: ClientCallback) -> Iterator[Fault]:
    yield from url_faults(f"{at}.url", callback.url)
    yield from url_faults(f"{at}.status_url", callback.status_url)
    if callback.batch > 1 and callback.format is not CallbackFormat.CHAPPE:
        yield f"{at}.batch", f"the format {callback.format.value!r} has no batches: expected 1"
    secrets = [] if callback.secret is None else [(f"{at}.secret", callback.secret)]
    for key, secret in (*secrets, *((f"{at}.previous_secrets", each) for each in callback.previous_secrets)):
        try:
            read_secret(secret)
        except ValueError as error:
            yield key, str(error)
    if callback.previous_secrets and callback.secret is None:
        yield f"{at}.secret", "previous_secrets need a secret"


def _username(at: str, http: ClientHttp) -> Iterator[Fault]:
    """A name needs a password, and a password a name."""
    passwords = (http.password is not None) + (http.password_hash is not None)
    if http.username is not None and passwords != 1:
        yield f"{at}.password", "a username needs either password or password_hash"
    elif http.username is None and (passwords or http.sender is not None):
        yield f"{at}.username", "password, password_hash and sender are for a username"


def _networks(key: str, allowed: Iterable[str]) -> Iterator[Fault]:
    for text in allowed:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            yield key, f"expected a network as in 192.0.2.0/24: {error}"


def token_digest(http: ClientHttp) -> str | None:
    """The SHA-256 by which a token is known, in lower-case hexadecimal; None when neither form is given."""
    if http.token is not None:
        return hashlib.sha256(http.token.encode()).hexdigest()
    return http.token_hash and http.token_hash.lower()


def previous_token_digest(http: ClientHttp) -> str | None:
    """The same of the token before; None when there is none."""
    if http.previous_token is not None:
        return hashlib.sha256(http.previous_token.encode()).hexdigest()
    return http.previous_token_hash and http.previous_token_hash.lower()


def trial_token_digest(http: ClientHttp) -> str | None:
    """The same of the token for tests; None when there is none."""
    if http.test_token is not None:
        return hashlib.sha256(http.test_token.encode()).hexdigest()
    return http.test_token_hash and http.test_token_hash.lower()


def _test_token_key(http: ClientHttp) -> str:
    return "test_token" if http.test_token is not None else "test_token_hash"


def _token_key(http: ClientHttp) -> str:
    return "token" if http.token is not None else "token_hash"


def _each(section: str, tables: Iterable[T]) -> Iterator[tuple[str, T]]:
    """Every table with the key it stands at: `operators[0]`, `operators[1]`, …"""
    for index, table in enumerate(tables):
        yield f"{section}[{index}]", table


def _repeats(values: Iterable[tuple[str, str]], what: str, *, is_secret: bool = False) -> Iterator[Fault]:
    """A value that stands at two keys, told at the second of them."""
    first: dict[str, str] = {}
    for key, value in values:
        if first.setdefault(value, key) != key:
            shown = "" if is_secret else f" {value!r}"
            yield key, f"the {what}{shown} is already used by {first[value]}"


CHECKS: Final[tuple[Callable[[Settings], Iterator[Fault]], ...]] = (
    _gateway,
    _addresses,
    _operators,
    _profiles,
    _clients,
    _certificates,
    routing_faults,
)

"""What one table of the settings cannot see by itself: names used twice, names that nobody bears, keys at odds."""

from __future__ import annotations

import pytest

from chappe.model.errors import SettingsError
from chappe.runtime.settings import parse
from chappe.runtime.settings_checks import token_digest
from chappe.runtime.settings_gateway import NODE_KINDS

CALLED = '[[clients]]\nname = "web"\n[clients.http]\ntoken = "t"\n[clients.callback]\n'
CLIENT = '[[clients]]\nname = "shop"\n[clients.smpp]\nsystem_id = "shop"\npassword = "window"\n'
OPERATOR = '[[operators]]\nname = "north"\naddress = "127.0.0.1:2776"\nsystem_id = "towers"\n'


def fault_of(text: str) -> str:
    """What is said about a wrong file, without the file's name before it."""
    with pytest.raises(SettingsError) as caught:
        parse(text, where="chappe.toml")
    told = str(caught.value)
    assert told.startswith("chappe.toml: ")
    assert "\n" not in told
    return told.removeprefix("chappe.toml: ")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (OPERATOR + OPERATOR, "operators[1].name: the operator 'north' is already used by operators[0].name"),
        (
            CLIENT + CLIENT.replace('"shop"', '"mill"', 1),
            "clients[1].smpp.system_id: the system_id 'shop' is already used by clients[0].smpp.system_id",
        ),
        (
            '[[clients]]\nname = "a"\nhttp = {token = "t"}\n[[clients]]\nname = "b"\nhttp = {token = "t"}\n',
            "clients[1].http.token: the token is already used by clients[0].http.token",
        ),
        ("[listen]\nsmpp = 'h:1'\nhttp = 'h:1'\n", "listen.http: the address 'h:1' is already used by listen.smpp"),
    ],
)
def test_what_must_be_unique_is_told_at_its_second_place(text: str, fault: str) -> None:
    assert fault_of(text) == fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            OPERATOR + '[[routes]]\ndirection = "mt"\noperators = ["nort"]\n',
            "routes[0].operators: no operator is named 'nort'; did you mean 'north'?",
        ),
        (
            CLIENT + '[[routes]]\ndirection = "mo"\nclient = "shap"\n',
            "routes[0].client: no client is named 'shap'; did you mean 'shop'?",
        ),
        (
            OPERATOR + 'profile = "defualt"\n',
            "operators[0].profile: no profile is named 'defualt'; did you mean 'default'?",
        ),
        ("[gateway]\nnodes = ['operator:x']\n", "gateway.nodes: 'operator:x' names no operator"),
        (
            "[gateway]\nnodes = ['cilent-smpp']\n",
            f"gateway.nodes: unknown node 'cilent-smpp'; did you mean 'client-smpp'? (known: {', '.join(NODE_KINDS)})",
        ),
    ],
)
def test_a_name_that_nobody_bears_is_told_with_the_nearest_one(text: str, fault: str) -> None:
    assert fault_of(text) == fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            '[[routes]]\ndirection = "mt"\n',
            "routes[0].operators: a route with direction mt names at least one operator",
        ),
        (
            '[[routes]]\ndirection = "mo"\n',
            "routes[0].client: a route with direction mo names the client that receives",
        ),
        (
            OPERATOR + '[[routes]]\ndirection = "mt"\noperators = ["north"]\nkeyword = "X"\n',
            "routes[0].keyword: is for routes with direction mo",
        ),
        (
            OPERATOR + CLIENT + '[[routes]]\ndirection = "mo"\ntags = ["x"]\nclient = "shop"\n',
            "routes[0].tags: is for routes with direction mt",
        ),
        (
            CLIENT + '[[routes]]\ndirection = "mo"\nclient = "shop"\nvia = "callback"\n',
            "routes[0].via: client 'shop' has no [clients.callback]",
        ),
        (
            '[[clients]]\nname = "web"\nhttp = {token = "t"}\n[[routes]]\ndirection = "mo"\nclient = "web"\n',
            "routes[0].client: client 'web' has neither [clients.smpp] nor [clients.callback] to receive by",
        ),
        (
            CALLED + '[[routes]]\ndirection = "mo"\nclient = "web"\n',
            "routes[0].client: client 'web' has no url in [clients.callback]",
        ),
        (
            CALLED + 'url = "https://web.example/"\nevents = ["message.status"]\n'
            '[[routes]]\ndirection = "mo"\nclient = "web"\n',
            "routes[0].client: client 'web' does not list message.inbound in [clients.callback] events",
        ),
        (
            CALLED + 'url = "https://me:secret@web.example/"\n',
            "clients[0].callback.url: expected a URL with a host and without a user name, in ASCII",
        ),
        (
            CALLED + 'url = "https://web.example:99999/"\n',
            "clients[0].callback.url: expected a URL http://… or https://…: Port out of range 0-65535",
        ),
        (
            CALLED + 'secret = "whsec_a"\n',
            "clients[0].callback.secret: expected whsec_ and base64",
        ),
        (
            CALLED + 'previous_secrets = ["whsec_YWJj"]\n',
            "clients[0].callback.secret: previous_secrets need a secret",
        ),
        (
            '[[clients]]\nname = "shut"\n',
            "clients[0]: has no door: expected [clients.smpp], [clients.ucp], [clients.http] or [clients.callback]",
        ),
        (
            '[[clients]]\nname = "a"\n[clients.smpp]\nsystem_id = "a"\n',
            "clients[0].smpp.password: expected either password or password_hash",
        ),
        ('[[clients]]\nname = "a"\n[clients.http]\n', "clients[0].http.token: expected either token or token_hash"),
        (
            CLIENT + 'allowed = ["192.0.2.1/24"]\n',
            "clients[0].smpp.allowed: expected a network as in 192.0.2.0/24: 192.0.2.1/24 has host bits set",
        ),
        (
            CLIENT + 'certificates = ["CN=shop"]\n',
            (
                "clients[0].smpp.certificates: nobody is asked for a certificate: "
                "expected [listen.smpp_tls] with client_ca"
            ),
        ),
        (
            '[listen.http_tls]\ncertificate = "c"\nkey = "k"\nrequires_certificate = false\n',
            "listen.http_tls.requires_certificate: is for doors with client_ca",
        ),
        (
            '[listen]\nsmpp = "h:1"\n[listen.smpp_tls]\naddress = "h:1"\ncertificate = "c"\nkey = "k"\n',
            "listen.smpp_tls.address: the address 'h:1' is already used by listen.smpp",
        ),
        (OPERATOR + "reconnect_min_s = 90\n", "operators[0].reconnect_min_s: is above reconnect_max_s = 60"),
        ("[listen]\nsmpp = 'h:70000'\n", "listen.smpp: port of 'h:70000' is beyond 65535"),
        (
            "[profiles.x]\ntemporary_statuses = [0x58]\n",
            "profiles.x.temporary_statuses: status 0x58 already stands in throttle_statuses",
        ),
    ],
)
def test_keys_that_do_not_go_together_are_told(text: str, fault: str) -> None:
    assert fault_of(text) == fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            OPERATOR + 'protocol = "ucp"\nwindow = 101\n',
            "operators[0].window: is 101; UCP numbers no more than 100 operations in flight",
        ),
        (
            OPERATOR + 'protocol = "ucp"\nbind = "transmitter+receiver"\n',
            "operators[0].bind: UCP has no pairs of links",
        ),
        (
            OPERATOR + 'protocol = "ucp"\nprofile = "p"\n[profiles.p]\nsplit = "sar"\n',
            'operators[0].profile: its split is "sar"; over UCP parts are named by "udh8" or "udh16"',
        ),
        (
            "[profiles.p]\nucp_throttle_codes = [4, 55]\n",
            "profiles.p.ucp_temporary_codes: error code 55 already stands in ucp_throttle_codes",
        ),
        (
            '[profiles.p]\nucp_time_zone = "Europe/Nowhere"\n',
            "profiles.p.ucp_time_zone: 'Europe/Nowhere' is no time zone that this box knows",
        ),
        (
            '[profiles.p]\ntime_zone = "Europe/Nowhere"\n',
            "profiles.p.time_zone: 'Europe/Nowhere' is no time zone that this box knows",
        ),
    ],
)
def test_what_ucp_has_no_room_for_is_told(text: str, fault: str) -> None:
    assert fault_of(text) == fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "[gateway]\nnodes = ['operator*2']\n",
            "gateway.nodes: 'operator*2': several processes need a postgresql store",
        ),
        (
            "[gateway]\nstore = 'postgresql://db1/chappe'\nnodes = ['router*2']\n",
            (
                "gateway.nodes: 'router*2': "
                "only client-smpp, client-http, client-ucp and operator can be several on one box"
            ),
        ),
        (
            "[gateway]\nstore = 'postgresql://db1/chappe'\nnodes = ['client-smpp*0']\n",
            "gateway.nodes: 'client-smpp*0': expected 1 to 64 after the star",
        ),
        (
            '[[clients]]\nname = "a"\n[clients.ucp]\nsystem_id = "a"\npassword = "b"\n',
            "clients[0].ucp.system_id: there is no door for it: expected ucp in [listen]",
        ),
        (
            (
                '[listen]\nucp = "h:5000"\n[[clients]]\nname = "a"\nucp = {system_id = "a", password = "b"}\n'
                'smpp = {system_id = "a", password = "b"}\n'
            ),
            "clients[0].ucp: a client has either SMPP or UCP: expected another client",
        ),
        (
            OPERATOR + 'protocol = "http"\n',
            "operators[0].http: is missing: expected [operators.http] with the url of its API",
        ),
    ],
)
def test_what_this_release_cannot_do_is_refused_and_not_ignored(text: str, fault: str) -> None:
    assert fault_of(text) == fault


def test_a_token_and_its_hash_are_known_by_the_same_digest() -> None:
    plain = parse('[[clients]]\nname = "a"\nhttp = {token = "abc"}\n', where="x").client("a").http
    digest = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"
    hashed = parse(f'[[clients]]\nname = "a"\nhttp = {{token_hash = "{digest}"}}\n', where="x").client("a").http

    assert plain is not None
    assert hashed is not None
    assert token_digest(plain) == token_digest(hashed) == digest.lower()

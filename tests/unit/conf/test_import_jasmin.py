"""Settings made of the files that Jasmin keeps: pickles of its own classes, which are not here."""

import pickle
import re
import sys
from collections.abc import Iterator
from enum import Enum
from hashlib import md5
from types import ModuleType
from typing import Any

import pytest

from chappe.conf.import_jasmin import JasminImport
from chappe.conf.imported import Imported
from chappe.conf.inert_pickle import loads
from chappe.model.errors import SettingsError
from chappe.runtime.settings import Settings, parse
from chappe.runtime.settings_callbacks import CallbackFormat, CallMethod
from chappe.runtime.settings_routing import Direction, Via
from chappe.runtime.settings_text import as_toml

HEAD = b"Persisted on Mon Nov 23 15:48:45 2026 [Jasmin 0.11]\n"
HASH = "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"


@pytest.fixture
def jasmin() -> Iterator[Any]:
    """Classes with the names that Jasmin's have, while pickles are made."""
    module = ModuleType("jasmin.routing.jasminApi")
    sys.modules["jasmin"] = ModuleType("jasmin")
    sys.modules["jasmin.routing"] = ModuleType("jasmin.routing")
    sys.modules[module.__name__] = module

    class Maker:
        def __getattr__(self, name: str) -> Any:
            kind = type(name, (), {"__module__": module.__name__, "__qualname__": name})
            kind = getattr(module, name, kind)
            setattr(module, name, kind)

            def make(**state: Any) -> Any:
                made = kind()
                made.__dict__.update(state)
                return made

            return make

    yield Maker()
    for name in ("jasmin", "jasmin.routing", module.__name__):
        del sys.modules[name]


def stored(content: Any, protocol: int = 4) -> bytes:
    return HEAD + pickle.dumps(content, protocol)


def user(jasmin: Any, uid: str, **keys: Any) -> Any:
    rights = {"http_send": True, "smpps_send": True, "http_balance": True, **keys.pop("rights", {})}
    quotas = {"balance": None, "http_throughput": None, **keys.pop("quotas", {})}
    mt = jasmin.MtMessagingCredential(
        authorizations=rights,
        quotas=quotas,
        defaults={"source_address": keys.pop("sender", None)},
        value_filters={
            "destination_address": re.compile(keys.pop("filter", b".*")),
            "priority": re.compile(b"^[0-3]$"),
        },
    )
    smpps = jasmin.SmppsCredential(
        authorizations={"bind": True, "ip": keys.pop("ip", "0.0.0.0/0")},
        quotas={"max_bindings": keys.pop("binds", None)},
    )
    return jasmin.User(
        uid=uid,
        username=f"{uid}_name",
        password=md5(b"bar").digest(),
        enabled=True,
        group=jasmin.Group(gid="g", enabled=keys.pop("group", True)),
        mt_credential=mt,
        smpps_credential=smpps,
    )


class Npi(Enum):
    ISDN = 1


def connector(jasmin: Any, cid: str, **keys: Any) -> dict[str, Any]:
    config = jasmin.SMPPClientConfig(
        id=cid,
        host="smsc.example.org",
        port=2776,
        username="chappe",
        password="secret",
        systemType="VMA",
        submit_sm_throughput=50,
        bindOperation="transceiver",
        **keys,
    )
    return {"id": cid, "config": config, "service_status": 1}


def imported(**files: bytes) -> Imported:
    found = JasminImport(lambda digest: HASH)
    for name, octets in files.items():
        found.read(octets, name.replace("__", ".").replace("_", "-"))
    return found.finish()


def settings(**files: bytes) -> Settings:
    return parse(as_toml(imported(**files).plain), where="test")


def test_a_user_comes_by_both_doors_with_the_password_that_it_has(jasmin: Any) -> None:
    users = [user(jasmin, "foo", sender="SHOP", ip="10.0.0.0/8, 192.0.2.1", binds=3, quotas={"http_throughput": 20})]

    foo = settings(jcli_prod__router_users=stored(users)).client("foo")

    assert foo.smpp is not None
    assert foo.http is not None
    assert foo.callback is not None
    assert (foo.smpp.system_id, foo.http.username, foo.http.sender) == ("foo_name", "foo_name", "SHOP")
    assert foo.smpp.password_hash == foo.http.password_hash == HASH
    assert foo.smpp.password_is_md5
    assert foo.http.password_is_md5
    assert (foo.smpp.allowed, foo.smpp.max_binds, foo.rate) == (("10.0.0.0/8", "192.0.2.1"), 3, 20.0)
    assert foo.callback.format is CallbackFormat.JASMIN


def test_who_may_not_send_by_a_door_does_not_have_it(jasmin: Any) -> None:
    users = [
        user(jasmin, "web", rights={"smpps_send": False}),
        user(jasmin, "smpp", rights={"http_send": False}, group=False),
    ]

    found = settings(jcli_prod__router_users=stored(users))

    assert (found.client("web").smpp, found.client("smpp").http) == (None, None)
    assert not found.client("smpp").enabled


def test_what_a_user_may_not_is_named(jasmin: Any) -> None:
    users = [user(jasmin, "foo", rights={"http_balance": False}, quotas={"balance": 10.0}, filter=b"^44")]

    assert imported(jcli_prod__router_users=stored(users)).left_out == [
        "jcli-prod.router-users user foo: balance 10.0: Jasmin names no currency; EUR is taken",
        "jcli-prod.router-users user foo: is denied http_balance: has no counterpart",
        "jcli-prod.router-users user foo: filter destination_address ^44: has no counterpart",
    ]


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_connector_becomes_an_operator(jasmin: Any, protocol: int) -> None:
    found = settings(smppccs=stored([connector(jasmin, "three", dlr_msg_id_bases=1, npi=re.compile("x"))], protocol))

    (operator,) = found.operators
    assert (operator.name, operator.address, operator.system_id) == ("three", "smsc.example.org:2776", "chappe")
    assert (operator.rate, operator.binds, operator.system_type) == (50.0, 1, "VMA")
    assert found.profiles["three"].id_base.value == "hex_to_decimal"


def routes(jasmin: Any) -> tuple[Any, Any]:
    three, two = jasmin.SmppClientConnector(cid="three"), jasmin.SmppClientConnector(cid="two")
    foo = user(jasmin, "foo")
    to_44 = jasmin.DestinationAddrFilter(destination_addr=re.compile("^44"))
    mt = jasmin.MTRoutingTable(
        table=[
            {10: jasmin.StaticMTRoute(filters=[jasmin.UserFilter(user=foo), to_44], connector=three, rate=0.0)},
            {20: jasmin.FailoverMTRoute(filters=[jasmin.TransparentFilter()], connector=[two, three], rate=0.5)},
            {30: jasmin.StaticMTRoute(filters=[jasmin.EvalPyFilter(pyCode="1")], connector=two, rate=0.0)},
            {0: jasmin.DefaultRoute(connector=three, rate=0.0)},
        ]
    )
    web = jasmin.HttpConnector(cid="web", baseurl="http://10.0.0.5/mo", method="POST")
    vote = jasmin.ShortMessageFilter(short_message=re.compile("^VOTE.*"))
    mo = jasmin.MORoutingTable(
        table=[
            {5: jasmin.StaticMORoute(filters=[vote], connector=web)},
            {0: jasmin.DefaultRoute(connector=jasmin.SmppServerSystemIdConnector(cid="foo_name"))},
        ]
    )
    return mt, mo


def test_routes_keep_their_order_filters_and_connectors(jasmin: Any) -> None:
    mt, mo = routes(jasmin)
    files = {
        "jcli_prod__router_mtroutes": stored(mt),
        "jcli_prod__router_moroutes": stored(mo),
        "jcli_prod__router_users": stored([user(jasmin, "foo")]),
        "jcli_prod__smppccs": stored([connector(jasmin, "three"), connector(jasmin, "two")]),
    }

    found = settings(**files)

    outbound = [route for route in found.routes if route.direction is Direction.MT]
    inbound = [route for route in found.routes if route.direction is Direction.MO]
    assert [(route.to, route.client, route.operators) for route in outbound] == [
        ("*", None, ("two", "three")),
        ("44*", "foo", ("three",)),
        ("*", None, ("three",)),
    ]
    assert [(route.keyword, route.client, route.via) for route in inbound] == [
        ("VOTE", "web", Via.CALLBACK),
        (None, "foo", Via.SMPP),
    ]
    callback = found.client("web").callback
    assert callback is not None
    assert (callback.url, callback.method) == ("http://10.0.0.5/mo", CallMethod.POST)
    left_out = imported(**files).left_out
    assert "routes: no user has a balance that their rates would be taken from" in left_out
    assert "jcli-prod.router-mtroutes route 30: EvalPyFilter has no counterpart; the route is left out" in left_out


def test_what_is_left_of_quotas_is_what_credit_begins_with(jasmin: Any) -> None:
    mt, _ = routes(jasmin)
    users = [
        user(jasmin, "foo", quotas={"balance": 10.5, "submit_sm_count": 7}),
        user(jasmin, "bar", quotas={"submit_sm_count": 12}),
    ]
    files = {
        "jcli_prod__router_mtroutes": stored(mt),
        "jcli_prod__router_users": stored(users),
        "jcli_prod__smppccs": stored([connector(jasmin, "three"), connector(jasmin, "two")]),
    }

    found = settings(**files)

    foo, bar = found.client("foo").credit, found.client("bar").credit
    assert foo is not None
    assert bar is not None
    assert (foo.currency, foo.opening, bar.currency, bar.opening) == ("EUR", "10.500000", "", "12")
    assert [(each.client, each.to, float(each.amount)) for each in found.tariffs] == [
        (None, "*", 0.5),
        ("foo", "44*", 0.0),
        (None, "*", 0.0),
    ]


def test_the_configuration_says_where_it_listens() -> None:
    text = (
        b"[http-api]\nbind = 127.0.0.1\nport = 1401\n\n[smpp-server]\nport = 2775\n\n[amqp-broker]\nhost = 10.0.0.1\n"
    )

    found = imported(jasmin__cfg=text)

    assert found.listen == {"http": "127.0.0.1:1401", "smpp": "0.0.0.0:2775"}
    assert found.left_out == ["jasmin.cfg: [amqp-broker] host: has no counterpart"]


class Bomb:
    def __reduce__(self) -> Any:
        return print, ("this must never be seen",)


def test_nothing_that_a_file_names_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    loads(pickle.dumps([Bomb()]), "evil")

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("octets", [b"", b"\x80\x04nonsense", b"\x80\x04\x95", pickle.dumps(list(range(9)))[:-3]])
def test_a_broken_file_is_an_error_and_not_a_crash(octets: bytes) -> None:
    with pytest.raises(SettingsError, match="evil"):
        loads(octets, "evil")
    with pytest.raises(SettingsError, match=r"x\.cfg: is neither"):
        JasminImport(str).read(b"\xff", "x.cfg")

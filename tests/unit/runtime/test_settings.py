"""The settings file: what it may say, what it means when it says nothing, and how wrong files are told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from chappe.model.errors import SettingsError
from chappe.runtime.settings import Settings, load, parse
from chappe.runtime.settings_client_doors import ClientSmpp, IdForm
from chappe.runtime.settings_clients import Client, Priority
from chappe.runtime.settings_gateway import NODE_KINDS, Gateway, Listen, Redaction, host_and_port
from chappe.runtime.settings_operators import Bind, Operator
from chappe.runtime.settings_profiles import IdBase, Profile, Split, UnknownOutcome
from chappe.runtime.settings_reading import table_inside
from chappe.runtime.settings_routing import Direction, Route, Via
from chappe.runtime.settings_table import MASK, Table, fields_of

ROUTE_KEYS = ["name", "direction", "to", "from", "keyword", "client", "operators", "via", "networks", "text", "tags"]
ROUTE_KEYS += ["hours", "days", "time_zone", "choice", "weights"]

FULL = """
[gateway]
data_dir = "kept"
nodes = ["client-smpp", "operator:north"]
redact = "masked"
[listen]
smpp = "0.0.0.0:2700"
[[operators]]
name = "north"
address = "smsc.example:2776"
system_id = "towers"
password = "flags"
bind = "transmitter+receiver"
profile = "old"
retry_s = [1, 2.5]
[profiles.old]
id_base = "hex_to_decimal"
split = "sar"
throttle_statuses = [0x58, 0x5F]
mo_identity = "tlv:0x1401"
[[clients]]
name = "shop"
priority = "bulk"
[clients.smpp]
system_id = "shop"
password = "window"
id_form = "hex"
[clients.http]
token = "open-sesame"
[clients.callback]
url = "https://shop.example/sms"
[[routes]]
direction = "mt"
to = "371*"
from = "SHOP"
client = "shop"
operators = ["north"]
[[routes]]
direction = "mo"
to = "1771"
keyword = "VOTE"
client = "shop"
via = "callback"
"""

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


def test_every_table_of_a_full_file_is_read() -> None:
    settings = parse(FULL, where="chappe.toml")

    north, shop = settings.operator("north"), settings.client("shop")
    assert settings.gateway == Gateway(
        data_dir="kept", nodes=("client-smpp", "operator:north"), redact=Redaction.MASKED
    )
    assert settings.listen.smpp == "0.0.0.0:2700"
    assert (north.bind, north.retry_s, north.password) == (Bind.TRANSMITTER_AND_RECEIVER, (1.0, 2.5), "flags")
    assert shop.priority is Priority.BULK
    assert shop.smpp is not None
    assert shop.smpp.id_form is IdForm.HEX
    assert settings.profile_of(north).id_base is IdBase.HEX_TO_DECIMAL
    assert settings.profile_of(north).split is Split.SAR
    assert settings.profile_of(north).throttle_statuses == (0x58, 0x5F)
    assert settings.routes == (
        Route(direction=Direction.MT, to="371*", source="SHOP", client="shop", operators=("north",)),
        Route(direction=Direction.MO, to="1771", keyword="VOTE", client="shop", via=Via.CALLBACK),
    )


def test_an_empty_file_has_the_defaults_of_every_table_and_the_default_profile() -> None:
    settings = parse("", where="chappe.toml")

    assert settings == Settings()
    assert settings.gateway.drain_s == 15.0
    assert settings.gateway.retention_days == 30
    assert settings.listen == Listen(smpp="127.0.0.1:2775", http="127.0.0.1:8080", metrics="127.0.0.1:9100")
    assert settings.profiles == {"default": Profile()}


def test_the_default_profile_holds_premium_traffic_and_asks_for_retry_with_rx_t_appn() -> None:
    profile = Profile()

    assert profile.unknown_outcome is UnknownOutcome.RESEND
    assert profile.unknown_outcome_premium is UnknownOutcome.HOLD
    assert profile.retry_status == 0x64
    assert profile.mo_identity_tag is None
    assert profile.redelivery_s == 300.0


def test_the_file_may_change_the_default_profile_for_every_operator() -> None:
    settings = parse(OPERATOR + '[profiles.default]\nalphabet = "latin1"\n', where="chappe.toml")

    assert settings.profile_of(settings.operator("north")).alphabet.value == "latin1"


def test_a_box_runs_what_it_is_told_to_and_nothing_else() -> None:
    some = Gateway(nodes=("client-smpp", "operator:north"))

    assert [kind for kind in NODE_KINDS[1:] if some.runs(kind)] == ["client-smpp"]
    assert some.runs("operator", "north")
    assert not some.runs("operator", "south")
    assert Gateway(nodes=("operator",)).runs("operator", "south")
    assert all(Gateway().runs(kind, "north") for kind in NODE_KINDS)


def test_the_tag_of_an_mo_identity_is_read_as_hexadecimal() -> None:
    assert Profile(mo_identity="tlv:0x1401").mo_identity_tag == 0x1401


def test_a_gateway_without_a_file_has_a_simulated_operator_and_a_demo_client_on_loopback() -> None:
    settings = load(None)

    assert settings == Settings.default("data")
    assert [operator.address for operator in settings.operators] == ["127.0.0.1:2776"]
    assert settings.client("demo").smpp == ClientSmpp(
        system_id="demo", password="demo", allowed=("127.0.0.0/8", "::1/128")
    )
    assert [route.direction for route in settings.routes] == [Direction.MT, Direction.MO]


def test_the_default_settings_take_another_folder_and_another_port_for_the_simulator() -> None:
    settings = Settings.default(Path("elsewhere"), simulator_port=4000)

    assert settings.gateway.data_path == Path("elsewhere")
    assert settings.operator("sim").address == "127.0.0.1:4000"


def test_a_file_is_loaded_and_its_name_stands_in_its_errors(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text('[gateway]\nbox = "hill"\n')
    bad.write_text("[gateway]\nbox = 3\n")

    assert load(good).gateway.box == "hill"
    with pytest.raises(SettingsError, match=r"bad\.toml: gateway\.box: expected .*, got 3"):
        load(bad)


def test_a_file_that_cannot_be_read_or_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "octets.toml").write_bytes(b"a\xff")

    with pytest.raises(SettingsError, match=r"absent\.toml: cannot be read: No such file"):
        load(tmp_path / "absent.toml")
    with pytest.raises(SettingsError, match=r"octets\.toml: is not UTF-8 at octet 1"):
        load(tmp_path / "octets.toml")


def test_what_is_no_toml_is_told_with_its_place() -> None:
    assert fault_of("[gateway\n") == (
        "is not TOML: Expected ']' at the end of a table declaration (at line 1, column 9)"
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[gatewai]\n", "gatewai: unknown key; did you mean 'gateway'?"),
        ('[gateway]\ndata_dri = "x"\n', "gateway.data_dri: unknown key; did you mean 'data_dir'?"),
        (OPERATOR + "windw = 3\n", "operators[0].windw: unknown key; did you mean 'window'?"),
        (CLIENT + "passwort = 3\n", "clients[0].smpp.passwort: unknown key; did you mean 'password'?"),
        ("[profiles.x]\nalfabet = 1\n", "profiles.x.alfabet: unknown key; did you mean 'alphabet'?"),
        ('[[routes]]\ndirection = "mo"\nxyzzy = 1\n', f"routes[0].xyzzy: unknown key (known: {', '.join(ROUTE_KEYS)})"),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_known_one(text: str, fault: str) -> None:
    assert fault_of(text) == fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("operators = 3\n", "operators: expected tables under [[operators]], got a whole number"),
        ("listen = true\n", "listen: expected a table, got true or false"),
        ("profiles = 'x'\n", "profiles: expected tables [profiles.NAME], got a string"),
        ("[profiles]\nx = 3\n", "profiles.x: expected a table, got a whole number"),
        ("[gateway]\ndrain_s = 'long'\n", 'gateway.drain_s: expected a number, got "long"'),
        ("[gateway]\ndrain_s = true\n", "gateway.drain_s: expected a number, got true"),
        ("[gateway]\nnodes = 'all'\n", 'gateway.nodes: expected a list, got "all"'),
        ("[gateway]\nredact = 'no'\n", 'gateway.redact: expected "whole" or "masked" or "hashed", got "no"'),
        ("[listen]\nsmpp = '2775'\n", 'listen.smpp: expected HOST:PORT, as in "127.0.0.1:2775", got "2775"'),
        (OPERATOR + "binds = 0\n", "operators[0].binds: expected a whole number >= 1, got 0"),
        (OPERATOR + "dest_ton = 256\n", "operators[0].dest_ton: expected a whole number <= 255, got 256"),
        (
            "[[operators]]\nname = 'a b'\naddress='h:1'\nsystem_id='s'\n",
            'operators[0].name: expected 1 to 32 letters, digits, dots, hyphens or underscores, got "a b"',
        ),
        (
            "[profiles.'a b']\n",
            "profiles.a b: expected a name of 1 to 32 letters, digits, dots, hyphens or underscores",
        ),
        ("[[operators]]\nname = 'n'\nsystem_id = 's'\n", "operators[0].address: is missing"),
    ],
)
def test_a_wrong_value_is_told_with_what_was_expected(text: str, fault: str) -> None:
    assert fault_of(text) == fault


def test_further_faults_are_counted_after_the_first() -> None:
    told = fault_of("[gateway]\ndrain = 1\nbox = 3\n[listen]\nsmp = 'h:1'\n")

    assert told == "gateway.drain: unknown key; did you mean 'drain_s'? (and 2 more)"


def test_a_secret_is_shown_neither_by_repr_nor_by_an_error() -> None:
    text = CLIENT.replace("window", "a secret that is too long")

    assert "a secret" not in fault_of(text)
    shown = repr(parse(FULL, where="chappe.toml"))
    assert "open-sesame" not in shown
    assert "'flags'" not in shown
    assert MASK in shown


def test_a_secret_that_is_only_its_mask_is_refused() -> None:
    text = CLIENT.replace("window", MASK)

    assert fault_of(text) == "clients[0].smpp.password: is masked; put the secret in its place"


@pytest.mark.parametrize(
    ("address", "parts"),
    [("127.0.0.1:2775", ("127.0.0.1", 2775)), ("[::1]:80", ("::1", 80)), ("smsc.example:0", ("smsc.example", 0))],
)
def test_an_address_is_split_into_host_and_port(address: str, parts: tuple[str, int]) -> None:
    assert host_and_port(address) == parts


@pytest.mark.parametrize("table", [Settings, Gateway, Listen, Operator, Profile, Client, ClientSmpp, Route])
def test_every_key_is_described(table: type[msgspec.Struct]) -> None:
    assert [key for key, field in fields_of(table).items() if not field.description] == []


def tables(table: type[Table]) -> Iterator[type[Table]]:
    """A table and all that are inside it."""
    yield table
    for field in fields_of(table).values():
        inner = table_inside(field.type)
        if inner is not None:
            yield from tables(inner)


def test_every_key_can_be_given() -> None:
    # What a type says of itself is looked at only when a value is read.
    for table in set(tables(Settings)):
        for field in fields_of(table).values():
            if table_inside(field.type) is None:
                msgspec.json.Decoder(field.hint)

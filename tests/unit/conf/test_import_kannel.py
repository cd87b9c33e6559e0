"""Settings made of a kannel.conf."""

import pytest

from chappe.conf.import_kannel import KannelImport
from chappe.conf.imported import Imported, pattern_of
from chappe.conf.kannel_file import groups_of
from chappe.model.errors import SettingsError
from chappe.runtime.settings import Settings, parse
from chappe.runtime.settings_callbacks import CallbackFormat
from chappe.runtime.settings_operators import Bind
from chappe.runtime.settings_routing import Direction, Via
from chappe.runtime.settings_text import as_toml
from chappe.wire.smpp.named_tlvs import NamedTlv, TlvType

FILE = """
# the gateway
group = core
admin-port = 13000
smsbox-port = 13001
log-file = "/var/log/kannel/bearerbox.log"

group = smsc
smsc = smpp
smsc-id = three
host = smsc.example.org
port = 2776
smsc-username = chappe
smsc-password = "sec\\"ret"
system-type = "VMA"
transceiver-mode = true
throughput = 50
instances = 2
max-pending-submits = 30
msg-id-type = 0x01
preferred-prefix = "44;+371"
allowed-smsc-id = "three;fast"
preferred-smsc-id = fast
alt-charset = "latin1"
no-such-key = 1

group = smsc
smsc = fake
port = 10000

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = 13013
global-sender = SHOP

group = sendsms-user
username = tester
password = foobar
dlr-url = "http://10.0.0.5/dlr?d=%d"
max-messages = 3
user-allow-ip = "10.0.0.*"
forced-smsc = three

group = sms-service
keyword = default
get-url = "http://10.0.0.5/mo?t=%a"
max-messages = 0

group = sms-service
keyword = vote
aliases = "v;wahl"
get-url = "http://10.0.0.5/vote?t=%r"

group = sms-service
keyword = hi
text = "Hello"

group = ppg
ppg-url = /wappush
"""


def imported(*files: str) -> Imported:
    found = KannelImport()
    for number, text in enumerate(files):
        found.read(text, f"k{number}.conf")
    return found.finish()


def settings(*files: str) -> Settings:
    return parse(as_toml(imported(*files).plain), where="test")


def test_an_smsc_becomes_an_operator_with_its_own_profile() -> None:
    found = settings(FILE)

    (operator,) = found.operators
    assert (operator.name, operator.address, operator.system_id) == ("three", "smsc.example.org:2776", "chappe")
    assert (operator.password, operator.system_type, operator.bind) == ('sec"ret', "VMA", Bind.TRANSCEIVER)
    assert (operator.binds, operator.window, operator.rate) == (2, 30, 50.0)
    assert found.profiles["three"].id_base.value == "hex_to_decimal"
    assert found.profiles["three"].alphabet.value == "latin1"


def test_tlvs_are_named_by_the_profiles_of_the_smscs_that_they_are_for() -> None:
    tlv = "group = smpp-tlv\nname = {}\ntag = {}\ntype = {}\nlength = 2\n{}\n"
    found = imported(
        FILE,
        "group = smsc\nsmsc = smpp\nsmsc-id = two\nhost = 192.0.2.1\nsmsc-username = c\nsmsc-password = p\n\n"
        + tlv.format("tariff", "0x1501", "integer", "smsc-id = three\n")
        + tlv.format("campaign", "0x1502", "nulterminated", "")
        + tlv.format("odd", "0x1503", "float", ""),
    )

    profiles = parse(as_toml(found.plain), where="test").profiles
    assert profiles["three"].id_base.value == "hex_to_decimal"
    assert {name: tlv.named for name, tlv in profiles["three"].tlvs.items()} == {
        "tariff": NamedTlv(0x1501, TlvType.INTEGER, 2),
        "campaign": NamedTlv(0x1502, TlvType.C_STRING),
    }
    assert list(profiles["two"].tlvs) == ["campaign"]
    assert any("smpp-tlv name: odd" in line for line in found.left_out)


def test_an_smsc_of_emi_becomes_an_operator_over_ucp() -> None:
    found = settings(
        "group = smsc\nsmsc = emi\nsmsc-id = mtn\nhost = 192.0.2.1\nport = 5000\nsmsc-username = 1771\n"
        "smsc-password = secret\nkeepalive = 55\nwindow = 10\nnotification-addr = 1771\n"
    )

    (operator,) = found.operators
    assert (operator.protocol.value, operator.address, operator.system_id) == ("ucp", "192.0.2.1:5000", "1771")
    assert (operator.enquire_link_s, operator.window, operator.notify_address) == (55.0, 10, "1771")


def test_a_user_becomes_a_client_with_name_password_and_sender() -> None:
    found = settings(FILE)

    tester = found.client("tester")
    assert tester.http is not None
    assert tester.callback is not None
    assert (tester.http.username, tester.http.password, tester.http.sender) == ("tester", "foobar", "SHOP")
    assert tester.callback.format is CallbackFormat.KANNEL
    assert tester.callback.status_url == "http://10.0.0.5/dlr?d=%d"
    assert found.listen.http == "0.0.0.0:13013"


def test_services_become_clients_that_are_called_by_keyword_the_default_last() -> None:
    found = settings(FILE)

    inbound = [route for route in found.routes if route.direction is Direction.MO]
    assert [(route.keyword, route.client) for route in inbound] == [
        ("vote", "service-vote"),
        ("v", "service-vote"),
        ("wahl", "service-vote"),
        (None, "service-default"),
    ]
    assert {route.via for route in inbound} == {Via.CALLBACK}
    default = found.client("service-default").callback
    assert default is not None
    assert (default.url, default.replies) == ("http://10.0.0.5/mo?t=%a", False)


def test_routes_say_whose_and_which_numbers_an_smsc_takes() -> None:
    outbound = [route for route in settings(FILE).routes if route.direction is Direction.MT]

    assert [(route.client, route.to, route.tags, route.operators) for route in outbound] == [
        (None, "*", ("smsc:three",), ("three",)),
        (None, "*", ("smsc:fast",), ("three",)),
        ("tester", "*", (), ("three",)),
        (None, "44*", (), ("three",)),
        (None, "371*", (), ("three",)),
        (None, "*", (), ("three",)),
    ]


def test_one_user_and_one_service_are_one_client() -> None:
    found = settings(
        "group = sendsms-user\nusername = u\npassword = p\n\n"
        "group = sms-service\nkeyword = default\nget-url = http://10.0.0.5/mo\n"
    )

    assert [client.name for client in found.clients] == ["u"]
    assert found.routes[0].client == "u"


def test_what_has_no_counterpart_is_named_with_its_line() -> None:
    assert imported(FILE).left_out == [
        "k0.conf:4: core admin-port: has no counterpart",
        "k0.conf:25: smsc no-such-key: has no counterpart",
        "k0.conf:28: smsc smsc: fake: this gateway speaks SMPP and UCP to operators; the group is left out",
        "k0.conf:29: smsc port: has no counterpart",
        "k0.conf:41: sendsms-user user-allow-ip: has no counterpart",
        "k0.conf:55: sms-service keyword: hi: only services with a get-url have a counterpart",
        "k0.conf:56: sms-service text: has no counterpart",
        "k0.conf:58: group ppg: has no counterpart",
    ]


def test_included_files_are_asked_for() -> None:
    assert imported("include = users.conf\n").left_out == ["k0.conf:1: include users.conf: name that file too"]


def test_a_line_that_says_nothing_is_an_error_with_its_number() -> None:
    with pytest.raises(SettingsError, match=r"k\.conf:2: expected a key"):
        groups_of("group = core\nnonsense\n", "k.conf")
    with pytest.raises(SettingsError, match=r"k\.conf:1: 'port' stands before"):
        groups_of("port = 1\n", "k.conf")


def test_names_are_made_such_as_our_settings_allow_and_different() -> None:
    smsc = (
        "group = smsc\nsmsc = smpp\nsmsc-id = my smsc/1\nhost = h\nport = 1\nsmsc-username = u\nsmsc-password = p\n\n"
    )

    assert [operator.name for operator in settings(smsc + smsc).operators] == ["my-smsc-1", "my-smsc-1-2"]


@pytest.mark.parametrize(
    ("expression", "pattern"),
    [
        (".*", "*"),
        ("", "*"),
        ("^44", "44*"),
        ("^44.*", "44*"),
        (r"^\+44\d+$", "44*"),
        ("^12345$", "12345"),
        ("^(44|45)", None),
        ("4[45]", None),
    ],
)
def test_a_regular_expression_over_numbers_is_a_pattern_where_it_can_be(expression: str, pattern: str | None) -> None:
    assert pattern_of(expression) == pattern

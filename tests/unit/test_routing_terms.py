"""The settings of routing, from TOML to rules: every table is read, and what is wrong in it is told with its key."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from chappe.model.address import Address
from chappe.model.errors import SettingsError
from chappe.model.lifecycle import Direction
from chappe.model.message import Message
from chappe.routing_terms import plan_of, policy_of, prices_of
from chappe.rules.admit import Asked, Reason, Refused
from chappe.rules.choose import Choice
from chappe.rules.conditions import Facts
from chappe.runtime.settings import Settings, parse

HEAD = """
[[operators]]
name = "three"
address = "127.0.0.1:2776"
system_id = "chappe"
password = "secret"
[[operators]]
name = "four"
address = "127.0.0.1:2777"
system_id = "chappe"
password = "secret"
[[clients]]
name = "acme"
[clients.smpp]
system_id = "acme"
password = "secret"
"""
NETWORKS = """
[[networks]]
network = "24701"
prefixes = ["+37120", "37129"]
"""


def settings(text: str) -> Settings:
    return parse(HEAD + text, "chappe.toml")


def fault(text: str) -> str:
    with pytest.raises(SettingsError) as told:
        settings(text)
    return str(told.value).removeprefix("chappe.toml: ")


def test_every_key_of_a_route_reaches_its_rule() -> None:
    read = settings(
        NETWORKS
        + """
[[routes]]
name = "night"
direction = "mt"
to = "371*"
from = "SHOP*"
client = "acme"
operators = ["three", "four"]
networks = ["247"]
text = "*code*"
tags = ["otp"]
hours = "22:00-06:00"
days = ["fri"]
time_zone = "Europe/Riga"
choice = "weight"
weights = [3, 1]
[[routes]]
direction = "mo"
to = "12345"
keyword = "VOTE"
operators = ["four"]
client = "acme"
"""
    )
    policy, mo = policy_of(read)
    rule = policy.routes.rules[0]

    assert (rule.name, rule.of_client, rule.operators, rule.networks) == ("night", "acme", ("three", "four"), ("247",))
    assert (rule.text, rule.tags, rule.choice, rule.weights) == ("*code*", ("otp",), Choice.WEIGHT, (3, 1))
    assert str(rule.hours) == "fri 22:00-06:00 Europe/Riga"
    assert mo.rules[0].direction is Direction.MO
    assert (mo.rules[0].of_operator, mo.rules[0].keyword, mo.rules[0].queue) == ("four", "VOTE", "client:acme")
    assert mo.name_of(0) == "routes[1]"


def test_networks_and_prices_are_read() -> None:
    read = settings(NETWORKS + '[[prices]]\noperator = "four"\nto = "371*"\namount = "0.021"\n')

    assert plan_of(read).network_of("+37129000001") == "24701"
    assert prices_of(read).of("four", "37120000001", Facts()) == Decimal("0.021")
    assert prices_of(read).of("three", "37120000001", Facts()) is None


def test_ported_numbers_are_read_from_their_file(tmp_path: Path) -> None:
    file = tmp_path / "ported.csv"
    file.write_text("# ported\n+37120000001,24705\n")

    assert plan_of(settings(f'[portability]\nfile = "{file}"')).network_of("37120000001") == "24705"

    file.write_text("37120000001;24705\n")
    with pytest.raises(SettingsError, match=r"ported\.csv, line 1: expected NUMBER,NETWORK"):
        plan_of(settings(f'[portability]\nfile = "{file}"'))


def test_senders_and_blocks_are_read_with_their_lists(tmp_path: Path) -> None:
    listed = tmp_path / "blocked.csv"
    listed.write_text("# numbers\n37120000001, court order\n3712*,,2100-01-01T00:00:00+02:00\n\n")
    read = settings(
        f"""
[[senders]]
client = "acme"
kinds = ["alphanumeric"]
to = "1*"
action = "replace"
sender = "+37120000009"
[[blocks]]
file = "{listed}"
reason = "listed"
[[blocks]]
text = "*x*"
until = "2026-01-01"
[[routes]]
direction = "mt"
operators = ["three"]
"""
    )
    policy, _ = policy_of(read)

    assert policy.senders.rules[0].replacement == Address(1, 1, "37120000009")
    assert [(each.name, each.reason) for each in policy.blocks.rules] == [
        (f"blocks[0] {listed} 37120000001", "court order"),
        (f"blocks[0] {listed} 3712*", "listed"),
        ("blocks[1]", ""),
    ]
    assert policy.blocks.rules[2].conditions.until_ms == 1_767_225_600_000
    judged = policy.admit(Asked("37125000000", "SHOP", "acme", "hi"), 0)
    assert judged == Refused(Reason.BLOCKED, f"blocks[0] {listed} 3712*: listed")


def test_blocks_of_handsets_are_asked_about_what_comes_from_them(tmp_path: Path) -> None:
    listed = tmp_path / "handsets.csv"
    listed.write_text("+37120000001,court order\n37129*,,2026-01-01\n")
    read = settings(f"""
[[blocks]]
direction = "mo"
file = "{listed}"
action = "refuse"
[[blocks]]
to = "*99"
""")
    policy, routes = policy_of(read)

    def told(source: str, at_ms: int = 0) -> str:
        message = Message(1, Direction.MO, "", "three", 1, 1, source, 0, 0, "12345", b"hi")
        block = routes.block_of(message, "hi", at_ms)
        return "" if block is None else f"{block.told} {block.refuses}"

    assert [each.name for each in policy.blocks.rules] == ["blocks[1]"]
    assert told("37120000001") == told("+37120000001") == f"blocks[0] {listed} +37120000001: court order True"
    assert told("37129000001")
    assert not told("37129000001", 1_800_000_000_000)
    assert not told("37120000002")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[routes]]\ndirection = "mt"\noperators = ["thee"]', "routes[0].operators: no operator is named 'thee'"),
        (
            '[[routes]]\ndirection = "mt"\noperators = ["three", "three"]',
            "routes[0].operators: names an operator twice",
        ),
        ('[[routes]]\ndirection = "mt"\noperators = ["three"]\nto = "200-100"', "routes[0].to: range '200-100'"),
        (
            '[[routes]]\ndirection = "mt"\noperators = ["three"]\nnetworks = ["247"]',
            "routes[0].networks: nobody knows the network of a number",
        ),
        (
            '[[routes]]\ndirection = "mt"\noperators = ["three"]\nchoice = "weight"',
            "routes[0].weights: expected one for each operator",
        ),
        (
            '[[routes]]\ndirection = "mt"\noperators = ["three"]\nchoice = "price"',
            "routes[0].choice: there are no [[prices]]",
        ),
        (
            '[[routes]]\ndirection = "mt"\noperators = ["three"]\ntime_zone = "Mars/Olympus"',
            "routes[0].time_zone: 'Mars/Olympus' is no time zone",
        ),
        (
            '[[routes]]\ndirection = "mt"\noperators = ["three"]\nhours = "25:00-26:00"',
            "routes[0].hours: '25:00' is no time of day",
        ),
        (
            '[[routes]]\ndirection = "mo"\nclient = "acme"\ntags = ["x"]',
            "routes[0].tags: is for routes with direction mt",
        ),
        (
            '[[routes]]\ndirection = "mo"\nclient = "acme"\noperators = ["three", "four"]',
            "routes[0].operators: a route with direction mo names one operator at most",
        ),
        (NETWORKS + '[[networks]]\nnetwork = "24702"\nprefixes = ["37120"]', "networks[1].prefixes: '37120' already"),
        ('[[prices]]\noperator = "five"\namount = "1"', "prices[0].operator: no operator is named 'five'"),
        ('[[prices]]\noperator = "four"\namount = "-1"', "prices[0].amount: expected an amount"),
        ('[[senders]]\naction = "replace"', "senders[0].sender: is missing"),
        ('[[senders]]\naction = "allow"\nsender = "SHOP"', "senders[0].sender: is for rules with action"),
        ('[[senders]]\naction = "allow"\nclient = "acne"', "senders[0].client: no client is named 'acne'"),
        ("[[blocks]]", "blocks[0]: would block everything"),
        ('[[blocks]]\ndirection = "mo"\nfrom = "1"\nclient = "acme"', "blocks[0].client: is for direction"),
        ('[[blocks]]\ndirection = "mo"\nfrom = "1"\nfile = "x.csv"', "blocks[0].from: stands in the file"),
        ('[[blocks]]\nto = "1"\naction = "refuse"', "blocks[0].action: is for direction"),
        ('[[blocks]]\nto = "1*"\nuntil = "2026-13-01"', "blocks[0].until: '2026-13-01' is no moment"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(text: str, told: str) -> None:
    assert fault(text).startswith(told)


def test_a_list_that_is_not_there_is_told() -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.csv: cannot be read"):
        policy_of(settings('[[blocks]]\nfile = "nowhere.csv"'))

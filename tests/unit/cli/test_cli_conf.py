"""`chappe conf`: what is shown reads back as the same settings, and shows no secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chappe.cli import main as cli
from chappe.runtime.settings import Settings, parse
from chappe.runtime.settings_table import MASK
from chappe.runtime.settings_text import as_plain, as_toml

GOOD = """
[[operators]]
name = "north"
address = "127.0.0.1:2776"
system_id = "towers"
password = "flags"
retry_s = [1, 2]
[[clients]]
name = "shop"
[clients.http]
token = "open-sesame"
[profiles.old]
throttle_statuses = [0x5F]
"""


def test_what_is_shown_reads_back_as_the_same_settings() -> None:
    settings = parse(GOOD, where="x")

    text = as_toml(as_plain(settings)).replace(MASK, "secret")
    again = parse(text, where="shown")

    assert as_plain(again) == as_plain(settings)
    assert again.profiles["old"].throttle_statuses == (0x5F,)
    assert again.operator("north").retry_s == (1.0, 2.0)


def test_strings_that_need_escapes_survive_toml() -> None:
    text = as_toml({"a": {"b": 'quote " slash \\ line \n del \x7f umlaut ü'}})

    assert text.splitlines()[0] == "[a]"
    assert '\\"' in text
    assert "\\u007f" in text


def test_secrets_are_shown_as_masks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "chappe.toml"
    file.write_text(GOOD)

    assert cli.run(["conf", "show", "--config", str(file)]) == 0
    assert cli.run(["conf", "show", "--json", "--config", str(file)]) == 0

    shown = capsys.readouterr().out
    assert "flags" not in shown
    assert "open-sesame" not in shown
    assert shown.count(MASK) == 4


def test_settings_are_shown_as_json_in_the_words_of_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["conf", "show", "--json"]) == 0

    shown = json.loads(capsys.readouterr().out)
    assert shown == as_plain(Settings.default())
    assert shown["routes"][0]["from"] == "*"


def test_a_good_file_is_called_good_with_what_is_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "chappe.toml"
    file.write_text(GOOD)

    assert cli.run(["conf", "check", str(file)]) == 0
    assert cli.run(["conf", "check", "--config", str(file), "--json"]) == 0

    line, _, document = capsys.readouterr().out.partition("\n")
    assert line == f"{file}: good: 1 operator, 1 client, 0 routes, 2 profiles"
    assert json.loads(document) == {
        "file": str(file),
        "good": True,
        "doubts": [],
        "operators": 1,
        "clients": 1,
        "routes": 0,
        "profiles": 2,
    }


def test_rules_that_no_message_reaches_are_doubts_and_no_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "chappe.toml"
    routes = [
        'direction = "mt"\nto = "44*"\noperators = ["north"]',
        'name = "night"\ndirection = "mt"\nto = "4477*"\nhours = "22:00-06:00"\noperators = ["north"]',
        'direction = "mo"\nto = "12345"\nkeyword = "VOTE"\nclient = "shop"',
        'direction = "mo"\nto = "12345"\nkeyword = "Vote"\nclient = "shop"',
        'direction = "mt"\noperators = ["north"]',
    ]
    told_by_callback = '[clients.callback]\nurl = "http://127.0.0.1:1/"\n[profiles.old]'
    good = GOOD.replace("[profiles.old]", told_by_callback)
    file.write_text(good + "".join(f"\n[[routes]]\n{route}\n" for route in routes))

    assert cli.run(["conf", "check", str(file)]) == 0

    assert capsys.readouterr().out.splitlines()[1:] == [
        "  doubt: routes[1] night is never reached: routes[0] takes whatever it would",
        "  doubt: routes[3] is never reached: routes[2] has the keyword 'Vote' of its number already",
    ]


def test_a_list_that_cannot_be_read_fails_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, listed = tmp_path / "chappe.toml", tmp_path / "blocked.csv"
    listed.write_text("37120000001\n200-100\n")
    file.write_text(GOOD + f'\n[[blocks]]\nfile = "{listed}"\n')

    assert cli.run(["conf", "check", str(file)]) == 1
    assert f"{listed}, line 2: range '200-100' must go" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_fails_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["conf", "check", "/nowhere/chappe.toml"]) == cli.FAILED

    assert capsys.readouterr().err == "chappe: /nowhere/chappe.toml: cannot be read: No such file or directory\n"

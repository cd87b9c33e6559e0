"""`chappe profile`: what counts in a profile and why is shown as the file would have it; a fault names its place."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from chappe.cli import main as cli

SETTINGS = """
[profiles.kannel]
window = 7
[profiles.kannel.http.values]
smsc = "home"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "three.toml").write_text('base = "kannel"\nredelivery_s = 60\n')
    path = tmp_path / "chappe.toml"
    path.write_text(SETTINGS)
    return path


def test_each_value_is_shown_with_where_it_comes_from(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["profile", "show", "three", "--config", str(config), "--json"]) == 0

    found = {each["key"]: (each["value"], each["from"]) for each in json.loads(capsys.readouterr().out)}
    assert found["redelivery_s"] == (60.0, str(config.parent / "profiles" / "three.toml"))
    assert found["window"] == (7, "profiles.kannel")
    assert found["http.values.smsc"] == ("home", "profiles.kannel")
    assert found["http.values.account"] == ("", "kannel (shipped)")
    assert found["split"] == ("payload", "http-default (shipped)")
    assert "alphabet" not in found


@pytest.mark.parametrize("name", ["three", "kannel", "infobip", "twilio", "default"])
def test_what_is_shown_is_toml(config: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert cli.run(["profile", "show", name, "--all", "--config", str(config)]) == 0

    tomllib.loads(capsys.readouterr().out)


def test_all_profiles_are_listed(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["profile", "list", "--config", str(config), "--json"]) == 0

    found = {each["name"]: each["protocol"] for each in json.loads(capsys.readouterr().out)}
    assert found["three"] == found["kannel"] == "http"
    assert found["ucp-default"] == "ucp"
    assert found["default"] == ""


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("thre", "", "no profile is named 'thre'; did you mean 'three'?"),
        ("own", '[profiles.own]\nbase = "kanel"\n', "profiles.own.base: no profile is named 'kanel'; did you mean"),
        ("own", '[profiles.own]\nbase = "a"\n[profiles.a]\nbase = "own"\n', "stands on itself"),
        (
            "own",
            '[profiles.own]\nbase = "kannel"\n[profiles.own.http.submit.query]\nto = "{too}"\n',
            "nothing is called {too}; did you mean 'to'?",
        ),
        (
            "own",
            '[profiles.own]\nbase = "kannel"\n[profiles.own.http.receipt]\nstate = "jsn:state"\n',
            "expected body, status, json:PATH",
        ),
        ("own", '[profiles.own]\nspilt = "sar"\n', "unknown key; did you mean 'split'?"),
    ],
)
def test_a_fault_is_named(config: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, said: str) -> None:
    config.write_text(text)

    assert cli.run(["profile", "show", name, "--config", str(config)]) == 1
    assert said in capsys.readouterr().err


def test_a_profile_without_a_simulator_says_what_to_do(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text('[profiles.own]\nbase = "http-default"\n[profiles.own.http.submit]\npath = "/x"\n')

    assert cli.run(["profile", "check", "own", "--config", str(config)]) == 1
    assert "expected a base or --shape of: kannel" in capsys.readouterr().err

"""`chappe up`: the settings reach whoever runs them, and a newcomer is told how to send a first message."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from chappe.cli import main as cli
from chappe.cli import simulated_operator, simulated_web_server
from chappe.cli.up import welcome
from chappe.runtime.settings import Settings


@pytest.fixture
def assembled(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Stands where the gateway is put together; notes the settings, says that its doors are open, leaves with 7."""
    given: list[Settings] = []

    def run(settings: Settings, config: Path | None, opened: Callable[[str], None], take: object) -> int:
        given.append(settings)
        opened("")
        return 7

    serving = ModuleType("chappe.serving")
    monkeypatch.setattr(serving, "run", run, raising=False)
    monkeypatch.setitem(sys.modules, "chappe.serving", serving)
    return given


def test_the_settings_of_the_file_are_assembled_and_the_exit_code_is_the_gateways(
    assembled: list[Settings], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "chappe.toml"
    file.write_text('[gateway]\nbox = "hill"\n')

    assert cli.run(["up", "--config", str(file)]) == 7

    assert [settings.gateway.box for settings in assembled] == ["hill"]
    assert f"runs box hill; look at it with: chappe status --watch --config {file}\n" in capsys.readouterr().out


def test_a_newcomer_is_told_to_send_only_once_the_doors_are_open(
    assembled: list[Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.modules["chappe.serving"], "run", lambda settings, config, opened, take: 7)
    file = tmp_path / "chappe.toml"
    file.write_text('[gateway]\nbox = "hill"\n')

    assert cli.run(["up", "--config", str(file)]) == 7

    assert capsys.readouterr().out == ""


def test_an_address_that_somebody_else_has_is_one_line_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "chappe.toml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file.write_text(f'[gateway]\ndata_dir = "{tmp_path}/data"\n[listen]\nsmpp = "127.0.0.1:{port}"\n')

        ended = subprocess.run(
            [sys.executable, "-m", "chappe.cli", "up", "--config", str(file)],
            capture_output=True,
            text=True,
            timeout=30,
        )

    assert ended.returncode == cli.FAILED
    assert ended.stderr.count("\n") == 1
    assert f"{port}" in ended.stderr
    assert ended.stderr.endswith("; free it, or change listen or data_dir in the settings\n")


def test_the_settings_file_may_be_named_by_the_environment(
    assembled: list[Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "chappe.toml"
    file.write_text('[gateway]\nbox = "vale"\n')
    monkeypatch.setenv("CHAPPE_CONFIG", str(file))

    assert cli.run(["up"]) == 7

    assert assembled[0].gateway.box == "vale"


def test_without_a_file_a_simulated_operator_runs_for_as_long_as_the_gateway(
    assembled: list[Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    listens = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(60)"
    monkeypatch.setattr(
        simulated_operator,
        "command_of",
        lambda operator, ledger: [sys.executable, "-c", listens, operator.address.rpartition(":")[2]],
    )
    monkeypatch.setattr(
        simulated_web_server,
        "command_of",
        lambda address: [sys.executable, "-c", listens, address.rpartition(":")[2]],
    )

    assert cli.run(["up"]) == 7

    assert assembled[0].operators[0].address in capsys.readouterr().out
    assert (tmp_path / "data").is_dir()


def test_a_simulated_operator_that_ends_at_once_is_told(
    assembled: list[Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(simulated_operator, "command_of", lambda operator, ledger: [sys.executable, "-c", ""])

    assert cli.run(["up"]) == cli.FAILED

    assert "the simulated operator did not listen on 127.0.0.1:" in capsys.readouterr().err
    assert assembled == []


def test_a_data_folder_that_cannot_be_made_is_told(
    assembled: list[Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").write_text("in the way")

    assert cli.run(["up"]) == cli.FAILED

    assert capsys.readouterr().err == "chappe: data_dir data: File exists; start in a folder that may be written\n"


def test_the_welcome_names_credentials_one_curl_and_where_to_see_it_arrive() -> None:
    lines = list(welcome(Settings.default(), Path("data/simulated-operator.csv"), Path("data/demo-callbacks.jsonl")))

    assert "Demo client: system_id demo, password demo; bearer token demo-token" in lines
    curl = next(shlex.split(line) for line in lines if "curl" in line)
    assert curl[:3] == ["curl", "-sS", "http://127.0.0.1:8080/v1/messages"]
    assert curl[3:7] == ["-H", "Authorization: Bearer demo-token", "-H", "Content-Type: application/json"]
    assert json.loads(curl[8]) == {"to": "+37120000001", "from": "SHOP", "text": "Hello"}
    assert [line.strip() for line in lines[-3:]] == [
        "tail -f data/simulated-operator.csv",
        "tail -f data/demo-callbacks.jsonl",
        "Read what else the HTTP door can do: http://127.0.0.1:8080/docs",
    ]

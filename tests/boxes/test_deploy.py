"""The files of deploy/: what they start exists, and their patience is longer than that of what they start."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chappe.box.keeper import Limits
from chappe.cli.main import app
from chappe.runtime.settings import Settings
from chappe.runtime.settings_gateway import Gateway, host_and_port

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
CONTAINER = DEPLOY / "container" / "Containerfile"
COMMANDS = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_unit_is_one_that_systemd_understands(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    # The commands of the unit are looked for, so that of this environment stands where the installed one would.
    here = tmp_path / unit.name
    text = unit.read_text(encoding="utf-8").replace(
        "/opt/chappe/bin/chappe", str(Path(sys.executable).parent / "chappe")
    )
    here.write_text(text, encoding="utf-8")

    told = subprocess.run(["systemd-analyze", "verify", str(here)], capture_output=True, text=True, check=False)

    assert [line for line in told.stderr.splitlines() if unit.name.partition("@")[0].partition(".")[0] in line] == []
    assert told.returncode == 0


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_unit_starts_a_command_that_there_is_and_waits_longer_than_it_drains(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    (started,) = re.findall(r"^ExecStart=/opt/chappe/bin/chappe (\w+)", text, re.MULTILINE)
    (patience_s,) = re.findall(r"^TimeoutStopSec=(\d+)", text, re.MULTILINE)

    assert started in COMMANDS
    assert int(patience_s) > Gateway().drain_s + Limits().grace_s + 2


def test_container_opens_the_ports_of_the_settings_and_copies_what_there_is() -> None:
    text = CONTAINER.read_text(encoding="utf-8")
    listen = Settings.default().listen
    (ports,) = re.findall(r"^EXPOSE (.+)$", text, re.MULTILINE)
    copied = [word for line in re.findall(r"^COPY (?!--)(.+)$", text, re.MULTILINE) for word in line.split()[:-1]]

    assert {int(port) for port in ports.split()} == {
        host_and_port(address)[1] for address in (listen.smpp, listen.http, listen.metrics)
    }
    assert all((DEPLOY.parent / each).exists() for each in copied)
    assert set(copied) <= {
        line[1:] for line in (DEPLOY.parent / ".containerignore").read_text().split() if line[0] == "!"
    }
    assert f":{host_and_port(listen.metrics)[1]}/readyz" in text

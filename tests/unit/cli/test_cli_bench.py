"""`chappe bench`: a gateway of its own, an empty store, and an account that must be clean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chappe.cli import main as cli
from chappe.cli.bench import settings_for
from chappe.runtime.settings_gateway import host_and_port


def test_the_measured_gateway_listens_on_free_ports_beside_nobody(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)

    listen = settings.listen
    addresses = [listen.smpp, listen.http, listen.metrics, settings.operators[0].address]
    assert all(host_and_port(address)[0] == "127.0.0.1" for address in addresses)
    assert len(set(addresses)) == 4
    assert settings.gateway.data_path.is_relative_to(tmp_path)


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "chappe.db").touch()

    assert cli.run(["bench", "--folder", str(tmp_path)]) == cli.WRONG_USAGE

    assert "is not empty; a measurement begins with an empty store" in capsys.readouterr().err


def test_a_short_measurement_loses_and_doubles_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "bench"

    assert cli.run(["bench", "--lives", "200", "--binds", "2", "--json", "--folder", str(place)]) == 0

    result = json.loads(capfd.readouterr().out)
    assert result["lives"] == 200
    assert result["cpu_us_per_life"] > 0
    assert result["rss_peak_mib"] > 0
    assert {"client.csv", "smsc.csv", "data"} <= {entry.name for entry in place.iterdir()}

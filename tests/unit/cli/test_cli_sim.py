"""`chappe sim`: every option reaches the simulator it is meant for."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from chappe.cli import main as cli
from chappe.cli.simulated_operator import command_of, free_port
from chappe.runtime.settings import Settings
from chappe.sim import options as sim
from chappe.sim.message_ids import IdStyle
from chappe.sim.options import ClientOptions, MoOptions, SmscOptions


def test_the_options_of_smsc_reach_the_simulator(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[SmscOptions] = []
    monkeypatch.setattr(sim, "run_smsc", lambda options: given.append(options) or 0)
    line = (
        "sim smsc --listen [::1]:4000 --system-id a --password b --rate 5 --resp-delay-ms 10 --receipt-delay-ms 250 "
        "--ids random --mo 3 --mo-rate 2 --mo-source 1 --mo-destination 2 --mo-text x --script f.toml --ledger l.csv"
    )

    assert cli.run(line.split()) == 0

    assert given == [
        SmscOptions(
            host="::1",
            port=4000,
            system_id="a",
            password="b",
            rate=5.0,
            resp_delay_s=0.01,
            receipt_delay_s=0.25,
            ids=IdStyle.RANDOM,
            mo=MoOptions(count=3, rate=2.0, source="1", destination="2", text="x"),
            script_path="f.toml",
            ledger_path="l.csv",
        )
    ]


def test_options_that_are_not_given_are_the_simulators_own(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    monkeypatch.setattr(sim, "run_smsc", lambda options: given.append(options) or 0)
    monkeypatch.setattr(sim, "run_client", lambda options, protocol: given.append((options, protocol)) or 0)

    assert cli.run(["sim", "smsc"]) == cli.run(["sim", "client"]) == 0

    assert given == [SmscOptions(port=2776), (ClientOptions(http_token="demo-token"), "smpp")]


def test_a_client_over_http_goes_to_the_http_port(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[ClientOptions, str]] = []
    monkeypatch.setattr(sim, "run_client", lambda options, protocol: given.append((options, protocol)) or 1)

    assert cli.run(["sim", "client", "--protocol", "http", "--token", "t", "--batch", "10", "--count", "7"]) == 1

    assert given == [(ClientOptions(port=8080, http_token="t", http_batch=10, count=7), "http")]


def test_the_ledgers_of_an_account_are_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    monkeypatch.setattr(sim, "run_account", lambda paths, as_json: given.append((paths, as_json)) or 1)

    assert cli.run(["sim", "account", "a.csv", "b.csv", "--json"]) == 1

    assert given == [([Path("a.csv"), Path("b.csv")], True)]


@pytest.mark.parametrize("address", ["2776", "host:", ":2776", "host:x", "host:70000"])
def test_an_address_that_is_none_is_a_wrong_command_line(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["sim", "smsc", "--listen", address]) == cli.WRONG_USAGE

    assert f"'{address}' is not HOST:PORT" in capsys.readouterr().err


def test_the_simulated_operator_is_started_as_the_settings_expect_it() -> None:
    command = command_of(Settings.default(simulator_port=4000).operators[0], Path("data/l.csv"))

    assert command[1:6] == ["-m", "chappe.cli", "sim", "smsc", "--quiet"]
    assert dict(zip(command[6::2], command[7::2], strict=True)) == {
        "--listen": "127.0.0.1:4000",
        "--system-id": "chappe",
        "--password": "secret",
        "--ledger": "data/l.csv",
    }


def test_a_port_in_use_is_replaced_by_a_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert free_port(port) != port
        assert free_port(port) > 0

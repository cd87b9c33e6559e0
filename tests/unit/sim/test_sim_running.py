"""Simulators as commands: a signal ends them in order, and what they told a peer is in the ledger."""

import asyncio
import json
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from chappe.model.errors import SettingsError
from chappe.sim.client import ClientSimulator
from chappe.sim.ledger import Entry, Kind, Ledger, read
from chappe.sim.options import ClientOptions, SmscOptions, run_account, run_client

RUN_SMSC = """
import sys
from chappe.sim.options import SmscOptions, run_smsc
sys.exit(run_smsc(SmscOptions(port=int(sys.argv[1]), ledger_path=sys.argv[2])))
"""


def ledger_of(path: Path, *entries: Entry) -> Path:
    ledger = Ledger(path)
    for entry in entries:
        ledger.append(entry)
    ledger.close()
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_smsc_in_order_and_its_ledger_is_whole(
    tmp_path: Path, number: signal.Signals, unused_port: int
) -> None:
    path = tmp_path / "smsc.csv"
    command = [sys.executable, "-c", RUN_SMSC, str(unused_port), str(path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    async def send() -> None:
        options = ClientOptions(port=unused_port, count=50, reconnect_s=0.05)
        async with ClientSimulator(options) as client:
            assert await client.run()
            child.send_signal(number)
            await client.until(lambda: not client.links)

    asyncio.run(send())
    summary, _ = child.communicate(timeout=10)

    assert child.returncode == 0
    assert json.loads(summary)["submits"] == 50
    kinds = [entry.kind for entry in read(path)]
    assert kinds.count(Kind.SUBMIT) == kinds.count(Kind.RESPONSE) == 50
    assert kinds[-1] is Kind.LINK_DOWN


def test_what_a_killed_smsc_answered_is_in_its_ledger(tmp_path: Path, unused_port: int) -> None:
    path = tmp_path / "smsc.csv"
    command = [sys.executable, "-c", RUN_SMSC, str(unused_port), str(path)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    async def send() -> int:
        options = ClientOptions(port=unused_port, count=100_000, reconnect_s=0.05, may_resend=False, linger_s=0.0)
        async with ClientSimulator(options) as client:
            running = asyncio.ensure_future(client.run())
            await client.until(lambda: client.outgoing.accepted >= 1_000, 20.0)
            child.kill()
            await client.until(lambda: not client.links)
            running.cancel()
            return client.outgoing.accepted

    accepted = asyncio.run(send())
    child.wait(10)

    assert sum(entry.kind is Kind.SUBMIT for entry in read(path)) >= accepted >= 1_000


def test_a_client_run_that_goes_well_prints_its_sums_and_exits_0(
    tmp_path: Path, unused_port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-c", RUN_SMSC, str(unused_port), str(tmp_path / "smsc.csv")]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    options = ClientOptions(port=unused_port, count=20, reconnect_s=0.05, ledger_path=str(tmp_path / "client.csv"))

    try:
        status = run_client(options)
    finally:
        child.terminate()
        child.wait(10)

    assert status == 0
    assert json.loads(capfd.readouterr().out)["accepted"] == 20
    assert run_account([tmp_path / "client.csv", tmp_path / "smsc.csv"]) == 0
    assert "clean" in capfd.readouterr().out


def test_a_quiet_client_prints_nothing_and_exits_1_when_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = ClientOptions(http_token="t", count=1, port=1, may_resend=False, is_quiet=True)

    assert run_client(options, "http") == 1
    assert capfd.readouterr() == ("", "")


def test_an_account_that_is_not_clean_exits_1(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    opened = Entry(1, Kind.OPENED, detail="role=client")
    lost = ledger_of(tmp_path / "c.csv", opened, Entry(1, Kind.SENT, "a"), Entry(2, Kind.ACCEPTED, "a", "1"))

    assert run_account([lost], as_json=True) == 1
    assert json.loads(capfd.readouterr().out)["lost"] == 1


def test_an_account_of_nothing_names_the_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing\.csv"):
        run_account([tmp_path / "missing.csv"])


def test_options_are_values_that_travel_between_processes() -> None:
    options = replace(SmscOptions(), rate=5.0)

    assert pickle.loads(pickle.dumps(options)) == options

"""The gateway dies at each step of a change of its configuration: version, outcome and what runs agree afterwards."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from asking_steps import PATIENCE_S, asking_when_there, start

from chappe.assembly.gateway import Gateway
from chappe.crash import CrashPoint
from chappe.instructions.kinds import ChangeOperator
from chappe.instructions.outcome import State
from chappe.runtime.settings import Settings, parse

POINTS = (CrashPoint.BEFORE_VERSION, CrashPoint.AFTER_VERSION, CrashPoint.AFTER_SWAP, CrashPoint.AFTER_OUTCOME)
TOML = """
[gateway]
data_dir = "{folder}"
store = "{store}"
allow_single_copy = true
drain_s = 1
[listen]
smpp = "127.0.0.1:0"
http = "127.0.0.1:0"
metrics = "127.0.0.1:0"
[[operators]]
name = "three"
address = "127.0.0.1:1"
system_id = "chappe"
password = "secret"
"""


def settings_in(folder: Path, store: str) -> Settings:
    return parse(TOML.format(folder=folder, store=store), "settings")


def end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
@pytest.mark.parametrize("point", POINTS)
def test_a_death_makes_no_version_twice_and_loses_none(
    tmp_path: Path, engine: str, point: CrashPoint, request: pytest.FixtureRequest
) -> None:
    store = "sqlite" if engine == "sqlite" else request.getfixturevalue("postgres_server").new_database()
    settings = settings_in(tmp_path, store)
    first = start(__file__, tmp_path, store, point.value)
    asking = asking_when_there(settings)

    number = asking.ask(ChangeOperator(name="three", changes={"rate": 50}), "ada")
    assert first.wait(PATIENCE_S) == -signal.SIGKILL
    second = start(__file__, tmp_path, store)
    outcome = asking.wait(number, PATIENCE_S)
    again = asking.wait(asking.ask(ChangeOperator(name="three", changes={"rate": 60}), "ada"), PATIENCE_S)
    end(second)

    assert outcome is not None
    assert (outcome.state, outcome.version) == (State.DONE, 2)
    assert outcome.told == ("+ operators.three.rate = 50",)
    assert again is not None
    assert (again.state, again.version, again.before) == (State.DONE, 3, outcome.after)


async def serve(folder: Path, store: str) -> None:
    gateway, stopping = Gateway(settings_in(folder, store)), asyncio.Event()
    await gateway.start()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    await gateway.run(stopping)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2]))

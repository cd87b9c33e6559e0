"""`chappe callbacks` beside a gateway that runs: what it lists, and what comes of its instructions."""

import asyncio
import json
from pathlib import Path

import pytest
from test_callback_journeys import MESSAGE, calling, post, refusing

from chappe.cli import main as cli
from chappe.sim.faults import Event, Fault
from chappe.sim.script import Faults, Rule
from house import House, journey


def config_of(house: House, folder: Path) -> str:
    """A settings file that leads commands to the gateway's data."""
    path = folder / "chappe.toml"
    path.write_text(f'[gateway]\ndata_dir = "{house.settings.gateway.data_dir}"\n')
    return str(path)


async def command(*words: str) -> int:
    """Run a command as a person would, while the gateway goes on."""
    return await asyncio.to_thread(cli.run, list(words))


def test_failed_callbacks_are_listed_and_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    @journey
    async def run() -> None:
        async with calling(tmp_path / "data", refusing(500), give_up_after_s=0.001) as (receiver, house, _):
            config = config_of(house, tmp_path)
            ids = await post(house, MESSAGE, MESSAGE)
            await house.until(lambda: len(house.events("callback_failed")) == 2, patience_s=40)

            assert await command("callbacks", "failed", "--client", "demo", "--json", "--config", config) == 0
            listed = json.loads(capsys.readouterr().out)
            assert sorted(str(each["message_id"]) for each in listed) == sorted(ids)
            assert {(each["client"], each["told"], each["reason"]) for each in listed} == {
                ("demo", "delivered", "HTTP 500")
            }
            assert await command("callbacks", "failed", "--client", "other", "--json", "--config", config) == 0
            assert json.loads(capsys.readouterr().out) == []

            receiver.faults = Faults()
            name = f"msg_{listed[0]['id']}"
            assert await command("callbacks", "replay", name, "4711", "--config", config) == 1
            told = capsys.readouterr()
            assert told.out == "1 go on\n"
            assert "left alone: 4711" in told.err
            assert await command("callbacks", "replay", "--client", "demo", "--json", "--config", config) == 0
            assert json.loads(capsys.readouterr().out)["replayed"] == 1
            await house.until(lambda: len(house.events("callback_sent")) == 2, patience_s=40)

    run()


def test_a_url_that_is_gone_is_listed_and_enabled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    @journey
    async def run() -> None:
        gone = Rule(fault=Fault.REFUSE, on=Event.CALLBACK, status=410, last_count=1)
        async with calling(tmp_path / "data", gone) as (_, house, _):
            config = config_of(house, tmp_path)
            await post(house, MESSAGE)
            await house.until(lambda: house.events("callbacks_off"))

            assert await command("callbacks", "off", "--json", "--config", config) == 0
            (off,) = json.loads(capsys.readouterr().out)
            assert (off["client"], off["reason"]) == ("demo", "HTTP 410")
            assert await command("callbacks", "enable", "demo", "--config", config) == 0
            assert capsys.readouterr().out == "demo is called back again\n"

            await house.until(lambda: house.events("callback_sent"))
            assert house.events("callbacks_on")
            assert await command("callbacks", "enable", "demo", "--config", config) == 1
            assert "is not switched off" in capsys.readouterr().err

    run()


def test_a_replay_must_say_what_to_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["callbacks", "replay"]) == 2
    assert cli.run(["callbacks", "replay", "x"]) == 2
    assert "no callback's id" in capsys.readouterr().err

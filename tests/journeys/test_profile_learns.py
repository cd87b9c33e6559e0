"""`chappe profile learn`: an SMSC whose receipts write ids otherwise is found out by its own traffic."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from chappe.cli import main as cli
from chappe.runtime.settings_profiles import IdBase, Profile
from chappe.sim.message_ids import IdStyle
from chappe.sim.options import SmscOptions
from chappe.sim.script import Faults
from house import bound, journey, small_house

DECIMAL = '[[faults]]\nfault = "receipt_id_base"\nbase = "decimal"\n'


async def traffic(folder: Path, profile: Profile) -> None:
    """Thirty messages, and their receipts."""
    async with (
        small_house(folder, smsc=SmscOptions(ids=IdStyle.HEX), faults=Faults.parse(DECIMAL), profile=profile) as (
            house,
            simulator,
        ),
        bound(house, count=30, linger_s=0.1) as sender,
    ):
        await sender.run()
        await house.until(lambda: simulator.receipts_acked == 30)


def learnt(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, object]]]:
    config = folder / "chappe.toml"
    config.write_text(
        f'[gateway]\ndata_dir = "{folder}"\n[[operators]]\nname = "sim"\naddress = "a:1"\nsystem_id = "c"\n'
    )
    code = cli.run(["profile", "learn", "sim", "--config", str(config), "--json"])
    return code, json.loads(capsys.readouterr().out)["findings"]


def test_what_traffic_proves_is_told_with_an_alarm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journey(traffic)(tmp_path, Profile())

    code, findings = learnt(tmp_path, capsys)

    assert code == 1
    assert {"id_base": "hex_to_decimal", "agree": 30, "contradict": 0, "proved": True} in findings


def test_a_profile_that_says_it_already_is_no_alarm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journey(traffic)(tmp_path, Profile(id_base=IdBase.HEX_TO_DECIMAL, id_ignores_zeros=True))

    assert learnt(tmp_path, capsys) == (0, [])


@journey
async def test_what_is_proved_is_applied_by_the_gateway_that_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        small_house(tmp_path, smsc=SmscOptions(ids=IdStyle.HEX), faults=Faults.parse(DECIMAL)) as (house, _),
        bound(house, count=30, linger_s=0.1) as sender,
    ):
        await sender.run()
        await house.until(lambda: house.gateway.store.parked_reports == 30)
        await house.until(lambda: house.events("receipts_disagree"))
        assert b'chappe_receipts_disagreeing{operator="sim"} 30.0' in house.gateway.watching.metrics.text()
        config = tmp_path / "live.toml"
        config.write_text(
            f'[gateway]\ndata_dir = "{house.gateway.settings.gateway.data_path}"\n'
            '[[operators]]\nname = "sim"\naddress = "a:1"\nsystem_id = "c"\n'
        )
        files = house.gateway.settings.gateway.data_path / "events"
        await house.until(lambda: sum(each.read_text().count(",dr_parked,") for each in files.rglob("*.csv")) == 30)

        command = ["profile", "learn", "sim", "--apply", "--config", str(config)]
        assert await asyncio.to_thread(cli.run, command) == 0, capsys.readouterr().err
        assert "version 2" in capsys.readouterr().out
        command = ["receipts", "replay", "--operator", "sim", "--config", str(config)]
        assert await asyncio.to_thread(cli.run, command) == 0

        assert "30 matched" in capsys.readouterr().out
        assert await asyncio.to_thread(cli.run, ["profile", "learn", "sim", "--config", str(config)]) == 0

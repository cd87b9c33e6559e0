"""A demo sends by itself when somebody wants it to, and stops."""

import asyncio
from pathlib import Path

from chappe.cli import main as cli
from chappe.sim.smsc import SmscSimulator
from house import House, journey, operator, settings_of


@journey
async def test_a_demo_sends_while_it_is_wanted(tmp_path: Path) -> None:
    async with SmscSimulator() as smsc:
        made = House(settings_of(tmp_path / "data", [operator(smsc.port)]))
        made.gateway._is_demo = True
        async with made as house:
            config = tmp_path / "chappe.toml"
            config.write_text(f'[gateway]\ndata_dir = "{house.settings.gateway.data_dir}"\n')
            words = ("instruct", "set_demo_traffic", "--config", str(config))

            assert await asyncio.to_thread(cli.run, [*words, "per_s=20"]) == 0
            await house.until(lambda: len(house.events("mt_delivered")) >= 3)
            assert await asyncio.to_thread(cli.run, [*words, "per_s=0"]) == 0
            assert await asyncio.to_thread(cli.run, [*words, "per_s=1000"]) == 1

            assert all(each.pdu.destination_addr.startswith("9991") for each in smsc.submitted)


@journey
async def test_a_gateway_that_is_no_demo_sends_nothing_by_itself(tmp_path: Path) -> None:
    async with SmscSimulator() as smsc, House(settings_of(tmp_path / "data", [operator(smsc.port)])) as house:
        config = tmp_path / "chappe.toml"
        config.write_text(f'[gateway]\ndata_dir = "{house.settings.gateway.data_dir}"\n')

        assert await asyncio.to_thread(cli.run, ["instruct", "set_demo_traffic", "per_s=1", "-c", str(config)]) == 1

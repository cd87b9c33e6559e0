"""`chappe receipts` beside a gateway whose operator writes ids of receipts otherwise than those of its answers."""

import asyncio
import json
from pathlib import Path

import pytest

from chappe.cli import main as cli
from chappe.sim.message_ids import IdStyle
from chappe.sim.options import SmscOptions
from chappe.sim.script import Faults
from chappe.sim.smsc import SmscSimulator
from chappe.wire.smpp.pdus import SubmitSm
from house import House, bound, journey, operator, settings_of

ODD_BASE = '[[faults]]\nfault = "receipt_id_base"\nbase = "decimal"\n'


async def command(*words: str) -> int:
    """Run a command as a person would, while the gateway goes on."""
    return await asyncio.to_thread(cli.run, list(words))


def test_parked_receipts_are_listed_and_match_once_their_ids_are_read_as_they_are_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @journey
    async def run() -> None:
        async with (
            SmscSimulator(SmscOptions(ids=IdStyle.HEX), Faults.parse(ODD_BASE, "test")) as smsc,
            House(settings_of(tmp_path / "data", [operator(smsc.port)])) as house,
            bound(house) as demo,
        ):
            config = tmp_path / "chappe.toml"
            config.write_text(f'[gateway]\ndata_dir = "{house.settings.gateway.data_dir}"\n')
            options = ("--config", str(config))
            for _ in range(3):
                await demo.ask(SubmitSm(destination_addr="371", short_message=b"hi", registered_delivery=1))
            await house.until(lambda: house.gateway.store.parked_reports == 3)

            assert await command("receipts", "parked", "--json", *options) == 0
            (first, *others) = json.loads(capsys.readouterr().out)
            name = first["operator"]
            assert len(others) == 2
            assert await command("receipts", "parked", "--operator", "nobody", "--json", *options) == 0
            assert json.loads(capsys.readouterr().out) == []

            assert await command("receipts", "replay", "--operator", name, *options) == 0
            assert capsys.readouterr().out == "0 matched, 3 stay parked\n"
            base = ("--id-base", "hex_to_decimal")
            assert await command("receipts", "replay", str(first["id"]), "4711", *base, *options) == 1
            told = capsys.readouterr()
            assert told.out == "1 matched, 0 stay parked\n"
            assert "not matched: 4711" in told.err
            assert await command("receipts", "replay", "--operator", name, *base, "--json", *options) == 0
            assert json.loads(capsys.readouterr().out)["matched"] == 2

            await demo.until(lambda: len(demo.received) == 3)
            assert house.gateway.store.parked_reports == 0
            assert await command("receipts", "replay", *options) == cli.WRONG_USAGE

    run()

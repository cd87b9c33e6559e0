"""A disk that is full in truth: a small file system in memory holds everything, and grows when the test says so."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chappe.cli.main import app
from chappe.sim.options import SmscOptions
from chappe.wire.smpp.pdus import SubmitSm
from house import bound, journey, small_house


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"only root may mount a file system: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def enlarge(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=256m", disk], check=True)


@journey
async def test_a_full_disk_refuses_loses_nothing_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    text = b"x" * 140
    async with (
        small_house(small_disk, smsc=SmscOptions(receipt_delay_s=0.2)) as (house, smsc),
        bound(house, window_pdus=100) as demo,
    ):
        accepted: list[str] = []
        status = 0
        while status == 0:
            answer = await demo.ask(SubmitSm(destination_addr="37120000001", short_message=text, registered_delivery=1))
            status = answer.command_status
            if status == 0:
                accepted.append(answer.message_id)
        assert status == 0x08
        assert house.gateway.store.is_away

        enlarge(small_disk)
        await house.until(lambda: not house.gateway.store.is_away, 20)
        back = await demo.ask(SubmitSm(destination_addr="37120000001", short_message=text, registered_delivery=1))
        assert back.command_status == 0
        accepted.append(back.message_id)
        await demo.until(lambda: len({each.message_id for each in demo.received}) == len(accepted), 30)
        await house.until(lambda: house.depth("client:demo") == 0)

        assert {each.message_id for each in demo.received} == set(accepted)
        assert len(accepted) > 100
        assert len(smsc.submitted) >= len(accepted)
    settings = small_disk / "chappe.toml"
    settings.write_text(f'[gateway]\ndata_dir = "{small_disk}"\n')
    checked = CliRunner().invoke(app, ["store", "check", "--config", str(settings)])
    assert checked.exit_code == 0, checked.output

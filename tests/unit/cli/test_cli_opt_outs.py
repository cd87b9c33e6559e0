"""`chappe opt-outs`: who wants to hear no more."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from chappe.cli import main as cli
from chappe.rules.opt_outs import OptOut
from chappe.store.sqlite.engine import SqliteStore

SAID = [
    OptOut("shop", "37120000001", True, 11, 1_800_000_000_000_000, "stop"),
    OptOut("shop", "37120000002", False, 12, 1_800_000_001_000_000, "start"),
    OptOut("bank", "37120000001", True, 13, 1_800_000_002_000_000, "ende"),
]


async def note_all(data: Path) -> None:
    store = SqliteStore(data / "chappe.db", version="test")
    store.open()
    await store.note_opt_outs(SAID)
    await store.close()


@pytest.mark.parametrize(
    ("words", "messages"),
    [
        ([], ["13", "11"]),
        (["--all"], ["13", "12", "11"]),
        (["--list", "shop"], ["11"]),
        (["--handset", "+371 20000001", "--limit", "1"], ["13"]),
    ],
)
def test_handsets_are_listed_latest_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], messages: list[str]
) -> None:
    asyncio.run(note_all(tmp_path))
    (tmp_path / "chappe.toml").write_text(f'[gateway]\ndata_dir = "{tmp_path}"\n')

    assert cli.run(["opt-outs", "--json", "--config", str(tmp_path / "chappe.toml"), *words]) == 0

    found = json.loads(capsys.readouterr().out)
    assert [each["message_id"] for each in found] == messages
    assert found[0]["at"].startswith("2027-01-15T08:00:0")

"""`chappe import`: what is printed, what is stored, and what is told to be left to do."""

import json
import stat
from pathlib import Path

import pytest

from chappe.cli.main import FAILED, run
from chappe.runtime.settings import load, parse

KANNEL = """
group = smsc
smsc = smpp
smsc-id = three
host = 127.0.0.1
port = 2776
smsc-username = chappe
smsc-password = secret
transceiver-mode = true
my-number = 1

group = sendsms-user
username = tester
password = foobar
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "kannel.conf"
    path.write_text(KANNEL)
    return path


def test_the_settings_are_printed_and_what_has_no_counterpart_is_told_beside(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["import", "kannel", str(file)]) == 0

    told = capsys.readouterr()
    assert parse(told.out, where="test").client("tester").http is not None
    assert told.err == f"{file}:10: smsc my-number: has no counterpart\n"


def test_a_new_file_is_for_its_owner_alone_and_no_file_is_written_over(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "chappe.toml"

    assert run(["import", "kannel", str(file), "-o", str(output)]) == 0
    assert load(output).operators[0].name == "three"
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert run(["import", "kannel", str(file), "-o", str(output)]) == FAILED
    assert "cannot be written: File exists" in capsys.readouterr().err


def test_settings_that_must_be_put_right_are_printed_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "kannel.conf"
    path.write_text(KANNEL.replace("smsc-password = secret", "smsc-password = far-too-long"))

    assert run(["import", "kannel", str(path)]) == FAILED

    told = capsys.readouterr()
    assert 'password = "far-too-long"' in told.out
    assert "operators[0].password" in told.err


def test_programs_get_both_as_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import", "kannel", str(file), "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["settings"]["operators"][0]["name"] == "three"
    assert told["left_out"] == [f"{file}:10: smsc my-number: has no counterpart"]


def test_a_folder_stands_for_its_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "jasmin.cfg").write_text("[http-api]\nport = 1401\n")

    assert run(["import", "jasmin", str(tmp_path)]) == 0

    assert 'http = "0.0.0.0:1401"' in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["kannel", "jasmin"])
def test_a_file_that_cannot_be_read_is_one_line(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import", kind, str(tmp_path / "nothing")]) == FAILED
    (tmp_path / "noise").write_bytes(b"\xff\xfenoise")
    assert run(["import", kind, str(tmp_path / "noise")]) == FAILED

    assert len(capsys.readouterr().err.splitlines()) == 2

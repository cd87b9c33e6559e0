"""The command line as a whole: help everywhere, one line for every error, and exit codes that scripts can trust."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chappe import __version__
from chappe.cli import main as cli
from chappe.cli.reference import commands

COMMANDS = dict(commands(cli.app, "chappe"))
SLOW_IMPORTS = ("aiohttp", "asyncio", "chappe.runtime.settings", "rich", "sqlite3", "uvloop")


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_help_that_ends_with_an_example(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*path.split()[1:], "--help"]) == 0

    shown = capsys.readouterr().out
    assert f"Usage: {path}" in shown
    assert f"  Example:\n    {path} " in shown or f"  Example:\n    {path}\n" in shown


@pytest.mark.parametrize("group", ["", "conf", "sim"])
def test_every_group_has_help_with_an_example(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*group.split(), "--help"]) == 0

    assert "  Example:\n    chappe " in capsys.readouterr().out


def test_help_is_shown_without_importing_what_takes_long() -> None:
    program = (
        "import sys; from chappe.cli.main import run; run(['--help']); "
        f"print([name for name in {SLOW_IMPORTS!r} if name in sys.modules])"
    )

    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert shown.splitlines()[-1] == "[]"


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0

    assert capsys.readouterr().out == f"chappe {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nonsense"], "chappe: No such command 'nonsense'; see: chappe --help\n"),
        (["send", "--to", "1"], "chappe send: Missing option '--text'; see: chappe send --help\n"),
        (["conf", "check", "--nosuch"], "chappe conf check: No such option: --nosuch; see: chappe conf check --help\n"),
    ],
)
def test_a_wrong_command_line_is_one_line_on_stderr_with_the_way_to_help(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == cli.WRONG_USAGE

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == told


def test_a_settings_fault_is_one_line_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "chappe.toml"
    path.write_text("[gateway]\ndran_s = 3\n")

    assert cli.run(["up", "--config", str(path)]) == cli.FAILED

    assert capsys.readouterr().err == f"chappe: {path}: gateway.dran_s: unknown key; did you mean 'drain_s'?\n"


def test_a_node_of_its_own_is_refused_with_what_to_do_instead(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["node", "operator", "north"]) == cli.FAILED

    told = capsys.readouterr().err
    assert "needs a postgresql store, and the store here is sqlite" in told
    assert 'nodes = ["operator:north"]' in told


def test_the_process_leaves_with_the_code_of_its_command() -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["nonsense"])

    assert left.value.code == cli.WRONG_USAGE

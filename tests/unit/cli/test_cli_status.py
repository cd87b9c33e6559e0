"""`chappe status` and `chappe queues` against an HTTP server that says what a gateway says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest

from chappe.cli import main as cli
from chappe.cli import status
from chappe.observe.status import (
    BoxStatus,
    ClientStatus,
    CopyStatus,
    LinkStatus,
    NodeStatus,
    OperatorStatus,
    QueueStatus,
    StoreStatus,
)

BOX = BoxStatus(
    version="1.2.3",
    run=9,
    box="hill",
    state="running",
    uptime_s=7_980.0,
    nodes=[NodeStatus("client-smpp", "running")],
    operators=[
        OperatorStatus(
            "three", [LinkStatus(1, "up", 40, 100, 90.0), LinkStatus(2, "down", 0, 100, 4.0, "bind refused")]
        )
    ],
    clients=[ClientStatus("acme", 2, 1_234)],
    queues=[
        QueueStatus("client:acme", 0, 0.0),
        QueueStatus("client:gone", 2, 5.0, "client gone is not in the settings"),
        QueueStatus("operator:three", 1_234_567, 75.0),
    ],
    parked=3,
    held=0,
    store=StoreStatus("data/chappe.db", 5_000_000, 2_048, False),
    copies=[CopyStatus("events", 50_000, "No space left on device")],
    events_per_second={"mt_sent": 1_500.5},
)


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """The settings of a gateway that answers."""

    class Gateway(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = msgspec.json.encode(BOX)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Gateway)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield settings_file(tmp_path, server.server_port)
    server.shutdown()
    thread.join()
    server.server_close()


def settings_file(folder: Path, port: int) -> Path:
    file = folder / "chappe.toml"
    file.write_text(f'[listen]\nmetrics = "127.0.0.1:{port}"\n')
    return file


def test_the_status_shows_links_queues_clients_and_what_needs_a_look(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")

    assert cli.run(["status", "--config", str(config)]) == 0

    shown = capsys.readouterr().out
    for words in (
        "chappe 1.2.3  box hill  run 9  running  up 2 h 13 min",
        "████······   40/100",
        "bind refused",
        "1,234,567   1 min 15 s",
        "1,500.5",
        "4.8 MiB and 2.0 KiB of log",
        "3 parked reports, 0 held messages",
        "client gone is not in the settings",
        "copy events is 50,000 blocks late No space left on device",
    ):
        assert words in shown


def test_programs_get_the_whole_status_as_json(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["status", "--json", "--config", str(config)]) == 0

    assert msgspec.json.decode(capsys.readouterr().out, type=BoxStatus) == BOX


def test_the_longest_queue_comes_first(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["queues", "--json", "--config", str(config)]) == 0

    assert [each["queue"] for each in json.loads(capsys.readouterr().out)] == [
        "operator:three",
        "client:gone",
        "client:acme",
    ]


def test_dead_queues_are_those_that_nobody_reads(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["dead", "--json", "--config", str(config)]) == 0

    (found,) = json.loads(capsys.readouterr().out)
    assert (found["queue"], found["cause"]) == ("client:gone", "client gone is not in the settings")


def test_queues_are_a_table_for_people(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["queues", "--config", str(config)]) == 0

    assert "operator:three" in capsys.readouterr().out


def test_watching_looks_again_until_somebody_presses_ctrl_c(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = iter([None, None])

    def pause(_: float) -> None:
        if next(pauses, KeyboardInterrupt) is KeyboardInterrupt:
            raise KeyboardInterrupt

    monkeypatch.setattr(status.time, "sleep", pause)

    assert cli.run(["status", "--watch", "--config", str(config)]) == 0

    assert capsys.readouterr().out.count("box hill") == 3


@pytest.mark.parametrize("command", ["status", "queues"])
def test_no_gateway_is_told_in_one_line(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([command, "--config", str(settings_file(tmp_path, 9))]) == 1

    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "no gateway runs at http://127.0.0.1:9/status.json" in told


def test_a_port_that_only_the_gateway_knows_cannot_be_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["status", "--config", str(settings_file(tmp_path, 0))]) == 1

    assert "give a port" in capsys.readouterr().err

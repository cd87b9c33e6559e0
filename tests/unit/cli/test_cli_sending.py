"""`chappe send` against an HTTP server that answers as the gateway's API does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from chappe.cli import main as cli
from chappe.cli.sending import token_of
from chappe.model.errors import SettingsError
from chappe.runtime.settings import parse

ACCEPTED = {"id": "42", "status": "accepted", "final": False}
DELIVERED = {"id": "42", "status": "delivered", "final": True}


class Api(ThreadingHTTPServer):
    """Plays the API: keeps what it was asked, answers what it was told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, str, Any]] = []
        self.answers: list[tuple[int, object]] = []


class Handler(BaseHTTPRequestHandler):
    """One request: noted, then answered with the next answer."""

    server: Api

    def _answer(self) -> None:
        octets = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(octets) if octets else None
        self.server.asked.append((self.command, self.path, self.headers["Authorization"], body))
        status, answer = self.server.answers.pop(0)
        told = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_POST = _answer

    def log_message(self, *_: object) -> None:
        """Say nothing; the test reads `asked`."""


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def config(api: Api, tmp_path: Path) -> str:
    file = tmp_path / "chappe.toml"
    file.write_text(
        f'[listen]\nhttp = "127.0.0.1:{api.server_port}"\n'
        '[[clients]]\nname = "shop"\n[clients.http]\ntoken = "sesame"\n'
        '[[clients]]\nname = "mill"\n[clients.http]\ntoken = "flour"\n'
    )
    return str(file)


def test_a_message_is_posted_with_the_first_clients_token(
    api: Api, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    api.answers = [(202, ACCEPTED)]

    assert cli.run(["send", "--to", "+371", "--from", "SHOP", "--text", "Hi", "--config", config]) == 0

    assert api.asked == [
        ("POST", "/v1/messages", "Bearer sesame", {"to": "+371", "from": "SHOP", "text": "Hi"}),
    ]
    assert capsys.readouterr().out == "42 accepted\n"


def test_another_client_may_send_and_the_answer_may_be_json(
    api: Api, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    api.answers = [(202, ACCEPTED)]

    assert cli.run(["send", "--to", "1", "--text", "x", "--client", "mill", "--json", "--config", config]) == 0

    assert api.asked[0][2] == "Bearer flour"
    assert json.loads(capsys.readouterr().out) == ACCEPTED


def test_waiting_looks_until_the_status_is_final(api: Api, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    api.answers = [(202, ACCEPTED), (200, ACCEPTED), (200, DELIVERED)]

    assert cli.run(["send", "--to", "1", "--text", "x", "--wait", "10", "--config", config]) == 0

    assert [asked[:2] for asked in api.asked[1:]] == [("GET", "/v1/messages/42")] * 2
    assert capsys.readouterr().out == "42 delivered\n"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((422, {"title": "Invalid", "detail": "to is no number"}), "refused with 422: to is no number"),
        (
            (422, {"title": "Invalid", "errors": [{"pointer": "/to", "detail": "is empty"}]}),
            "refused with 422: Invalid; /to is empty",
        ),
        ((500, b"went\nwrong"), "refused with 500: went wrong"),
    ],
)
def test_a_refusal_is_told_in_one_line(
    answer: tuple[int, object], told: str, api: Api, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    api.answers = [answer]

    assert cli.run(["send", "--to", "1", "--text", "x", "--config", config]) == cli.FAILED

    assert capsys.readouterr().err == f"chappe: {told}\n"


def test_a_gateway_that_is_not_there_is_told_with_how_to_start_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "chappe.toml"
    file.write_text('[listen]\nhttp = "127.0.0.1:1"\n')

    assert cli.run(["send", "--to", "1", "--text", "x", "--token", "t", "--config", str(file)]) == cli.FAILED

    told = capsys.readouterr().err
    assert told.startswith("chappe: no gateway answers at http://127.0.0.1:1/v1/messages (")
    assert told.endswith("); start one with: chappe up\n")


def test_a_client_without_a_token_in_the_settings_needs_one_on_the_command_line() -> None:
    settings = parse('[[clients]]\nname = "a"\nsmpp = {system_id = "a", password = "b"}\n', where="x")

    with pytest.raises(SettingsError, match="no client has a token in the settings; give one with --token"):
        token_of(settings, None)
    with pytest.raises(SettingsError, match="client 'a' does not exist or has not a token"):
        token_of(settings, "a")

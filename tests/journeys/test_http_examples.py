"""Every published example is run against a whole gateway: those of the API's own document and those of docs/."""

import json
import re
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chappe.clients.http_page import curl_of
from chappe.runtime.settings_callbacks import ClientCallback
from chappe.runtime.settings_client_doors import ClientHttp
from chappe.runtime.settings_clients import ClientCredit
from chappe.sim.faults import Action
from chappe.sim.options import MoOptions, SmscOptions
from chappe.wire.http.operations import OPERATIONS
from house import client, journey
from ports import free_port
from web import MESSAGE, Answer, Caller, web_house

DOCS = Path(__file__).parents[2] / "docs"
MESSAGE_ID, CALLBACK_ID = "2816341877214478336", "msg_2816341877214479001"
CREDIT = ClientCredit(opening="5000")
TOKENS = {"TOKEN": "demo-token", "demo-token": "demo-token", "acme-trial": "demo-trial"}


@dataclass(frozen=True)
class Curl:
    """A command of curl, taken apart."""

    method: str
    target: str
    headers: dict[str, str]
    body: str | None

    @classmethod
    def read(cls, command: str) -> "Curl":
        words = iter(shlex.split(command.replace("\\\n", " ")))
        assert next(words) == "curl"
        method, target, headers, body = "", "", {}, None
        for word in words:
            if word == "-X":
                method = next(words)
            elif word == "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            elif word == "-d":
                body = next(words)
            else:
                target = re.sub(r"^http://[^/]+", "", word)
        return cls(method or ("POST" if body is not None else "GET"), target, headers, body)

    async def ask(self, caller: Caller, ids: dict[str, str]) -> Answer:
        """Ask it with the token that the test's client has; ids of the examples stand for those that are there."""
        target = self.target
        for shown, real in ids.items():
            target = target.replace(shown, real)
        headers = dict(self.headers)
        scheme, _, token = headers["Authorization"].partition(" ")
        headers["Authorization"] = f"{scheme} {TOKENS[token]}"
        return await caller.call(self.method, target, headers=headers, data=self.body)


def shape(value: Any) -> Any:
    """Keys and kinds, without what differs from run to run."""
    if isinstance(value, dict):
        return {key: "cursor" if key == "next" else shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return None if value is None else type(value).__name__


@dataclass(frozen=True)
class Stage:
    """A gateway in which everything that examples speak of has happened."""

    caller: Caller
    #: A message that was delivered, one that waits, and a callback that was given up.
    delivered: str
    waiting: str
    failed: str

    async def ask(self, command: str) -> Answer:
        curl = Curl.read(command)
        ids = {MESSAGE_ID: self.waiting if curl.method == "DELETE" else self.delivered, CALLBACK_ID: self.failed}
        return await curl.ask(self.caller, ids)


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    dead = f"http://127.0.0.1:{free_port()}/cb"
    callback = ClientCallback(url=dead, give_up_after_s=0.001, retry_s=(0.05,))
    demo = client(
        "demo", http=ClientHttp(token="demo-token", test_token="demo-trial"), callback=callback, credit=CREDIT
    )
    smsc = SmscOptions(mo=MoOptions(destination="12345", text="VOTE 5"))
    async with web_house(folder, clients=[demo], smsc=smsc) as (house, simulator, caller):
        new = {**MESSAGE, "reference": "order-881"}
        delivered = (await caller.post(new)).body["id"]
        await caller.until(delivered, "delivered")
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        waiting = (await caller.post({**new, "send_at": tomorrow})).body["id"]
        simulator.strike(Action(mo_count=1))
        await house.until(lambda: house.events("mo_received") and house.events("callback_failed"))
        failed = (await caller.call("GET", "/v1/callbacks")).body["data"][0]["id"]
        yield Stage(caller, delivered, waiting, failed)


def commands(page: str) -> list[tuple[str, Any]]:
    """The commands of a page, each with the answer that is shown behind it; None where none is."""
    found = re.findall(r"```sh\n(curl .*?)```(?:\n+```json\n(.*?)```)?", page, re.DOTALL)
    return [(command, json.loads(answer) if answer else None) for command, answer in found]


@journey
async def test_every_example_of_the_document_is_answered_as_it_says(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        for operation in OPERATIONS:
            answer = await stage.ask(curl_of(operation.method, operation.example))

            assert answer.status == operation.example.status, f"{operation.name}: {answer.body}"
            assert shape(answer.body) == shape(operation.example.answer), operation.name


@pytest.mark.parametrize(("page", "least"), [("http.md", 10), ("testing.md", 1), ("../README.md", 1)])
@journey
async def test_every_command_of_the_pages_is_answered_as_they_say(tmp_path: Path, page: str, least: int) -> None:
    found = commands((DOCS / page).read_text(encoding="utf-8"))
    assert len(found) >= least

    async with staged(tmp_path) as stage:
        for command, told in found:
            answer = await stage.ask(command)

            is_refusal = isinstance(told, dict) and "code" in told
            assert (answer.status >= 400) == is_refusal, f"{command}: {answer.body}"
            if told is not None:
                assert shape(answer.body) == shape(told), command
            if is_refusal:
                assert answer.body["code"] == told["code"], command

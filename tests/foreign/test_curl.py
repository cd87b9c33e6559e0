"""curl as a client of the HTTP door: what a newcomer types first."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from chappe.runtime.settings_client_doors import ClientHttp
from house import House, client, journey, small_house

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

TOKEN = ("-H", "Authorization: Bearer demo-token")
JSON = ("-H", "Content-Type: application/json")


async def curl(house: House, path: str, *words: str) -> tuple[int, Any]:
    """Status and body of one call."""
    url = f"http://127.0.0.1:{house.gateway.http_port}{path}"
    call = await asyncio.create_subprocess_exec(
        "curl", "-sS", "-w", "\n%{http_code}", *words, url, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await call.communicate()
    body, _, status = output.decode().rpartition("\n")
    return int(status), json.loads(body) if body.startswith(("{", "[")) else body


def body(**fields: object) -> tuple[str, str]:
    return "-d", json.dumps(fields)


@journey
async def test_curl_sends_a_message_and_looks_what_became_of_it(tmp_path: Path) -> None:
    async with small_house(tmp_path, clients=[client(http=ClientHttp(token="demo-token"))]) as (house, smsc):
        message = body(to="+37120000001", text="jā €", **{"from": "SHOP"}, reference="order-881")
        status, accepted = await curl(house, "/v1/messages", *TOKEN, *JSON, *message)
        assert (status, accepted["status"], accepted["reference"]) == (202, "accepted", "order-881")
        await house.until(lambda: house.events("mt_delivered"))

        status, shown = await curl(house, f"/v1/messages/{accepted['id']}", *TOKEN)

        assert (status, shown["status"], shown["final"]) == (200, "delivered", True)
        assert smsc.submitted[0].octets == "jā €".encode("utf-16-be")


@journey
async def test_curl_sends_many_and_each_has_a_result_of_its_own(tmp_path: Path) -> None:
    many = [{"to": f"+3712000000{number}", "from": "SHOP", "text": "hi"} for number in range(5)]
    many[2] = {"to": "", "from": "SHOP", "text": "hi"}
    async with small_house(tmp_path, clients=[client(http=ClientHttp(token="demo-token"))]) as (house, smsc):
        status, answer = await curl(house, "/v1/messages", *TOKEN, *JSON, "-d", json.dumps({"messages": many}))
        await house.until(lambda: len(smsc.submitted) == 4)

        assert status == 202
        assert ["id" in each for each in answer["messages"]] == [True, True, False, True, True]


@journey
async def test_curl_is_told_what_is_wrong_as_a_problem(tmp_path: Path) -> None:
    good = {"to": "+37120000001", "from": "SHOP", "text": "hi"}
    cases: list[tuple[int, tuple[str, ...]]] = [
        (401, (*JSON, *body(**good))),
        (401, ("-H", "Authorization: Bearer wrong", *JSON, *body(**good))),
        (400, (*TOKEN, *JSON, "-d", "{not json")),
        (422, (*TOKEN, *JSON, *body(to="+37120000001"))),
        (422, (*TOKEN, *JSON, *body(**good, colour="red"))),
        (415, (*TOKEN, "-H", "Content-Type: text/plain", *body(**good))),
    ]
    async with small_house(tmp_path, clients=[client(http=ClientHttp(token="demo-token"))]) as (house, smsc):
        for expected, words in cases:
            status, problem = await curl(house, "/v1/messages", *words)
            assert status in (expected, 422 if expected == 400 else expected), problem
            assert {"type", "title", "status", "detail", "code", "request_id"} <= set(problem)
            assert problem["status"] == status
        assert (await curl(house, "/v1/messages/1", *TOKEN))[0] == 404
        assert (await curl(house, "/healthz"))[0] == 200
        assert smsc.submitted == []

"""The gateway dies while a client spends its credit: what is stored is paid, nothing else, and there is no debt."""

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from crash_gateway import TOKEN, Death
from crash_nodes import gateway_of
from crash_store import Stored

from chappe.crash import CrashPoint

POINTS = (CrashPoint("before_commit_accept_mt"), CrashPoint("after_commit_accept_mt"), CrashPoint.BEFORE_HTTP_ANSWER)
NODE = "client-http"
#: Parts that the client has bought, and what of them each message takes.
OPENING = 60
DEATHS = (1, 5, 9)
CREDIT = f'[clients.credit]\nopening = "{OPENING}"\n[[routes]]'
MESSAGE = {"to": "+37120000001", "from": "SHOP", "text": "mt-1"}


def ask(port: int, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and body of an answer.  Raises: OSError while nobody answers, or who did died."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers), timeout=10
        ) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


async def spend(port: int, dying: "asyncio.Task[None] | None" = None) -> int:
    """Send until the credit is used up, or the gateway has died; returns how many were accepted."""
    accepted = 0
    while dying is None or not dying.done():
        try:
            status, _ = await asyncio.to_thread(ask, port, "/v1/messages", MESSAGE)
        except (OSError, ValueError):
            await asyncio.sleep(0.02)
            continue
        if status == 402 and dying is None:
            break
        accepted += status == 202
        if status != 202:
            await asyncio.sleep(0.05)
    return accepted


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_what_is_stored_is_paid_and_nothing_else_however_often_the_gateway_dies(
    tmp_path: Path, dsn: str, point: CrashPoint
) -> None:
    async def scenario() -> tuple[int, Any, Stored]:
        gateway = gateway_of(tmp_path, 1, dsn, nodes=[NODE])
        gateway.settings.write_text(gateway.settings.read_text().replace("[[routes]]", CREDIT, 1))
        accepted = 0
        try:
            for count in DEATHS:
                dying = asyncio.create_task(gateway.die(Death(point, count, node=NODE)))
                accepted += await spend(gateway.http_port, dying)
                await dying
            await gateway.start()
            accepted += await spend(gateway.http_port)
            _, balance = ask(gateway.http_port, "/v1/balance")
            await gateway.stop()
        finally:
            await gateway.clean_up()
        return accepted, balance, await gateway.stored()

    accepted, balance, found = asyncio.run(scenario())

    assert balance == {"balance": None, "parts": 0}
    assert len(found.lives) == OPENING
    assert OPENING - len(DEATHS) <= accepted <= OPENING

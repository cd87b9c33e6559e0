"""The gateway dies while it answers or calls a client of another gateway; what was promised is kept, once."""

import asyncio
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from crash_gateway import Death, GatewayProcess
from crash_nodes import CALLBACK, gateway_of
from crash_store import Stored

from chappe.crash import CrashPoint
from chappe.sim.options import SmscOptions
from chappe.sim.smsc import SmscSimulator
from raw_web import Web, ask

SEND = {"username": "acme", "password": "secret", "from": "SHOP", "to": "37120000001"}
PATIENCE_S = 30.0
AT_THE_DOOR = (CrashPoint.BEFORE_COMMIT_ONCE, CrashPoint.AFTER_COMMIT_ONCE, CrashPoint.BEFORE_HTTP_ANSWER)
AT_THE_CALL = (CrashPoint.BEFORE_CALLBACK, CrashPoint.AFTER_CALLBACK, CrashPoint.AFTER_COMMIT_REPORT)
#: Those that one message needs, beside that for callbacks.
NODES = ("client-http", "operator:sim")


def node_at(point: CrashPoint) -> str:
    """Which node dies there."""
    if point in AT_THE_DOOR:
        return "client-http"
    return CALLBACK if point in (CrashPoint.BEFORE_CALLBACK, CrashPoint.AFTER_CALLBACK) else "operator:sim"


def target(door: str, url: str) -> str:
    """One message whose every outcome is to be called for."""
    if door == "kannel":
        return (
            f"/cgi-bin/sendsms?{urlencode({**SEND, 'text': 'Hello', 'dlr-mask': '3', 'dlr-url': url + '?d=%d&id=%I'})}"
        )
    return f"/send?{urlencode({**SEND, 'content': 'Hello', 'dlr-url': url, 'dlr-level': '2', 'dlr-method': 'GET'})}"


async def asked_until_answered(gateway: GatewayProcess, asked: str, key: str) -> tuple[int, str]:
    while True:
        try:
            status, text, _ = await ask(gateway.http_port, "GET", asked, {"Idempotency-Key": key})
        except (OSError, IndexError, ValueError, asyncio.IncompleteReadError):
            await asyncio.sleep(0.05)
            continue
        if status < 500:
            return status, text
        await asyncio.sleep(0.05)


async def until_told(web: Web, outcome: tuple[str, str]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while outcome not in [pair for told in web.targets for pair in parse_qsl(urlsplit(told).query)]:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("point", [*AT_THE_DOOR, *AT_THE_CALL], ids=str)
@pytest.mark.parametrize("door", ["kannel", "jasmin"])
def test_a_message_is_taken_once_and_told_of_whenever_the_gateway_dies(
    tmp_path: Path, dsn: str, door: str, point: CrashPoint
) -> None:
    delivered = ("d", "1") if door == "kannel" else ("message_status", "DELIVRD")
    web = Web(b"ACK/Jasmin")

    async def scenario() -> tuple[list[tuple[int, str]], Stored]:
        url = f"http://127.0.0.1:{await web.listen()}/dlr"
        async with SmscSimulator(SmscOptions(retry_s=0.2)) as smsc:
            gateway = gateway_of(tmp_path, smsc.port, dsn, nodes=NODES, callback_port=1)
            try:
                dying = asyncio.create_task(gateway.die(Death(point, node=node_at(point))))
                asking = asyncio.create_task(asked_until_answered(gateway, target(door, url), "key"))
                await dying
                await gateway.start()
                answers = [await asking, await asked_until_answered(gateway, target(door, url), "key")]
                await until_told(web, delivered)
                assert await gateway.stop() == 0, gateway.said
            finally:
                await gateway.clean_up()
                web.close()
        return answers, await gateway.stored()

    answers, found = asyncio.run(scenario())

    assert answers[0] == answers[1]
    assert answers[0][0] in (200, 202)
    assert len(found.lives) == 1
    ends = [dict(parse_qsl(urlsplit(told).query)) for told in web.targets]
    names = {end["id"] for end in ends if delivered in end.items()}
    assert len(names) == 1

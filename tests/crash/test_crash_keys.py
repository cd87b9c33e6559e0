"""The gateway dies while it takes a request with a key; its client asks again, and there is one message."""

import asyncio
import json
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from crash_campaign import Traffic, run
from crash_gateway import TOKEN, Death
from crash_nodes import gateway_of
from crash_store import Stored, read_store
from crash_verdict import Verdict

from chappe.crash import CrashPoint

POINTS = (CrashPoint.BEFORE_COMMIT_ONCE, CrashPoint.AFTER_COMMIT_ONCE, CrashPoint.BEFORE_HTTP_ANSWER)
NODE = "client-http"
MESSAGE = {"to": "+37120000001", "from": "SHOP", "text": "mt-1"}
ONE = json.dumps(MESSAGE)
#: More than one slice: a death may come between two of them.
MANY = json.dumps({"messages": [{**MESSAGE, "reference": f"r{number}"} for number in range(1_200)]})


def post(port: int, body: str, key: str) -> tuple[int, Any]:
    """Status and body of an answer.  Raises: OSError while nobody answers, or who did died."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "Idempotency-Key": key}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/messages", body.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


async def asked_until_answered(port: int, body: str, key: str) -> tuple[int, Any]:
    while True:
        try:
            status, told = await asyncio.to_thread(post, port, body, key)
        except (OSError, ValueError):
            await asyncio.sleep(0.05)
            continue
        if status not in (409, 503):
            return status, told
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("point", POINTS, ids=str)
@pytest.mark.parametrize(
    ("body", "messages", "deaths"), [(ONE, 1, (1,)), (MANY, 1_200, (1, 2, 3))], ids=["one", "many"]
)
def test_a_request_that_is_repeated_over_deaths_is_done_once(
    tmp_path: Path, dsn: str, point: CrashPoint, body: str, messages: int, deaths: tuple[int, ...]
) -> None:
    async def scenario() -> tuple[list[Any], Stored]:
        gateway = gateway_of(tmp_path, 1, dsn, nodes=[NODE])
        answers = []
        try:
            for count in deaths:
                dying = asyncio.create_task(gateway.die(Death(point, count, node=NODE)))
                asking = asyncio.create_task(asked_until_answered(gateway.http_port, body, f"key {count}"))
                await dying
                await gateway.start()
                answers.append(await asking)
                answers.append(await asked_until_answered(gateway.http_port, body, f"key {count}"))
                await gateway.stop()
        finally:
            await gateway.clean_up()
        return answers, await gateway.stored()

    answers, found = asyncio.run(scenario())

    assert [status for status, _ in answers] == [202] * len(answers)
    assert answers[::2] == answers[1::2]
    told = [each["id"] for _, answer in answers[::2] for each in answer.get("messages", [answer])]
    stored = found.lives
    assert len(told) == len(set(told)) == messages * len(deaths)
    assert set(map(int, told)) == set(stored)


@pytest.mark.slow
@pytest.mark.parametrize("point", [*POINTS, None], ids=str)
def test_what_is_posted_with_keys_is_stored_once_however_often_the_gateway_dies(
    tmp_path: Path, tally: list[Verdict], point: CrashPoint | None
) -> None:
    deaths = [Death(point, count) if point else Death(after_s=0.8 + count / 50) for count in (1, 3, 10, 40)]

    verdict = run(tmp_path, deaths, Traffic(http_keys=True))

    tally.append(verdict)
    verdict.check()
    copies = Counter(life.tag for life in read_store(tmp_path / "data").lives.values() if life.tag.startswith("web"))
    assert copies
    assert {tag: number for tag, number in copies.items() if number > 1} == {}

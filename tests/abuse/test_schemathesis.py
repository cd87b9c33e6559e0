"""The client API under a tool that reads its OpenAPI document and tries what nobody thought of.

No server error, no answer that the document does not have, no shape that it does not tell.
"""

import asyncio
import os
import sys
from pathlib import Path

from chappe.runtime.settings_client_doors import ClientHttp
from chappe.runtime.settings_clients import ClientCredit
from house import client
from web import MESSAGE, web_house

#: What a schema cannot say is refused with 422 all the same, and 10,001 messages with 413.
CONFIG = """
[checks]
positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 409, 422, 429]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 413, 415, 422]
"""
#: One operation has no others to go on to; of an option that is given twice the last counts.
ALONE = ("--phases", "examples,coverage,fuzzing")
#: A million parts are more than all its cases send.
CREDIT = ClientCredit(opening="1000000")
#: Bounded: the same cases at each run, and few enough for every run of the suite.
EXAMPLES = int(os.environ.get("CHAPPE_SCHEMATHESIS_EXAMPLES", "20"))
PATIENCE_S = 60.0 + 2.0 * EXAMPLES


def command(folder: Path, url: str, *, token: str, examples: int) -> list[str]:
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG, encoding="utf-8")
    return [
        str(Path(sys.executable).with_name("schemathesis")),
        "--config-file",
        str(config),
        "run",
        url,
        "--header",
        f"Authorization: Bearer {token}",
        "--checks",
        "all",
        "--phases",
        "examples,coverage,fuzzing,stateful",
        "--max-examples",
        str(examples),
        "--seed",
        "1794",
        "--generation-deterministic",
        "--request-timeout",
        "20",
        "--suppress-health-check",
        "all",
        "--continue-on-failure",
        "--no-color",
    ]


def test_no_request_finds_a_server_error_or_an_answer_that_is_not_documented(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(explore(tmp_path, CREDIT), PATIENCE_S))


def test_a_client_without_credit_asks_for_its_balance_in_every_way(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(explore(tmp_path, None, "--include-path", "/v1/balance", *ALONE), PATIENCE_S))


async def explore(folder: Path, credit: ClientCredit | None, *which: str) -> None:
    demo = client("demo", http=ClientHttp(token="demo-token", test_token="demo-trial"), credit=credit)
    async with web_house(folder, clients=[demo]) as (house, _, caller):
        await caller.post({"messages": [MESSAGE] * 5})
        url = f"http://127.0.0.1:{house.gateway.http_port}/openapi.json"
        process = await asyncio.create_subprocess_exec(
            *command(folder, url, token="demo-token", examples=EXAMPLES),
            *which,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "COLUMNS": "160"},
        )
        told, _ = await process.communicate()

    assert process.returncode == 0, told.decode("utf-8", "replace")[-12_000:]

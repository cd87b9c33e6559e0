"""The programs that README and docs/ show are run as they stand, but for the ports."""

import asyncio
import re
import sys
from pathlib import Path

from chappe.runtime.settings_callbacks import ClientCallback
from chappe.runtime.settings_client_doors import ClientHttp, ClientSmpp
from chappe.runtime.settings_clients import Client
from examples import EXAMPLES
from house import journey
from ports import free_port
from web import MESSAGE, calling, web_house

PROGRAMS = {each.page: each.text for each in EXAMPLES if each.kind == "python"}


async def until_said(process: asyncio.subprocess.Process, word: str) -> str:
    """What a program prints until a line has this word."""
    assert process.stdout is not None
    said = ""
    async with asyncio.timeout(45):
        while word not in said:
            line = await process.stdout.readline()
            assert line, f"it ended, and said: {said}"
            said += line.decode()
    return said


async def start(program: str) -> asyncio.subprocess.Process:
    piped = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-u", "-c", program, stdout=piped, stderr=asyncio.subprocess.STDOUT
    )


@journey
async def test_the_smpp_client_of_the_readme_sends_a_message_and_hears_of_it(tmp_path: Path) -> None:
    demo = Client(name="demo", smpp=ClientSmpp(system_id="demo", password="demo"))
    async with web_house(tmp_path, clients=[demo]) as (house, smsc, _):
        process = await start(PROGRAMS["README.md"].replace("2775", str(house.port)))
        try:
            said = await until_said(process, "receipt:")
        finally:
            process.kill()
            await process.wait()

        accepted = re.search(r"accepted as b'(\d+)'", said)
        assert accepted is not None
        assert f"id:{accepted[1]}" in said
        assert [each.pdu.destination_addr for each in smsc.submitted] == [MESSAGE["to"].removeprefix("+")]


@journey
async def test_the_receiver_of_the_page_verifies_each_callback_once(tmp_path: Path) -> None:
    port = free_port()
    program = PROGRAMS["docs/callbacks.md"].replace("8081", str(port))
    secret = re.search(r"whsec_[\w+/=]+", program)
    assert secret is not None
    callback = ClientCallback(url=f"http://127.0.0.1:{port}/sms", secret=secret[0])
    demo = Client(name="demo", http=ClientHttp(token="demo-token"), callback=callback)
    process = await start(program)
    try:
        await until_said(process, "listening")
        async with web_house(tmp_path, clients=[demo]) as (house, _, _), calling(house) as caller:
            answer = await caller.post({**MESSAGE, "reference": "order-881"})
            said = await until_said(process, "order-881")

            assert f"{answer.body['id']} order-881 is delivered" in said
            await house.until(lambda: house.events("callback_sent"))
    finally:
        process.kill()
        await process.wait()

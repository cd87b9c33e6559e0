"""The API that docs/profiles.md describes by TOML alone is spoken as the page says; its table of names is complete."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, web

from chappe.runtime.settings import Settings, parse
from chappe.wire.webapi.api import NAMES
from examples import EXAMPLES
from house import House, bound, client, journey, mo, mt, settings_of
from ports import free_port

PAGE = Path(__file__).parents[2] / "docs" / "profiles.md"
TEXT = next(each.text for each in EXAMPLES if each.page == "docs/profiles.md" and "[profiles.five" in each.text)


class Five:
    """The operator of the page, written from its words."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.refusals: list[web.Response] = []
        app = web.Application()
        app.router.add_post("/api/outbox/{reference}", self.post)
        self.runner = web.AppRunner(app)

    async def post(self, request: web.Request) -> web.Response:
        if request.headers["X-Api-Key"] != "key-1":
            return web.json_response({"error": {"word": "no_key"}}, status=401)
        if self.refusals:
            return self.refusals.pop()
        self.taken.append({**await request.json(), "reference": request.match_info["reference"]})
        return web.json_response({"receipt": {"id": f"m-{len(self.taken)}"}}, status=201)


def settings_with(folder: Path, port: int, listen: int) -> Settings:
    """The page's, at other ports."""
    text = TEXT.replace("127.0.0.1:8095", f"127.0.0.1:{port}").replace("127.0.0.1:8096", f"127.0.0.1:{listen}")
    read = parse(text, "docs/profiles.md")
    five = msgspec.structs.replace(read.operators[0], reconnect_min_s=0.05, retry_s=(0.1,))
    settings = settings_of(folder, [five], [client()], [mt("five"), mo()])
    return msgspec.structs.replace(settings, profiles=read.profiles)


@journey
async def test_the_operator_of_the_page_is_spoken_to_as_the_page_says(tmp_path: Path) -> None:
    five, port, listen = Five(), free_port(), free_port()
    five.refusals = [
        web.json_response({"error": {"word": "slow_down"}}, status=400),
        web.json_response({"error": {"word": "try_later"}}, status=400),
    ]
    await five.runner.setup()
    await web.TCPSite(five.runner, "127.0.0.1", port).start()
    try:
        async with (
            House(settings_with(tmp_path, port, listen)) as house,
            bound(house, count=3, expect_mo=1) as sender,
            ClientSession(headers={"Authorization": "Bearer hook-1"}) as session,
        ):
            running = asyncio.create_task(sender.run())
            await house.until(lambda: len(house.events("mt_sent")) == 3)
            for number, taken in enumerate(five.taken, 1):
                assert taken["report_to"] == f"http://127.0.0.1:{listen}/five/receipts"
                assert taken["sender"] == "SHOP"
                assert "minutes" not in taken
                told = {"id": f"m-{number}", "number": taken["recipient"]["number"], "state": "ARRIVED"}
                async with session.post(taken["report_to"], json=told) as answer:
                    assert answer.status == 204
            xml = '<message id="i1"><from>+37120000009</from><to>12345</to><text>VOTE &lt;5&gt; #mo1</text></message>'
            for _ in range(2):
                async with session.post(f"http://127.0.0.1:{listen}/five/inbound", data=xml) as answer:
                    assert answer.status == 200

            assert await running
            assert len(house.events("mo_received")) == 1
            assert len(house.events("mo_suppressed")) == 1
            async with ClientSession() as stranger, stranger.post(five.taken[0]["report_to"], data="{}") as answer:
                assert answer.status == 401
    finally:
        await five.runner.cleanup()


@pytest.mark.parametrize("name", NAMES)
def test_the_page_has_every_name_of_templates(name: str) -> None:
    assert re.search(rf"^\| `{{{name}}}` \| {re.escape(NAMES[name])} \|$", PAGE.read_text("utf-8"), re.MULTILINE)


def test_the_page_names_every_profile_that_is_shipped() -> None:
    from chappe.runtime.profile_files import shipped

    page = PAGE.read_text("utf-8")
    assert [name for name in shipped() if f"`{name}`" not in page] == []

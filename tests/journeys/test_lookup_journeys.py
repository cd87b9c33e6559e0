"""Look-ups of networks as clients and operators see them: who is asked, who waits, and what becomes of whom."""

import asyncio
import json
import signal
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from msgspec.structs import replace

from chappe.runtime.settings_http_operators import HttpRequest
from chappe.runtime.settings_lookup import Fallback, Lookup, LookupAnswer
from chappe.runtime.settings_routing import NetworkRange
from chappe.sim.client import ClientSimulator
from chappe.sim.lookup import LookupSimulator
from chappe.sim.smsc import SmscSimulator
from chappe.wire.smpp.pdus import SubmitSm
from chappe.wire.webapi.requests import Auth
from examples import EXAMPLES
from house import House, bound, journey, mo, mt, operator, settings_of
from ports import free_port
from web import MESSAGE, Caller, calling, web_client

PORTED, HOME, STRANGE = "37120000001", "37120000002", "37120000003"
TABLE = {PORTED: "24702", HOME: "24701"}
ROUTES = [mt("one", networks=("24701",)), mt("two", networks=("24702",)), mo()]
NETWORKS = (NetworkRange(network="24701", prefixes=("37120",)),)


@asynccontextmanager
async def asking_house(
    folder: Path, **terms: Any
) -> AsyncIterator[tuple[House, dict[str, SmscSimulator], LookupSimulator, ClientSimulator, Caller]]:
    """A gateway that asks a look-up, with the operators `one` and `two` and a client at both doors."""
    async with AsyncExitStack() as stack:
        smscs = {name: await stack.enter_async_context(SmscSimulator()) for name in ("one", "two")}
        simulator = await stack.enter_async_context(LookupSimulator(TABLE, token="secret"))
        request = terms.pop("request", HttpRequest(method="GET", path="/v1/{to}", auth=Auth.BEARER))
        lookup = Lookup(url=simulator.url, password="secret", request=request, **{"retry_s": 0.1, **terms})
        operators = [operator(smsc.port, name) for name, smsc in smscs.items()]
        settings = settings_of(folder, operators, [web_client()], ROUTES)
        house = await stack.enter_async_context(House(replace(settings, lookup=lookup, networks=NETWORKS)))
        await house.until(lambda: all(any(link.is_ready for link in smsc.links) for smsc in smscs.values()))
        demo = await stack.enter_async_context(bound(house))
        yield house, smscs, simulator, demo, await stack.enter_async_context(calling(house))


def numbers(smsc: SmscSimulator) -> list[str]:
    return [each.pdu.destination_addr for each in smsc.submitted]


@journey
async def test_a_number_that_went_elsewhere_reaches_the_operator_that_has_it_now(tmp_path: Path) -> None:
    async with asking_house(tmp_path) as (house, smscs, lookup, demo, caller):
        for to in (PORTED, HOME, STRANGE):
            await caller.post({**MESSAGE, "to": to})
        await demo.ask(SubmitSm(destination_addr=PORTED, source_addr="SHOP", short_message=b"over smpp"))
        await house.until(lambda: len(numbers(smscs["one"])) == 2 and len(numbers(smscs["two"])) == 2)

        assert sorted(numbers(smscs["one"])) == [HOME, STRANGE]
        assert numbers(smscs["two"]) == [PORTED, PORTED]
        assert sorted(each for (each,) in lookup.requests) == [PORTED, HOME, STRANGE]
        told = [line[9] for line in house.events("mt_routed") if line[4:6] == ["two", PORTED]]
        assert "network 24702 (looked up); to two" in told[0]


@journey
async def test_what_was_said_is_known_after_a_restart_and_nobody_is_asked_again(tmp_path: Path) -> None:
    async with asking_house(tmp_path) as (house, smscs, lookup, _, caller):
        await caller.post({**MESSAGE, "to": PORTED})
        await house.until(lambda: numbers(smscs["two"]) == [PORTED])

    async with asking_house(tmp_path) as (house, smscs, lookup, _, caller):
        await house.until(lambda: house.gateway.building.configured.policy.routes.plan.is_looked_up(PORTED))
        await caller.post({**MESSAGE, "to": PORTED})
        await house.until(lambda: numbers(smscs["two"]) == [PORTED])

        assert lookup.requests == []


@journey
async def test_one_request_asks_about_many_numbers_where_the_api_can(tmp_path: Path) -> None:
    request = HttpRequest(
        method="POST", path="/v1", auth=Auth.BEARER, each={"number": "{to}"}, each_at="numbers", batch=50
    )
    answer = LookupAnswer(items="json:results", number="json:number")
    async with asking_house(tmp_path, request=request, answer=answer) as (house, smscs, lookup, _, caller):
        many = [f"3712000{n:04}" for n in range(200)]
        lookup.network_by_number = dict.fromkeys(many, "24702")
        await caller.post({"messages": [{**MESSAGE, "to": to} for to in many]})
        await house.until(lambda: len(numbers(smscs["two"])) == 200)

        assert sorted(numbers(smscs["two"])) == many
        assert [len(each) for each in lookup.requests] == [50] * 4


@journey
async def test_the_look_up_of_the_page_works_as_it_stands_there(tmp_path: Path) -> None:
    (page,) = (each.text for each in EXAMPLES if each.page == "docs/routing.md" and "[lookup]" in each.text)
    told = msgspec.convert(tomllib.loads(page)["lookup"], Lookup)
    async with asking_house(tmp_path, request=told.request, answer=told.answer) as (house, smscs, lookup, _, caller):
        lookup.network_by_number[HOME] = "LMT"
        await caller.post({"messages": [{**MESSAGE, "to": to} for to in (PORTED, HOME)]})
        await house.until(lambda: len(numbers(smscs["one"])) == len(numbers(smscs["two"])) == 1)

        assert (numbers(smscs["one"]), numbers(smscs["two"])) == ([HOME], [PORTED])
        assert lookup.requests == [[PORTED, HOME]]


@journey
async def test_an_api_that_says_not_now_is_asked_again(tmp_path: Path) -> None:
    async with asking_house(tmp_path) as (house, smscs, lookup, _, caller):
        lookup.failures = 3
        await caller.post({**MESSAGE, "to": PORTED})
        await house.until(lambda: numbers(smscs["two"]) == [PORTED])

        assert len(lookup.requests) == 4
        await house.until(lambda: len(house.events("lookup_back")) == 1)
        assert house.events("lookup_failed")[0][9] == "it answered with status 503"


@journey
async def test_a_silent_api_holds_nobody_up_beyond_the_patience(tmp_path: Path) -> None:
    async with asking_house(tmp_path, patience_s=0.5, timeout_s=0.2) as (house, smscs, lookup, _, caller):
        lookup.is_silent = True
        await caller.post({**MESSAGE, "to": PORTED})
        await house.until(lambda: numbers(smscs["one"]) == [PORTED])

        assert "(not told: no answer within 0.2 s); to one" in ",".join(house.events("mt_routed")[0])


@journey
async def test_without_an_answer_a_message_ends_where_the_settings_say_so(tmp_path: Path) -> None:
    terms = {"patience_s": 0.3, "timeout_s": 0.2, "fallback": Fallback.REFUSE}
    async with asking_house(tmp_path, **terms) as (_, smscs, lookup, _, caller):
        lookup.is_silent = True
        posted = await caller.post({**MESSAGE, "to": PORTED})
        seen = await caller.until(posted.body["id"], "rejected")

        assert seen["failure"]["code"] == "network_unknown"
        assert numbers(smscs["one"]) == numbers(smscs["two"]) == []


@journey
async def test_a_client_takes_back_what_waits_for_a_look_up(tmp_path: Path) -> None:
    async with asking_house(tmp_path, patience_s=1.0, timeout_s=0.5) as (house, smscs, lookup, _, caller):
        lookup.is_silent = True
        posted = await caller.post({**MESSAGE, "to": PORTED})
        await house.until(lambda: lookup.requests)

        await caller.call("DELETE", f"/v1/messages/{posted.body['id']}")
        assert (await caller.until(posted.body["id"], "cancelled"))["final"]
        await caller.post({**MESSAGE, "to": HOME})
        await house.until(lambda: numbers(smscs["one"]) == [HOME])

        assert numbers(smscs["two"]) == []
        assert not [each for each in house.events("mt_routed") if each[2] == posted.body["id"]]


@journey
async def test_a_preview_says_that_the_network_is_asked_for_first(tmp_path: Path) -> None:
    async with asking_house(tmp_path) as (_, _, lookup, _, caller):
        preview = await caller.call("POST", "/v1/messages/preview", json={**MESSAGE, "to": PORTED})

        assert preview.body["route"] == "route"
        assert lookup.requests == []


@journey
async def test_the_simulated_look_up_of_the_page_answers_from_its_table(tmp_path: Path) -> None:
    sim_lookup = ["chappe", "sim", "lookup", "--file"]
    (words,) = (words for each in EXAMPLES for words in each.commands if list(words[:4]) == sim_lookup)
    (tmp_path / "networks.csv").write_text("+37120000001,24702\n")
    at = f"127.0.0.1:{free_port()}"
    typed = [at if word == "127.0.0.1:8085" else word for word in words[1:]]
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chappe.cli", *typed, cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with aiohttp.ClientSession(headers={"Authorization": "Bearer secret"}) as session:
            while True:
                try:
                    async with session.get(f"http://{at}/37120000001") as answer:
                        said = await answer.json()
                    break
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.05)
        running.send_signal(signal.SIGTERM)
        assert running.stdout is not None
        counted = json.loads(await running.stdout.read())

        assert said == {"number": "37120000001", "network": "24702"}
        assert counted == {"requests": 1, "numbers": 1}
        assert await running.wait() == 0
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()

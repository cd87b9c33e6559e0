"""Looking messages up over HTTP, whole ways long: histories, lists, what handsets sent, and cancelling."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chappe.sim.faults import Action, Fault
from chappe.sim.options import SmscOptions
from chappe.sim.script import Faults, Rule
from house import journey, mo
from web import MESSAGE, Caller, calling, web_client, web_house

SLOW = SmscOptions(receipt_delay_s=60.0)


async def listed(caller: Caller, query: str = "", path: str = "/v1/messages") -> list[dict[str, Any]]:
    """Of all pages."""
    found: list[dict[str, Any]] = []
    page = await caller.call("GET", f"{path}?{query}" if query else path)
    while True:
        assert page.status == 200, page.body
        found += page.body["data"]
        if page.body["next"] is None:
            return found
        page = await caller.call("GET", f"{path}?{query}&cursor={page.body['next']}")


def later(seconds: float = 600) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


# -- one message --------------------------------------------------------------------------------------------------


@journey
async def test_the_history_of_a_message_tells_every_status_with_its_moment_and_source(tmp_path: Path) -> None:
    faults = Faults((Rule(fault=Fault.THROTTLE, at_count=1),))
    async with web_house(tmp_path, faults=faults, of_operator={"retry_s": (0.1,)}) as (_, _, demo):
        answer = await demo.post({**MESSAGE, "send_at": later(0.3)})
        found = await demo.until(answer.body["id"], "delivered")

        told = [(each["status"], each["source"]) for each in found["history"]]
        assert told[:2] == [("accepted", "client"), ("scheduled", "gateway")]
        assert told[-2:] == [("sent", "operator:sim"), ("delivered", "operator:sim")]
        assert found["history"][-2]["detail"] == f"reference {found['parts'][0]['operator_reference']}"
        times = [datetime.fromisoformat(each["at"]) for each in found["history"]]
        assert times == sorted(times)
        assert found["updated_at"] == found["history"][-1]["at"]


@journey
async def test_each_part_of_a_long_message_tells_its_reference_and_the_end_comes_once(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (_, smsc, demo):
        answer = await demo.post({**MESSAGE, "text": "x" * 400})
        found = await demo.until(answer.body["id"], "delivered")

        references = [part["operator_reference"] for part in found["parts"]]
        assert len(set(references)) == 3
        assert all(references)
        assert [each["status"] for each in found["history"]] == ["accepted", "sent", "sent", "sent", "delivered"]
        assert [each["detail"] for each in found["history"][1:4]] == [
            f"part {number} of 3; reference {reference}" for number, reference in enumerate(references, 1)
        ]
        assert len(smsc.submitted) == 3


# -- cancelling ---------------------------------------------------------------------------------------------------


@journey
async def test_a_message_that_waits_is_cancelled_and_never_sent(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (_, smsc, demo):
        waiting = (await demo.post({**MESSAGE, "send_at": later(0.6)})).body["id"]
        cancelled = await demo.call("DELETE", f"/v1/messages/{waiting}")
        again = await demo.call("DELETE", f"/v1/messages/{waiting}")
        sent = (await demo.post({**MESSAGE, "send_at": later(0.7)})).body["id"]
        await demo.until(sent, "delivered")

        assert (cancelled.status, cancelled.body["status"], cancelled.body["final"]) == (200, "cancelled", True)
        assert cancelled.body["history"][-1]["source"] == "client"
        assert (again.status, again.body["status"]) == (200, "cancelled")
        assert (await demo.get(waiting)).body == again.body
        assert len(smsc.submitted) == 1


@journey
async def test_what_has_left_or_ended_can_no_longer_be_cancelled(tmp_path: Path) -> None:
    async with web_house(tmp_path, smsc=SLOW) as (_, _, demo):
        sent = (await demo.post(MESSAGE)).body["id"]
        await demo.until(sent, "sent")

        refused = await demo.call("DELETE", f"/v1/messages/{sent}")

        assert (refused.status, refused.code) == (409, "too_late")
        assert (await demo.get(sent)).body["status"] == "sent"


@journey
async def test_only_its_own_messages_can_be_cancelled_by_a_client(tmp_path: Path) -> None:
    clients = [web_client(), web_client("other")]
    async with web_house(tmp_path, clients=clients) as (house, _, demo), calling(house, "other") as other:
        mine = (await demo.post({**MESSAGE, "send_at": later()})).body["id"]

        refused = [await other.call("DELETE", f"/v1/messages/{each}") for each in (mine, "1", "x")]

        assert [(each.status, each.code) for each in refused] == [(404, "no_such_message")] * 3
        assert (await demo.get(mine)).body["status"] == "scheduled"


# -- lists --------------------------------------------------------------------------------------------------------


@journey
async def test_a_list_shows_a_clients_messages_newest_first_page_by_page(tmp_path: Path) -> None:
    clients = [web_client(), web_client("other")]
    async with web_house(tmp_path, clients=clients) as (house, _, demo), calling(house, "other") as other:
        posted = (await demo.post({"messages": [{**MESSAGE, "reference": f"r{n}"} for n in range(25)]})).body
        await other.post(MESSAGE)
        await demo.until(posted["messages"][-1]["id"], "delivered")

        pages = await listed(demo, "limit=10")

        ids = [each["id"] for each in posted["messages"]]
        assert [each["id"] for each in pages] == ids[::-1]
        assert pages[0] == {
            **{
                name: value
                for name, value in (await demo.get(ids[-1])).body.items()
                if name not in ("history", "price")
            },
            "parts": 1,
        }
        assert len(await listed(other)) == 1


@journey
async def test_a_list_is_narrowed_by_every_filter(tmp_path: Path) -> None:
    async with web_house(tmp_path, smsc=SLOW) as (_, _, demo):
        first = (await demo.post({**MESSAGE, "to": "+37120000009", "reference": "order-1"})).body["id"]
        second = (await demo.post({**MESSAGE, "from": "BANK", "reference": "order 2&3"})).body["id"]
        third = (await demo.post({**MESSAGE, "send_at": later()})).body["id"]
        await demo.until(first, "sent")
        await demo.until(second, "sent")
        created = (await demo.get(first)).body["created_at"]

        async def ids(query: str) -> list[str]:
            return [each["id"] for each in await listed(demo, query)]

        assert await ids("to=+37120000009") == await ids("to=%2B37120000009") == await ids("to=37120000009") == [first]
        assert await ids("from=BANK") == [second]
        assert await ids("reference=order%202%263") == [second]
        assert await ids("status=scheduled") == [third]
        assert await ids("status=scheduled,sent") == [third, second, first]
        assert await ids("status=delivered") == []
        assert await ids(f"created_after={created}") == [third, second]
        assert await ids("created_after=2000-01-01T00:00:00+00:00") == [third, second, first]
        assert await ids("to=+37120000009&from=BANK") == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "?limit"),
        ("limit=1001", "?limit"),
        ("limit=many", "?limit"),
        ("limit=1&limit=2", "?limit"),
        ("status=lost", "?status"),
        ("status=", "?status"),
        ("to=", "?to"),
        ("created_after=yesterday", "?created_after"),
        ("created_after=null", "?created_after"),
        ("created_after=0.5", "?created_after"),
        ("created_after=2026-01-01T00:00:00", "?created_after"),
        ("cursor=nonsense", "?cursor"),
        ("cursor=AAAAAAAAAAAAAAAA", "?cursor"),
        ("cursor=%FF", "?"),
        ("form=SHOP", "?form"),
        ("nothing", "?"),
    ],
)
@journey
async def test_a_wrong_parameter_is_named(tmp_path: Path, query: str, pointer: str) -> None:
    async with web_house(tmp_path) as (_, _, demo):
        refused = await demo.call("GET", f"/v1/messages?{query}")

        assert (refused.status, refused.code, refused.pointers) == (422, "invalid_query", [pointer])


@journey
async def test_a_cursor_leads_on_in_its_own_list_alone(tmp_path: Path) -> None:
    clients = [web_client(), web_client("other")]
    async with web_house(tmp_path, clients=clients) as (house, _, demo), calling(house, "other") as other:
        await demo.post({"messages": [MESSAGE] * 5})
        cursor = (await demo.call("GET", "/v1/messages?limit=2")).body["next"]

        elsewhere = await demo.call("GET", f"/v1/messages?status=sent&cursor={cursor}")
        by_another = await other.call("GET", f"/v1/messages?cursor={cursor}")
        fewer = await demo.call("GET", f"/v1/messages?limit=1&cursor={cursor}")

        assert (elsewhere.code, by_another.code) == ("invalid_query", "invalid_query")
        assert len(fewer.body["data"]) == 1


@journey
async def test_lists_are_for_those_who_show_a_token(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (house, _, _), calling(house, token="wrong") as stranger:
        assert (await stranger.call("GET", "/v1/messages")).code == "wrong_token"
        assert (await stranger.call("GET", "/v1/inbound")).code == "wrong_token"


# -- from handsets ------------------------------------------------------------------------------------------------


@journey
async def test_what_handsets_sent_is_listed_with_its_words(tmp_path: Path) -> None:
    clients = [web_client(), web_client("other")]
    async with (
        web_house(tmp_path, clients=clients, routes=[mo("demo")]) as (house, smsc, demo),
        calling(house, "other") as other,
    ):
        smsc.strike(Action(mo_count=3))
        await house.until(lambda: len(house.events("mo_received")) == 3)

        found = await listed(demo, "limit=2", "/v1/inbound")

        assert len(found) == 3
        sample = found[0]
        assert set(sample) == {
            "id", "from", "to", "text", "keyword", "operator", "received_at", "possible_duplicate", "data_coding",
            "binary", "udh",
        }  # fmt: skip
        assert (sample["operator"], sample["binary"], sample["udh"]) == ("sim", None, None)
        assert sample["text"].split()[0].upper() == sample["keyword"]
        assert await listed(demo, f"to={sample['to']}", "/v1/inbound") == found
        assert len(await listed(demo, f"from={sample['from']}", "/v1/inbound")) >= 1
        assert await listed(other, "", "/v1/inbound") == []
        assert await listed(demo) == []


@journey
async def test_one_who_lists_without_pause_is_refused_and_others_are_not(tmp_path: Path) -> None:
    clients = [web_client(), web_client("other")]
    async with web_house(tmp_path, clients=clients) as (house, _, demo), calling(house, "other") as other:
        await demo.post({"messages": [MESSAGE] * 50})
        greedy = asyncio.gather(*(demo.call("GET", "/v1/messages") for _ in range(40)))
        other_answer = await other.call("GET", "/v1/messages")
        answers = await greedy

        assert other_answer.status == 200
        assert {(each.status, each.headers.get("Retry-After")) for each in answers} <= {(200, None), (503, "1")}
        assert any(each.status == 200 for each in answers)


# -- previews -----------------------------------------------------------------------------------------------------


@journey
async def test_a_preview_tells_what_would_be_and_keeps_nothing(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (house, _, demo):
        headers = {"Content-Type": "application/json"}
        body = json.dumps({**MESSAGE, "text": "Ж"})
        answer = await demo.call("POST", "/v1/messages/preview", data=body, headers=headers)
        wrong = await demo.call("POST", "/v1/messages/preview", data='{"messages":[]}', headers=headers)
        form = await demo.call("POST", "/v1/messages/preview", data={"to": "x"})
        looked = await demo.call("GET", "/v1/messages/preview")

        assert answer.status == 200
        assert (answer.body["encoding"], answer.body["forced_by"], answer.body["route"]) == ("ucs2", "Ж", "sim")
        assert (wrong.status, wrong.code) == (422, "invalid_message")
        assert (form.status, form.code) == (415, "not_json_type")
        assert (looked.status, looked.headers["Allow"]) == (405, "POST")
        assert house.gateway.store.open_messages("demo") == 0
        assert await listed(demo) == []

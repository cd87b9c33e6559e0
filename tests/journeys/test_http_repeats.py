"""Requests with an Idempotency-Key: a client that asks again gets the same answer, and its handset one message."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chappe.clients import http_intake
from chappe.model.message import Item
from chappe.sim.options import SmscOptions
from chappe.store.port import Fault, StoreAway
from house import House, journey
from web import MESSAGE, calling, web_client, web_house

KEY = "0f9a4c1e-order-881"


@journey
async def test_a_repeated_request_gets_the_same_answer_and_sends_nothing_more(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (house, smsc, demo):
        first = await demo.post(MESSAGE, KEY)
        await demo.until(first.body["id"], "delivered")
        again = await demo.post(MESSAGE, KEY)

        assert (again.status, again.body) == (202, first.body)
        assert "Idempotency-Replayed" not in first.headers
        assert again.headers["Idempotency-Replayed"] == "true"
        assert len(smsc.submitted) == 1
        await house.until(lambda: house.events("mt_repeated"))
        assert house.events("mt_repeated")[0][3] == "demo"


@journey
async def test_a_request_without_a_key_is_a_message_each_time(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (_, _, demo):
        first, again = await demo.post(MESSAGE), await demo.post(MESSAGE)

        assert first.body["id"] != again.body["id"]


@journey
async def test_another_body_under_a_known_key_is_refused(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (house, _, demo):
        await demo.post(MESSAGE, KEY)
        others = [{**MESSAGE, "text": "Other"}, {"messages": [MESSAGE]}, {"messages": [MESSAGE] * 700}]
        refused = [await demo.post(other, KEY) for other in others]

        assert [(each.status, each.code) for each in refused] == [(422, "key_reused")] * 3
        assert house.gateway.store.open_messages("demo") <= 1


@journey
async def test_a_key_belongs_to_its_client(tmp_path: Path) -> None:
    clients = [web_client(), web_client("other")]
    async with web_house(tmp_path, clients=clients) as (house, _, demo), calling(house, "other") as other:
        mine, theirs = await demo.post(MESSAGE, KEY), await other.post(MESSAGE, KEY)

        assert (mine.status, theirs.status) == (202, 202)
        assert mine.body["id"] != theirs.body["id"]


@journey
async def test_requests_of_one_key_at_the_same_time_are_one_message(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (house, smsc, demo):
        answers = await asyncio.gather(*(demo.post(MESSAGE, KEY) for _ in range(20)))
        await house.until(lambda: smsc.submitted)

        accepted = [each.body["id"] for each in answers if each.status == 202]
        running = [each for each in answers if each.status != 202]
        assert len(set(accepted)) == 1
        assert {(each.status, each.code, each.headers["Retry-After"]) for each in running} <= {
            (409, "key_running", "1")
        }
        assert len(house.events("mt_accepted")) == 1


@journey
async def test_many_messages_under_one_key_are_answered_the_same_message_by_message(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (house, _, demo):
        bad: dict[str, Any] = {**MESSAGE, "to": "nobody"}
        body = {"messages": [{**MESSAGE, "reference": f"r{n}"} for n in range(1_100)] + [bad]}
        first = await demo.post(body, KEY)
        again = await demo.post(body, KEY)

        assert again.body == first.body
        assert [each.get("reference") for each in again.body["messages"][:1_100]] == [f"r{n}" for n in range(1_100)]
        assert again.body["messages"][1_100]["errors"][0]["pointer"] == "/messages/1100/to"
        assert len(house.events("mt_accepted")) == 1_100


@journey
async def test_what_was_refused_whole_leaves_its_key_free(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (_, _, demo):
        refused = await demo.post({**MESSAGE, "to": "nobody"}, KEY)
        refused_all = await demo.post({"messages": [{**MESSAGE, "to": "nobody"}]}, KEY)
        accepted = await demo.post(MESSAGE, KEY)

        assert [refused.code, refused_all.code, accepted.status] == ["invalid_message", "none_accepted", 202]


@journey
async def test_a_repeat_is_answered_although_the_client_may_send_no_more(tmp_path: Path) -> None:
    slow = SmscOptions(receipt_delay_s=60.0)
    async with web_house(tmp_path, clients=[web_client(queue_limit=1)], smsc=slow) as (_, _, demo):
        first = await demo.post(MESSAGE, KEY)
        other = await demo.post(MESSAGE, "another key")
        again = await demo.post(MESSAGE, KEY)

        assert (other.status, other.code) == (429, "queue_full")
        assert again.body == first.body


@journey
async def test_the_queue_limit_counts_all_slices_of_a_body(tmp_path: Path) -> None:
    slow = SmscOptions(receipt_delay_s=60.0)
    async with web_house(tmp_path, clients=[web_client(queue_limit=700)], smsc=slow) as (house, _, demo):
        answer = await demo.post({"messages": [MESSAGE] * 1_200}, KEY)

        accepted = [each for each in answer.body["messages"] if "id" in each]
        assert len(accepted) == 700
        assert house.gateway.store.open_messages("demo") == 700
        assert len((await demo.post({"messages": [MESSAGE] * 1_200}, KEY)).body["messages"]) == 1_200


@pytest.mark.parametrize("key", ["", "k" * 256, "tab\there"])
@journey
async def test_a_key_that_is_none_is_refused(tmp_path: Path, key: str) -> None:
    async with web_house(tmp_path) as (_, _, demo):
        answer = await demo.post(MESSAGE, key)

        assert (answer.status, answer.code) == (422, "invalid_key")


@journey
async def test_one_message_that_cannot_be_stored_harms_no_other_of_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with web_house(tmp_path) as (house, _, demo):
        poison_one_message(monkeypatch)
        body = {"messages": [{**MESSAGE, "reference": f"r{n}"} for n in range(7)]}
        first = await demo.post(body, KEY)
        again = await demo.post(body, KEY)

        told = [each.get("reference") or each["code"] for each in first.body["messages"]]
        assert told == ["r0", "r1", "r2", "not_storable", "r4", "r5", "r6"]
        ids = [[each.get("id") for each in answer.body["messages"]] for answer in (first, again)]
        assert ids[0] == ids[1]
        assert len(house.events("mt_accepted")) == 6


@journey
async def test_a_repeat_doubles_nothing_where_what_could_not_be_stored_is_judged_otherwise_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with web_house(tmp_path) as (house, _, demo):
        body = {"messages": [{**MESSAGE, "reference": f"r{n}"} for n in range(7)]}
        with monkeypatch.context() as poisoned:
            poison_one_message(poisoned)
            first = await demo.post(body, KEY)
        again = await demo.post(body, KEY)

        assert again.body["messages"][3]["code"] == "not_storable"
        assert again.body == first.body
        assert again.headers["Idempotency-Replayed"] == "true"
        assert len(house.events("mt_accepted")) == 6


@pytest.mark.parametrize("away_at", range(2, 9))
@journey
async def test_halves_that_a_failing_disk_left_undone_are_done_once_by_the_repeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, away_at: int
) -> None:
    async with web_house(tmp_path) as (house, _, demo):
        body = {"messages": [{**MESSAGE, "reference": f"r{n}"} for n in range(7)]}
        with monkeypatch.context() as poisoned:
            poison_one_message(poisoned)
            store_away_from(house, away_at, poisoned)
            first = await demo.post(body, KEY)
        again = [await demo.post(body, KEY) for _ in range(2)]

        assert again[0].body == again[1].body
        told = [each.get("reference") or each["code"] for each in again[0].body["messages"]]
        assert [each for number, each in enumerate(told) if number != 3] == ["r0", "r1", "r2", "r4", "r5", "r6"]
        assert len(house.events("mt_accepted")) == 6 + (told[3] == "r3")
        if first.status == 202:
            kept = [each["id"] for each in first.body["messages"] if "id" in each]
            assert set(kept) <= {each.get("id") for each in again[0].body["messages"]}


@journey
async def test_a_body_of_which_the_store_can_keep_nothing_is_refused_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with web_house(tmp_path) as (house, _, demo):
        poison_one_message(monkeypatch)
        body = {"messages": [{**MESSAGE, "reference": "r3"}] * 3}
        answers = [await demo.post(body, KEY) for _ in range(2)]

        assert [(each.status, each.code) for each in answers] == [(422, "not_storable")] * 2
        assert house.events("mt_accepted") == []


@journey
async def test_what_a_failing_disk_left_undone_is_done_by_the_repeat(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (house, _, demo):
        store = house.gateway.store
        real, calls = store.accept_once, 0

        async def failing(*values: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise StoreAway("the disk takes nothing")
            return await real(*values)

        store.accept_once = failing  # type: ignore[method-assign]
        bad: dict[str, Any] = {**MESSAGE, "to": "nobody"}
        body = {"messages": [MESSAGE] * 600 + [bad] + [MESSAGE] * 600}
        first = (await demo.post(body, KEY)).body["messages"]
        again = (await demo.post(body, KEY)).body["messages"]

        undone = [number for number, each in enumerate(first) if each.get("code") == "store_away"]
        assert undone == [number for number in range(500, 1_000) if number != 600]
        assert [each["code"] for each in (first[600], again[600])] == ["invalid_message"] * 2
        assert [each["id"] for each in first[:500] + first[1_000:]] == [
            each["id"] for each in again[:500] + again[1_000:]
        ]
        assert len({each["id"] for each in again if "id" in each}) == 1_200
        assert len(house.events("mt_accepted")) == 1_200


@journey
async def test_a_key_whose_batch_had_no_turn_is_to_be_asked_again(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (house, smsc, demo):
        store = house.gateway.store
        real, calls = store.accept_once, 0

        async def interrupted(*values: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > 2:
                return await real(*values)
            return [Fault("the store went away in the midst of a batch", is_passing=True)]

        store.accept_once = interrupted  # type: ignore[method-assign]
        refused = await demo.post(MESSAGE, KEY)
        body = {"messages": [MESSAGE] * 2}
        many = await demo.post(body, "many")
        again = [await demo.post(body, "many") for _ in range(2)]
        await house.until(lambda: len(smsc.submitted) == 2)

        assert [(each.status, each.code) for each in (refused, many)] == [(503, "store_away")] * 2
        assert again[0].body == again[1].body
        assert len(house.events("mt_accepted")) == 2


def poison_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message with the reference r3 cannot be written by the store."""
    real = http_intake.item_of

    def item_of(*values: Any) -> Any:
        item = real(*values)
        if isinstance(item, Item) and item.content.reference == "r3":  # type: ignore[union-attr]
            broken = msgspec.structs.replace(item.content, dest="3712000\ud800")
            return msgspec.structs.replace(item, content=broken)
        return item

    monkeypatch.setattr(http_intake, "item_of", item_of)


def store_away_from(house: House, call: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From this call on nothing is stored under keys."""
    real, calls = house.gateway.store.accept_once, 0

    async def failing(*values: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls >= call:
            raise StoreAway("the disk takes nothing")
        return await real(*values)

    monkeypatch.setattr(house.gateway.store, "accept_once", failing)

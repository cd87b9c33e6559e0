"""Test tokens: a client sees every outcome there is, and no operator hears of it."""

from pathlib import Path

import pytest

from chappe.operators import trial_endings
from chappe.runtime.settings_callbacks import ClientCallback
from chappe.runtime.settings_client_doors import ClientHttp
from chappe.runtime.settings_clients import Client
from chappe.sim.callback_receiver import CallbackReceiver
from chappe.sim.options import SmscOptions
from house import client, journey, mt
from web import MESSAGE, calling, web_house


def trying_client(**keys: object) -> Client:
    return client("demo", http=ClientHttp(token="demo-token", test_token="demo-trial"), **keys)


@journey
async def test_a_trial_is_delivered_and_no_operator_hears_of_it(tmp_path: Path) -> None:
    async with (
        web_house(tmp_path, clients=[trying_client()]) as (house, smsc, demo),
        calling(house, token="demo-trial") as trial,
    ):
        answer = await trial.post({**MESSAGE, "reference": "r1", "text": "x" * 200})
        found = await trial.until(answer.body["id"], "delivered")
        real = await demo.post(MESSAGE)
        await demo.until(real.body["id"], "delivered")

        assert (answer.status, answer.body["parts"]) == (202, 2)
        assert (found["operator"], found["reference"], found["final"]) == ("(test)", "r1", True)
        assert [each["status"] for each in found["history"]] == ["accepted", "sent", "sent", "delivered"]
        assert len(smsc.submitted) == 1
        assert house.events("mt_accepted")[0][3] == "demo(test)"


@journey
async def test_trials_and_real_messages_are_not_seen_with_each_others_token(tmp_path: Path) -> None:
    async with (
        web_house(tmp_path, clients=[trying_client()]) as (house, _, demo),
        calling(house, token="demo-trial") as trial,
    ):
        mine, real = (await trial.post(MESSAGE)).body["id"], (await demo.post(MESSAGE)).body["id"]

        assert (await trial.get(real)).code == "no_such_message"
        assert (await demo.get(mine)).code == "no_such_message"
        assert (await trial.call("DELETE", f"/v1/messages/{real}")).code == "no_such_message"
        assert [each["id"] for each in (await trial.call("GET", "/v1/messages")).body["data"]] == [mine]
        assert [each["id"] for each in (await demo.call("GET", "/v1/messages")).body["data"]] == [real]


@pytest.mark.parametrize(
    ("number", "status", "code", "retry_after"),
    [
        ("+99900000100", 422, "no_route", None),
        ("+99900000101", 429, "rate_exceeded", "1"),
        ("+99900000102", 429, "queue_full", "5"),
        ("+99900000103", 503, "store_away", "1"),
    ],
)
@journey
async def test_some_numbers_are_refused_at_the_door_as_real_ones_may_be(
    tmp_path: Path, number: str, status: int, code: str, retry_after: str | None
) -> None:
    async with (
        web_house(tmp_path, clients=[trying_client()]) as (house, _, demo),
        calling(house, token="demo-trial") as trial,
    ):
        refused = await trial.post({**MESSAGE, "to": number})

        assert (refused.status, refused.code, refused.headers.get("Retry-After")) == (status, code, retry_after)
        assert (await demo.post({**MESSAGE, "to": number})).status == 202


@journey
async def test_a_trial_needs_no_route_and_no_link(tmp_path: Path) -> None:
    slow = SmscOptions(resp_delay_s=60.0)
    async with (
        web_house(tmp_path, clients=[trying_client()], routes=[mt(to="371*")], smsc=slow) as (house, _, demo),
        calling(house, token="demo-trial") as trial,
    ):
        answer = await trial.post({**MESSAGE, "to": "+4420000001"})

        assert (await trial.until(answer.body["id"], "delivered"))["final"] is True
        assert (await demo.post({**MESSAGE, "to": "+4420000001"})).code == "no_route"


@journey
async def test_trials_that_waited_when_the_gateway_stopped_go_on_when_it_is_back(tmp_path: Path) -> None:
    clients = [trying_client()]
    async with web_house(tmp_path, clients=clients) as (house, _, _), calling(house, token="demo-trial") as trial:
        waiting = (await trial.post({**MESSAGE, "to": "+99900000013"})).body["id"]
        await house.until(lambda: house.events("mt_deferred"))
    async with web_house(tmp_path, clients=clients) as (house, _, _), calling(house, token="demo-trial") as trial:
        found = await trial.until(waiting, "delivered")

        assert [each["status"] for each in found["history"]] == ["accepted", "queued", "sent", "delivered"]


@journey
async def test_trials_without_a_final_receipt_expire_when_their_operator_gives_them_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_endings, "LOOK_EVERY_S", 0.05)
    open_ones = [f"+999000000{number}" for number in (10, 11, 12)]
    async with (
        web_house(tmp_path, clients=[trying_client()]) as (house, _, _),
        calling(house, token="demo-trial") as trial,
    ):
        ids = [(await trial.post({**MESSAGE, "to": to, "text": "x" * 200})).body["id"] for to in open_ones]
        for message_id, status in zip(ids, ("buffered", "sent", "unknown"), strict=True):
            await trial.until(message_id, status)
        assert house.gateway.store.open_messages("demo(test)") == 3
        monkeypatch.setattr(trial_endings, "ENDS_AFTER_S", -1)

        ended = [await trial.until(message_id, "expired") for message_id in ids]

        assert [[part["status"] for part in each["parts"]] for each in ended] == [["expired", "expired"]] * 3
        assert house.gateway.store.open_messages("demo(test)") == 0


@journey
async def test_the_outcome_of_a_trial_is_told_by_a_callback_as_that_of_a_real_message(tmp_path: Path) -> None:
    receiver = CallbackReceiver()
    url = f"http://127.0.0.1:{await receiver.listen()}/cb"
    called = trying_client(callback=ClientCallback(url=url, secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    try:
        async with (
            web_house(tmp_path, clients=[called]) as (house, smsc, _),
            calling(house, token="demo-trial") as trial,
        ):
            answer = await trial.post({**MESSAGE, "to": "+99900000002"})
            await house.until(lambda: house.events("callback_sent"))

            assert smsc.submitted == []
    finally:
        receiver.close()

    (request,) = receiver.received
    (callback,) = request.callbacks
    told = callback["data"]
    assert (told["id"], told["status"], told["failure"]["code"]) == (answer.body["id"], "failed", "subscriber_absent")

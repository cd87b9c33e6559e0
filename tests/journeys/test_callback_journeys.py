"""Clients that are called back: whole ways through the gateway, with good and bad web servers at their end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from standardwebhooks import Webhook

from chappe.model.events import EventBatch
from chappe.runtime.settings_callbacks import CallbackEvent, ClientCallback
from chappe.runtime.settings_client_doors import ClientHttp
from chappe.runtime.settings_clients import Client
from chappe.runtime.settings_routing import Via
from chappe.sim.callback_receiver import CallbackReceiver
from chappe.sim.faults import Event, Fault
from chappe.sim.options import MoOptions, SmscOptions
from chappe.sim.script import Faults, Rule
from chappe.sim.smsc import SmscSimulator
from chappe.store.port import CallbacksOff
from house import House, bound, client, journey, mo, mt, operator, settings_of, small_house

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = {"to": "+37120000001", "from": "SHOP", "text": "Hello", "reference": "order-881"}


def called(port: int, name: str = "demo", **keys: Any) -> Client:
    """A client without SMPP that is called back."""
    values = {"url": f"http://127.0.0.1:{port}/cb", "secret": SECRET, "retry_s": (0.05,), **keys}
    return Client(name=name, http=ClientHttp(token=f"{name}-token"), callback=ClientCallback(**values))


def refusing(status: int, times: int = 0, **keys: Any) -> Rule:
    """The first requests, or all of them, are refused."""
    return Rule(fault=Fault.REFUSE, on=Event.CALLBACK, status=status, last_count=times, **keys)


@asynccontextmanager
async def receiving(*rules: Rule, **keys: Any) -> AsyncIterator[tuple[CallbackReceiver, int]]:
    receiver = CallbackReceiver(Faults(rules), **keys)
    port = await receiver.listen()
    try:
        yield receiver, port
    finally:
        receiver.close()


@asynccontextmanager
async def house_of(
    folder: Path, *clients: Client, smsc: SmscOptions | None = None
) -> AsyncIterator[tuple[House, SmscSimulator]]:
    routes = [mt(), mo(clients[0].name, via=Via.CALLBACK)]
    async with small_house(folder, clients=clients, routes=routes, smsc=smsc) as found:
        yield found


@asynccontextmanager
async def calling(
    folder: Path, *rules: Rule, smsc: SmscOptions | None = None, reply: str = "", **keys: Any
) -> AsyncIterator[tuple[CallbackReceiver, House, SmscSimulator]]:
    """A gateway that calls one client back, whose web server misbehaves by these rules."""
    async with (
        receiving(*rules, reply=reply) as (receiver, port),
        house_of(folder, called(port, **keys), smsc=smsc) as (house, simulator),
    ):
        yield receiver, house, simulator


async def post(house: House, *messages: dict[str, Any], name: str = "demo") -> list[str]:
    """Post messages; their ids."""
    url = f"http://127.0.0.1:{house.gateway.http_port}/v1/messages"
    headers = {"Authorization": f"Bearer {name}-token"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(url, json={"messages": messages}) as answer,
    ):
        body = await answer.json()
        assert answer.status == 202, body
        return [each["id"] for each in body["messages"]]


def statuses(receiver: CallbackReceiver, message_id: str) -> list[str]:
    """What was told of a message and answered with yes, in order."""
    taken = [each for each in receiver.received if each.status // 100 == 2]
    told = [callback["data"] for each in taken for callback in each.callbacks]
    return [data["status"] for data in told if data["id"] == message_id]


def mo_of(*texts: str) -> SmscOptions:
    return SmscOptions(mo=MoOptions(count=1, text=texts[0]))


# -- what is told -----------------------------------------------------------------------------------


@journey
async def test_the_end_of_a_posted_message_is_told_once_and_signed(tmp_path: Path) -> None:
    async with receiving() as (receiver, port), house_of(tmp_path, called(port)) as (house, _):
        (message_id,) = await post(house, MESSAGE)
        await house.until(lambda: house.events("callback_sent"))

    (request,) = receiver.received
    Webhook(SECRET).verify(request.body, request.headers)
    (callback,) = request.callbacks
    assert callback["data"]["id"] == message_id
    assert (callback["data"]["status"], callback["data"]["final"]) == ("delivered", True)
    assert callback["data"]["reference"] == "order-881"
    assert request.headers["webhook-id"] == callback["id"]


@journey
async def test_a_message_tells_what_its_report_asks_for(tmp_path: Path) -> None:
    async with receiving() as (receiver, port), house_of(tmp_path, called(port)) as (house, _):
        ids = await post(house, *({**MESSAGE, "report": each} for each in ("all", "none", "final")))
        await house.until(lambda: len(house.events("callback_sent")) >= 4)

    told_all = statuses(receiver, ids[0])
    assert (told_all[0], told_all[-1]) == ("sent", "delivered")
    assert statuses(receiver, ids[1]) == []
    assert statuses(receiver, ids[2]) == ["delivered"]
    sequences = [each.callbacks[0]["data"]["sequence"] for each in receiver.received if ids[0] in str(each.body)]
    assert sequences == sorted(set(sequences))


@journey
async def test_a_message_may_name_the_url_where_its_client_hears_of_it(tmp_path: Path) -> None:
    async with (
        receiving() as (other, other_port),
        calling(tmp_path, allow_private=True) as (own, house, _),
    ):
        url = f"http://127.0.0.1:{other_port}/dlr?order=7"
        ids = await post(house, {**MESSAGE, "callback_url": url}, MESSAGE)
        await house.until(lambda: len(house.events("callback_sent")) == 2)

    assert [each.path for each in other.received] == ["/dlr?order=7"]
    assert statuses(other, ids[0]) == ["delivered"]
    assert statuses(own, ids[1]) == ["delivered"]


@journey
async def test_a_message_may_not_send_us_into_our_own_house(tmp_path: Path) -> None:
    async with receiving() as (receiver, port), house_of(tmp_path, called(port)) as (house, _):
        url = f"http://127.0.0.1:{house.gateway.http_port}/v1/messages"
        body = {**MESSAGE, "callback_url": f"http://127.0.0.1:{port}/"}
        headers = {"Authorization": "Bearer demo-token"}
        async with aiohttp.ClientSession(headers=headers) as session, session.post(url, json=body) as answer:
            problem = await answer.json()
        assert answer.status == 422
        assert [each["pointer"] for each in problem["errors"]] == ["/callback_url"]

        await post(house, {**MESSAGE, "callback_url": f"http://localhost:{port}/"})
        await house.until(lambda: house.events("callback_deferred"))

    assert receiver.received == []
    assert "allow_private" in house_detail(house)


def house_detail(house: House) -> str:
    return next(line for line in _lines(house) if ",callback_deferred," in line)


def _lines(house: House) -> Sequence[str]:
    files = sorted(Path(house.settings.gateway.data_dir, "events").rglob("*.csv"))
    return [line for file in files for line in file.read_text().splitlines()]


@journey
async def test_what_came_over_smpp_is_told_over_smpp(tmp_path: Path) -> None:
    async with receiving() as (receiver, port):
        both = client("demo", callback=called(port).callback)
        async with house_of(tmp_path, both) as (house, _), bound(house, count=3) as smpp:
            await smpp.run()
            await house.until(lambda: smpp.inbox.receipts == 3)

    assert receiver.received == []


@journey
async def test_an_mo_is_told_and_its_reply_goes_back_to_the_handset(tmp_path: Path) -> None:
    async with calling(tmp_path, smsc=mo_of("VOTE 5"), reply="Thanks for voting") as (receiver, house, smsc):
        await house.until(lambda: smsc.counts()["submits"] == 1)
        await house.until(lambda: len(receiver.received) == 2)

    mo_told, reply_told = (each.callbacks[0] for each in receiver.received)
    assert mo_told["type"] == "message.inbound"
    assert mo_told["data"]["text"].startswith("VOTE 5")
    assert mo_told["data"]["keyword"] == "VOTE"
    assert reply_told["data"]["status"] == "delivered"
    assert reply_told["data"]["to"] == mo_told["data"]["from"]


@journey
async def test_batches_carry_all_that_waits(tmp_path: Path) -> None:
    async with calling(tmp_path, batch=100, max_connections=1) as (receiver, house, _):
        ids = await post(house, *([MESSAGE] * 300))
        await house.until(lambda: len(house.events("callback_sent")) == 300)

    assert sorted(each["data"]["id"] for request in receiver.received for each in request.callbacks) == sorted(ids)
    assert len(receiver.received) < 100
    Webhook(SECRET).verify(receiver.received[-1].body, receiver.received[-1].headers)


# -- servers that do not take it --------------------------------------------------------------------


@journey
async def test_a_refused_callback_is_tried_again_under_the_same_name(tmp_path: Path) -> None:
    async with calling(tmp_path, refusing(500, 2)) as (
        receiver,
        house,
        _,
    ):
        await post(house, MESSAGE)
        await house.until(lambda: house.events("callback_sent"))

    assert [each.status for each in receiver.received] == [500, 500, 204]
    assert len({each.headers["webhook-id"] for each in receiver.received}) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(tmp_path: Path, status: int) -> None:
    @journey
    async def run() -> None:
        async with (
            receiving(refusing(status, 1)) as (
                receiver,
                port,
            ),
            house_of(tmp_path, called(port)) as (house, _),
        ):
            await post(house, MESSAGE)
            await house.until(lambda: house.events("callback_sent"))
        assert [each.path for each in receiver.received] == ["/cb", "/cb"]

    run()


@journey
async def test_a_server_that_asks_for_a_pause_gets_it(tmp_path: Path) -> None:
    rule = Rule(fault=Fault.REFUSE, on=Event.CALLBACK, status=503, retry_after_s=1, last_count=1)
    async with receiving(rule) as (receiver, port), house_of(tmp_path, called(port)) as (house, _):
        await post(house, MESSAGE)
        await house.until(lambda: house.events("callback_sent"))

    first, second = receiver.received
    assert second.at - first.at >= 1.0


@journey
async def test_a_callback_that_is_refused_for_too_long_is_listed_and_can_be_replayed(tmp_path: Path) -> None:
    async with calling(tmp_path, refusing(500), give_up_after_s=0.001) as (receiver, house, _):
        (message_id,) = await post(house, MESSAGE)
        await house.until(lambda: house.events("callback_failed"))
        store = house.gateway.store
        (failed,) = await store.failed_callbacks("demo")
        assert str(failed.content.message_id) == message_id
        assert failed.reason == "HTTP 500"

        await store.replay_callbacks([failed.id])
        await house.until(lambda: len(house.events("callback_failed")) == 2)
        receiver.faults = Faults()
        await store.replay_callbacks([failed.id])
        await house.until(lambda: house.events("callback_sent"))
        assert await store.failed_callbacks() == []

    assert statuses(receiver, message_id) == ["delivered"]


@journey
async def test_a_client_lists_its_failed_callbacks_and_has_one_posted_again(tmp_path: Path) -> None:
    async with calling(tmp_path, refusing(500), give_up_after_s=0.001) as (receiver, house, _):
        ids = await post(house, MESSAGE, MESSAGE, MESSAGE)
        await house.until(lambda: len(house.events("callback_failed")) == 3, patience_s=40)
        receiver.faults = Faults()
        url = f"http://127.0.0.1:{house.gateway.http_port}"
        async with aiohttp.ClientSession(url, headers={"Authorization": "Bearer demo-token"}) as session:
            page = await (await session.get("/v1/callbacks?state=failed&limit=2")).json()
            rest = await (await session.get("/v1/callbacks", params={"limit": "2", "cursor": page["next"]})).json()
            listed = [*page["data"], *rest["data"]]
            assert sorted(each["message_id"] for each in listed) == sorted(ids)
            assert rest["next"] is None
            assert {(each["type"], each["status"], each["reason"]) for each in listed} == {
                ("message.status", "delivered", "HTTP 500")
            }

            answer = await session.post(f"/v1/callbacks/{listed[0]['id']}/replay")
            assert (answer.status, await answer.json()) == (202, {"id": listed[0]["id"], "state": "waiting"})
            await house.until(lambda: house.events("callback_sent"))
            again = await session.post(f"/v1/callbacks/{listed[0]['id']}/replay")
            assert (again.status, (await again.json())["code"]) == (404, "no_such_callback")
            for wrong in ("x", "99999999999999999999", "-1", "msg_"):
                assert (await session.post(f"/v1/callbacks/{wrong}/replay")).status == 404

    assert receiver.webhook_ids() == [listed[0]["id"]]


@journey
async def test_a_url_that_is_gone_is_left_alone_until_somebody_switches_it_on(tmp_path: Path) -> None:
    async with calling(tmp_path, refusing(410, 1)) as (
        receiver,
        house,
        _,
    ):
        store, caller = house.gateway.store, house.gateway.callbacks.callers["demo"]
        await post(house, MESSAGE)
        await house.until(lambda: house.events("callbacks_off"))
        await post(house, MESSAGE, MESSAGE)
        await house.until(lambda: house.depth("callback:demo") == 3)
        await asyncio.sleep(0.6)
        assert len(receiver.received) == 1
        assert [each.callbacks for each in house.gateway.watching.status().clients] == ["off"]
        (off,) = await store.callbacks_off()
        assert isinstance(off, CallbacksOff)
        assert (off.client, off.url) == ("demo", caller.terms.url)

        await store.switch_callbacks_on("demo", EventBatch(0))
        await house.until(lambda: not caller.is_off)
        await house.until(lambda: len(house.events("callback_sent")) == 3)


@journey
async def test_what_waits_for_a_gone_url_outlives_a_restart_and_is_still_left_alone(tmp_path: Path) -> None:
    async with receiving(refusing(410)) as (receiver, port):
        async with house_of(tmp_path, called(port)) as (house, _):
            await post(house, MESSAGE)
            await house.until(lambda: house.events("callbacks_off"))
        async with house_of(tmp_path, called(port)) as (house, _):
            await house.until(lambda: house.gateway.callbacks.callers["demo"].is_off)
            assert house.depth("callback:demo") == 1
            seen = len(receiver.received)
            await asyncio.sleep(0.5)

    assert len(receiver.received) == seen <= 2


@journey
async def test_a_url_of_a_message_that_is_gone_ends_its_callback_alone(tmp_path: Path) -> None:
    async with (
        receiving() as (own, port),
        receiving(refusing(410)) as (_, gone_port),
        house_of(tmp_path, called(port, allow_private=True)) as (house, _),
    ):
        await post(house, {**MESSAGE, "callback_url": f"http://127.0.0.1:{gone_port}/x"}, MESSAGE)
        await house.until(lambda: house.events("callback_failed"))
        await house.until(lambda: house.events("callback_sent"))

    assert len(own.received) == 1


@journey
async def test_a_server_whose_body_never_ends_has_taken_the_callback(tmp_path: Path) -> None:
    async with calling(tmp_path, Rule(fault=Fault.ENDLESS_BODY), timeout_s=1.0) as (receiver, house, _):
        await post(house, MESSAGE)
        await house.until(lambda: house.events("callback_sent"))

    assert len(receiver.received) == 1


@journey
async def test_clients_that_never_answer_hold_up_nobody_else(tmp_path: Path) -> None:
    async with (
        receiving(Rule(fault=Fault.NEVER_ANSWER, on=Event.CALLBACK)) as (silent, silent_port),
        receiving() as (good, port),
    ):
        silents = [called(silent_port, f"silent{n}", max_connections=2) for n in range(20)]
        async with house_of(tmp_path, called(port), *silents) as (house, _):
            for each in silents:
                await post(house, *([MESSAGE] * 10), name=each.name)
            await house.until(lambda: len(silent.received) == 40)

            ids = await post(house, *([MESSAGE] * 50))
            await house.until(lambda: len(house.events("callback_sent")) == 50, patience_s=3)

    assert sorted(good.webhook_ids()) == sorted(set(good.webhook_ids()))
    assert len(ids) == len(good.webhook_ids())
    assert len(silent.received) == 40


@journey
async def test_callbacks_of_a_message_stay_in_order_when_the_gateway_is_started_again_in_between(
    tmp_path: Path,
) -> None:
    async with (
        receiving(refusing(500, times=1)) as (receiver, port),
        SmscSimulator(SmscOptions(receipt_delay_s=1.5)) as smsc,
    ):
        demo = called(port, retry_s=(4.0,))
        settings = settings_of(tmp_path, [operator(smsc.port)], [demo], [mt()])
        async with House(settings) as house:
            (message_id,) = await post(house, {**MESSAGE, "report": "all"})
            await house.until(lambda: house.events("callback_deferred"), patience_s=30)
        async with House(settings) as house:
            await house.until(lambda: "delivered" in statuses(receiver, message_id), patience_s=30)

    assert statuses(receiver, message_id) == ["sent", "buffered", "delivered"]


@journey
async def test_a_dead_host_keeps_its_callbacks_in_order_and_gets_them_when_it_is_back(tmp_path: Path) -> None:
    rule = Rule(fault=Fault.CUT, on=Event.CALLBACK, last_count=6)
    async with calling(tmp_path, rule, max_connections=2) as (receiver, house, _):
        ids = await post(house, *([MESSAGE] * 40))
        await house.until(lambda: len(house.events("callback_sent")) == 40, patience_s=30)

    assert sorted(each["data"]["id"] for each in _taken(receiver)) == sorted(ids)


def _taken(receiver: CallbackReceiver) -> list[dict[str, Any]]:
    return [callback for each in receiver.received if each.status == 204 for callback in each.callbacks]


@journey
async def test_callbacks_of_one_message_wait_for_each_other(tmp_path: Path) -> None:
    rules = [Rule(fault=Fault.REFUSE, on=Event.CALLBACK, status=500, first_count=1, last_count=2)]
    async with receiving(*rules) as (receiver, port), house_of(tmp_path, called(port)) as (house, _):
        (message_id,) = await post(house, {**MESSAGE, "report": "all"})
        await house.until(lambda: "delivered" in statuses(receiver, message_id))

    told = statuses(receiver, message_id)
    assert (told[0], told[-1]) == ("sent", "delivered")


@journey
async def test_a_stop_waits_for_answers_that_are_on_their_way(tmp_path: Path) -> None:
    async with receiving(Rule(fault=Fault.SLOW_ANSWER, delay_s=0.4)) as (receiver, port):
        async with house_of(tmp_path, called(port)) as (house, _):
            await post(house, MESSAGE)
            await house.until(lambda: receiver.received)
        async with house_of(tmp_path, called(port)) as (house, _):
            assert house.depth("callback:demo") == 0

    assert len(receiver.received) == 1


@journey
async def test_callbacks_that_waited_for_a_gateway_are_posted_when_it_starts(tmp_path: Path) -> None:
    async with receiving() as (receiver, port):
        dead = called(1)
        async with house_of(tmp_path, dead) as (house, _):
            ids = await post(house, *([MESSAGE] * 20))
            await house.until(lambda: house.depth("callback:demo") == 20)
        async with house_of(tmp_path, called(port)) as (house, _):
            await house.until(lambda: house.depth("callback:demo") == 0)

    assert sorted(each["data"]["id"] for each in _taken(receiver)) == sorted(ids)


@journey
async def test_a_client_that_wants_no_statuses_is_not_told_of_them(tmp_path: Path) -> None:
    async with receiving() as (receiver, port):
        listener = called(port, events=(CallbackEvent.INBOUND,))
        async with house_of(tmp_path, listener, smsc=mo_of("HELLO")) as (house, _):
            await post(house, MESSAGE)
            await house.until(lambda: house.events("callback_sent") and house.events("mt_delivered"))

    assert [each.callbacks[0]["type"] for each in receiver.received] == ["message.inbound"]

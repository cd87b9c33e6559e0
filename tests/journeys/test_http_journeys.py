"""What an HTTP client meets on whole ways through the gateway: each test is one promise of the door."""

import asyncio
import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chappe.cli.sending import request as send_by_command
from chappe.clients.translate import wire_id
from chappe.runtime.settings_client_doors import ClientHttp, IdForm
from chappe.runtime.settings_profiles import Profile, Split
from chappe.sim.faults import Fault
from chappe.sim.options import SmscOptions
from chappe.sim.script import Faults, Rule
from chappe.wire.http.posted import MAX_MESSAGES
from chappe.wire.smpp.pdus import SubmitSm
from house import bound, client, journey, mt
from web import MESSAGE, Caller, calling, web_client, web_house

# -- the whole way ------------------------------------------------------------------------------------------------


@journey
async def test_a_message_is_accepted_sent_and_seen_delivered(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (_, smsc, demo):
        answer = await demo.post({**MESSAGE, "reference": "order-881", "tags": ["otp"]})
        found = await demo.until(answer.body["id"], "delivered")

        assert answer.status == 202
        assert answer.body == {
            "id": answer.body["id"],
            "status": "accepted",
            "final": False,
            "encoding": "gsm7",
            "parts": 1,
            "reference": "order-881",
        }
        pdu = smsc.submitted[0].pdu
        assert (pdu.source_addr_ton, pdu.source_addr, pdu.dest_addr_ton, pdu.destination_addr) == (
            5,
            "SHOP",
            1,
            "37120000001",
        )
        assert smsc.submitted[0].octets == b"Hello"
        assert found["final"] is True
        assert (found["to"], found["from"], found["reference"], found["tags"]) == (
            "+37120000001",
            "SHOP",
            "order-881",
            ["otp"],
        )
        assert (found["operator"], found["failure"], len(found["parts"])) == ("sim", None, 1)
        assert [each["status"] for each in found["history"]] == ["accepted", "sent", "delivered"]
        times = [datetime.fromisoformat(each["at"]) for each in found["history"]]
        assert times == sorted(times)
        assert datetime.now(UTC) - times[0] < timedelta(seconds=30)


@journey
async def test_a_message_that_fails_says_why(tmp_path: Path) -> None:
    faults = Faults((Rule(fault=Fault.UNDELIVERED, stat="UNDELIV"),))
    async with web_house(tmp_path, faults=faults) as (_, _, demo):
        answer = await demo.post(MESSAGE)
        found = await demo.until(answer.body["id"], "failed")

        assert found["failure"]["code"]
        assert found["failure"]["category"] in ("handset", "number", "network", "operator")
        assert found["history"][-1] == {
            "status": "failed",
            "at": found["updated_at"],
            "source": "operator:sim",
            "detail": found["failure"]["code"],
        }


@pytest.mark.parametrize("split", Split)
@journey
async def test_a_long_message_is_delivered_in_all_its_parts(tmp_path: Path, split: Split) -> None:
    async with web_house(tmp_path, profile=Profile(split=split)) as (_, smsc, demo):
        answer = await demo.post({**MESSAGE, "text": "Ж" * 150})
        found = await demo.until(answer.body["id"], "delivered")

        parts = 1 if split is Split.PAYLOAD else 3
        assert (answer.body["encoding"], answer.body["parts"]) == ("ucs2", parts)
        assert [each["status"] for each in found["parts"]] == ["delivered"] * parts
        assert len(smsc.submitted) == parts
        assert b"".join(each.octets for each in smsc.submitted).count("Ж".encode("utf-16-be")) == 150


@journey
async def test_every_octet_reaches_the_operator_as_it_was_posted(tmp_path: Path) -> None:
    octets = bytes(range(256))
    async with web_house(tmp_path) as (_, smsc, demo):
        for piece in (octets[:128], octets[128:]):
            answer = await demo.post({"to": "+37120000001", "binary": piece.hex()})
            await demo.until(answer.body["id"], "delivered")

        assert b"".join(each.pdu.short_message for each in smsc.submitted) == octets
        assert {each.pdu.data_coding for each in smsc.submitted} == {4}


@journey
async def test_a_message_for_later_waits_for_its_moment(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (_, smsc, demo):
        send_at = datetime.now(UTC) + timedelta(seconds=2)
        answer = await demo.post({**MESSAGE, "send_at": send_at.isoformat()})
        waiting = await demo.get(answer.body["id"])
        found = await demo.until(answer.body["id"], "delivered")

        assert (answer.status, answer.body["status"], waiting.body["status"]) == (202, "scheduled", "scheduled")
        assert [each["status"] for each in found["history"]] == ["accepted", "scheduled", "sent", "delivered"]
        assert datetime.fromisoformat(found["history"][2]["at"]) >= send_at
        assert len(smsc.submitted) == 1


@journey
async def test_the_send_command_hands_its_message_in_by_this_door(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (house, smsc, demo):
        url = f"http://127.0.0.1:{house.gateway.http_port}/v1/messages"
        answer = await asyncio.to_thread(send_by_command, url, "demo-token", {"to": "+37120000001", "text": "Hello"})
        await demo.until(answer["id"], "delivered")

        assert smsc.submitted[0].pdu.source_addr == ""


# -- many at once -------------------------------------------------------------------------------------------------


@journey
async def test_one_bad_message_of_many_is_refused_alone_and_all_keep_their_order(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (house, smsc, demo):
        good = [{**MESSAGE, "reference": f"r{number}"} for number in range(1200)]
        bad: list[Any] = [*good[:700], {**MESSAGE, "to": "nobody"}, {"text": 7}, *good[700:]]
        answer = await demo.post({"messages": bad})
        await house.until(lambda: len(smsc.submitted) == 1200, 30)

        told = answer.body["messages"]
        assert answer.status == 202
        assert [each.get("reference") for each in told[:700] + told[702:]] == [f"r{n}" for n in range(1200)]
        assert [each["status"] for each in told[700:702]] == [422, 422]
        assert told[700]["errors"][0]["pointer"] == "/messages/700/to"
        assert told[701]["errors"][0]["pointer"].startswith("/messages/701/")
        assert [int(each["id"]) for each in told if "id" in each] == sorted(
            int(each["id"]) for each in told if "id" in each
        )


@journey
async def test_a_body_without_one_good_message_is_refused_and_says_why_of_each(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (_, _, demo):
        answer = await demo.post({"messages": [{"to": "x", "text": "a"}, {"to": "+37120000001"}]})

        assert (answer.status, answer.code) == (422, "none_accepted")
        assert [each["errors"][0]["pointer"] for each in answer.body["messages"]] == ["/messages/0/to", "/messages/1"]


@journey
async def test_more_messages_than_one_body_may_hold_are_refused_whole(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (house, _, demo):
        answer = await demo.post({"messages": [MESSAGE] * (MAX_MESSAGES + 1)})

        assert (answer.status, answer.code) == (413, "too_many_messages")
        assert house.gateway.store.open_messages("demo") == 0


# -- who may what -------------------------------------------------------------------------------------------------


@journey
async def test_only_a_client_with_a_token_comes_in_and_sees_only_its_own(tmp_path: Path) -> None:
    clients = [web_client(), web_client("other"), web_client("closed", enabled=False)]
    async with web_house(tmp_path, clients=clients) as (house, _, demo):
        mine = (await demo.post(MESSAGE)).body["id"]
        async with (
            calling(house, "other") as other,
            calling(house, "closed") as closed,
            calling(house, token="wrong") as wrong,
            aiohttp.ClientSession(f"http://127.0.0.1:{house.gateway.http_port}") as nobody,
        ):
            assert (await other.get(mine)).code == "no_such_message"
            assert (await demo.get(mine)).status == 200
            refused = await closed.post(MESSAGE)
            assert (refused.status, refused.code) == (403, "client_disabled")
            refused = await wrong.post(MESSAGE)
            assert (refused.status, refused.code) == (401, "wrong_token")
            refused = await Caller(nobody).post(MESSAGE)
            assert (refused.status, refused.code) == (401, "no_token")
            assert refused.headers["WWW-Authenticate"].startswith("Bearer")
            assert (await Caller(nobody).get(mine)).status == 401
        await house.until(lambda: house.events("bind_refused"))


@pytest.mark.parametrize("message_id", ["1", "0", "x", "9" * 19, "9" * 40, "-1", "%31", "٣", "", "1/2"])
@journey
async def test_an_id_that_is_none_is_not_there(tmp_path: Path, message_id: str) -> None:
    async with web_house(tmp_path) as (_, _, demo):
        answer = await demo.get(message_id)

        assert answer.status == 404
        assert answer.code in ("no_such_message", "no_such_route")


@pytest.mark.parametrize("form", IdForm)
@journey
async def test_a_message_is_found_by_the_id_that_smpp_gave(tmp_path: Path, form: IdForm) -> None:
    both = client("demo", smpp={"id_form": form}, http=ClientHttp(token="demo-token"))
    async with web_house(tmp_path, clients=[both]) as (house, _, demo), bound(house) as esme:
        answer = await esme.ask(SubmitSm(destination_addr="37120000001", short_message=b"Hello"))

        found = (await demo.get(answer.message_id)).body
        assert found["to"] == "37120000001"
        if form is not IdForm.SHORT:
            assert wire_id(int(found["id"]), form.value) == answer.message_id
        assert (await demo.get(found["id"])).body["id"] == found["id"]


@journey
async def test_paths_and_methods_that_are_none_are_told(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (_, _, demo):
        nothing = await demo.call("GET", "/v2")
        wrong = [await demo.call("PUT", path) for path in ("/v1/messages", "/v1/messages/1", "/readyz")]
        wrong.append(await demo.call("POST", "/v1/inbound"))

        assert (nothing.status, nothing.code) == (404, "no_such_route")
        assert {(each.status, each.code) for each in wrong} == {(405, "method_not_allowed")}
        assert [each.headers["Allow"] for each in wrong] == ["POST, GET", "GET, DELETE", "GET, HEAD", "GET"]


@journey
async def test_a_body_must_be_plain_json(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (_, _, demo):
        form = await demo.call("POST", "/v1/messages", data={"to": "+37120000001"})
        zipped = await demo.call(
            "POST",
            "/v1/messages",
            data=b"\x1f\x8b",
            headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
        )
        typed = await demo.call(
            "POST",
            "/v1/messages",
            data=json.dumps(MESSAGE),
            headers={"Content-Type": "Application/JSON; charset=utf-8"},
        )
        broken = await demo.call("POST", "/v1/messages", data="{", headers={"Content-Type": "application/json"})

        assert (form.status, form.code) == (415, "not_json_type")
        assert (zipped.status, zipped.code) == (415, "unknown_coding")
        assert typed.status == 202
        assert (broken.status, broken.code) == (422, "malformed_json")


@journey
async def test_a_number_that_no_route_takes_is_refused_at_the_door_and_noted(tmp_path: Path) -> None:
    async with web_house(tmp_path, routes=[mt(to="371*")]) as (house, _, demo):
        answer = await demo.post({**MESSAGE, "to": "+4420000001"})

        assert (answer.status, answer.code, answer.pointers) == (422, "no_route", ["/to"])
        await house.until(lambda: house.events("mt_rejected"))
        assert house.events("mt_rejected")[0][3:7] == ["demo", "", "+4420000001", "SHOP"]


# -- limits and bad days ------------------------------------------------------------------------------------------


@journey
async def test_a_used_up_rate_is_answered_with_when_to_come_again(tmp_path: Path) -> None:
    async with web_house(tmp_path, clients=[web_client(rate=2.0)]) as (_, _, demo):
        many = await demo.post({"messages": [MESSAGE] * 5})
        single = await demo.post(MESSAGE)
        again = await demo.post({"messages": [MESSAGE] * 2})

        assert many.status == 202
        assert [each["status"] for each in many.body["messages"]] == ["accepted"] * 2 + [429] * 3
        assert (single.status, single.code, again.status) == (429, "rate_exceeded", 429)
        assert int(single.headers["Retry-After"]) >= 1


@journey
async def test_a_client_with_too_many_open_messages_waits(tmp_path: Path) -> None:
    smsc = SmscOptions(receipt_delay_s=30.0)
    async with web_house(tmp_path, smsc=smsc, clients=[web_client(queue_limit=3)]) as (_, _, demo):
        many = await demo.post({"messages": [MESSAGE] * 5})
        single = await demo.post(MESSAGE)

        assert [each["status"] for each in many.body["messages"]] == ["accepted"] * 3 + [429] * 2
        assert (single.status, single.code) == (429, "queue_full")
        assert int(single.headers["Retry-After"]) >= 1


@journey
async def test_while_the_disk_is_full_clients_are_told_to_come_again_and_then_all_is_well(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (house, _, demo):
        connection = house.gateway.store._file.connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()
        # The store looks whether the disk takes anything again when the test says so.
        store = house.gateway.store
        store.try_again = lambda: False  # type: ignore[method-assign]
        body = {"messages": [{**MESSAGE, "text": "x" * 1000}] * 400}
        while (away := await demo.post(body)).status == 202:
            pass
        single = await demo.post({**MESSAGE, "text": "x" * 30_000})
        ready = await demo.call("GET", "/readyz")
        del store.try_again  # type: ignore[method-assign]
        while (back := await demo.post({**MESSAGE, "reference": "back"})).status == 503:
            await asyncio.sleep(0.05)
        await demo.until(back.body["id"], "delivered")

        assert (away.status, away.code) == (503, "store_away")
        assert int(away.headers["Retry-After"]) >= 1
        assert single.status == 503
        assert ready.status == 503
        assert (await demo.call("GET", "/readyz")).status == 200


@journey
async def test_a_draining_gateway_takes_nothing_new_and_says_so(tmp_path: Path) -> None:
    smsc = SmscOptions(resp_delay_s=0.8)
    async with web_house(tmp_path, smsc=smsc) as (house, simulator, demo):
        accepted = await demo.post(MESSAGE)
        await house.until(lambda: simulator.submitted)
        alive = await demo.call("GET", "/healthz")
        house._stopping.set()
        await asyncio.sleep(0.05)
        ready = await demo.call("GET", "/readyz")
        refused = await demo.post(MESSAGE)
        look = await demo.get(accepted.body["id"])

        assert (alive.status, ready.status, look.status) == (200, 503, 200)
        assert (refused.status, refused.code) == (503, "draining")
        assert "Retry-After" in refused.headers
        assert refused.headers["Connection"] == "close"


# -- nothing breaks it --------------------------------------------------------------------------------------------

ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = {
    "to": st.just("+37120000001") | st.text(max_size=17) | ANY_VALUE,
    "from": st.text(max_size=12) | ANY_VALUE,
    "text": st.text(max_size=400) | ANY_VALUE,
    "binary": st.binary(max_size=300).map(bytes.hex) | ANY_VALUE,
    "udh": st.binary(max_size=150).map(lambda each: (bytes([len(each)]) + each).hex()) | ANY_VALUE,
    "data_coding": st.integers(0, 255) | ANY_VALUE,
    "encoding": st.sampled_from(["auto", "gsm7", "ucs2", "latin1"]) | ANY_VALUE,
    "reference": st.text(max_size=300) | ANY_VALUE,
    "validity_seconds": st.integers(1, 1000) | ANY_VALUE,
    "send_at": st.datetimes().map(lambda each: each.isoformat() + "Z") | ANY_VALUE,
    "tags": st.lists(st.text(max_size=70), max_size=22) | ANY_VALUE,
    "priority": st.sampled_from(["high", "normal", "bulk"]) | ANY_VALUE,
}
BODIES = st.fixed_dictionaries({}, optional=FIELDS) | ANY_VALUE


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(bodies=st.lists(BODIES, min_size=60, max_size=60))
def test_no_json_breaks_the_door(bodies: list[Any]) -> None:
    @journey
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with web_house(Path(folder)) as (_, _, demo):
                for body in bodies:
                    answer = await demo.post(body)
                    assert answer.status in (202, 422), (body, answer.body)
                together = await demo.post({"messages": bodies})
                assert together.status in (202, 422)
                assert len(together.body["messages"]) == len(bodies)

    run()

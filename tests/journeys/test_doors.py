"""The doors for clients of other gateways, on whole ways: what they promise besides their words."""

import asyncio
import json
import re
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import md5
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from argon2 import PasswordHasher

from chappe.runtime.settings_callbacks import CallbackFormat, CallMethod, ClientCallback
from chappe.runtime.settings_client_doors import ClientHttp
from chappe.runtime.settings_clients import Client
from chappe.runtime.settings_profile_tables import Billing, VendorTlv
from chappe.runtime.settings_profiles import Profile
from chappe.runtime.settings_routing import Via
from chappe.sim.faults import Event, Fault
from chappe.sim.mo import MoSource
from chappe.sim.options import MoOptions
from chappe.sim.script import Faults, Rule
from chappe.sim.smsc import SmscSimulator
from chappe.store.port import StoreAway
from chappe.wire.smpp.named_tlvs import TlvType
from house import House, journey, mo, mt, small_house
from raw_web import Web, ask

DOCS = Path(__file__).parents[2] / "docs"
SEND = {"username": "foo", "password": "bar", "from": "SHOP", "to": "37120000001"}
KANNEL = f"/cgi-bin/sendsms?{urlencode(SEND)}&text=Hello"
JASMIN = f"/send?{urlencode(SEND)}&content=Hello"
UUID = re.compile(r'Success "(00000000-0000-0000-[0-9a-f]{4}-[0-9a-f]{12})"')


BOTH = pytest.mark.parametrize("target", [KANNEL, JASMIN], ids=["kannel", "jasmin"])


@asynccontextmanager
async def house_of(
    folder: Path, *, callback: ClientCallback | None = None, to: str = "*", **keys: Any
) -> AsyncIterator[tuple[House, SmscSimulator]]:
    http = keys.pop("http", None) or ClientHttp(username="foo", password="bar")
    faults, profile = keys.pop("faults", None), keys.pop("profile", None)
    foo = Client(name="foo", http=http, callback=callback, **keys)
    routes = [mt(to=to), *([mo("foo", via=Via.CALLBACK)] if callback is not None and callback.url else [])]
    async with small_house(folder, clients=[foo], routes=routes, faults=faults, profile=profile) as found:
        yield found


def port(house: House) -> int:
    return house.gateway.http_port


async def get(house: House, target: str, **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    status, text, _ = await ask(port(house), "GET", target, named)
    return status, text


# -- both ---------------------------------------------------------------------------------------------------------


@BOTH
@journey
async def test_a_password_may_be_hashed_and_a_wrong_one_opens_nothing(tmp_path: Path, target: str) -> None:
    hashed = PasswordHasher(time_cost=1, memory_cost=64).hash("bar")
    http = ClientHttp(username="foo", password_hash=hashed)
    async with house_of(tmp_path, http=http) as (house, smsc):
        wrong = await get(house, target.replace("password=bar", "password=baz"))
        first = await get(house, target)
        again = await get(house, target)
        await house.until(lambda: len(smsc.submitted) == 2)

        assert wrong[0] == 403
        assert (first[0], again[0]) in {(202, 202), (200, 200)}


@journey
async def test_a_password_that_jasmin_kept_as_its_md5_opens_the_door(tmp_path: Path) -> None:
    hashed = PasswordHasher(time_cost=1, memory_cost=64).hash(md5(b"bar").hexdigest())
    http = ClientHttp(username="foo", password_hash=hashed, password_is_md5=True)
    async with house_of(tmp_path, http=http) as (house, _):
        assert (await get(house, JASMIN))[0] == 200
        assert (await get(house, JASMIN.replace("password=bar", f"password={md5(b'bar').hexdigest()}")))[0] == 403


@BOTH
@journey
async def test_who_guesses_passwords_is_not_looked_at_and_who_knows_one_goes_on(tmp_path: Path, target: str) -> None:
    async with house_of(tmp_path) as (house, _):
        before = await get(house, target)
        guesses = [await get(house, target.replace("password=bar", f"password={number}")) for number in range(12)]
        after = await get(house, target)

        assert {status for status, _ in guesses} == {403}
        assert before[0] == after[0] < 300


@BOTH
@journey
async def test_a_client_that_is_not_enabled_is_refused(tmp_path: Path, target: str) -> None:
    async with house_of(tmp_path, enabled=False) as (house, _):
        assert (await get(house, target))[0] == 403


@journey
async def test_nobody_answers_at_these_paths_where_no_client_has_a_name(tmp_path: Path) -> None:
    async with house_of(tmp_path, http=ClientHttp(token="t")) as (house, _):
        assert [(await get(house, target))[0] for target in (KANNEL, JASMIN, "/ping", "/balance")] == [404] * 4


@pytest.mark.parametrize(
    ("target", "answer"),
    [(KANNEL, (403, "Not routable. Do not try again.")), (JASMIN, (412, 'Error "No route found"'))],
    ids=["kannel", "jasmin"],
)
@journey
async def test_what_no_route_takes_is_refused(tmp_path: Path, target: str, answer: tuple[int, str]) -> None:
    async with house_of(tmp_path, to="44*") as (house, _):
        assert await get(house, target) == answer
        await house.until(lambda: house.events("mt_rejected"))


@pytest.mark.parametrize(
    ("target", "answer"),
    [(KANNEL, (503, "Temporal failure, try again later.")), (JASMIN, (403, 'Error "User throughput exceeded"'))],
    ids=["kannel", "jasmin"],
)
@journey
async def test_a_rate_that_is_used_up_refuses_for_now(tmp_path: Path, target: str, answer: tuple[int, str]) -> None:
    async with house_of(tmp_path, rate=1.0) as (house, _):
        answers = [await get(house, target) for _ in range(4)]

        assert answers[0][0] < 300
        assert answers[-1] == answer


@BOTH
@journey
async def test_a_full_queue_and_a_gateway_that_stops_refuse_for_now(tmp_path: Path, target: str) -> None:
    never = Faults([Rule(fault=Fault.NEVER_ANSWER, on=Event.SUBMIT, last_count=1_000)])
    async with house_of(tmp_path, queue_limit=1, faults=never) as (house, _):
        first = await get(house, target)
        full = await get(house, target)
        await house.gateway.http_door.drain(0.0)
        stopping = await get(house, target)

        assert first[0] < 300
        assert full[0] == stopping[0] == 503
        assert "try again later" in full[1]
        assert full[1] == stopping[1]


@BOTH
@journey
async def test_a_key_lets_nothing_be_sent_twice(tmp_path: Path, target: str) -> None:
    async with house_of(tmp_path) as (house, smsc):
        first = await get(house, target, Idempotency_Key="k1")
        again = await get(house, target, Idempotency_Key="k1")
        other = await get(house, target.replace("Hello", "Bye"), Idempotency_Key="k1")
        await house.until(lambda: smsc.submitted)
        await asyncio.sleep(0.1)

        assert first == again
        assert first[0] < 300
        assert other[0] == 400
        assert len(smsc.submitted) == 1


@journey
async def test_several_receivers_with_a_key_are_sent_to_once(tmp_path: Path) -> None:
    many = KANNEL.replace("to=37120000001", "to=37120000001+37120000002+x")
    async with house_of(tmp_path) as (house, smsc):
        answers = [await get(house, many, Idempotency_Key="k1") for _ in range(2)]
        await house.until(lambda: len(smsc.submitted) == 2)
        await asyncio.sleep(0.1)

        assert answers == [(202, "0: Accepted for delivery")] * 2
        assert len(smsc.submitted) == 2


@journey
async def test_a_key_stands_for_what_a_posts_headers_say_too(tmp_path: Path) -> None:
    async with house_of(tmp_path) as (house, smsc):
        answers = []
        for to in ("37120000001", "37120000002"):
            named = {"to": to, "from": "SHOP", "username": "foo", "password": "bar"}
            headers = {f"X-Kannel-{name}": value for name, value in named.items()}
            headers |= {"Content-Type": "text/plain", "Idempotency-Key": "k1"}
            answers.append(await ask(port(house), "POST", KANNEL.partition("?")[0], headers, b"Hello"))
        await house.until(lambda: smsc.submitted)

        assert [status for status, *_ in answers] == [202, 400]


@journey
async def test_receivers_with_a_key_are_stored_together_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = KANNEL.replace("to=37120000001", "to=" + "+".join(str(37120000001 + each) for each in range(700)))
    async with house_of(tmp_path) as (house, smsc):
        store, calls = house.gateway.store, 0
        real = store.accept_once

        async def failing(*values: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise StoreAway("the disk takes nothing")
            return await real(*values)

        monkeypatch.setattr(store, "accept_once", failing)

        assert await get(house, many, Idempotency_Key="k1") == (202, "0: Accepted for delivery")
        await house.until(lambda: len(smsc.submitted) == 700)


# -- Kannel -------------------------------------------------------------------------------------------------------


@journey
async def test_a_message_that_must_wait_for_its_operator_is_told_as_queued(tmp_path: Path) -> None:
    async with house_of(tmp_path) as (house, smsc):
        assert await get(house, KANNEL) == (202, "0: Accepted for delivery")
        await smsc.__aexit__(None, None, None)
        await house.until(lambda: house.events("link_down"))

        assert await get(house, KANNEL) == (202, "3: Queued for later delivery")
        await smsc.__aenter__()


@journey
async def test_several_receivers_wait_for_the_rate_together(tmp_path: Path) -> None:
    many = KANNEL.replace("to=37120000001", "to=37120000001+37120000002+37120000003")
    async with house_of(tmp_path, rate=1.0) as (house, smsc):
        assert await get(house, many) == (202, "0: Accepted for delivery")
        assert (await get(house, many))[0] == 503
        await house.until(lambda: len(smsc.submitted) == 3)


@journey
async def test_letters_that_the_gsm_alphabet_lacks_survive_unless_it_was_asked_for(tmp_path: Path) -> None:
    async with house_of(tmp_path) as (house, smsc):
        for more in ("", "&coding=0"):
            await get(house, KANNEL.replace("Hello", quote("Ačiū")) + more)
        await house.until(lambda: len(smsc.submitted) == 2)

        found = sorted((taken.pdu.data_coding, taken.octets) for taken in smsc.submitted)
        assert found == [(0, b"A?i?"), (8, "Ačiū".encode("utf-16-be"))]


@journey
async def test_meta_data_has_values_for_the_tlvs_that_the_operators_profile_names(tmp_path: Path) -> None:
    tlvs = {
        "tariff": VendorTlv(tag=0x1501, type=TlvType.INTEGER, octets=2, value="1"),
        "campaign": VendorTlv(tag=0x1502, type=TlvType.C_STRING),
    }
    profile = Profile(tlvs=tlvs, billing={"shop": Billing(tlvs={"tariff": "50"})})
    async with house_of(tmp_path, profile=profile) as (house, smsc):
        meta_data = quote("?smpp?tariff=5&campaign=a%20b&nobody=1&")
        for more in ("", f"&meta-data={meta_data}", f"&meta-data={meta_data}&account=shop"):
            assert (await get(house, KANNEL + more))[0] == 202
        await house.until(lambda: len(smsc.submitted) == 3)

        assert [dict(taken.pdu.tlvs) for taken in smsc.submitted] == [
            {0x1501: b"\0\1"},
            {0x1501: b"\0\5", 0x1502: b"a b\0"},
            {0x1501: b"\0\x32", 0x1502: b"a b\0"},
        ]


@journey
async def test_a_private_dlr_url_is_refused_where_the_settings_do_not_allow_it(tmp_path: Path) -> None:
    async with house_of(tmp_path) as (house, _):
        answer = await get(house, f"{KANNEL}&dlr-mask=31&dlr-url=http%3A%2F%2F127.0.0.1%2Fdlr")

        assert answer == (400, "DLR-URL field misformed, rejected")


@journey
async def test_a_report_without_a_url_of_its_own_goes_where_the_settings_say(tmp_path: Path) -> None:
    web = Web()
    web_port = await web.listen()
    callback = ClientCallback(
        format=CallbackFormat.KANNEL, status_url=f"http://127.0.0.1:{web_port}/dlr?d=%d&p=%p", allow_private=True
    )
    async with house_of(tmp_path, callback=callback) as (house, _):
        await get(house, f"{KANNEL}&dlr-mask=1")
        await get(house, KANNEL)
        await house.until(lambda: web.targets)
        await asyncio.sleep(0.2)

        assert web.targets == ["/dlr?d=1&p=37120000001"]
    web.close()


@journey
async def test_the_text_of_an_answer_goes_to_the_handset(tmp_path: Path) -> None:
    web = Web(b"<p>Thank <b>you</b></p>", "text/html")
    url = f"http://127.0.0.1:{await web.listen()}/mo?t=%a"
    callback = ClientCallback(format=CallbackFormat.KANNEL, url=url)
    async with house_of(tmp_path, callback=callback) as (house, smsc):
        smsc.mo = MoSource(MoOptions(count=1, text="VOTE", source="37120000009"), smsc.now())
        smsc._wake()
        await house.until(lambda: smsc.submitted)

        assert smsc.submitted[0].octets == b"Thank you"
        assert smsc.submitted[0].pdu.destination_addr == "37120000009"
    web.close()


# -- Jasmin -------------------------------------------------------------------------------------------------------

MANY = {"username": "foo", "password": "bar", "to": "37120000001"}

#: Answers of Jasmin's documentation and its validation, by what was asked.
JASMIN_CASES: list[tuple[dict[str, str], int, str]] = [
    ({}, 400, 'Error "Mandatory arguments not found, please refer to the HTTPAPI specifications."'),
    ({"to": "1"}, 400, 'Error "Mandatory argument [username] is not found."'),
    ({"to": "abc"}, 400, 'Error "Argument [to] has an invalid value: [abc]."'),
    ({"x": "1"}, 400, 'Error "Argument [x] is unknown."'),
    ({"to": "1", "x": "1"}, 400, 'Error "Mandatory argument [username] is not found."'),
    ({**MANY, "content": "a", "x": "1"}, 400, 'Error "Argument [x] is unknown."'),
    ({**MANY, "coding": "11", "content": "a"}, 400, 'Error "Argument [coding] has an invalid value: [11]."'),
    ({**MANY, "priority": "4", "content": "a"}, 400, 'Error "Argument [priority] has an invalid value: [4]."'),
    ({**MANY, "sdt": "1", "content": "a"}, 400, 'Error "Argument [sdt] has an invalid value: [1]."'),
    (
        {**MANY, "validity-period": "x", "content": "a"},
        400,
        'Error "Argument [validity-period] has an invalid value: [x]."',
    ),
    ({**MANY, "dlr": "maybe", "content": "a"}, 400, 'Error "Argument [dlr] has an invalid value: [maybe]."'),
    ({**MANY, "dlr-level": "4", "content": "a"}, 400, 'Error "Argument [dlr-level] has an invalid value: [4]."'),
    ({**MANY, "dlr-method": "put", "content": "a"}, 400, 'Error "Argument [dlr-method] has an invalid value: [put]."'),
    (
        {**MANY, "dlr-url": "ftp://h", "content": "a"},
        400,
        'Error "Argument [dlr-url] has an invalid value: [ftp://h]."',
    ),
    ({**MANY, "tags": "a b", "content": "a"}, 400, 'Error "Argument [tags] has an invalid value: [a b]."'),
    (MANY, 400, 'Error "content or hex-content not present."'),
    (
        {**MANY, "content": "a", "hex-content": "41"},
        400,
        'Error "content and hex-content cannot be used both in same request."',
    ),
    ({**MANY, "hex-content": "4"}, 400, "Error \"Invalid hex-content data: '4'\""),
    ({**MANY, "password": "baz", "content": "a"}, 403, 'Error "Authentication failure for username:foo"'),
    ({**MANY, "username": "nobody", "content": "a"}, 403, 'Error "Authentication failure for username:nobody"'),
]


@journey
async def test_what_jasmin_refuses_is_refused_in_its_words(tmp_path: Path) -> None:
    async with house_of(tmp_path) as (house, smsc):
        await get(house, JASMIN)
        for asked, status, text in JASMIN_CASES:
            assert await get(house, f"/send?{urlencode(asked)}") == (status, text), asked
            form = urlencode(asked).encode()
            posted = await ask(
                port(house), "POST", "/send", {"Content-Type": "application/x-www-form-urlencoded"}, form
            )
            assert posted == (status, text, "text/plain"), asked
        await house.until(lambda: smsc.submitted)
        assert len(smsc.submitted) == 1


#: What is asked → data_coding, octets, priority_flag of what the operator gets.
JASMIN_TEXTS: list[tuple[dict[str, str], tuple[int, bytes, int]]] = [
    ({"content": "Hello"}, (0, b"Hello", 0)),
    ({"content": "€"}, (0, b"\x1be", 0)),
    ({"content": "Ačiū"}, (8, "Ačiū".encode("utf-16-be"), 0)),
    ({"content": "Ačiū", "coding": "0"}, (0, b"A?i?", 0)),
    ({"content": "\x00\x48", "coding": "8"}, (8, b"\x00H", 0)),
    ({"hex-content": "0048", "coding": "8", "priority": "2"}, (8, b"\x00H", 2)),
    ({"hex-content": "00ff", "coding": "4"}, (4, b"\x00\xff", 0)),
    ({"content": ""}, (0, b"", 0)),
]


@journey
async def test_each_text_leaves_as_jasmin_would_send_it(tmp_path: Path) -> None:
    async with house_of(tmp_path) as (house, smsc):
        for number, (asked, expected) in enumerate(JASMIN_TEXTS):
            status, text = await get(house, f"/send?{urlencode({**MANY, **asked})}")
            assert status == 200, text
            await house.until(lambda number=number: len(smsc.submitted) == number + 1)
            pdu = smsc.submitted[number].pdu
            assert (pdu.data_coding, pdu.short_message, pdu.priority_flag) == expected, asked


@pytest.mark.parametrize(
    ("level", "told"),
    [("1", ["ESME_ROK"]), ("2", ["ACCEPTD", "DELIVRD"]), ("3", ["ESME_ROK", "ACCEPTD", "DELIVRD"])],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
@journey
async def test_a_report_comes_at_its_level_until_it_is_acknowledged(
    tmp_path: Path, level: str, told: list[str], method: str
) -> None:
    web = Web(b"ACK/Jasmin")
    url = f"http://127.0.0.1:{await web.listen()}/dlr"
    callback = ClientCallback(format=CallbackFormat.JASMIN, allow_private=True)
    asked = {**MANY, "content": "Hello", "dlr": "yes", "dlr-url": url, "dlr-level": level, "dlr-method": method}
    async with house_of(tmp_path, callback=callback) as (house, _):
        _, text = await get(house, f"/send?{urlencode(asked)}")
        await house.until(lambda: len(web.targets) >= len(told))
        await asyncio.sleep(0.2)
    web.close()

    found = [
        dict(parse_qsl(urlsplit(target).query or body.decode(), keep_blank_values=True))
        for target, body in zip(web.targets, web.bodies, strict=True)
    ]
    success = UUID.fullmatch(text)
    assert success is not None
    assert [each["message_status"] for each in found] == told
    assert {each["id"] for each in found} == {success[1]}
    assert {each["connector"] for each in found} == {"sim"}


@journey
async def test_a_call_without_its_acknowledgement_comes_again(tmp_path: Path) -> None:
    web = Web(b"thanks")
    url = f"http://127.0.0.1:{await web.listen()}/mo"
    callback = ClientCallback(format=CallbackFormat.JASMIN, url=url, method=CallMethod.GET, retry_s=(0.05,))
    async with house_of(tmp_path, callback=callback) as (house, smsc):
        smsc.mo = MoSource(MoOptions(count=1, text="VOTE 5", source="37120000009"), smsc.now())
        smsc._wake()
        await house.until(lambda: len(web.targets) == 2)
        web.answer = b"ACK/Jasmin"
        await house.until(lambda: house.events("callback_sent"))

        told = dict(parse_qsl(urlsplit(web.targets[-1]).query))
        assert (told["from"], told["to"], told["coding"]) == ("37120000009", "12345", "0")
        assert told["content"].startswith("VOTE 5")
        assert bytes.fromhex(told["binary"]).startswith(b"VOTE 5")
        assert len(set(web.targets)) == 1
    web.close()


# -- the published examples ---------------------------------------------------------------------------------------

_EXAMPLE = re.compile(r"```sh\n(curl .*?)\n```\n\n```text\n(.*?)\n```", re.DOTALL)


@pytest.mark.parametrize(("page", "username", "password"), [("kannel", "shop", "secret"), ("jasmin", "foo", "bar")])
@journey
async def test_each_example_of_the_page_is_answered_as_it_says(
    tmp_path: Path, page: str, username: str, password: str
) -> None:
    examples = _EXAMPLE.findall((DOCS / f"{page}.md").read_text())
    http = ClientHttp(username=username, password=password, sender="SHOP")
    callback = ClientCallback(format=CallbackFormat(page), allow_private=True)
    async with house_of(tmp_path, http=http, callback=callback) as (house, _):
        for command, expected in examples:
            words = shlex.split(command)
            target = urlsplit(next(word for word in words if word.startswith(("http://127", "http://local"))))
            headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
            body = next((words[at + 1].encode() for at, word in enumerate(words) if word == "-d"), b"")
            path = f"{target.path}?{target.query}" if target.query else target.path
            _, text, _ = await ask(port(house), "POST" if body else "GET", path, headers, body)
            assert UUID.sub("Success", text) == UUID.sub("Success", expected), command
    assert len(examples) >= 4


@journey
async def test_parameters_of_an_operators_own_reach_it(tmp_path: Path) -> None:
    async with house_of(tmp_path) as (house, smsc):
        tlvs = [[12288, None, "COctetString", "ref-42"], [12289, None, "Int2", 5000]]
        body = json.dumps({**MANY, "content": "Hello", "custom_tlvs": tlvs}).encode()
        answer = await ask(port(house), "POST", "/send", {"Content-Type": "application/json"}, body)
        forbidden = json.dumps({**MANY, "content": "Hello", "custom_tlvs": [[0x0424, None, "Int1", 1]]}).encode()
        refused = await ask(port(house), "POST", "/send", {"Content-Type": "application/json"}, forbidden)
        await house.until(lambda: smsc.submitted)

        assert UUID.fullmatch(answer[1])
        assert refused[0] == 400
        assert [each for each in smsc.submitted[0].pdu.tlvs if each[0] >= 0x1400] == [
            (12288, b"ref-42\0"),
            (12289, b"\x13\x88"),
        ]


@journey
async def test_json_may_carry_numbers(tmp_path: Path) -> None:
    async with house_of(tmp_path) as (house, smsc):
        body = json.dumps({**MANY, "content": "Hello", "priority": 1, "coding": 0}).encode()
        answer = await ask(port(house), "POST", "/send", {"Content-Type": "application/json"}, body)
        broken = await ask(port(house), "POST", "/send", {"Content-Type": "application/json"}, b"[1")
        await house.until(lambda: smsc.submitted)

        assert UUID.fullmatch(answer[1])
        assert broken[:2] == (400, 'Error "The body is not JSON."')
        assert smsc.submitted[0].pdu.priority_flag == 1


@pytest.mark.parametrize(
    ("path", "kind", "octets", "status"),
    [
        ("/cgi-bin/sendsms", "text/xml", 65_537, 413),
        ("/cgi-bin/sendsms", "text/plain", 200_001, 413),
        ("/send", "application/json", 200_001, 400),
    ],
)
@journey
async def test_strangers_have_no_large_bodies_read(
    tmp_path: Path, path: str, kind: str, octets: int, status: int
) -> None:
    async with house_of(tmp_path) as (house, smsc):
        answer = await ask(port(house), "POST", path, {"Content-Type": kind}, b"<" * octets)

        assert answer[0] == status
        assert smsc.submitted == []

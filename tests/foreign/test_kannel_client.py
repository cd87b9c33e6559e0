"""Kannel as a client over SMPP: its texts, its binary messages, its parts, its reports, and what handsets send it."""

from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from kannel import IS_THERE, kannel

from house import client, journey, mo, mt, small_house
from raw_web import Web, ask

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not IS_THERE, reason="Kannel is not installed")]

#: Parameters of a request, as they stand in a URL → user data and data_coding that the operator gets.
SENT = {
    "text=%40+%7B+%E2%82%AC&charset=UTF-8": [(b"\x00 \x1b( \x1be", 0)],
    "text=%C4%B7irbis&charset=UTF-8&coding=2": [("ķirbis".encode("utf-16-be"), 8)],
    "udh=%06%05%04%0b%84%23%f0&text=%01%02%00": [(b"\x06\x05\x04\x0b\x84\x23\xf0\x01\x02\x00", 4)],
    "text=flash&mclass=0": [(b"flash", 0xF0)],
    f"text={'a' * 300}": [(b"a" * 153, 0), (b"a" * 147, 0)],
}


@journey
async def test_kannel_sends_over_our_door_and_hears_what_became_of_each(tmp_path: Path) -> None:
    web = Web()
    port = await web.listen()
    callback = f"http://127.0.0.1:{port}"
    asked = {"username": "tester", "password": "foobar", "from": "12345", "to": "+37120000001", "dlr-mask": "31"}
    mo_url = f"{callback}/mo?from=%p&to=%P&text=%b&coding=%c"
    async with (
        small_house(tmp_path, clients=[client("chappe")], routes=[mt(), mo("chappe")]) as (house, smsc),
        kannel(tmp_path, house.port, mo_url) as kannel_port,
    ):
        await house.until(lambda: house.gateway.smpp_door.bound["chappe"] == 1, 20)
        for number, request in enumerate(SENT):
            dlr = quote(f"{callback}/dlr?number={number}&outcome=%d", safe="")
            status, _, _ = await ask(kannel_port, "GET", f"/cgi-bin/sendsms?{urlencode(asked)}&{request}&dlr-url={dlr}")
            assert status == 202
        parts = [part for parts in SENT.values() for part in parts]
        await house.until(lambda: len(smsc.submitted) == len(parts), 20)
        smsc.send_mo(b"VOTE 5")
        smsc.send_mo("ķ".encode("utf-16-be"), data_coding=8)
        told = {f"/dlr?number={number}&outcome={outcome}" for number in range(len(SENT)) for outcome in (8, 4, 1)}
        await house.until(lambda: told <= set(web.targets) and len(web.targets) == len(told) + 2, 20)

        assert sorted((each.octets, each.pdu.data_coding) for each in smsc.submitted) == sorted(parts)
        heard = [parse_qs(urlsplit(each).query) for each in web.targets if each.startswith("/mo")]
        assert sorted((each["text"][0], each["coding"][0]) for each in heard) == [("\x017", "2"), ("VOTE 5", "0")]
        assert {each["from"][0] for each in heard} == {"+37120000001"}
        assert not house.events("pdu_refused", "item_poisoned", "mt_failed")
    web.close()

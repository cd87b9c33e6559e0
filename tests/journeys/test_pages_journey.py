"""A new user at a browser: from an empty installation to a delivered message, then six faults with their causes."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pages_place
from pages_place import Place, add_client, add_operator, add_route, change, make_first, place_in
from ports import free_port

WHY_NOT = pages_place.why_no_browser()
TOKEN = "a-token-that-nobody-guesses-1"


class Refusing(http.server.BaseHTTPRequestHandler):
    """A client's web server that is broken."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *told: Any) -> None: ...


@pytest.fixture
def broken_server() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()


def read_now(page: Any, place: Place, words: str) -> None:
    """The first page says these words; it stays up to date by itself."""
    page.goto(place.url + "/")
    page.wait_for_selector(f".trouble:has-text('{words}')")


@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
@pytest.mark.timeout(280)
def test_a_new_user_comes_to_a_delivered_message_and_reads_the_cause_of_each_fault(
    tmp_path: Path, broken_server: str
) -> None:
    with place_in(tmp_path) as place, pages_place.browser() as page:
        place.smsc()
        place.start()
        make_first(page, place)
        add_operator(page, place, "three")
        add_client(
            page, place, "acme", TOKEN,
            callback_url=broken_server, callback_secret="make", more="[callback]\nallow_private = true",
        )  # fmt: skip
        add_route(page, place, "371*", "three")

        page.goto(f"{place.url}/trial?client=acme")
        page.fill("#to", "+37120000001")
        page.fill("#text", "Hello")
        page.wait_for_selector("#preview >> text=gsm7")
        page.click("button:has-text('Send it')")
        page.wait_for_url("**/messages/*")
        pages_place.until(lambda: page.reload() and page.query_selector("h1 >> text=delivered"))

        assert place.post(TOKEN, "+4412345678") == 422
        read_now(page, place, "no route takes them")
        assert place.post(TOKEN, "+37120000002") == 202
        read_now(page, place, "500")

        nobody, strict = f"127.0.0.1:{free_port()}", place.smsc_port
        add_operator(page, place, "closed", address=nobody)
        read_now(page, place, "connection refused")
        add_operator(page, place, "locked", address=f"127.0.0.1:{strict}", password="wrong")
        read_now(page, place, "wrong password")

        slow, odd = free_port(), free_port()
        (tmp_path / "slow.toml").write_text('[[faults]]\nfault = "throttle"\nprobability = 1.0\n')
        (tmp_path / "odd.toml").write_text('[[faults]]\nfault = "receipt_id_base"\nprobability = 1.0\nbase = "hex"\n')
        place.smsc("--script", "slow.toml", port=slow)
        add_operator(page, place, "slow", address=f"127.0.0.1:{slow}")
        add_route(page, place, "372*", "slow")
        assert place.post(TOKEN, "+37255500001") == 202
        read_now(page, place, "slower pace")
        place.smsc("--script", "odd.toml", port=odd)
        add_operator(page, place, "odd", address=f"127.0.0.1:{odd}")
        add_route(page, place, "373*", "odd")
        for number in range(20):
            assert place.post(TOKEN, f"+3736000{number:04}") == 202
        read_now(page, place, "receipts of odd match nothing")
        page.wait_for_selector(".trouble:has-text('hexadecimal')")
        change(page, f"{place.url}/configure/operators/of/three", {"rate": "50"})

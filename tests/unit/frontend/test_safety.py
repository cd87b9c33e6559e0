"""The pages as somebody sees them who means harm: forged forms, foreign messages, planted scripts and sessions."""

from __future__ import annotations

import re
import time
from typing import Any

import pyotp
import pytest
from site_house import PASSWORD, Site, message

from chappe.frontend.wishes import Reply
from chappe.model.lifecycle import Status
from chappe.store.views import FailedView

PATHS = (
    "/", "/now/live", "/welcome", "/messages", "/messages/7", "/receipts", "/held", "/trial", "/people", "/people/add",
    "/audit", "/me", "/configure", "/configure/routes", "/configure/explain",
)  # fmt: skip
EVERYBODYS = {"first", "sign_in", "code", "static"}


def test_every_page_says_for_whom_it_is(site: Site) -> None:
    from chappe.frontend.urls import urlpatterns

    marks = ("roles", "is_open", "is_for_newcomers")
    unmarked = [each.name for each in urlpatterns if not any(hasattr(each.callback, mark) for mark in marks)]
    opened = {each.name for each in urlpatterns if getattr(each.callback, "is_open", False)}

    assert unmarked == []
    assert opened == EVERYBODYS


@pytest.mark.parametrize("path", PATHS)
def test_nobody_sees_a_page_without_signing_in(site: Site, path: str) -> None:
    site.person("administrator")

    answer = site.browser().get(path)

    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in")


def test_a_client_sees_its_own_messages_and_nobody_elses(site: Site) -> None:
    site.store.add(message(7, "acme"))
    site.store.add(message(8, "other"))
    browser = site.signed_in("client", client="acme")

    assert browser.get("/messages/7").status_code == 200
    assert browser.get("/messages/8").status_code == 404
    assert b">8<" not in browser.get("/messages?client=other").content
    assert b">8<" not in browser.get("/messages?q=37120000001").content


@pytest.mark.parametrize("path", ["/receipts", "/people", "/audit", "/configure", "/configure/routes", "/welcome"])
def test_a_client_is_refused_where_the_gateway_is_shown(site: Site, path: str) -> None:
    assert site.signed_in("client", client="acme").get(path).status_code == 403


def test_a_client_sees_its_own_callbacks_alone(site: Site) -> None:
    site.store.failed = [
        FailedView(1, "acme", 11, "delivered", 3, 1, "500"),
        FailedView(2, "other", 22, "x", 3, 1, "y"),
    ]

    page = site.signed_in("client", client="acme").get("/held").content

    assert b"/messages/11" in page
    assert b"/messages/22" not in page


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/held/decide", {"id": "1", "act": "drop"}),
        ("/held/replay", {"id": "1"}),
        ("/receipts/fix", {"operator": "sim"}),
        ("/receipts/replay", {"operator": "sim", "way": ""}),
        ("/held/enable", {"client": "acme"}),
        ("/held/drop", {"queue": "client:acme"}),
        ("/messages/7/cancel", {}),
        ("/messages/7/resend", {}),
        ("/trial", {"to": "+1", "text": "x", "client": "demo"}),
        ("/people/add", {"name": "eve", "role": "administrator"}),
    ],
)
@pytest.mark.parametrize("role", ["viewer", "client"])
def test_who_has_no_hands_asks_for_nothing(site: Site, role: str, path: str, form: dict[str, str]) -> None:
    site.store.add(message(7, "acme"))
    browser = site.signed_in(role, client="acme" if role == "client" else "")
    if role == "client" and path == "/trial":
        pytest.skip("a client's user may send a test of its own client")

    assert browser.post(path, form).status_code == 403
    assert site.hands.asked == []


def test_a_client_sends_tests_as_itself_alone(site: Site) -> None:
    site.signed_in("client", client="acme").post("/trial", {"to": "+371", "text": "x", "client": "other"})

    assert [values["client"] for _, values, _ in site.hands.asked] == ["acme"]


def test_what_has_ended_is_sent_again_by_a_button_that_leads_to_the_new_message(site: Site) -> None:
    site.store.add(message(7, "acme"))
    site.store.add(message(8, "acme"), Status.SENT)
    site.hands.reply = Reply("done", count=1, changed=(9,))
    browser = site.signed_in("operator", "bob")

    assert b'action="/messages/7/resend"' in browser.get("/messages/7").content
    assert b'action="/messages/8/resend"' not in browser.get("/messages/8").content
    assert browser.post("/messages/7/resend")["Location"] == "/messages/9"
    assert browser.post("/messages/4/resend").status_code == 404
    assert site.hands.asked == [("resend_message", {"id": 7}, "bob")]


def test_an_operator_decides_and_the_audit_says_who(site: Site) -> None:
    from chappe.frontend.models import AuditEntry

    site.signed_in("operator", "bob").post("/held/decide", {"id": ["1", "2"], "act": "resend"})

    assert site.hands.asked == [("resolve_held", {"ids": [1, 2], "is_resent": True}, "bob")]
    assert AuditEntry.objects.filter(who="bob", what="resolve_held").exists()


def test_a_form_without_its_token_is_refused(site: Site) -> None:
    site.person("operator")
    browser = site.browser(enforce_csrf_checks=True)
    page = browser.get("/sign-in").content.decode()
    token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]  # type: ignore[index]
    form = {"name": "operator", "password": PASSWORD}

    assert browser.post("/sign-in", form).status_code == 403
    assert browser.post("/sign-in", {**form, "csrfmiddlewaretoken": token}).status_code == 302
    assert browser.post("/held/decide", {"id": "1", "act": "drop"}).status_code == 403
    assert site.hands.asked == []


def test_a_planted_session_is_worth_nothing_after_signing_in(site: Site) -> None:
    site.person("viewer")
    browser = site.browser()
    browser.get("/sign-in")
    planted = browser.cookies["chappe-session"].value

    browser.post("/sign-in", {"name": "viewer", "password": PASSWORD})

    assert browser.cookies["chappe-session"].value != planted
    victim = site.browser()
    victim.cookies["chappe-session"] = planted
    assert victim.get("/").status_code == 302


def test_cookies_are_for_this_site_and_no_script(site: Site) -> None:
    site.person("viewer")
    browser = site.browser()
    answer = browser.post("/sign-in", {"name": "viewer", "password": PASSWORD})
    cookie = answer.cookies["chappe-session"]

    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_cookies_go_over_tls_alone_behind_a_proxy(site: Site) -> None:
    from dataclasses import replace

    from chappe.frontend.django_settings import settings_of

    told = settings_of(replace(site.terms, proxy="127.0.0.1", hosts=("sms.example.com",)))

    assert told["SESSION_COOKIE_SECURE"]
    assert told["CSRF_COOKIE_SECURE"]
    assert "sms.example.com" in told["ALLOWED_HOSTS"]


@pytest.mark.parametrize("planted", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_what_handsets_and_clients_write_is_never_a_script(site: Site, planted: str) -> None:
    site.store.add(message(7, planted, planted.encode(), source=planted, dest=planted))
    site.store.events = [_event("mt_rejected", detail=f"no_route; {planted}", msisdn=planted, client=planted)]
    browser = site.signed_in("operator")

    pages = [browser.get(path).content.decode() for path in ("/messages", "/messages/7", "/", "/receipts")]

    assert all(planted not in page for page in pages)
    assert "&lt;" in pages[1] or "&quot;" in pages[1]


def test_every_answer_forbids_scripts_and_frames_of_others(site: Site) -> None:
    for answer in (
        site.browser().get("/first"),
        site.signed_in("viewer").get("/messages"),
        site.browser().get("/nope"),
    ):
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert "unsafe" not in answer["Content-Security-Policy"]
        assert answer["X-Frame-Options"] == "DENY"


def test_no_page_has_a_script_or_a_style_in_it_or_anything_from_elsewhere(site: Site) -> None:
    site.store.add(message(7))
    browser = site.signed_in("administrator")

    for path in PATHS:
        answer = browser.get(path)
        page = answer.content.decode()
        assert answer.status_code == 200, path
        assert not re.search(r"<script(?! src=\"/static/)|<style|\sstyle=|\son[a-z]+=\"", page), path
        assert not re.search(r"(src|href|action)=\"(https?:)?//", page), path
        assert len(page) < 100_000


def test_other_names_of_the_host_are_refused(site: Site) -> None:
    assert site.browser().get("/sign-in", HTTP_HOST="evil.example").status_code == 400


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_signing_in_leads_nowhere_else(site: Site, target: str) -> None:
    site.person("viewer")

    answer = site.browser().post("/sign-in", {"name": "viewer", "password": PASSWORD, "next": target})

    assert answer["Location"] == "/"


def test_whoever_guesses_is_soon_not_listened_to(site: Site) -> None:
    site.person("viewer")
    guesses = [site.browser().post("/sign-in", {"name": "viewer", "password": f"guess {n}"}) for n in range(9)]

    assert b"Too many" in guesses[-1].content
    assert b"Too many" in site.browser().post("/sign-in", {"name": "viewer", "password": PASSWORD}).content


def test_an_address_that_guesses_many_names_is_not_listened_to_either(site: Site) -> None:
    from chappe.frontend.limits import OF_ADDRESS
    from chappe.frontend.models import Failure

    site.person("viewer")
    Failure.objects.bulk_create([Failure(key="address:127.0.0.1") for _ in range(OF_ADDRESS)])

    assert b"Too many" in site.browser().post("/sign-in", {"name": "viewer", "password": PASSWORD}).content


@pytest.mark.parametrize("password", ["short", "123456789012", "password1234", "viewer-viewer"])
def test_easy_passwords_are_refused(site: Site, password: str) -> None:
    from chappe.frontend.pages.door import password_faults

    assert password_faults(password, password, "viewer-viewer") != []


def test_a_code_is_good_once(site: Site) -> None:
    from chappe.frontend.models import Person

    secret = pyotp.random_base32()
    person = site.person("operator")
    Person.objects.filter(pk=person.pk).update(totp_secret=secret)
    code = pyotp.TOTP(secret).at(time.time())

    def enter() -> Any:
        browser = site.browser()
        assert browser.post("/sign-in", {"name": "operator", "password": PASSWORD})["Location"] == "/sign-in/code"
        assert browser.get("/").status_code == 302
        return browser.post("/sign-in/code", {"code": code})

    assert enter().status_code == 302
    assert enter().status_code == 401


def test_a_recovery_code_is_good_once(site: Site) -> None:
    from chappe.frontend.codes import is_good
    from chappe.frontend.models import new_codes

    person = site.person("operator")
    person.totp_secret = pyotp.random_base32()
    person.save()
    first, *others = new_codes(person)

    assert is_good(person, first.upper())
    assert not is_good(person, first)
    assert is_good(person, others[0])


def test_the_first_administrator_needs_the_token_and_there_is_one(site: Site) -> None:
    from chappe.frontend.first import token_in
    from chappe.frontend.models import Person

    form = {"name": "ada", "password": PASSWORD, "again": PASSWORD}

    assert site.browser().post("/first", {**form, "token": "guessed"}).status_code == 422
    assert not Person.objects.exists()
    assert site.browser().post("/first", {**form, "token": token_in(site.folder)}).status_code == 302
    assert site.browser().post("/first", {**form, "name": "eve", "token": "x"}).status_code == 404
    assert Person.objects.get().role == "administrator"


def test_a_viewer_sees_neither_numbers_nor_texts(site: Site) -> None:
    site.store.add(message(7, dest="37129876543"))
    browser = site.signed_in("viewer")

    pages = browser.get("/messages").content + browser.get("/messages/7").content

    assert b"9876543" not in pages
    assert b"Your code" not in pages


def test_a_session_that_was_ended_is_over_at_once(site: Site) -> None:
    from chappe.frontend.models import SignIn

    browser = site.signed_in("viewer")
    SignIn.objects.all().delete()

    assert browser.get("/").status_code == 302


def test_the_last_administrator_stays(site: Site) -> None:
    from chappe.frontend.models import Person

    browser = site.signed_in("administrator")
    own = Person.objects.get().pk

    assert browser.post(f"/people/{own}", {"role": "viewer", "is_active": "on"}).status_code == 422
    assert Person.objects.get().role == "administrator"


def test_a_given_password_is_good_for_choosing_ones_own_alone(site: Site) -> None:
    page = site.signed_in("administrator").post("/people/add", {"name": "bob", "role": "viewer"}).content.decode()
    given = re.search('id="given">([^<]+)<', page)[1]  # type: ignore[index]
    browser = site.browser()
    browser.post("/sign-in", {"name": "bob", "password": given})

    assert browser.get("/")["Location"] == "/me/password"
    browser.post("/me/password", {"old": given, "password": PASSWORD, "again": PASSWORD})
    assert browser.get("/messages").status_code == 200


def _event(event: str, **fields: str) -> dict[str, str]:
    names = ("id", "client", "operator", "msisdn", "number", "client_ref", "operator_ref", "detail")
    now = time.strftime("%Y-%m-%d %H:%M:%S.000000", time.gmtime())
    return {"time": now, "event": event, **dict.fromkeys(names, ""), **fields}

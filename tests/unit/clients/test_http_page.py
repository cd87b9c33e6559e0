"""The page for people: everything that the document tells, nothing from elsewhere, nothing that runs."""

from __future__ import annotations

import re
import shlex
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from chappe.clients.http_page import POLICY, curl_of, page_of
from chappe.model.lifecycle import Status
from chappe.rules.trial import TRIALS
from chappe.wire.http.openapi import document
from chappe.wire.http.operations import OPERATIONS, Operation
from chappe.wire.http.problems import Code

PAGE = page_of(document("1.2.3")).decode()


class Reader(HTMLParser):
    """Notes the tags, where links lead, and what is left open."""

    VOID = frozenset({"meta", "br", "path", "link", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src"):
                self.links.append(value or "")
            if name.startswith("on") or name == "style":
                self.handlers.append(name)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def read() -> Reader:
    reader = Reader()
    reader.feed(PAGE)
    return reader


def test_the_page_is_well_formed_and_runs_nothing(read: Reader) -> None:
    assert read.open == []
    assert read.tags.isdisjoint({"script", "link", "img", "iframe", "object", "form"})
    assert read.handlers == []


def test_every_link_stays_in_the_house_and_leads_somewhere(read: Reader) -> None:
    anchors = {link[1:] for link in read.links if link.startswith("#")}

    assert len(read.ids) == len(set(read.ids))
    assert anchors <= set(read.ids)
    assert [link for link in read.links if not link.startswith("#")] == ["openapi.json"]


def test_the_policy_names_the_one_style_of_the_page() -> None:
    (style,) = re.findall("<style>(.*?)</style>", PAGE, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()

    assert f"style-src 'sha256-{digest}'" in POLICY
    assert POLICY.startswith("default-src 'none'")
    assert "url(" not in style
    assert "@import" not in style


def test_every_operation_problem_status_and_number_for_tests_is_on_the_page(read: Reader) -> None:
    assert {each.name for each in OPERATIONS} <= set(read.ids)
    for word in [*(code.word for code in Code), *(status.word for status in Status), *(f"+{each}" for each in TRIALS)]:
        assert f"<code>{word}</code>" in PAGE


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_every_command_can_be_pasted_into_a_shell(operation: Operation) -> None:
    words = shlex.split(curl_of(operation.method, operation.example).replace("\\\n", " "))

    assert words[0] == "curl"
    assert "Authorization: Bearer TOKEN" in words

"""docs/http.md against the code: every route, field and problem of the API, and none that is not there."""

import re
from pathlib import Path

import msgspec

from chappe.clients.http_node import METHODS
from chappe.rules import failure
from chappe.wire.http.callbacks import FailedView
from chappe.wire.http.messages import InboundView, MessageView, NewMessage, Preview
from chappe.wire.http.problems import Code
from chappe.wire.http.queries import MessagesQuery

PAGE = (Path(__file__).parents[3] / "docs" / "http.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text between one title and the next of its kind."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(text: str) -> list[str]:
    rows = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row)]


def names(kind: type[msgspec.Struct]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(kind)]


def test_every_route_of_the_api_has_its_section() -> None:
    titles = set(re.findall(r"^## `([A-Z]+ [^`]+)`$", PAGE, re.MULTILINE))

    assert titles == {f"{method} {path}" for path in METHODS if path.startswith("/v1/") for method in METHODS[path]}


def test_every_field_that_may_be_posted_is_documented_and_no_other() -> None:
    assert first_cells(section("`POST /v1/messages`")) == names(NewMessage)


def test_every_field_that_is_shown_is_documented_and_no_other() -> None:
    assert set(first_cells(section("`GET /v1/messages/{id}`"))) == set(names(MessageView))


def test_every_filter_of_a_list_is_documented_and_no_other() -> None:
    assert set(first_cells(section("`GET /v1/messages`"))) == set(names(MessagesQuery))


def test_every_field_of_a_message_from_a_handset_is_documented_and_no_other() -> None:
    assert set(first_cells(section("`GET /v1/inbound`"))) == set(names(InboundView))


def test_every_field_of_a_failed_callback_is_documented_and_no_other() -> None:
    assert set(first_cells(section("`GET /v1/callbacks`"))) == set(names(FailedView))


def test_every_field_of_a_preview_is_documented_and_no_other() -> None:
    assert set(first_cells(section("`POST /v1/messages/preview`"))) == set(names(Preview))


def test_every_problem_is_documented_with_its_status_and_no_other() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (\d+) \|", section("Problems"), re.MULTILINE)

    assert rows == [(code.word, str(code.http_status)) for code in Code]


def test_every_code_of_a_failure_is_documented() -> None:
    tables = (failure._BY_NETWORK_ERROR, failure._BY_COMMAND_STATUS, failure._BY_STATUS)
    words = {word for table in tables for known in table.values() for word in known[:2]}

    assert {word for word in words if f"`{word}`" not in section("`GET /v1/messages/{id}`")} == set()

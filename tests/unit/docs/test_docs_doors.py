"""docs/kannel.md and docs/jasmin.md against the code: every parameter and answer of these doors."""

import re
from pathlib import Path

import pytest

from chappe.clients import kannel_answers, kannel_request
from chappe.clients.jasmin_answers import NO_ROUTE, NOT_NOW, TOO_FAST
from chappe.clients.jasmin_request import SEND
from chappe.clients.kannel_answers import Answer
from chappe.wire.http.kannel import Told, _values

DOCS = Path(__file__).parents[3] / "docs"
KANNEL = (DOCS / "kannel.md").read_text(encoding="utf-8")
JASMIN = (DOCS / "jasmin.md").read_text(encoding="utf-8")


def first_cells(text: str) -> set[str]:
    rows = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row)}


def test_every_parameter_of_kannel_is_documented() -> None:
    assert set(kannel_request._FIELD_BY_HEADER.values()) <= first_cells(KANNEL)


def test_every_parameter_of_a_kannel_url_is_documented() -> None:
    told = Told(text=b"", handset="", number="", at_s=0, operator="", account="", id="", service="")

    assert {f"%{name}" for name in (*_values(told, []), "s", "S", "r")} <= first_cells(KANNEL)


@pytest.mark.parametrize(
    "answer",
    [each for each in vars(kannel_answers).values() if isinstance(each, Answer) and each.status in (202, 403, 503)],
)
def test_every_answer_of_kannel_that_clients_act_upon_is_documented(answer: Answer) -> None:
    assert f"| {answer.status} | `{answer.text}` |" in KANNEL


def test_every_parameter_of_jasmin_is_documented() -> None:
    assert set(SEND) <= first_cells(JASMIN)


@pytest.mark.parametrize("what", [NO_ROUTE, TOO_FAST, NOT_NOW])
def test_every_refusal_of_jasmin_that_clients_act_upon_is_documented(what: str) -> None:
    assert f'`Error "{what}"`' in JASMIN

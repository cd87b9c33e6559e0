"""The pages of docs/ against the code: nothing that exists is missing there, nothing there has ceased to exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from chappe.cli.main import app
from chappe.cli.reference import PAGES
from chappe.cli.up import welcome
from chappe.model.events import COLUMNS, EventName
from chappe.runtime.settings import Settings
from chappe.sim.faults import Fault
from chappe.sim.script import Faults, Rule

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "chappe"

#: A metric's name in the code, and a path that some node serves.
METRIC = re.compile(r"chappe_[a-z_]+")
ROUTE = re.compile(
    r"/(v1(/[\w{}:]+)*|cgi-bin/sendsms|send|rate|balance|ping|healthz|readyz|metrics|status\.json|openapi\.json|docs)"
)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")

PROSE = sorted([*DOCS.glob("**/*.md"), *ROOT.glob("*.md")])


@pytest.mark.parametrize("name", PAGES)
def test_a_written_page_is_what_the_code_would_write(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), "write it anew with: make docs"


def test_every_event_is_documented_and_no_other() -> None:
    assert first_cells("events.md") == {event.value for event in EventName}


def test_the_columns_of_event_files_are_documented_in_their_order() -> None:
    assert COLUMNS in (DOCS / "events.md").read_text(encoding="utf-8")


def test_every_metric_is_documented_and_no_other() -> None:
    in_code = {text for text in strings(SOURCE) if METRIC.fullmatch(text)}

    assert in_code <= first_cells("metrics.md")
    if (SOURCE / "observe" / "metrics.py").exists():
        assert first_cells("metrics.md") == in_code


def test_every_route_is_documented_and_no_other() -> None:
    folders = ("clients", "observe", "net", "frontend")
    served = {text for folder in folders for text in strings(SOURCE / folder) if ROUTE.fullmatch(text)}
    in_code = {re.sub(r":[^}]*}", "}", text) for text in served}

    assert in_code <= first_cells("routes.md")
    if (SOURCE / "clients" / "http_node.py").exists():
        assert first_cells("routes.md") == in_code


def test_every_fault_of_the_simulators_and_every_condition_is_documented() -> None:
    named = first_cells("simulators.md") | set(re.findall("`([a-z_]+)`", read("docs/simulators.md")))
    conditions = set(Rule.__struct_fields__) - {"fault"}

    assert {fault.value for fault in Fault} | conditions <= named
    Faults.parse(re.findall("```toml\n(.*?)```", read("docs/simulators.md"), re.DOTALL)[0])


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))

    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_within_sentences_exist_and_have_the_options_that_they_are_given(page: Path) -> None:
    typed = re.findall(r"`chappe ([a-z][^`]*)`", page.read_text(encoding="utf-8"))

    assert [words for words in typed if not is_command(words.split())] == []


def is_command(words: Sequence[str]) -> bool:
    """The first words name one command or several, `a|b`, and they have the options among the others."""
    commands: list[Any] = [get_command(app)]
    for word in words:
        below = [each.commands for each in commands if hasattr(each, "commands")]
        if below and not word.startswith("-"):
            commands = [known[name] for known in below for name in word.split("|") if name in known]
            if len(commands) != len(word.split("|")):
                return False
    options = {word.strip("[]") for word in words if word.strip("[]").startswith("--") and word != "--"}
    return all(options <= {name for param in each.params for name in param.opts} for each in commands)


def test_the_first_curl_of_the_readme_is_the_one_that_the_gateway_prints() -> None:
    curl = next(line.strip() for line in welcome(Settings.default(), Path("data"), Path("log")) if "curl" in line)

    assert curl in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_abbreviation_of_the_glossary_is_in_order_and_said_once() -> None:
    terms = [term.lower() for term in re.findall(r"^\| \*\*(.+?)\*\*", read("GLOSSARY.md"), re.MULTILINE)]

    assert terms == sorted(set(terms))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def first_cells(page: str) -> set[str]:
    """What stands in backquotes in the first cell of every row of a page's tables."""
    return set(re.findall(r"^\| `([^`]+)`", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE))


def strings(folder: Path) -> Iterator[str]:
    """Every string of the code in a folder, docstrings and the pieces of f-strings included."""
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value

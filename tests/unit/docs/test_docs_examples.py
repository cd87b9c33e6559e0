"""Every example of README and docs/ is run by a test, or says beside itself why none runs it."""

import csv
import json
import re
from pathlib import Path

import pytest

from chappe.model.events import COLUMNS
from chappe.runtime.settings import parse
from chappe.sim.script import Faults
from examples import EXAMPLES, PAGES, ROOT, Example

#: Kind of an example → pages → what runs it.  `*` is every page.
RUN_BY = {
    "toml": {"*": "tests/unit/docs/test_docs_examples.py"},
    "csv": {"*": "tests/unit/docs/test_docs_examples.py"},
    "json": {
        "docs/http.md": "tests/journeys/test_http_examples.py",
        "docs/callbacks.md": "tests/unit/docs/test_docs_callbacks.py",
    },
    "python": {
        "README.md": "tests/journeys/test_docs_programs.py",
        "docs/callbacks.md": "tests/journeys/test_docs_programs.py",
    },
    "text": {"docs/kannel.md": "tests/journeys/test_doors.py", "docs/jasmin.md": "tests/journeys/test_doors.py"},
}
#: What a command begins with → pages → what runs it.
COMMANDS_RUN_BY = {
    "chappe": {"*": "tests/journeys/test_docs_commands.py"},
    "curl": {
        "README.md": "tests/journeys/test_http_examples.py",
        "docs/http.md": "tests/journeys/test_http_examples.py",
        "docs/testing.md": "tests/journeys/test_http_examples.py",
        "docs/kannel.md": "tests/journeys/test_doors.py",
        "docs/jasmin.md": "tests/journeys/test_doors.py",
    },
}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OPERATOR = '\n[[operators]]\nname = "{0}"\naddress = "127.0.0.1:2776"\nsystem_id = "c"\npassword = "p"\n'
CLIENT = '\n[[clients]]\nname = "{0}"\n[clients.smpp]\nsystem_id = "{0}"\npassword = "p"\n'
TOML = [example for example in EXAMPLES if example.kind == "toml" and not example.excuse]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_every_example_is_run_by_a_test_or_says_why_not(example: Example) -> None:
    if example.excuse:
        return
    names = {words[0] for words in example.commands} if example.kind == "sh" else {example.kind}
    runners = COMMANDS_RUN_BY if example.kind == "sh" else RUN_BY

    for name in names:
        by_page = runners.get(name, {})
        runner = by_page.get(example.page) or by_page.get("*")
        assert runner, f"{example}: no test runs {name!r}; have one do so, or write <!-- not run: why --> above it"
        assert (ROOT / runner).exists()
    if example.kind in ("json", "text") and example.page != "docs/callbacks.md":
        assert example.is_answer, f"{example}: it answers no command"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_example_hides_without_a_fence(page: Path) -> None:
    outside = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)

    assert re.findall(r"\n\n( {4}\S.*)", outside) == []


@pytest.mark.parametrize("example", TOML, ids=str)
def test_settings_of_the_pages_are_taken(example: Example) -> None:
    if example.page == "docs/simulators.md":
        assert Faults.parse(example.text)
        return
    text = re.sub(r"whsec_\w*\*+|\*{8}", lambda mask: SECRET if mask[0][0] == "w" else "secret", example.text)

    settings = parse(text.replace('secret = "secret"', f'secret = "{SECRET}"') + rest_of(text), where=str(example))

    assert settings.gateway is not None


def operators_in(text: str) -> set[str]:
    """The operators that routes, rules and nodes name."""
    return named(text, "operator") | set(re.findall(r'"operator:(\w+)', text))


def named(text: str, kind: str) -> set[str]:
    """The operators or clients that routes and rules name."""
    lists = re.findall(rf'^{kind}s? = (\[.*\]|".*")', text, re.MULTILINE)
    return {name for each in lists for name in re.findall(r'"([^"]+)"', each)}


def rest_of(text: str) -> str:
    """What a piece of settings leaves to others: operators, clients and networks that it names, the files beside it."""
    rest = "" if "[[operators]]" in text else "".join(map(OPERATOR.format, operators_in(text)))
    if "[[clients]]" not in text:
        rest += "".join(map(CLIENT.format, named(text, "client")))
    if re.search(r'networks = \["', text) and "[[networks]]" not in text:
        rest += '\n[[networks]]\nnetwork = "24701"\nprefixes = ["371"]\n'
    if "certificates = [" in text and "[listen]" not in text:
        # Certificates of clients are asked for at the door that the page shows above.
        rest += next(each.text for each in TOML if "smpp_tls" in each.text)
    return rest


@pytest.mark.parametrize("example", [each for each in EXAMPLES if each.kind == "csv"], ids=str)
def test_lines_of_event_files_have_all_columns(example: Example) -> None:
    head, *lines = csv.reader(example.text.splitlines())

    assert ",".join(head) == COLUMNS.strip()
    assert {len(line) for line in lines} == {len(head)}


@pytest.mark.parametrize("example", [each for each in EXAMPLES if each.kind == "json"], ids=str)
def test_json_of_the_pages_is_json(example: Example) -> None:
    assert json.loads(example.text)

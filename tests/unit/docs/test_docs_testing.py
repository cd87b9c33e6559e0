"""docs/testing.md against the code: every number that brings an outcome, and none that does not."""

import re
from pathlib import Path

from chappe.rules.failure import failure_of
from chappe.rules.trial import REFUSED_AT_THE_DOOR, TRIALS
from chappe.wire.http.problems import Code

PAGE = (Path(__file__).parents[3] / "docs" / "testing.md").read_text(encoding="utf-8")


def rows(title: str) -> dict[str, tuple[str, str]]:
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| `\+(\d+)` \| ([^|]+) \|([^|]*)\|$", section, re.MULTILINE)
    return {number: (second.strip(), third.strip()) for number, second, third in found}


def test_every_number_is_documented_with_its_outcome_and_no_other() -> None:
    told = rows("What becomes of a message")

    assert list(told) == list(TRIALS)
    for number, trial in TRIALS.items():
        status, rest = told[number]
        assert status == f"`{trial.status.word}`"
        failure = failure_of(trial.status, trial.error, was_sent=not trial.is_refused)
        assert failure is None or rest.startswith(f"`{failure.code}`")


def test_every_refused_number_is_documented_with_its_problem_and_no_other() -> None:
    told = rows("What is refused")
    status_by_code = {code.word: str(code.http_status) for code in Code}

    assert list(told) == list(REFUSED_AT_THE_DOOR)
    assert [(status.split(",")[0], code) for status, code in told.values()] == [
        (status_by_code[word], f"`{word}`") for word in REFUSED_AT_THE_DOOR.values()
    ]

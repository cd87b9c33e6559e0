"""The gateway dies while its operator speaks UCP, and nothing is lost; names by the second change nothing of that."""

from pathlib import Path

import pytest
from crash_campaign import Traffic, run
from crash_gateway import Death
from crash_verdict import Verdict

from chappe.crash import CrashPoint

#: Where an operator node can die, and what its work is written by.
POINTS = (
    CrashPoint.BEFORE_WRITE_TO_OPERATOR,
    CrashPoint.AFTER_WRITE_TO_OPERATOR,
    CrashPoint.BEFORE_ANSWER_TO_OPERATOR,
    CrashPoint.AFTER_ANSWER_TO_OPERATOR,
    CrashPoint.BEFORE_COMMIT_SETTLE,
    CrashPoint.AFTER_COMMIT_SETTLE,
    CrashPoint.BEFORE_COMMIT_REPORT,
    CrashPoint.AFTER_COMMIT_REPORT,
)
UCP = Traffic(mt_rate=500.0, mo_rate=100.0, http_rate=50.0, protocol="ucp")


def test_nothing_is_lost_by_a_few_kills_beside_an_operator_over_ucp(tmp_path: Path, tally: list[Verdict]) -> None:
    deaths = [
        Death(CrashPoint.AFTER_WRITE_TO_OPERATOR, 30),
        Death(CrashPoint.AFTER_COMMIT_REPORT, 20),
        Death(CrashPoint.BEFORE_ANSWER_TO_OPERATOR, 40),
        Death(after_s=1.2),
    ]

    verdict = run(tmp_path, deaths, UCP)

    tally.append(verdict)
    verdict.check()


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS, ids=str)
def test_nothing_is_lost_by_death_beside_an_operator_over_ucp(
    tmp_path: Path, tally: list[Verdict], point: CrashPoint
) -> None:
    verdict = run(tmp_path, [Death(point, count) for count in (1, 3, 10, 40, 100)], UCP)

    tally.append(verdict)
    verdict.check()

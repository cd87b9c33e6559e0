"""The gateway dies while its operator has an HTTP API: nothing is lost, though no request can ever be taken back."""

from pathlib import Path

import pytest
from crash_campaign import Traffic, run
from crash_gateway import Death
from crash_verdict import Verdict

from chappe.crash import CrashPoint
from postgres_server import Reached
from web_operator import INBOUND, SHAPES

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


def over_http(shape: str, rate: float = 150.0, **terms: str) -> Traffic:
    """As much as an operator with such an API takes beside everything else on the machine."""
    return Traffic(
        mt_rate=rate,
        mo_rate=rate / 5,
        http_rate=rate / 10,
        protocol="http",
        shape=shape,
        inbound=INBOUND[shape],
        **terms,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("shape", ["kannel", pytest.param("infobip", marks=pytest.mark.slow)])
def test_nothing_is_lost_by_a_few_kills_beside_an_operator_over_http(
    tmp_path: Path, tally: list[Verdict], shape: str, dsn: str
) -> None:
    node = "operator:sim" if dsn else ""
    deaths = [
        Death(CrashPoint.AFTER_WRITE_TO_OPERATOR, 30, node=node),
        Death(CrashPoint.AFTER_COMMIT_REPORT, 20, node=node),
        Death(CrashPoint.BEFORE_ANSWER_TO_OPERATOR, 40, node=node),
        Death(after_s=1.2),
    ]

    verdict = run(tmp_path, deaths, over_http(shape), dsn=dsn)

    tally.append(verdict)
    verdict.check()


def test_what_must_not_double_does_not_by_deaths_around_a_request(
    tmp_path: Path, tally: list[Verdict], dsn: str
) -> None:
    node = "operator:sim" if dsn else ""
    points = (CrashPoint.BEFORE_WRITE_TO_OPERATOR, CrashPoint.AFTER_WRITE_TO_OPERATOR, CrashPoint.AFTER_COMMIT_SENDING)

    verdict = run(
        tmp_path,
        [Death(point, 10, node=node) for point in points],
        over_http("vonage", unknown_outcome="hold"),
        dsn=dsn,
    )

    tally.append(verdict)
    verdict.check(may_double=False)


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("point", POINTS, ids=str)
def test_nothing_is_lost_by_death_beside_an_operator_over_http(
    tmp_path: Path, tally: list[Verdict], point: CrashPoint, shape: str
) -> None:
    verdict = run(tmp_path, [Death(point, count) for count in (1, 3, 10, 40)], over_http(shape))

    tally.append(verdict)
    verdict.check()


#: Two shapes are enough here: what the store does is the same for all.
@pytest.mark.slow
@pytest.mark.parametrize("shape", ["kannel", "infobip"])
@pytest.mark.parametrize("point", POINTS, ids=str)
def test_nothing_is_lost_by_death_of_a_node_beside_an_operator_over_http(
    tmp_path: Path, tally: list[Verdict], point: CrashPoint, shape: str, postgres_server: Reached
) -> None:
    deaths = [Death(point, count, node="operator:sim") for count in (1, 5, 25)]

    verdict = run(tmp_path, deaths, over_http(shape), dsn=postgres_server.new_database())

    tally.append(verdict)
    verdict.check()

"""The gateway dies while its operator, its client or both speak UCP; names by the second change nothing of the laws.

None is given twice: the reckoning looks at the names of all messages that the store holds.
"""

from pathlib import Path

import pytest
from crash_campaign import Traffic, run
from crash_gateway import Death
from crash_verdict import Verdict

from chappe.crash import CrashPoint
from postgres_server import Reached

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
#: Where a client node can die.
DOOR_POINTS = (
    CrashPoint.BEFORE_COMMIT_ACCEPT_MT,
    CrashPoint.AFTER_COMMIT_ACCEPT_MT,
    CrashPoint.BEFORE_WRITE_TO_CLIENT,
    CrashPoint.AFTER_WRITE_TO_CLIENT,
    CrashPoint.BEFORE_COMMIT_SETTLE,
    CrashPoint.AFTER_COMMIT_SETTLE,
)
#: Where several processes share a door, names are kept under keys.
SHARED_DOOR_POINTS = (CrashPoint.BEFORE_COMMIT_ONCE, CrashPoint.AFTER_COMMIT_ONCE, *DOOR_POINTS[2:])
#: UCP on both sides; few handsets, so that names run ahead of the clock.
BOTH = Traffic(mt_rate=400.0, mo_rate=100.0, http_rate=20.0, protocol="ucp", door="ucp")
#: The kernel chooses the process for each of its sessions.
CALM = Traffic(mt_rate=200.0, mo_rate=40.0, http_rate=20.0, protocol="ucp", door="ucp", client_binds=8)
PAIR = ("client-ucp", "client-ucp#2", "client-http", "operator:sim", "router", "counter")
NODES = ("client-ucp", "client-http", "operator:sim", "router", "counter")
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


def test_nothing_is_lost_by_a_few_kills_between_a_client_and_an_operator_over_ucp(
    tmp_path: Path, tally: list[Verdict]
) -> None:
    deaths = [
        Death(CrashPoint.AFTER_COMMIT_ACCEPT_MT, 30),
        Death(CrashPoint.BEFORE_WRITE_TO_CLIENT, 40),
        Death(CrashPoint.AFTER_WRITE_TO_CLIENT, 40),
        Death(after_s=1.2),
    ]

    verdict = run(tmp_path, deaths, BOTH)

    tally.append(verdict)
    verdict.check()


@pytest.mark.slow
def test_nothing_is_lost_and_no_name_given_twice_by_processes_over_postgresql_that_share_a_door_for_ucp(
    tmp_path: Path, tally: list[Verdict], postgres_server: Reached
) -> None:
    deaths = [
        Death(after_s=0.5, after_accepted=50, node="client-ucp"),
        Death(CrashPoint.AFTER_WRITE_TO_OPERATOR, 10, node="operator:sim"),
        # Whoever lost its sessions gets none back while the other one lives.
        Death(after_s=0.5, after_accepted=50, node="client-ucp#2"),
        Death(after_s=0.5),
    ]

    verdict = run(tmp_path, deaths, CALM, dsn=postgres_server.new_database(), nodes=PAIR)

    tally.append(verdict)
    verdict.check()


@pytest.mark.slow
@pytest.mark.parametrize("point", DOOR_POINTS, ids=str)
def test_nothing_is_lost_by_death_beside_a_client_over_ucp(
    tmp_path: Path, tally: list[Verdict], point: CrashPoint
) -> None:
    verdict = run(tmp_path, [Death(point, count) for count in (1, 3, 10, 40, 100)], BOTH)

    tally.append(verdict)
    verdict.check()


@pytest.mark.slow
@pytest.mark.parametrize("point", SHARED_DOOR_POINTS, ids=str)
def test_nothing_is_lost_by_death_of_a_door_for_ucp_over_postgresql(
    tmp_path: Path, tally: list[Verdict], postgres_server: Reached, point: CrashPoint
) -> None:
    deaths = [Death(point, count, node="client-ucp") for count in (1, 3, 10, 40)]

    verdict = run(tmp_path, deaths, CALM, dsn=postgres_server.new_database(), nodes=NODES)

    tally.append(verdict)
    verdict.check()

"""Nodes are processes over PostgreSQL: each dies where it can while the others go on, or all at once; none loses."""

from pathlib import Path
from random import Random

import pytest
from crash_campaign import Traffic, run
from crash_gateway import Death
from crash_nodes import PAIRS
from crash_verdict import Verdict

from chappe.crash import CrashPoint
from postgres_server import Reached

#: Several processes and a database start in each: on a busy machine that takes its time.
pytestmark = pytest.mark.timeout(1_200)

#: Less than one process takes: these share the machine with the database and each other.
CALM = Traffic(mt_rate=100.0, mo_rate=30.0, http_rate=10.0)
HELD = Traffic(mt_rate=100.0, mo_rate=30.0, http_rate=10.0, unknown_outcome="hold")
UCP = Traffic(mt_rate=100.0, mo_rate=20.0, http_rate=10.0, protocol="ucp")
#: With two nodes of one operator a repeat may come to the other one.
NAMED = Traffic(mt_rate=100.0, mo_rate=30.0, http_rate=10.0, names_mo=True)
NAMED_HELD = Traffic(mt_rate=100.0, mo_rate=30.0, http_rate=10.0, unknown_outcome="hold", names_mo=True)
COUNTS = (1, 5, 25)
#: A copy of the events notes its place once a second.
COPY_COUNTS = (1, 2, 3)
COPIES = ("before_commit_copy", "after_commit_copy")
#: Where each kind of node can die; a router's commits are few, and tests of their own kill it there.
POINTS = {
    "client-smpp": ("commit_accept_mt", "commit_settle", "write_to_client", "commit_copy"),
    "client-http": ("commit_accept_mt", "http_answer"),
    "operator:sim": (
        "commit_accept_mo",
        "commit_settle",
        "commit_report",
        "commit_copy",
        "write_to_operator",
        "answer_to_operator",
    ),
    "counter": ("commit_copy",),
}
PLACES = [(node, point) for node, words in POINTS.items() for point in CrashPoint if point.partition("_")[2] in words]
OPERATOR_POINTS = [point for node, point in PLACES if node == "operator:sim" and point not in COPIES]
SENDING_POINTS = [CrashPoint.BEFORE_COMMIT_SENDING, CrashPoint.AFTER_COMMIT_SENDING]


def deaths_at(node: str, point: CrashPoint) -> list[Death]:
    """One node dies there several times, each after some more work than before."""
    return [Death(point, count, node=node) for count in (COPY_COUNTS if point in COPIES else COUNTS)]


def at_random(random: Random, rounds: int) -> list[Death]:
    """Every node is killed in some order, then all at once; so many times."""
    deaths = []
    for _ in range(rounds):
        nodes = random.sample(PAIRS, len(PAIRS))
        deaths += [Death(after_s=random.uniform(0.1, 1.0), after_accepted=100, node=node) for node in nodes]
        deaths.append(Death(after_s=random.uniform(0.1, 2.0), after_accepted=100))
    return deaths


def test_nothing_is_lost_by_a_few_kills_of_single_nodes(
    tmp_path: Path, tally: list[Verdict], postgres_server: Reached
) -> None:
    deaths = [
        Death(CrashPoint.AFTER_WRITE_TO_OPERATOR, 5, node="operator:sim"),
        Death(CrashPoint.AFTER_COMMIT_ACCEPT_MT, 5, node="client-smpp"),
        Death(CrashPoint.BEFORE_COMMIT_COPY, 1, node="counter"),
        Death(after_s=0.5),
    ]

    verdict = run(tmp_path, deaths, CALM, dsn=postgres_server.new_database())

    tally.append(verdict)
    verdict.check()


def test_nothing_is_doubled_by_a_few_kills_of_nodes_where_unknown_outcomes_are_held(
    tmp_path: Path, tally: list[Verdict], postgres_server: Reached
) -> None:
    deaths = [
        Death(CrashPoint.AFTER_WRITE_TO_OPERATOR, 5, node="operator:sim"),
        Death(CrashPoint.AFTER_COMMIT_SENDING, 5, node="operator:sim"),
    ]

    verdict = run(tmp_path, deaths, HELD, dsn=postgres_server.new_database())

    tally.append(verdict)
    verdict.check(may_double=False)


def test_nothing_is_lost_by_a_few_kills_of_a_node_over_ucp(
    tmp_path: Path, tally: list[Verdict], postgres_server: Reached
) -> None:
    deaths = [
        Death(CrashPoint.AFTER_WRITE_TO_OPERATOR, 5, node="operator:sim"),
        Death(CrashPoint.AFTER_COMMIT_REPORT, 5, node="operator:sim"),
    ]

    verdict = run(tmp_path, deaths, UCP, dsn=postgres_server.new_database())

    tally.append(verdict)
    verdict.check()


@pytest.mark.slow
@pytest.mark.parametrize(("node", "point"), PLACES, ids=str)
def test_nothing_is_lost_by_death_of_one_node(
    tmp_path: Path, tally: list[Verdict], postgres_server: Reached, node: str, point: CrashPoint
) -> None:
    verdict = run(tmp_path, deaths_at(node, point), CALM, dsn=postgres_server.new_database())

    tally.append(verdict)
    verdict.check()


@pytest.mark.slow
@pytest.mark.parametrize("point", [*OPERATOR_POINTS, *SENDING_POINTS], ids=str)
def test_nothing_is_doubled_by_death_of_one_node_where_unknown_outcomes_are_held(
    tmp_path: Path, tally: list[Verdict], postgres_server: Reached, point: CrashPoint
) -> None:
    verdict = run(tmp_path, deaths_at("operator:sim", point), HELD, dsn=postgres_server.new_database())

    tally.append(verdict)
    verdict.check(may_double=False)


@pytest.mark.slow
@pytest.mark.parametrize("point", OPERATOR_POINTS, ids=str)
def test_nothing_is_lost_by_death_of_one_node_over_ucp(
    tmp_path: Path, tally: list[Verdict], postgres_server: Reached, point: CrashPoint
) -> None:
    verdict = run(tmp_path, deaths_at("operator:sim", point), UCP, dsn=postgres_server.new_database())

    tally.append(verdict)
    verdict.check()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("traffic", [NAMED, NAMED_HELD, UCP], ids=["resend", "hold", "ucp"])
def test_nothing_is_lost_when_every_node_is_killed_at_random_instants(
    tmp_path: Path, tally: list[Verdict], postgres_server: Reached, traffic: Traffic, seed: int
) -> None:
    verdict = run(tmp_path, at_random(Random(seed), 2), traffic, dsn=postgres_server.new_database(), nodes=PAIRS)

    tally.append(verdict)
    verdict.check(may_double=traffic.unknown_outcome == "resend")


@pytest.mark.slow
@pytest.mark.parametrize("traffic", [CALM, HELD], ids=["resend", "hold"])
def test_nothing_is_lost_by_deaths_of_all_nodes_in_a_row_during_recovery(
    tmp_path: Path, tally: list[Verdict], postgres_server: Reached, traffic: Traffic
) -> None:
    random = Random(7)
    deaths = []
    for _ in range(3):
        deaths.append(Death(after_s=random.uniform(3.0, 6.0)))
        deaths += [Death(after_s=random.uniform(0.5, 2.5)) for _ in range(3)]

    verdict = run(tmp_path, deaths, traffic, dsn=postgres_server.new_database())

    tally.append(verdict)
    verdict.check(may_double=traffic.unknown_outcome == "resend")

"""The gateway dies at random instants: under full load, and while it is still recovering from its last death."""

from pathlib import Path
from random import Random

import pytest
from crash_campaign import Traffic, run
from crash_gateway import Death
from crash_verdict import Verdict

from chappe.crash import CrashPoint

FULL = Traffic(mt_rate=0.0, mo_rate=2_000.0, client_binds=4, client_window_pdus=500)
FULL_AND_HELD = Traffic(mt_rate=0.0, mo_rate=2_000.0, client_binds=4, client_window_pdus=500, unknown_outcome="hold")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_lost_by_ten_deaths_at_random_instants_under_full_load(
    tmp_path: Path, tally: list[Verdict], seed: int
) -> None:
    random = Random(seed)

    verdict = run(tmp_path, [Death(after_s=random.uniform(0.9, 2.5)) for _ in range(10)], FULL)

    tally.append(verdict)
    verdict.check()
    # Kills from outside blame no message, however often they come.
    assert verdict.held == 0


@pytest.mark.slow
def test_nothing_is_doubled_at_random_instants_where_unknown_outcomes_are_held(
    tmp_path: Path, tally: list[Verdict]
) -> None:
    random = Random(50)

    verdict = run(tmp_path, [Death(after_s=random.uniform(0.9, 2.5)) for _ in range(10)], FULL_AND_HELD)

    tally.append(verdict)
    verdict.check(may_double=False)


@pytest.mark.slow
@pytest.mark.parametrize("unknown_outcome", ["resend", "hold"])
def test_nothing_is_lost_by_deaths_in_a_row_during_recovery(
    tmp_path: Path, tally: list[Verdict], unknown_outcome: str
) -> None:
    random = Random(7)
    deaths = []
    for _ in range(4):
        deaths.append(Death(after_s=random.uniform(1.5, 2.5)))
        deaths += [Death(after_s=random.uniform(0.3, 1.0)) for _ in range(3)]

    verdict = run(tmp_path, deaths, Traffic(unknown_outcome=unknown_outcome))

    tally.append(verdict)
    verdict.check(may_double=unknown_outcome == "resend")


@pytest.mark.slow
def test_what_is_held_stays_held_when_the_gateway_dies_while_it_holds_it(tmp_path: Path, tally: list[Verdict]) -> None:
    deaths = [
        Death(CrashPoint.AFTER_WRITE_TO_OPERATOR, 30),
        # The first settlement of a start is that which holds what was under way.
        Death(CrashPoint.BEFORE_COMMIT_SETTLE, 1),
        Death(CrashPoint.AFTER_COMMIT_SETTLE, 1),
        Death(CrashPoint.AFTER_WRITE_TO_OPERATOR, 30),
        Death(CrashPoint.AFTER_COMMIT_SETTLE, 1),
    ]

    verdict = run(tmp_path, deaths, Traffic(unknown_outcome="hold"))

    tally.append(verdict)
    verdict.check(may_double=False)

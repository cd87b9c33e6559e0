"""The gateway dies before and after each commit and each socket write, and nothing is lost."""

from pathlib import Path

import pytest
from crash_campaign import Traffic, run
from crash_gateway import Death
from crash_verdict import Verdict

from chappe.crash import CrashPoint

#: Counts at which a point strikes: at once, soon, and in the middle of traffic.
COUNTS = (1, 3, 10, 40, 100)

#: Points that all traffic reaches; the mark before a write needs a profile that holds, history takes its time, and
#: requests with a key, wishes, callbacks, copies of the events and what people say have tests of their own.
ELSEWHERE = ("history", "sending", "once", "grant", "callback", "copy", "opt_out")
POINTS = tuple(point for point in CrashPoint if not any(word in point for word in ELSEWHERE))
SENDING_POINTS = (CrashPoint.BEFORE_COMMIT_SENDING, CrashPoint.AFTER_COMMIT_SENDING)


def test_nothing_is_lost_by_a_few_kills(tmp_path: Path, tally: list[Verdict]) -> None:
    deaths = [
        Death(CrashPoint.AFTER_COMMIT_ACCEPT_MT, 40),
        Death(CrashPoint.AFTER_WRITE_TO_OPERATOR, 30),
        Death(CrashPoint.AFTER_COMMIT_REPORT, 20),
        Death(CrashPoint.BEFORE_ANSWER_TO_OPERATOR, 40),
        Death(after_s=1.2),
    ]

    verdict = run(tmp_path, deaths)

    tally.append(verdict)
    verdict.check()


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS, ids=str)
def test_nothing_is_lost_by_death(tmp_path: Path, tally: list[Verdict], point: CrashPoint) -> None:
    verdict = run(tmp_path, [Death(point, count) for count in COUNTS])

    tally.append(verdict)
    verdict.check()


@pytest.mark.slow
@pytest.mark.parametrize("point", [*POINTS, *SENDING_POINTS], ids=str)
def test_nothing_is_doubled_by_death_where_unknown_outcomes_are_held(
    tmp_path: Path, tally: list[Verdict], point: CrashPoint
) -> None:
    verdict = run(tmp_path, [Death(point, count) for count in COUNTS], Traffic(unknown_outcome="hold"))

    tally.append(verdict)
    verdict.check(may_double=False)


@pytest.mark.slow
@pytest.mark.parametrize("point", [CrashPoint.BEFORE_COMMIT_COPY, CrashPoint.AFTER_COMMIT_COPY], ids=str)
def test_event_files_stay_exact_by_death_where_copies_note_their_place(
    tmp_path: Path, tally: list[Verdict], point: CrashPoint
) -> None:
    verdict = run(tmp_path, [Death(point, count) for count in (1, 2, 3, 5)])

    tally.append(verdict)
    verdict.check()

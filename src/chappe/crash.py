"""Named instants at which a test kills the process, so that recovery is proved and not assumed.

`CHAPPE_CRASH_AT=before_commit_sent:17` ends the process with SIGKILL at the 17th time that it reaches
that point.  Without the variable a point costs one comparison.
"""

import os
import signal
from enum import StrEnum
from typing import Final


class CrashPoint(StrEnum):
    """Before and after each commit, by what it writes, and each socket write, by where it goes."""

    BEFORE_COMMIT_ACCEPT_MT = "before_commit_accept_mt"
    AFTER_COMMIT_ACCEPT_MT = "after_commit_accept_mt"
    BEFORE_COMMIT_ACCEPT_MO = "before_commit_accept_mo"
    AFTER_COMMIT_ACCEPT_MO = "after_commit_accept_mo"
    BEFORE_COMMIT_ONCE = "before_commit_once"
    AFTER_COMMIT_ONCE = "after_commit_once"
    BEFORE_COMMIT_SENDING = "before_commit_sending"
    AFTER_COMMIT_SENDING = "after_commit_sending"
    BEFORE_COMMIT_SETTLE = "before_commit_settle"
    AFTER_COMMIT_SETTLE = "after_commit_settle"
    BEFORE_COMMIT_REPORT = "before_commit_report"
    AFTER_COMMIT_REPORT = "after_commit_report"
    BEFORE_COMMIT_GRANT = "before_commit_grant"
    AFTER_COMMIT_GRANT = "after_commit_grant"
    BEFORE_COMMIT_COPY = "before_commit_copy"
    AFTER_COMMIT_COPY = "after_commit_copy"
    BEFORE_WRITE_TO_CLIENT = "before_write_to_client"
    AFTER_WRITE_TO_CLIENT = "after_write_to_client"
    BEFORE_WRITE_TO_OPERATOR = "before_write_to_operator"
    AFTER_WRITE_TO_OPERATOR = "after_write_to_operator"
    BEFORE_ANSWER_TO_OPERATOR = "before_answer_to_operator"
    AFTER_ANSWER_TO_OPERATOR = "after_answer_to_operator"
    BEFORE_CALLBACK = "before_callback"
    AFTER_CALLBACK = "after_callback"
    BEFORE_HTTP_ANSWER = "before_http_answer"
    BEFORE_VERSION = "before_version"
    AFTER_VERSION = "after_version"
    AFTER_SWAP = "after_swap"
    AFTER_REPLAY = "after_replay"
    BEFORE_OPT_OUT = "before_opt_out"
    AFTER_OPT_OUT = "after_opt_out"
    AFTER_OUTCOME = "after_outcome"
    AFTER_ERRAND_HEARD = "after_errand_heard"
    BEFORE_ERRAND_DONE = "before_errand_done"
    BEFORE_ROUTE = "before_route"
    AFTER_ROUTE = "after_route"
    AFTER_HISTORY_COPY = "after_history_copy"
    AFTER_HISTORY_DELETE = "after_history_delete"
    BEFORE_GENERATION = "before_generation"
    AFTER_GENERATION = "after_generation"
    AFTER_CARRY = "after_carry"
    AFTER_RETIRE = "after_retire"


_point, _, _count = os.environ.get("CHAPPE_CRASH_AT", "").partition(":")
#: The point to die at; None in every ordinary process.
ARMED: Final = CrashPoint(_point) if _point else None
_left = int(_count or 1)


def reach(point: CrashPoint) -> None:
    """Die here if a test asked for it."""
    if ARMED is not None and point is ARMED:
        _die_when_due()


def _die_when_due() -> None:
    global _left
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)

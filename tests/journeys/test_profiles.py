"""Every profile that is shipped keeps what it says beside a simulated operator of its kind."""

from __future__ import annotations

import asyncio

import pytest

from chappe.profile_check import TRIALS, Trial, check, shape_of
from chappe.runtime.profile_files import Profiles, shipped
from web_operator import profile_named

#: What has no protocol of its own to be tried by.
NAMES = sorted(shipped() - {"http-default"})
#: All faults of the cases at once: a quick look, where each case by itself is a long one.
EVERYTHING = Trial("everything at once", "".join(each.script for each in TRIALS), mo=5, may_be_held=True)


def shown(name: str, *trials: Trial) -> list[str]:
    """What went wrong."""
    outcomes = asyncio.run(check(profile_named(name), shape_of(Profiles({}), name), trials))
    return [f"{each.case}: {each.detail}" for each in outcomes if not each.is_good]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_profile_keeps_what_it_says_when_everything_goes_wrong(name: str) -> None:
    assert shown(name, EVERYTHING) == []


@pytest.mark.slow
@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.case)
@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_profile_keeps_what_it_says_case_by_case(name: str, trial: Trial) -> None:
    assert shown(name, trial) == []

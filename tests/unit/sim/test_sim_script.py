"""The fault script: what it may say, when rules strike, what they change."""

from random import Random

import pytest
from hypothesis import given
from hypothesis.strategies import floats, integers

from chappe.model.errors import SettingsError
from chappe.sim.faults import CHANGES, EVENTS, NO_FAULT, Event, Fault, LinkFault, ReceiptForm, ReceiptIdBase
from chappe.sim.script import Faults, Rule, read_script


def one_rule(text: str) -> Faults:
    return Faults.parse(f"[[faults]]\n{text}")


def struck_counts(faults: Faults, event: Event, counts: int, passed_s: float = 0.0) -> list[int]:
    random = Random(1)
    return [n for n in range(1, counts + 1) if faults.judge(event, passed_s, n, random) != NO_FAULT]


def test_a_simulator_without_a_script_behaves_well() -> None:
    assert Faults().judge(Event.SUBMIT, 0.0, 1, Random(1)) is NO_FAULT
    assert Faults().next_moment(0.0) is None


def test_a_rule_strikes_every_so_many_events() -> None:
    assert struck_counts(one_rule('fault = "throttle"\nevery_count = 3'), Event.SUBMIT, 10) == [3, 6, 9]


def test_a_rule_strikes_at_named_counts_only() -> None:
    assert struck_counts(one_rule('fault = "cut"\nat_count = 2'), Event.SUBMIT, 5) == [2]
    assert struck_counts(one_rule('fault = "cut"\nat_count = [1, 4]'), Event.SUBMIT, 5) == [1, 4]


def test_a_rule_keeps_to_its_range_of_counts() -> None:
    faults = one_rule('fault = "refuse"\nfirst_count = 2\nlast_count = 4')

    assert struck_counts(faults, Event.SUBMIT, 6) == [2, 3, 4]


def test_a_rule_keeps_to_its_span_of_time() -> None:
    faults = one_rule('fault = "queue_full"\nafter_s = 10.0\nuntil_s = 20.0')

    struck = [at for at in (9.9, 10.0, 19.9, 20.0) if faults.judge(Event.SUBMIT, at, 1, Random(1)) is not NO_FAULT]
    assert struck == [10.0, 19.9]


def test_the_same_seed_gives_the_same_accidents() -> None:
    faults = one_rule('fault = "drop_response"\nprobability = 0.3')

    first, second = (struck_counts(faults, Event.SUBMIT, 200) for _ in range(2))

    assert first == second
    assert 30 <= len(first) <= 90


def test_a_rule_strikes_only_its_own_kind_of_event() -> None:
    faults = one_rule('fault = "refuse"\non = "bind"\nstatus = 0x0D')

    assert faults.judge(Event.SUBMIT, 0.0, 1, Random(1)) is NO_FAULT
    assert faults.judge(Event.BIND, 0.0, 1, Random(1)).status == 0x0D


def test_rules_that_strike_together_add_up_and_the_later_wins() -> None:
    faults = Faults.parse(
        '[[faults]]\nfault = "throttle"\n[[faults]]\nfault = "cut"\n[[faults]]\nfault = "refuse"\nstatus = 8'
    )

    action = faults.judge(Event.SUBMIT, 0.0, 1, Random(1))

    assert (action.status, action.link_fault) == (8, LinkFault.CUT)


def test_moments_come_in_their_order_from_lists_and_periods() -> None:
    faults = Faults.parse(
        '[[faults]]\nfault = "cut"\nat_s = [5, 2.5]\n[[faults]]\nfault = "mo_burst"\nevery_s = 2\nmessages = 3'
    )

    moments, at_s = [], 0.0
    while (at_s := faults.next_moment(at_s) or 99.0) <= 6.0:
        moments.append(at_s)

    assert moments == [2.0, 2.5, 4.0, 5.0, 6.0]
    assert faults.judge_moment(2.0, Random(1)).mo_count == 3
    assert faults.judge_moment(2.5, Random(1)).link_fault is LinkFault.CUT
    assert faults.judge_moment(2.0, Random(1)).link_fault is None


@given(every_s=floats(0.001, 100.0), turns=integers(1, 200))
def test_every_turn_of_a_period_comes_once_and_is_due(every_s: float, turns: int) -> None:
    faults = Faults((Rule(fault=Fault.MO_BURST, every_s=every_s),))

    moments, at_s = [], 0.0
    for _ in range(turns):
        at_s = faults.next_moment(at_s) or 0.0
        moments.append(at_s)
        assert faults.judge_moment(at_s, Random(1)).mo_count == 10

    assert moments == sorted(set(moments))
    assert moments[-1] == pytest.approx(turns * every_s)


def test_a_period_ends_with_its_span_of_time() -> None:
    faults = one_rule('fault = "unbind"\nevery_s = 2\nuntil_s = 5')

    assert faults.next_moment(2.0) == 4.0
    assert faults.next_moment(4.0) is None


def test_parameters_reach_the_action() -> None:
    faults = Faults.parse(
        """
        [[faults]]
        fault = "receipt_id_base"
        base = "decimal"
        [[faults]]
        fault = "malformed_receipt"
        form = "no_id"
        [[faults]]
        fault = "double_receipt"
        copies = 3
        delay_s = 0.5
        [[faults]]
        fault = "contradictory_receipt"
        stat = "EXPIRED"
        [[faults]]
        fault = "late_receipt"
        delay_s = 7
        """
    )

    action = faults.judge(Event.RECEIPT, 0.0, 1, Random(1))

    assert action.id_base is ReceiptIdBase.DECIMAL
    assert action.form is ReceiptForm.NO_ID
    assert (action.receipt_copies, action.contradiction, action.receipt_after_s) == (3, "EXPIRED", 7.0)


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_has_a_place_and_changes_something(fault: Fault) -> None:
    faults = one_rule(f'fault = "{fault.value}"\ndelay_s = 1.0')

    assert EVENTS[fault]
    assert fault in CHANGES
    assert faults.judge(EVENTS[fault][0], 0.0, 1, Random(1)) != NO_FAULT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('fault = "thrott"', "Invalid enum value 'thrott'"),
        ('fault = "cut"\nevry_count = 3', "unknown field `evry_count`"),
        ('fault = "early_receipt"\non = "bind"', "cannot strike on bind; expected one of: submit"),
        ('fault = "throttle"\nat_s = 3', "cannot strike on moment"),
        ('fault = "cut"\nlink = "some"', "expected this or all"),
        ('fault = "cut"\nprobability = 1.5', "expected 0.0 to 1.0"),
        ('fault = "cut"\nevery_count = -1', "expected 0 or more"),
        ("fault = ", "script"),
    ],
)
def test_a_wrong_script_is_named_with_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(SettingsError, match="script") as raised:
        one_rule(text)

    assert expected in str(raised.value)


def test_a_script_that_is_not_there_is_a_settings_error() -> None:
    with pytest.raises(SettingsError, match=r"/nowhere/faults\.toml"):
        read_script("/nowhere/faults.toml")

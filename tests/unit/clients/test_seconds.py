"""Names of messages over UCP: a recipient and a second, each at most once."""

from chappe.clients.seconds import AHEAD_S, MOST_AHEAD_S, Seconds, meant_between
from chappe.model.ids import first_id_at, made_at_ms

NOW_MS = 1_800_000_000_000
NOW = NOW_MS // 1000


def test_a_message_is_named_by_the_second_in_which_it_came() -> None:
    assert Seconds().next("1", first_id_at(NOW_MS)) == NOW


def test_messages_to_one_recipient_get_the_seconds_to_come_and_others_do_not_care() -> None:
    seconds = Seconds()

    given = [seconds.next(recipient, first_id_at(NOW_MS)) for recipient in ("1", "1", "2", "1")]

    assert given == [NOW, NOW + 1, NOW, NOW + 2]


def test_who_ran_ahead_keeps_his_distance_when_the_clock_catches_up() -> None:
    seconds = Seconds()
    for _ in range(5):
        seconds.next("1", first_id_at(NOW_MS))

    later = first_id_at(NOW_MS + 3_000)
    assert (seconds.next("1", later), seconds.next("2", later)) == (NOW + 5, NOW + 3)
    assert seconds.next("1", first_id_at(NOW_MS + 60_000)) == NOW + 60


def test_nobody_runs_ahead_for_longer_than_a_minute() -> None:
    seconds = Seconds()

    given = [seconds.next("1", first_id_at(NOW_MS)) for _ in range(AHEAD_S + 3)]

    assert given == [*(NOW + each for each in range(AHEAD_S + 1)), None, None]


def test_a_run_begins_beyond_all_that_the_run_before_it_may_have_given() -> None:
    before, after = Seconds(), Seconds()
    given = [before.next("1", first_id_at(NOW_MS)) or 0 for _ in range(AHEAD_S + 1)]

    after.begin_after(max(given))

    assert after.next("1", first_id_at(NOW_MS)) == max(given) + 1
    # Once the minute is over nothing is left of that.
    assert after.next("1", first_id_at(NOW_MS + 120_000)) == NOW + 120


def test_however_many_runs_follow_each_other_no_name_is_further_ahead_than_an_inquiry_looks_back() -> None:
    after = Seconds()
    after.begin_after(NOW + MOST_AHEAD_S - 1)

    assert after.next("1", first_id_at(NOW_MS)) == NOW + MOST_AHEAD_S
    assert after.next("1", first_id_at(NOW_MS)) is None
    assert after.next("1", first_id_at(NOW_MS + 1_000)) == NOW + MOST_AHEAD_S + 1


def test_a_name_that_another_process_gave_is_passed_over() -> None:
    seconds = Seconds()

    assert seconds.next("1", first_id_at(NOW_MS), at_least=NOW + 7) == NOW + 7
    assert seconds.next("1", first_id_at(NOW_MS)) == NOW + 8


def test_a_name_leads_back_to_when_its_message_came() -> None:
    last = Seconds()
    last.begin_after(NOW + 600)
    for _ in range(AHEAD_S + 1):
        second = last.next("1", first_id_at(NOW_MS)) or 0

    earliest, latest = meant_between(second)

    assert earliest <= made_at_ms(first_id_at(NOW_MS)) // 1000 <= latest

"""Answers on disk: for the next start, for other processes, bounded, and never in the way."""

from pathlib import Path

from chappe.rules.looked_up import LookedUp, LookUps
from chappe.runtime import network_cache
from chappe.runtime.network_cache import NetworkCache


def test_what_one_process_heard_another_one_knows(tmp_path: Path) -> None:
    one, other = LookUps(), LookUps()
    cache, theirs = (NetworkCache(each, tmp_path / "lookups.db", limit=100) for each in (one, other))

    cache.note([LookedUp("1", "24701", 5), LookedUp("2", "", 5)])
    theirs.recall()
    cache.note([LookedUp("1", "24702", 9)])
    theirs.recall()

    assert other.network_of("1") == "24702"
    assert other.is_known("2", 4)
    cache.close()
    theirs.close()


def test_the_file_keeps_no_more_than_it_may(tmp_path: Path) -> None:
    cache = NetworkCache(LookUps(), tmp_path / "lookups.db", limit=10)
    for start in range(0, 3_000, 100):
        cache.note([LookedUp(str(number), "24701", 5) for number in range(start, start + 100)])
    cache.close()

    again = LookUps()
    NetworkCache(again, tmp_path / "lookups.db", limit=10).recall()

    assert 10 <= len(again) <= 10 + network_cache.SLACK
    assert again.network_of("2999") == "24701"


def test_a_file_that_is_none_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "lookups.db").write_bytes(b"not a database at all" * 100)
    look_ups = LookUps()

    cache = NetworkCache(look_ups, tmp_path / "lookups.db", limit=10)
    cache.note([LookedUp("1", "24701", 5)])

    assert not cache.is_on_disk
    assert look_ups.network_of("1") == "24701"

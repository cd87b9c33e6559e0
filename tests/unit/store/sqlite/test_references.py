"""References in memory and on disk: newest first, nothing forgotten when the oldest leave, failed additions undone."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from chappe.model.address import handset_key
from chappe.model.lifecycle import Status
from chappe.store.port import Life
from chappe.store.sqlite import references as module
from chappe.store.sqlite.opening import connect
from chappe.store.sqlite.references import SPILL_AFTER_US, References

HANDSET = "37120000001"
NOW_US = 1_800_000_000_000_000


def life(number: int) -> Life:
    return Life(number, Status.SENT, None, "three", f"R{number}", handset=HANDSET)


def spill_all(references: References, connection: sqlite3.Connection, now_us: int) -> None:
    for _ in range(100):
        if references.spill(connection, now_us):
            references.spilled()


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    return connect(tmp_path / "chappe.db")


def on_disk(references: References, connection: sqlite3.Connection, reference: str) -> set[int]:
    hashed = references.hash("three", reference)
    return {message_id for message_id, _, _ in references.probe(connection, [hashed]).get(hashed, [])}


def test_a_reference_leads_to_its_newest_part_first() -> None:
    references = References(b"key")
    references.add("three", "A", life(1), 1, 10)
    references.add("three", "A", life(2), 1, 20)

    entry = references.recent("three", "A")

    assert entry is not None
    assert entry.life.id == 2
    assert entry.older is not None
    assert entry.older.life.id == 1
    assert references.recent("four", "A") is None


def test_the_same_part_counts_once() -> None:
    references = References(b"key")

    assert references.add("three", "A", life(1), 1, 10)
    assert not references.add("three", "A", life(1), 1, 10)
    assert len(references) == 1


def test_additions_of_a_failed_transaction_never_happened() -> None:
    references = References(b"key")
    references.add("three", "A", life(1), 1, 10)
    references.add("three", "A", life(2), 1, 20)
    references.add("three", "B", life(2), 2, 20)

    references.undo(2)

    entry = references.recent("three", "A")
    assert entry is not None
    assert (entry.life.id, entry.older, entry.newer) == (1, None, None)
    assert references.recent("three", "B") is None
    assert len(references) == 1


def test_old_parts_go_to_disk_and_young_ones_stay(connection: sqlite3.Connection) -> None:
    references = References(b"key")
    references.add("three", "old", life(1), 1, NOW_US - SPILL_AFTER_US - 1)
    references.add("three", "young", life(2), 1, NOW_US - 1)

    spill_all(references, connection, NOW_US)

    assert references.recent("three", "old") is None
    assert on_disk(references, connection, "old") == {1}
    assert references.recent("three", "young") is not None
    assert NOW_US - SPILL_AFTER_US - 1 <= references.settled_until_us < NOW_US - 1


def test_the_older_of_two_parts_alike_is_on_disk_before_its_moment_is_settled(connection: sqlite3.Connection) -> None:
    references = References(b"key")
    references.add("three", "A", life(1), 1, NOW_US - SPILL_AFTER_US - 1)
    references.add("three", "A", life(2), 1, NOW_US)

    spill_all(references, connection, NOW_US)

    entry = references.recent("three", "A")
    assert entry is not None
    assert (entry.life.id, entry.older) == (2, None)
    assert on_disk(references, connection, "A") == {1}


def test_an_answer_that_was_written_late_is_not_settled_before_it_is_on_disk(connection: sqlite3.Connection) -> None:
    references = References(b"key")
    first_us = NOW_US - SPILL_AFTER_US - 50
    references.add("three", "A", life(1), 1, first_us)
    references.add("three", "B", life(2), 1, NOW_US)
    references.add("three", "late", life(3), 1, first_us + 10)

    spill_all(references, connection, NOW_US)

    assert references.recent("three", "late") is not None
    assert references.settled_until_us < first_us + 10
    assert references.after_mark(first_us - 1_000) > references.settled_until_us


def test_the_key_of_the_handset_lies_beside_the_hash(connection: sqlite3.Connection) -> None:
    references = References(b"key")
    references.add("three", "A", life(1), 2, NOW_US - SPILL_AFTER_US - 1)
    spill_all(references, connection, NOW_US)

    hashed = references.hash("three", "A")

    assert references.probe(connection, [hashed]) == {hashed: [(1, 2, handset_key(HANDSET))]}


def test_generations_are_found_again_after_a_start(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GENERATION_ROWS", 2)
    references = References(b"key")
    for number in range(1, 7):
        references.add("three", f"R{number}", life(number), 1, NOW_US - SPILL_AFTER_US - 100 + number)
        spill_all(references, connection, NOW_US)

    again = References(b"key")
    again.load(connection)

    assert again.settled_until_us == references.settled_until_us
    assert all(on_disk(again, connection, f"R{number}") == {number} for number in range(1, 7))
    assert connection.execute("SELECT count(*) FROM reference_generations").fetchone()[0] == 3


def test_another_key_makes_other_hashes() -> None:
    assert References(b"one").hash("three", "A") != References(b"two").hash("three", "A")


@pytest.mark.parametrize("seed", range(8))
def test_whatever_order_answers_come_in_each_part_is_in_memory_or_on_disk_and_never_settled_unwritten(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(module, "MEMORY_ENTRIES", 200)
    monkeypatch.setattr(module, "SPILL_ENTRIES", 70)
    monkeypatch.setattr(module, "SPILL_STEP", 20)
    chance, references, now_us = random.Random(seed), References(b"key"), NOW_US
    sent_at: dict[int, tuple[str, int]] = {}
    for number in range(1, 1_500):
        now_us += chance.choice((1, 1_000, 500_000))
        at_us = references.after_mark(now_us - chance.choice((0, 0, 0, 400_000, 30_000_000)))
        reference = f"R{chance.randrange(300)}"
        added = references.add("three", reference, life(number), 1, at_us)
        if chance.random() < 0.1:
            references.undo(int(added))
            continue
        sent_at[number] = (reference, at_us)
        if references.spill(connection, now_us):
            references.spilled()

    for number, (reference, at_us) in sent_at.items():
        in_memory, entry = set(), references.recent("three", reference)
        while entry is not None:
            in_memory.add(entry.life.id)
            entry = entry.older
        assert number in in_memory or number in on_disk(references, connection, reference)
        if at_us <= references.settled_until_us:
            assert number in on_disk(references, connection, reference)

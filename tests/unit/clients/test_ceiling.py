"""The highest second of names: noted before any is given, read by the next run."""

from pathlib import Path

import pytest

from chappe.clients.ceiling import STEP_S, Ceiling


def test_a_run_reads_how_far_the_one_before_it_may_have_come(tmp_path: Path) -> None:
    path = tmp_path / "names"
    Ceiling(path).reach(1_000)

    assert Ceiling(path).noted == 1_000 + STEP_S


def test_what_is_below_the_note_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "names"
    ceiling = Ceiling(path)
    ceiling.reach(1_000)
    path.unlink()

    ceiling.reach(1_000 + STEP_S)
    assert not path.exists()

    ceiling.reach(1_001 + STEP_S)
    assert Ceiling(path).noted == 1_001 + 2 * STEP_S


def test_a_note_that_cannot_be_written_gives_no_names(tmp_path: Path) -> None:
    ceiling = Ceiling(tmp_path / "gone" / "names")

    with pytest.raises(OSError, match="gone"):
        ceiling.reach(1_000)

    assert ceiling.noted == 0


def test_a_note_without_a_number_is_none(tmp_path: Path) -> None:
    path = tmp_path / "names"
    path.write_text("soon")

    assert Ceiling(path).noted == 0


def test_without_a_place_it_is_kept_by_this_run_alone() -> None:
    ceiling = Ceiling()

    ceiling.reach(1_000)

    assert ceiling.noted == 1_000 + STEP_S

"""Event files are exact copies of the blocks, whenever the process dies: lines neither lost nor doubled."""

from __future__ import annotations

import errno
import gzip
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_source import HOUR_US, NOON_US, block

from chappe.model.events import COLUMNS
from chappe.observe.event_files import EventFiles, closed_files, compress
from chappe.observe.event_paths import Position
from chappe.store.port import Block

HEADER = f"{COLUMNS}\n"


def lines_in(folder: Path) -> list[str]:
    """All lines of all files in the order of their names, after checking that each begins with the columns."""
    found: list[str] = []
    for file in sorted(folder.glob("*/*")):
        octets = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        header, *lines = octets.decode().splitlines(keepends=True)
        assert header == HEADER
        found += lines
    return found


def lines_of(blocks: list[Block]) -> list[str]:
    return [line for each in blocks for line in each.lines.decode().splitlines(keepends=True)]


def restarted(folder: Path, safe: Position) -> EventFiles:
    """A new process that finds what the killed one left behind."""
    files = EventFiles(folder, "box1", safe)
    files.recover()
    return files


def test_blocks_of_an_hour_make_one_file_under_the_columns(tmp_path: Path) -> None:
    blocks = [block(1), block(2, NOON_US + 5)]
    files = EventFiles(tmp_path, "box1", Position())

    files.append(blocks)

    file = tmp_path / "2026-01-16/12-box1.csv"
    assert file.read_text() == HEADER + "".join(lines_of(blocks))
    assert files.sync() == Position(2, "2026-01-16/12-box1.csv", file.stat().st_size)


def test_a_new_hour_makes_a_new_file(tmp_path: Path) -> None:
    files = EventFiles(tmp_path, "box1", Position())

    files.append([block(1), block(2, NOON_US + HOUR_US)])

    assert sorted(each.name for each in tmp_path.glob("*/*")) == ["12-box1.csv", "13-box1.csv"]


def test_a_clock_that_steps_back_writes_into_no_older_file(tmp_path: Path) -> None:
    blocks = [block(1), block(2, NOON_US + HOUR_US), block(3, NOON_US)]
    files = EventFiles(tmp_path, "box1", Position())

    files.append(blocks)

    assert lines_in(tmp_path) == lines_of(blocks)


def test_what_was_written_but_not_noted_is_cut_off_and_copied_again(tmp_path: Path) -> None:
    blocks = [block(1), block(2), block(3, NOON_US + HOUR_US)]
    files = EventFiles(tmp_path, "box1", Position())
    files.append(blocks[:1])
    safe = files.sync()
    files.append(blocks[1:])

    files = restarted(tmp_path, safe)

    assert lines_in(tmp_path) == lines_of(blocks[:1])
    files.append(blocks[1:])
    assert lines_in(tmp_path) == lines_of(blocks)


def test_a_line_that_the_kill_cut_in_the_middle_is_whole_afterwards(tmp_path: Path) -> None:
    blocks = [block(1), block(2)]
    files = EventFiles(tmp_path, "box1", Position())
    files.append(blocks[:1])
    safe = files.sync()
    with (tmp_path / safe.path).open("ab") as file:
        file.write(blocks[1].lines[:10])

    restarted(tmp_path, safe).append(blocks[1:])

    assert lines_in(tmp_path) == lines_of(blocks)


def test_a_file_that_somebody_took_away_begins_anew_with_its_columns(tmp_path: Path) -> None:
    files = EventFiles(tmp_path, "box1", Position())
    files.append([block(1)])
    safe = files.sync()
    (tmp_path / safe.path).unlink()

    restarted(tmp_path, safe).append([block(2)])

    assert lines_in(tmp_path) == lines_of([block(2)])


def test_a_full_disk_is_told_and_a_second_try_repairs_what_it_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = [block(1), block(2)]
    files = EventFiles(tmp_path, "box1", Position())
    files.append(blocks[:1])
    real, rooms = os.pwrite, iter([7])

    def full(file: int, octets: memoryview, offset: int) -> int:
        room = next(rooms, 0)
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, octets[:room], offset)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="No space"):
            files.append(blocks[1:])
    assert files.position.seq == 1

    files.append(blocks[1:])
    assert lines_in(tmp_path) == lines_of(blocks)


def test_a_closed_file_is_compressed_once_the_store_knows_of_the_next(tmp_path: Path) -> None:
    blocks = [block(1), block(2, NOON_US + HOUR_US)]
    files = EventFiles(tmp_path, "box1", Position())
    files.append(blocks[:1])
    safe_before = files.sync()
    files.append(blocks[1:])

    assert list(closed_files(tmp_path, "box1", safe_before)) == []
    closed = list(closed_files(tmp_path, "box1", files.sync()))
    assert closed == [tmp_path / "2026-01-16/12-box1.csv"]
    assert compress(closed[0], threading.Event())

    assert sorted(each.name for each in tmp_path.glob("*/*")) == ["12-box1.csv.gz", "13-box1.csv"]
    assert lines_in(tmp_path) == lines_of(blocks)


def test_a_stop_in_the_middle_of_compressing_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    files = EventFiles(tmp_path, "box1", Position())
    files.append([block(1)])
    stopping = threading.Event()
    stopping.set()

    assert not compress(tmp_path / "2026-01-16/12-box1.csv", stopping)

    assert lines_in(tmp_path) == lines_of([block(1)])


@pytest.mark.parametrize("left_behind", ["half a compressed file", "both forms"])
def test_a_kill_while_compressing_counts_no_line_twice(tmp_path: Path, left_behind: str) -> None:
    blocks = [block(1), block(2, NOON_US + HOUR_US)]
    files = EventFiles(tmp_path, "box1", Position())
    files.append(blocks)
    safe = files.sync()
    closed = tmp_path / "2026-01-16/12-box1.csv"
    if left_behind == "both forms":
        plain = closed.read_bytes()
        compress(closed, threading.Event())
        closed.write_bytes(plain)
    else:
        closed.with_name("12-box1.csv.gz.tmp").write_bytes(b"\x1f\x8b\x08half")

    restarted(tmp_path, safe)

    assert lines_in(tmp_path) == lines_of(blocks)


def test_lines_are_changed_on_their_way_when_numbers_must_not_be_whole(tmp_path: Path) -> None:
    files = EventFiles(tmp_path, "box1", Position(), lambda lines: lines.replace(b"37120000001", b"hidden"))

    files.append([block(1)])

    assert "37120000001" not in lines_in(tmp_path)[0]
    assert "hidden" in lines_in(tmp_path)[0]


#: What may happen to a gateway: so many blocks come, seconds pass, the place is noted, hours are compressed, it dies.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("blocks"), st.integers(1, 4)),
        st.tuples(st.just("pass"), st.integers(-1_800, 4_000)),
        st.tuples(st.just("note"), st.just(0)),
        st.tuples(st.just("compress"), st.just(0)),
        st.tuples(st.just("kill"), st.integers(0, 60)),
    ),
    max_size=25,
)


@given(steps=STEPS)
def test_whatever_happens_each_line_is_in_the_files_exactly_once(
    steps: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("events")
    committed: list[Block] = []
    safe, at_us = Position(), NOON_US
    files = restarted(folder, safe)

    for step, number in [*steps, ("kill", 5)]:
        if step == "blocks":
            new = [block(len(committed) + each, at_us) for each in range(1, number + 1)]
            committed += new
            files.append(new)
        elif step == "pass":
            at_us += number * 1_000_000
        elif step == "note":
            safe = files.sync()
        elif step == "compress":
            for file in list(closed_files(folder, "box1", safe)):
                compress(file, threading.Event())
        else:
            last = folder / files.position.path
            if files.position.path and files.position != safe and last.exists():
                os.truncate(
                    last, max(last.stat().st_size - number, safe.octets if safe.path == files.position.path else 0)
                )
            files.close()
            files = restarted(folder, safe)
            files.append([each for each in committed if each.seq > safe.seq])

    assert lines_in(folder) == lines_of(committed)
    files.close()

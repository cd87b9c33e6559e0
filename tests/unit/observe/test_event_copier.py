"""The copier: what the store committed is in the files, and nothing that a disk does holds up or loses a line."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest
from memory_source import HOUR_US, NOON_US, MemorySource, block

from chappe.model.events import COLUMNS
from chappe.observe.event_copier import COPY, EventCopier
from chappe.store.port import StoreAway


def lines_in(folder: Path) -> list[str]:
    files = sorted(folder.glob("*/*.csv"))
    return [line for file in files for line in file.read_text().splitlines(keepends=True) if line != f"{COLUMNS}\n"]


def lines_of(source: MemorySource) -> list[str]:
    return [each.lines.decode() for each in source.blocks]


async def started(source: MemorySource, folder: Path) -> EventCopier:
    copier = EventCopier(source, folder, "box1")
    await copier.start()
    return copier


def test_blocks_before_and_after_the_start_are_copied_and_noted(tmp_path: Path) -> None:
    async def scenario() -> None:
        source = MemorySource()
        source.commit(block(1))
        copier = await started(source, tmp_path)
        await copier.copy()
        source.commit(block(2), block(3, NOON_US + HOUR_US))
        await copier.copy()
        await copier.note()

        assert lines_in(tmp_path) == lines_of(source)
        assert source.places[COPY] == (3, copier.safe.text)

    asyncio.run(scenario())


@pytest.mark.parametrize("died", ["before the copy", "before the note", "after the note"])
def test_a_killed_gateway_goes_on_without_losing_or_doubling_a_line(tmp_path: Path, died: str) -> None:
    async def first(source: MemorySource) -> None:
        copier = await started(source, tmp_path)
        source.commit(block(1))
        await copier.copy()
        await copier.note()
        source.commit(block(2), block(3))
        if died != "before the copy":
            await copier.copy()
        if died == "after the note":
            await copier.note()

    async def second(source: MemorySource) -> None:
        copier = await started(source, tmp_path)
        source.commit(block(4))
        await copier.copy()
        await copier.finish()

    source = MemorySource()
    asyncio.run(first(source))
    source.restart()
    asyncio.run(second(source))

    assert lines_in(tmp_path) == lines_of(source)
    assert source.places[COPY][0] == 4


def test_a_gateway_killed_before_its_first_note_does_not_copy_twice(tmp_path: Path) -> None:
    async def once(source: MemorySource) -> None:
        copier = await started(source, tmp_path)
        await copier.copy()

    source = MemorySource()
    source.commit(block(1))
    for _ in range(3):
        asyncio.run(once(source))
        source.restart()

    assert lines_in(tmp_path) == lines_of(source)


def test_files_of_an_older_store_are_neither_cut_nor_overwritten(tmp_path: Path) -> None:
    older, newer = MemorySource(), MemorySource()
    older.commit(block(1, client="older"))
    newer.commit(block(1, client="newer"))

    async def copy_all(source: MemorySource) -> None:
        copier = await started(source, tmp_path)
        await copier.copy()
        await copier.finish()

    asyncio.run(copy_all(older))
    asyncio.run(copy_all(newer))

    assert lines_in(tmp_path) == lines_of(older) + lines_of(newer)


def test_a_full_disk_makes_the_files_late_and_says_so_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int, octets: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def scenario() -> None:
        source = MemorySource()
        copier = await started(source, tmp_path)
        source.commit(block(1))
        await copier.copy()
        with monkeypatch.context() as patched:
            patched.setattr(os, "pwrite", full)
            source.commit(block(2))
            await copier.copy()
            await copier.note()
            assert "No space left on device" in copier.fault
            assert source.places[COPY][0] == 1
        source.commit(block(3))
        await copier.copy()
        await copier.note()

        assert copier.fault == ""
        assert lines_in(tmp_path) == lines_of(source)

    asyncio.run(scenario())


def test_what_a_failed_sync_may_have_lost_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    async def scenario() -> None:
        source = MemorySource()
        copier = await started(source, tmp_path)
        source.commit(block(1))
        await copier.copy()
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", broken)
            await copier.note()
        assert source.places[COPY][0] == 0
        (tmp_path / "2026-01-16/12-box1.csv").write_bytes(b"\0" * 30)
        await copier.copy()
        await copier.note()

        assert lines_in(tmp_path) == lines_of(source)
        assert source.places[COPY][0] == 1

    asyncio.run(scenario())


def test_a_store_that_is_away_keeps_the_old_place_and_gets_the_new_one_later(tmp_path: Path) -> None:
    async def scenario() -> None:
        source = MemorySource()
        copier = await started(source, tmp_path)
        source.commit(block(1))
        await copier.copy()
        source.is_away = True
        await copier.note()
        assert copier.safe.seq == 0
        source.is_away = False
        await copier.note()

        assert source.places[COPY] == (1, copier.safe.text)

    asyncio.run(scenario())


def test_a_store_that_cannot_be_read_makes_the_files_late_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def closed(*_: object) -> None:
        raise StoreAway("the file cannot be opened")

    async def scenario() -> None:
        source = MemorySource()
        source.commit(block(1))
        copier = await started(source, tmp_path)
        with monkeypatch.context() as patched:
            patched.setattr(source, "blocks_after", closed)
            await copier.copy()
            assert "cannot be opened" in copier.fault
        await copier.copy()

        assert copier.fault == ""
        assert lines_in(tmp_path) == lines_of(source)

    asyncio.run(scenario())


def test_hours_that_are_over_are_compressed(tmp_path: Path) -> None:
    async def scenario() -> None:
        source = MemorySource()
        copier = await started(source, tmp_path)
        source.commit(block(1), block(2, NOON_US + HOUR_US))
        await copier.copy()
        await copier.note()
        await copier.compress()

    asyncio.run(scenario())

    assert sorted(each.name for each in tmp_path.glob("*/*")) == ["12-box1.csv.gz", "13-box1.csv"]


def test_a_stop_in_the_middle_of_a_copy_finishes_all_of_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        source = MemorySource()
        source.commit(*(block(seq) for seq in range(1, 300)))
        copier = await started(source, tmp_path)
        running = asyncio.ensure_future(copier.run())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await copier.finish()

        assert lines_in(tmp_path) == lines_of(source)
        assert source.places[COPY][0] == 299

    asyncio.run(scenario())

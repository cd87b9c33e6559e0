"""Event files against event blocks, line by line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from chappe.model.events import EventBatch, EventName
from chappe.observe.event_check import disagreement
from chappe.observe.event_files import HEADER
from chappe.observe.event_paths import Position
from chappe.observe.redact import redactor

NODE = "box1"
START_US = 1_800_000_000_000_000


def block(number: int) -> bytes:
    batch = EventBatch(START_US + number)
    batch.add(EventName.MT_SENT, number, "acme", "three", "37120000001", "SHOP", "a,b")
    batch.add(EventName.LINK_UP, operator="three")
    return batch.text.encode()


BLOCKS = [block(number) for number in range(1, 7)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Blocks 1 and 2 in a compressed file, 3 to 5 in a plain one, behind them half of the next."""
    (tmp_path / "2027-01-15").mkdir()
    (tmp_path / "2027-01-15" / f"08-{NODE}.csv.gz").write_bytes(gzip.compress(HEADER + BLOCKS[0] + BLOCKS[1]))
    (tmp_path / "2027-01-15" / f"09-{NODE}.csv").write_bytes(HEADER + b"".join(BLOCKS[2:5]) + BLOCKS[5][:20])
    return tmp_path


def position() -> Position:
    return Position(5, f"2027-01-15/09-{NODE}.csv", len(HEADER) + sum(map(len, BLOCKS[2:5])))


def test_files_that_say_the_same_agree_whatever_lies_beyond_the_position(folder: Path) -> None:
    assert disagreement(folder, NODE, position(), lambda: BLOCKS[:5], None) == ""


def test_files_or_blocks_past_retention_may_be_gone(folder: Path) -> None:
    assert disagreement(folder, NODE, position(), lambda: BLOCKS[1:5], None) == ""
    (folder / "2027-01-15" / f"08-{NODE}.csv.gz").unlink()
    assert disagreement(folder, NODE, position(), lambda: BLOCKS[:5], None) == ""


@pytest.mark.parametrize("damage", ["change", "lose", "double"])
def test_a_line_that_was_changed_lost_or_doubled_is_named(folder: Path, damage: str) -> None:
    path = folder / "2027-01-15" / f"08-{NODE}.csv.gz"
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    lines[2:3] = {"change": [lines[2].replace(b"three", b"four")], "lose": [], "double": [lines[2], lines[2]]}[damage]
    path.write_bytes(gzip.compress(b"".join(lines)))

    assert disagreement(folder, NODE, position(), lambda: BLOCKS[:5], None).startswith("event files: line ")


def test_redacted_files_are_compared_as_they_were_redacted(folder: Path) -> None:
    redact = redactor("masked", b"key")
    assert redact is not None
    for path, blocks in ((f"08-{NODE}.csv", BLOCKS[:2]), (f"09-{NODE}.csv", BLOCKS[2:5])):
        (folder / "2027-01-15" / path).write_bytes(HEADER + b"".join(map(redact, blocks)))
    end = Position(5, f"2027-01-15/09-{NODE}.csv", 1 << 20)

    assert disagreement(folder, NODE, end, lambda: BLOCKS[:5], redact) == ""
    assert disagreement(folder, NODE, end, lambda: BLOCKS[:5], None) != ""

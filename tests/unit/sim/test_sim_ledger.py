"""The ledger: what was flushed is in the file, whatever it contains, and a cut line harms nobody."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis.strategies import characters, text

from chappe.model.errors import SettingsError
from chappe.sim.ledger import HEADER, Entry, Kind, Ledger, read


def test_entries_come_back_as_they_were_flushed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    entries = [
        Entry(1, Kind.OPENED, detail="role=smsc"),
        Entry(2, Kind.SUBMIT, "t1", "77", "SHOP", "37120000001", "link=1 dcs=0"),
    ]

    ledger = Ledger(path)
    for entry in entries:
        ledger.append(entry)
    ledger.flush()

    assert list(read(path)) == entries
    ledger.close()


def test_what_was_not_flushed_is_not_in_the_file(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.csv")

    ledger.append(Entry(1, Kind.SENT, "t1"))

    assert list(read(tmp_path / "ledger.csv")) == []
    ledger.close()
    assert list(read(tmp_path / "ledger.csv")) == [Entry(1, Kind.SENT, "t1")]


def test_a_second_opening_appends(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"

    for number in (1, 2):
        ledger = Ledger(path)
        ledger.append(Entry(number, Kind.SENT))
        ledger.close()

    assert [entry.time_ns for entry in read(path)] == [1, 2]
    assert path.read_text().count(",".join(HEADER)) == 1


def test_a_last_line_cut_short_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    path.write_text(",".join(HEADER) + "\n5,sent,t1,,,,\n6,sent,t2,,,,link=1 octets=48")

    assert [entry.tag for entry in read(path)] == ["t1"]


@given(tag=text(characters(max_codepoint=0xFF)), source=text(characters(max_codepoint=0xFF)))
def test_any_octets_in_a_tag_or_an_address_survive(tag: str, source: str, tmp_path_factory: object) -> None:
    path = tmp_path_factory.mktemp("ledger") / "ledger.csv"  # type: ignore[attr-defined]
    entries = [Entry(1, Kind.SUBMIT, tag, "1", source, "2"), Entry(2, Kind.RESPONSE, "next")]

    ledger = Ledger(path)
    for entry in entries:
        ledger.append(entry)
    ledger.close()

    assert list(read(path)) == entries


def test_a_file_that_is_no_ledger_is_a_settings_error(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b,c\n1,2,3\n")

    with pytest.raises(SettingsError, match="expected the header time_ns,kind"):
        list(read(path))
    with pytest.raises(SettingsError, match="expected a file written by a simulator"):
        list(read(tmp_path / "missing.csv"))
    with pytest.raises(SettingsError, match="expected a file that can be written"):
        Ledger(tmp_path / "no" / "folder.csv")


def test_a_line_with_an_unknown_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    path.write_text(",".join(HEADER) + "\n5,sent,t1,,,,\n6,stolen,t2,,,,\n")

    with pytest.raises(SettingsError, match="line 3: 'stolen'"):
        list(read(path))


def test_a_ledger_without_a_file_keeps_its_entries_or_forgets_them() -> None:
    kept, forgotten = Ledger.of("", keeps=True), Ledger.of("", keeps=False)

    for ledger in (kept, forgotten):
        ledger.append(Entry(1, Kind.SENT, "t1"))
        ledger.flush()

    assert kept.entries == [Entry(1, Kind.SENT, "t1")]
    assert forgotten.entries == []


def test_the_detail_is_read_as_facts() -> None:
    assert Entry(1, Kind.SUBMIT, detail="link=3 dcs=0 octets=").facts == {"link": "3", "dcs": "0", "octets": ""}

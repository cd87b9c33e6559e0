"""What bears secrets is sealed with the administrator's key, and opened with any that he still gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chappe.model.errors import SettingsError
from chappe.store import sealing
from chappe.store.sealing import MARK, Seal, keys_in
from chappe.store.versions import Version, row_of, version_of

OLD, NEW = "o" * 32, "n" * 32
VERSION = Version(3, 1, "ada", "", 7, "change", "d", "b", 'password = "secret7"\n', b'{"password":"secret7"}')


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(sealing.VARIABLE, NEW)
    sealing.seal.cache_clear()
    yield
    sealing.seal.cache_clear()


def test_the_first_key_seals_and_every_key_opens() -> None:
    octets = Seal((OLD,)).close(b"secret7")

    assert octets.startswith(MARK)
    assert b"secret7" not in octets
    assert Seal((NEW, OLD)).open(octets, "it") == b"secret7"
    with pytest.raises(SettingsError, match="version 3 is sealed with another key"):
        Seal((NEW,)).open(octets, "version 3")
    with pytest.raises(SettingsError, match="version 3 is sealed: set CHAPPE_SECRET_KEY"):
        Seal(()).open(octets, "version 3")


def test_without_a_key_octets_stay_as_they_are_and_such_are_read_with_one() -> None:
    assert Seal(()).close(b"[[clients]]") == b"[[clients]]"
    assert Seal((NEW,)).open(b"[[clients]]", "it") == b"[[clients]]"
    assert Seal(()).derived(b"store") == b"store" != Seal((NEW,)).derived(b"store")


def test_keys_come_from_the_environment_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{NEW}\n")

    assert keys_in({sealing.VARIABLE: f"{NEW}, {OLD}"}) == (NEW, OLD)
    assert keys_in({sealing.FILE_VARIABLE: str(file)}) == (NEW,)
    assert keys_in({}) == ()


def test_a_key_that_is_no_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="expected 32 characters or more"):
        Seal(("short",))
    with pytest.raises(SettingsError, match="cannot be read"):
        keys_in({sealing.FILE_VARIABLE: str(tmp_path / "none")})
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(SettingsError, match="is empty"):
        keys_in({sealing.FILE_VARIABLE: str(tmp_path / "empty")})


@pytest.mark.usefixtures("sealed")
def test_a_version_lies_sealed_and_one_of_before_is_still_read() -> None:
    row = row_of(VERSION)
    plain = (*row[:8], VERSION.toml.encode(), VERSION.document)

    assert not any(b"secret7" in each for each in row if isinstance(each, bytes))
    assert version_of(row) == version_of(plain) == VERSION

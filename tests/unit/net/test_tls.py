"""Credentials: clear words about bad files, and new ones when the files change."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from certificates import Authority, locked
from chappe.model.errors import SettingsError
from chappe.net.tls import Credentials, TlsTerms, seconds_left, subject_of


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def terms(authority: Authority, name: str = "door", **fields: object) -> TlsTerms:
    certified = authority.vouch_for(name)
    return TlsTerms(
        **{"name": "listen.smpp_tls", "certificate": certified.certificate, "key": certified.key, **fields}  # type: ignore[arg-type]
    )


def test_a_certificate_says_whose_it_is_and_how_long_it_is_good(authority: Authority) -> None:
    credentials = Credentials(terms(authority))

    assert subject_of(credentials.certificate) == "CN=door"
    now_us = int(credentials.certificate.not_valid_after_utc.timestamp() * 1_000_000)
    assert seconds_left(credentials.certificate, now_us - 60_000_000) == 60
    assert seconds_left(credentials.certificate, now_us + 60_000_000) == -60


def missing(path: Path, authority: Authority) -> None:
    path.unlink()


def empty(path: Path, authority: Authority) -> None:
    path.write_bytes(b"")


def rubbish(path: Path, authority: Authority) -> None:
    path.write_bytes(b"-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n")


def of_another(path: Path, authority: Authority) -> None:
    path.write_bytes(authority.vouch_for("another").key.read_bytes())


def with_passphrase(path: Path, authority: Authority) -> None:
    locked(path, path)


@pytest.mark.parametrize(
    ("key", "spoil", "words"),
    [
        ("certificate", missing, "No such file"),
        ("certificate", empty, "expected a PEM certificate"),
        ("certificate", rubbish, "expected a PEM certificate"),
        ("key", missing, "No such file"),
        ("key", rubbish, "expected a PEM key"),
        ("key", of_another, "do not belong together"),
        ("key", with_passphrase, "without passphrase"),
        ("client_ca", missing, "No such file"),
        ("client_ca", rubbish, "expected PEM certificates"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(
    authority: Authority, key: str, spoil: Callable[[Path, Authority], None], words: str
) -> None:
    good = terms(authority, client_ca=authority.path)
    path: Path = getattr(good, key)
    spoil(path, authority)

    with pytest.raises(SettingsError) as told:
        Credentials(good)

    assert words in str(told.value)
    assert f"listen.smpp_tls.{key}: {path}" in str(told.value)


def test_files_are_loaded_again_when_they_change_and_when_somebody_asks(authority: Authority) -> None:
    credentials = Credentials(terms(authority))
    first = credentials.context
    assert not credentials.renew()
    assert credentials.renew(is_asked=True)
    assert credentials.context is not first

    authority.vouch_for("renewed", file="door")

    assert credentials.renew()
    assert subject_of(credentials.certificate) == "CN=renewed"
    assert not credentials.renew()


def test_files_that_cannot_be_loaded_leave_what_is_there(authority: Authority) -> None:
    good = terms(authority)
    credentials = Credentials(good)
    context, octets = credentials.context, good.certificate.read_bytes()
    good.certificate.write_bytes(b"half")

    with pytest.raises(SettingsError):
        credentials.renew()
    assert credentials.context is context
    assert not credentials.renew()

    good.certificate.write_bytes(octets)
    os.utime(good.certificate, ns=(1, 1))
    assert credentials.renew()

"""Which server of a DSN is taken, and what the answers of the others count."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chappe.model.errors import SettingsError
from chappe.store.port import StoreAway
from chappe.store.postgres import reaching
from chappe.store.postgres.reaching import connect, hosts_of, shown

BOTH = "postgresql://chappe:secret@db1,db2:5433/chappe"


class Connection:
    """What a server gave."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.is_ended = False

    def terminate(self) -> None:
        self.is_ended = True


class Servers:
    """Answers for each host: a connection after a while, an error, or nothing ever."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers
        self.made: list[Connection] = []

    async def connect(self, dsn: str, name: str, *, host: str, port: int | None) -> Connection:
        answer = self._answers[host]
        if isinstance(answer, Exception):
            raise answer
        for _ in range(answer):
            await asyncio.sleep(0)
        self.made.append(Connection(host))
        return self.made[-1]


def connected(monkeypatch: pytest.MonkeyPatch, servers: Servers) -> Connection:
    monkeypatch.setattr(reaching, "_connect", servers.connect)
    return asyncio.run(asyncio.wait_for(connect(BOTH, "box1/all main"), 5))


NEVER = 10**9
NO_SUCH_DATABASE = SettingsError("there is no database chappe")
AWAY = StoreAway("nobody listens there")


def test_a_server_that_only_keeps_silent_does_not_stand_before_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    assert connected(monkeypatch, Servers(db1=NEVER, db2=3)).host == "db2"


@pytest.mark.parametrize("error", [NO_SUCH_DATABASE, AWAY])
def test_what_one_server_says_counts_nothing_when_another_takes_us(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    assert connected(monkeypatch, Servers(db1=error, db2=3)).host == "db2"
    assert connected(monkeypatch, Servers(db1=3, db2=error)).host == "db1"


def test_a_standby_that_knows_no_database_yet_is_believed_only_when_the_other_says_so_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(StoreAway):
        connected(monkeypatch, Servers(db1=NO_SUCH_DATABASE, db2=AWAY))
    with pytest.raises(SettingsError, match="no database"):
        connected(monkeypatch, Servers(db1=NO_SUCH_DATABASE, db2=NO_SUCH_DATABASE))


def test_a_second_connection_that_comes_about_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = Servers(db1=2, db2=2)

    taken = connected(monkeypatch, servers)

    assert [each.is_ended for each in servers.made if each is not taken] in ([], [True])
    assert not taken.is_ended


def test_hosts_are_told_apart_with_their_ports() -> None:
    assert hosts_of(BOTH) == [("db1", None), ("db2", 5433)]
    assert hosts_of("postgresql://u:p%40@[::1]:5432,[fe80::1],10.0.0.1:1/x?y=z") == [
        ("::1", 5432),
        ("fe80::1", None),
        ("10.0.0.1", 1),
    ]
    assert hosts_of("postgresql:///chappe?host=/run/postgresql") == []


def test_a_dsn_is_shown_without_its_password() -> None:
    assert shown(BOTH) == "postgresql://chappe@db1,db2:5433/chappe"

"""A store that is moved from SQLite to PostgreSQL holds the same there, and goes on where it stood."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from postgres_server import Reached

sys.path.insert(0, str(Path(__file__).parents[1] / "conformance"))

from store_box import QUEUE, START_MS, Box

from chappe.cli import main as cli
from chappe.model.errors import ResourceError
from chappe.model.lifecycle import Status
from chappe.store.port import Held
from chappe.store.postgres.engine import PostgresStore
from chappe.store.sqlite.opening import connect
from chappe.store.transfer import target as target_file
from chappe.store.transfer.moving_up import move_up
from chappe.store.transfer.tables import BY_NAME, TRANSLATED


class Moved:
    """A SQLite store with something of everything, and a look into the PostgreSQL store that it becomes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        box = self.box = Box("sqlite", folder)
        self.sent = box.send_one("ref-sent")
        self.delivered = box.send_one("ref-delivered")
        box.report(box.report_on("ref-delivered"))
        self.waiting = [box.mt(octets=bytes(range(256))), box.mt(client="bank", priority=0)]
        self.later = box.mt(due_at_ms=box.now_ms + 3_600_000)
        self.long = box.mt(parts=2)
        self.held = box.mt()
        box.accept(*self.waiting, self.later, self.long, self.held)
        self.mo = box.mo(octets=b"VOTE\x00@")
        box.accept(self.mo)
        leased = {item.id: item for item in box.lease()}
        box.settle(box.sent(leased.pop(self.long.id), "ref-part-1", part=1))
        box.settle(Held(leased.pop(self.held.id), "nobody knows"))
        box.release(*leased.values())
        box.report(box.report_on("ref-of-nobody"))
        self._copies_are_there()
        box.close()
        self._has_a_configuration()

    def _copies_are_there(self) -> None:
        store = self.box.store
        for name in ("events", "counters"):
            self.box.run(store.advance(name, store.last_block, "2027-01-15/08-box1.csv:10"))

    def _has_a_configuration(self) -> None:
        with closing(connect(self.folder / "chappe.db")) as connection:
            row = (1, 7, b"ada", b"", 42, b"what", "digest", "before", b"[gateway]", b"{}")
            connection.execute(f"INSERT INTO configurations VALUES ({','.join('?' * len(row))})", row)
            connection.execute("INSERT INTO configuration_files VALUES ('box1', 'digest')")
            connection.commit()

    def copy(self, dsn: str) -> dict[str, int]:
        return asyncio.run(move_up(self.folder, dsn, box="box1", allow_single_copy=True))


@pytest.fixture
def moved(tmp_path: Path) -> Moved:
    return Moved(tmp_path)


def over(dsn: str, work: Callable[[PostgresStore], Any]) -> Any:
    """Do something with the store that is in a database, a minute after what lies in it was made."""

    async def run() -> Any:
        store = PostgresStore(dsn, version="test", allow_single_copy=True, clock_us=lambda: (START_MS + 60_000) * 1000)
        await store.open()
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


def test_everything_is_there_and_both_stores_are_found_to_be_the_same(moved: Moved, postgres_server: Reached) -> None:
    dsn = postgres_server.new_database()

    rows = moved.copy(dsn)

    assert (rows["messages"], rows["held"], rows["parked"], rows["parts"]) == (8, 1, 1, 1)

    async def look(store: PostgresStore) -> None:
        statuses = {}
        for item in (*moved.waiting, moved.later, moved.long, moved.held, moved.sent, moved.delivered, moved.mo):
            life = await store.find(item.id)
            assert life is not None
            assert life.message == item.content
            statuses[item.id] = life.status
        assert statuses[moved.waiting[0].id] is Status.QUEUED
        assert statuses[moved.later.id] is Status.SCHEDULED
        assert statuses[moved.held.id] is Status.HELD
        assert statuses[moved.sent.id] is Status.SENT
        assert statuses[moved.delivered.id] is Status.DELIVERED
        assert store.open_messages("acme") == 5
        assert store.open_messages("bank") == 1
        assert (store.parked_reports, store.held_messages) == (1, 1)
        assert await store.parts_sent(moved.long.id) == {1}
        assert {each.queue: each.messages for each in store.depths() if each.messages} == {QUEUE: 4, "client:acme": 2}

    over(dsn, look)


def test_what_waited_goes_on_and_reports_find_what_was_sent_before_the_move(
    moved: Moved, postgres_server: Reached
) -> None:
    dsn = postgres_server.new_database()
    moved.copy(dsn)

    async def go_on(store: PostgresStore) -> None:
        assert {item.id for item in await store.lease(QUEUE, 10)} >= {item.id for item in moved.waiting}
        assert store.last_id >= moved.mo.id
        box = moved.box
        await store.report([box.report_on("ref-sent"), box.report_on("ref-part-1")], box.events())
        life, long = await store.find(moved.sent.id), await store.find(moved.long.id)
        assert life is not None
        assert life.status is Status.DELIVERED
        assert long is not None
        assert long.parts is not None
        assert long.parts[0] is Status.DELIVERED
        assert store.parked_reports == 1

    over(dsn, go_on)


def test_a_copy_that_was_broken_off_goes_on_where_it_stopped(
    moved: Moved, postgres_server: Reached, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = postgres_server.new_database()
    write, written = target_file.Target.write, []

    async def dying(self: target_file.Target, what: str, *values: Any) -> None:
        if len(written) == 3:
            raise ConnectionError("the power is gone")
        written.append(what)
        await write(self, what, *values)

    monkeypatch.setattr(target_file.Target, "write", dying)
    with pytest.raises(ConnectionError):
        moved.copy(dsn)
    monkeypatch.setattr("chappe.store.transfer.source.BATCH_ROWS", 1)

    async def noting(self: target_file.Target, what: str, *values: Any) -> None:
        written.append(what)
        await write(self, what, *values)

    monkeypatch.setattr(target_file.Target, "write", noting)
    moved.copy(dsn)

    assert written[:3] == ["messages", "parts", "queue"]
    assert "messages" not in written[3:], "what was there was not written again"


def test_a_second_copy_changes_nothing_and_finds_the_same(moved: Moved, postgres_server: Reached) -> None:
    dsn = postgres_server.new_database()

    first = moved.copy(dsn)

    assert moved.copy(dsn) == first


def test_a_database_with_messages_or_with_another_store_is_refused(
    moved: Moved, postgres_server: Reached, tmp_path: Path
) -> None:
    used = postgres_server.new_database()
    over(used, lambda store: store.accept([moved.box.mt()], moved.box.events()))
    with pytest.raises(ResourceError, match="it holds messages already"):
        moved.copy(used)
    dsn = postgres_server.new_database()
    moved.copy(dsn)

    (tmp_path / "other").mkdir()
    other = Moved(tmp_path / "other")

    with pytest.raises(ResourceError, match="another store was copied there"):
        other.copy(dsn)


def test_a_database_on_which_a_node_runs_is_refused(moved: Moved, postgres_server: Reached) -> None:
    dsn = postgres_server.new_database()

    async def copy(store: PostgresStore) -> None:
        with pytest.raises(ResourceError, match="node box1/all runs on it"):
            await move_up(moved.folder, dsn, box="box1", allow_single_copy=True)

    over(dsn, copy)


def test_a_difference_between_the_two_is_found(
    moved: Moved, postgres_server: Reached, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = postgres_server.new_database()
    prove = target_file.Target.prove

    async def tampering(self: target_file.Target, proofs: Any) -> None:
        await self._connection.execute("UPDATE messages SET operator_ref = 'other' WHERE operator_ref IS NOT NULL")
        await prove(self, proofs)

    monkeypatch.setattr(target_file.Target, "prove", tampering)

    with pytest.raises(ResourceError, match="messages: 8 rows were to be copied, 8 are there, and they differ"):
        moved.copy(dsn)


def test_events_that_no_file_has_yet_are_not_left_behind(tmp_path: Path, postgres_server: Reached) -> None:
    box = Box("sqlite", tmp_path)
    box.accept(box.mt())
    box.close()

    with pytest.raises(ResourceError, match="events do not hold all events of the store yet"):
        asyncio.run(move_up(tmp_path, postgres_server.new_database(), box="box1", allow_single_copy=True))


def test_every_table_of_a_sqlite_store_is_moved_or_known_to_mean_something_else(tmp_path: Path) -> None:
    connection = connect(tmp_path / "chappe.db")

    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    assert tables - BY_NAME.keys() - TRANSLATED == set()
    connection.close()


def test_the_command_copies_a_stopped_store_and_says_what_it_found(
    moved: Moved, postgres_server: Reached, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "chappe.toml"
    file.write_text(f'[gateway]\ndata_dir = "{tmp_path}"\nallow_single_copy = true\n')

    code = cli.run(["store", "copy", postgres_server.new_database(), "--config", str(file), "--json"])

    told = json.loads(capsys.readouterr().out)
    assert (code, told["same"], told["rows"]["messages"]) == (0, True, 8)

"""The process of the pages opens the gateway's files for reading alone, and can do nothing but lay instructions in."""

from __future__ import annotations

import sqlite3
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from site_house import Site

from chappe.frontend import here
from chappe.frontend.reading import Reading
from chappe.pages import QueueHands
from chappe.runtime.settings import Settings
from chappe.store.sqlite.opening import connect
from chappe.store.sqlite.reader import SqliteReader

PATHS = (
    "/",
    "/messages",
    "/messages?q=37120000001",
    "/messages/7",
    "/receipts",
    "/held",
    "/configure",
    "/configure/versions",
)
#: A hook of the interpreter stays for good: it writes here while a test wants to know.
_SEEN: list[list[str]] = []


def _hook(event: str, values: tuple[Any, ...]) -> None:
    if not _SEEN:
        return
    if event == "sqlite3.connect":
        _SEEN[0].append(f"database {values[0]}")
    elif event == "open" and isinstance(values[1], str) and set(values[1]) & set("wax+"):
        _SEEN[0].append(f"file {values[0]}")
    elif event in ("os.remove", "os.rename", "os.truncate", "subprocess.Popen", "os.exec", "os.system", "socket.bind"):
        _SEEN[0].append(f"{event} {values}")


sys.addaudithook(_hook)


def test_pages_open_the_store_for_reading_and_write_instructions_alone(site: Site, tmp_path: Path) -> None:
    connect(tmp_path / "chappe.db").close()
    hands = QueueHands(Settings.default(tmp_path))
    here.show(Reading(replace(site.terms, reader=SqliteReader(tmp_path), hands=hands)))
    browser = site.signed_in("administrator")

    seen: list[str] = []
    _SEEN.append(seen)
    try:
        answers = {path: browser.get(path).status_code for path in PATHS}
        asked = hands.ask("resolve_held", {"ids": [1], "is_resent": False}, "ada")
    finally:
        _SEEN.clear()

    assert set(answers.values()) <= {200, 404}
    own = (str(site.folder), str(tmp_path / "instructions.db"))
    foreign = [each for each in seen if not any(path in each for path in own)]
    assert foreign
    assert [each for each in foreign if "mode=ro" not in each] == []
    assert [each.kind for each in hands.recent(5)] == ["resolve_held"]
    assert asked


def test_a_connection_that_reads_cannot_write(tmp_path: Path) -> None:
    connect(tmp_path / "chappe.db").close()
    reading = connect(tmp_path / "chappe.db", is_reader=True)

    for statement in ("DELETE FROM messages", "INSERT INTO names (name) VALUES ('x')", "CREATE TABLE x (y)"):
        try:
            reading.execute(statement)
        except sqlite3.OperationalError:
            continue
        raise AssertionError(f"{statement} went through")

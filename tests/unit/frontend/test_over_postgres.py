"""The pages over PostgreSQL, as the role that can do nothing but read and ask: a person's way through all of them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import msgspec
import pytest
from site_house import Site

from chappe.frontend import here
from chappe.frontend.reading import Reading
from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message
from chappe.pages import terms_of
from chappe.runtime.settings import Settings
from chappe.store.port import Ended, Held, Report
from chappe.store.postgres.engine import PostgresStore
from chappe.store.postgres.granting_frontend import ROLE, grant_frontend
from postgres_server import Reached

HANDSET = "37120000001"
QUEUE = "operator:sim"


async def fill(dsn: str) -> list[int]:
    """A message that failed, one that is held, and a receipt that matches nothing."""
    store = PostgresStore(dsn, version="test", allow_single_copy=True)
    await store.open()
    ids, now_ms = IdMaker(store.slot, last_id=store.last_id), time.time_ns() // 1_000_000
    numbers = [ids.next(now_ms) for _ in range(2)]
    messages = [Message(each, Direction.MT, "demo", "", 5, 0, "SHOP", 1, 1, HANDSET, b"Hello") for each in numbers]
    events = EventBatch(now_ms * 1000)
    for each in messages:
        events.add(EventName.MT_ACCEPTED, each.id, "demo", "", HANDSET, "SHOP")
    await store.accept([Item(QUEUE, 1, "demo", 0, each.id, each) for each in messages], events)
    first, second = await store.lease(QUEUE, 10)
    await store.settle([Ended(first, Status.FAILED, "001", now_ms * 1000), Held(second, "link lost")], EventBatch(0))
    lost = Report(ids.next(now_ms), "sim", ("nobody",), HANDSET, Status.DELIVERED, "DELIVRD", "000", now_ms)
    await store.report([lost], EventBatch(0))
    await store.close()
    return [first.id, second.id]


def as_role(dsn: str) -> str:
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{ROLE}@{parts.netloc.rpartition('@')[2]}"))


@pytest.fixture
def dsn(postgres_server: Reached) -> str:
    return postgres_server.new_database()


def test_a_person_finds_a_way_through_the_pages(site: Site, dsn: str, tmp_path: Path) -> None:
    ended, held = asyncio.run(fill(dsn))
    grant_frontend(dsn)
    settings = Settings.default(tmp_path)
    settings = msgspec.structs.replace(
        settings,
        gateway=msgspec.structs.replace(settings.gateway, store=dsn),
        frontend=msgspec.structs.replace(settings.frontend, dsn=as_role(dsn)),
    )
    terms = terms_of(settings, tmp_path / "chappe.toml")
    assert as_role(dsn) not in repr(settings.frontend)
    here.show(Reading(replace(site.terms, reader=terms.reader, hands=terms.hands, settings=terms.settings)))
    browser = site.signed_in("administrator", "ada")

    def page(path: str) -> str:
        answer = browser.get(path)
        assert answer.status_code == 200, path
        return str(answer.content.decode())

    assert str(ended) in page("/messages")
    assert str(ended) in page(f"/messages?q=%2B{HANDSET}&status=failed")
    assert "Hello" in page(f"/messages/{ended}")
    assert "nobody" in page("/receipts")
    assert "link lost" in page("/held")
    for path in ("/", "/configure", "/configure/versions", "/configure/changes", "/trial", "/audit"):
        page(path)
    asked = terms.hands.ask("resolve_held", {"ids": [held], "is_resent": False}, "ada")
    assert "resolve held" in page("/configure/changes")

    assert [(each.id, each.kind, each.asked_by) for each in terms.hands.recent(5)] == [(asked, "resolve_held", "ada")]
    asyncio.run(refused(as_role(dsn)))


async def refused(dsn: str) -> None:
    """What the pages' process could try beside that."""
    connection = await asyncpg.connect(dsn)
    try:
        for statement in (
            "UPDATE instructions SET state = 'done'",
            "DELETE FROM held",
            "DELETE FROM parked",
            "UPDATE messages SET status = 6",
            "INSERT INTO queue SELECT * FROM queue",
            "SELECT * FROM meta",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


def test_without_a_role_of_their_own_the_pages_use_the_store_of_the_gateway(tmp_path: Path) -> None:
    settings = Settings.default(tmp_path)
    named = msgspec.structs.replace(settings, frontend=msgspec.structs.replace(settings.frontend, dsn="postgresql://x"))

    assert type(terms_of(named, None).reader) is type(terms_of(settings, None).reader)

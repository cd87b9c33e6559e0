"""What people look at over PostgreSQL: messages by any of their names, whole lives, what is held, decided, given up."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import msgspec
import pytest
from store_pair import HANDSET, QUEUE, Node
from test_frontend_role import as_frontend
from test_history_over_postgres import moved

from chappe.cli.main import run
from chappe.conf.node import ConfNode
from chappe.engines import inbox_of
from chappe.model.errors import ResourceError
from chappe.model.events import EventBatch, EventName
from chappe.model.ids import made_at_ms
from chappe.model.lifecycle import Status
from chappe.runtime.settings import Settings
from chappe.runtime.settings_gateway import Gateway
from chappe.store.port import CallbacksOff, GivenUp, Held
from chappe.store.postgres.granting_frontend import grant_frontend
from chappe.store.postgres.reader import PostgresReader
from chappe.store.views import Look
from postgres_server import Reached


async def fill(dsn: str) -> dict[str, int]:
    """A life in history, one in two parts there, one in the hot tables, one held, one whose callback was given up."""
    node = Node(dsn, "all")
    await node.open(keeps_time=False)
    first, long, last, held = (
        node.mt(reference="order-1"),
        node.mt(parts=2),
        node.mt(reference="order-2", dest="37120000009"),
        node.mt(dest="37120000005"),
    )
    await node.accept(first, long, last, held)
    await node.store.lease(QUEUE, 100)
    await node.send((first, "REF1"), (long, "L1"), (last, "REF2"))
    second = msgspec.structs.replace(node.sent(long, "L2"), part=2)
    await node.store.settle([second], node.told(EventName.MT_SENT, long))
    await node.store.settle([Held(held, "link lost\nbefore the response")], EventBatch(0))
    await node.report(node.report_on("REF1"), node.report_on("L1"), node.report_on("L2"))
    await moved(node, dsn, 120_000_000)
    callback = msgspec.structs.replace(node.mt("shop"), queue="callback:shop")
    await node.accept(callback)
    await node.store.lease("callback:shop", 10)
    await node.store.settle([GivenUp(callback, "HTTP 500", node.now_ms * 1_000)], EventBatch(0))
    await node.store.switch_callbacks_off(CallbacksOff("shop", "http://shop/", 7, "HTTP 410"), EventBatch(0))
    await node.close()
    named = {"first": first, "long": long, "last": last, "held": held, "callback": callback}
    return {name: item.id for name, item in named.items()}


@pytest.fixture(scope="module")
def filled(postgres_server: Reached) -> Iterator[tuple[str, dict[str, int]]]:
    dsn = postgres_server.new_database()
    return dsn, asyncio.run(fill(dsn))


def test_a_message_is_found_by_id_number_and_references_wherever_it_is(filled: tuple[str, dict[str, int]]) -> None:
    dsn, numbers = filled
    reader = PostgresReader(dsn)
    first, long, last = (numbers[name] for name in ("first", "long", "last"))

    def ids_of(text: str, limit: int = 50) -> list[int]:
        return [view.id for view in reader.find_messages(text, limit)]

    assert ids_of(str(first)) == [first]
    assert ids_of(f"{last:x}") == [last]
    assert ids_of(HANDSET) == [numbers["callback"], long, first]
    assert ids_of(HANDSET, 1) == [numbers["callback"]]
    assert ids_of("+371 20000009") == [last]
    assert ids_of("order-1") == [first]
    assert ids_of("order-2") == [last]
    assert ids_of("REF1") == [first]
    assert ids_of("REF2") == [last]
    assert ids_of("L2") == [long]
    assert ids_of("nobody") == []
    assert ids_of("'; DROP TABLE messages; --\0\udcff") == []


def test_the_role_of_the_pages_finds_the_same_without_the_key_of_the_store(filled: tuple[str, dict[str, int]]) -> None:
    dsn, numbers = filled
    grant_frontend(dsn)
    owner, pages = PostgresReader(dsn), PostgresReader(as_frontend(dsn))

    for text in ("REF2", "order-2", "+371 20000009", "L2", HANDSET, str(numbers["held"]), "nobody"):
        assert pages.find_messages(text) == owner.find_messages(text)
    assert [view.id for view in pages.find_messages("REF2")] == [numbers["last"]]


def test_a_view_says_what_became_of_the_message_and_where_it_is_kept(filled: tuple[str, dict[str, int]]) -> None:
    dsn, numbers = filled
    (first,) = PostgresReader(dsn).find_messages(str(numbers["first"]))
    (last,) = PostgresReader(dsn).find_messages(str(numbers["last"]))

    assert (first.status, first.client, first.operator, first.operator_ref) == ("delivered", "acme", "three", "REF1")
    assert len(first.history) == len("2026-01-01")
    assert (last.status, last.history, last.client_ref, last.msisdn) == ("sent", "", "order-2", "37120000009")


def test_a_life_is_told_from_the_events_of_all_nodes_in_order(filled: tuple[str, dict[str, int]]) -> None:
    dsn, numbers = filled
    events = PostgresReader(dsn).life_events(numbers["first"])

    assert [event["event"] for event in events][:2] == ["mt_accepted", "mt_sent"]
    assert "mt_delivered" in [event["event"] for event in events]


def test_what_is_held_or_given_up_is_listed(filled: tuple[str, dict[str, int]]) -> None:
    dsn, numbers = filled
    reader = PostgresReader(dsn)

    (held,) = reader.held_items()
    assert (held.id, held.queue, held.reason) == (numbers["held"], QUEUE, "link lost\nbefore the response")
    (failed,) = reader.failed_callbacks("", 10)
    assert (failed.id, failed.client, failed.told, failed.reason) == (
        numbers["callback"],
        "shop",
        "inbound",
        "HTTP 500",
    )
    assert reader.failed_callbacks("shop", 10) == [failed]
    assert reader.failed_callbacks("acme", 10) == []
    assert reader.failed_callbacks("never heard of", 10) == []
    assert reader.callbacks_off() == [CallbacksOff("shop", "http://shop/", 7, "HTTP 410")]


def test_a_database_without_a_store_is_told_in_one_line(postgres_server: Reached) -> None:
    with pytest.raises(ResourceError, match=r"no store at .* yet"):
        PostgresReader(postgres_server.new_database()).find_messages("1")


def test_readers_cannot_write(filled: tuple[str, dict[str, int]]) -> None:
    dsn, _ = filled

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute("DELETE FROM messages")

    with pytest.raises(ResourceError, match="read-only transaction"):
        PostgresReader(dsn)._ask(write)


def settings_file(folder: Path, dsn: str) -> Path:
    config = folder / "chappe.toml"
    config.write_text(f'[gateway]\ndata_dir = "{folder / "data"}"\nstore = "{dsn}"\nallow_single_copy = true\n')
    return config


def test_the_commands_print_what_was_found(
    tmp_path: Path,
    filled: tuple[str, dict[str, int]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dsn, numbers = filled
    monkeypatch.setenv("COLUMNS", "200")
    config = ["-c", str(settings_file(tmp_path, dsn))]

    assert run(["message", "order-2", *config]) == 0
    told = capsys.readouterr().out
    assert "taken by the operator" in told
    assert "the hot tables" in told
    assert run(["message", HANDSET, *config]) == 0
    assert str(numbers["long"]) in capsys.readouterr().out
    assert run(["held", "--json", *config]) == 0
    assert [each["id"] for each in json.loads(capsys.readouterr().out)] == [numbers["held"]]
    assert run(["callbacks", "failed", *config]) == 0
    assert "HTTP 500" in capsys.readouterr().out
    assert run(["callbacks", "off", *config]) == 0
    assert "http://shop/" in capsys.readouterr().out


def test_a_decision_about_what_is_held_is_left_for_any_box(
    tmp_path: Path, postgres_server: Reached, capsys: pytest.CaptureFixture[str]
) -> None:
    dsn = postgres_server.new_database()
    numbers = asyncio.run(fill(dsn))
    config = ["-c", str(settings_file(tmp_path, dsn))]

    def conf() -> None:
        asyncio.run(carry_out(dsn))

    box = threading.Thread(target=conf)
    box.start()
    assert run(["held", "drop", str(numbers["held"]), *config]) == 0
    box.join()

    assert f"{numbers['held']} dropped" in capsys.readouterr().out
    assert PostgresReader(dsn).held_items() == []
    (view,) = PostgresReader(dsn).find_messages(str(numbers["held"]))
    assert view.status == "cancelled"


async def carry_out(dsn: str) -> None:
    """The conf node of a box, until it has done something."""
    node = Node(dsn, "conf")
    await node.open(keeps_time=False)
    conf = ConfNode(inbox_of(node.store, Settings(gateway=Gateway(store=dsn))), node.store)
    connection = await asyncpg.connect(dsn)
    async with asyncio.timeout(30):
        while await connection.fetchval("SELECT count(*) FROM held"):
            await conf.look()
            await asyncio.sleep(0.05)
    await connection.close()
    await conf.close()
    await node.close()


def all_pages(dsn: str, look: Look) -> list[int]:
    found: list[int] = []
    for _ in range(100):
        page = PostgresReader(dsn).look(look)
        assert len(page.lives) <= look.limit
        found += [each.id for each in page.lives]
        if not page.before_id:
            return found
        assert page.before_id < (look.before_id or 1 << 63)
        look = msgspec.structs.replace(look, before_id=page.before_id)
    raise AssertionError("the pages never end")


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_people_look_by_client_status_time_and_name_page_by_page(
    filled: tuple[str, dict[str, int]], limit: int
) -> None:
    dsn, ids = filled
    everything = sorted(ids.values(), reverse=True)
    came_us = {name: made_at_ms(number) * 1000 for name, number in ids.items()}

    def found(look: Look) -> list[int]:
        return all_pages(dsn, msgspec.structs.replace(look, limit=limit))

    assert found(Look()) == everything
    assert found(Look(client="acme")) == [each for each in everything if each != ids["callback"]]
    assert found(Look(client="shop")) == [ids["callback"]]
    assert found(Look(client="nobody")) == found(Look(operator="nobody")) == []
    assert found(Look(statuses=(Status.DELIVERED,))) == sorted((ids["first"], ids["long"]), reverse=True)
    assert found(Look(client="acme", statuses=(Status.HELD,))) == [ids["held"]]
    assert found(Look(direction="mo")) == []
    assert found(Look(until_us=came_us["callback"])) == [each for each in everything if each != ids["callback"]]
    assert found(Look("+371 2000 0009")) == [ids["last"]]
    assert found(Look("order-1", client="acme")) == [ids["first"]]
    assert found(Look("order-1", client="shop")) == []
    assert found(Look("L2")) == [ids["long"]]
    assert found(Look(str(ids["held"]))) == [ids["held"]]
    assert found(Look("nobody-has-this")) == []


def test_a_life_is_whole_wherever_it_lies(filled: tuple[str, dict[str, int]]) -> None:
    dsn, numbers = filled
    reader = PostgresReader(dsn)
    first, long, last = (reader.life(numbers[name]) for name in ("first", "long", "last"))

    assert first is not None
    assert long is not None
    assert last is not None
    assert (first.status, first.operator_ref, first.message is not None) == (Status.DELIVERED, "REF1", True)
    assert long.part_refs == ["L1", "L2"]
    assert last.status is Status.SENT
    assert reader.life(4711) is None


def test_what_happened_lately_and_what_is_parked_can_be_read(filled: tuple[str, dict[str, int]]) -> None:
    reader = PostgresReader(filled[0])

    assert all(event["event"] == "mt_accepted" for event in reader.recent_events({"mt_accepted"}))
    assert reader.parked_reports() == []

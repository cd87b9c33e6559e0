"""Tests that people send are judged like any message, and go out once for each wish."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from chappe.conf.sending import TestSending
from chappe.instructions.kinds import ResendMessage, SendTest
from chappe.instructions.outcome import Outcome
from chappe.model.events import EventBatch
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message
from chappe.runtime.clock import SYSTEM_CLOCK
from chappe.store.lives import Life
from chappe.store.port import Ended
from chappe.store.sqlite.engine import SqliteStore

WISH = SendTest(client="acme", to="37120000001", text="Hello")


def test_a_test_that_is_asked_for_again_after_a_death_is_not_sent_twice(tmp_path: Path) -> None:
    ids = IdMaker(1)

    def admit(wish: SendTest) -> Item | str:
        number = ids.next(1_800_000_000_000)
        message = Message(number, Direction.MT, wish.client, "", 5, 0, "SHOP", 1, 1, wish.to, wish.text.encode())
        return Item("operator:three", 1, wish.client, 0, number, message)

    async def twice() -> tuple[Outcome, Outcome, Outcome, int]:
        store = SqliteStore(tmp_path / "chappe.db", version="test")
        store.open()
        sending = TestSending(store, ids, SYSTEM_CLOCK, admit)
        first, again = await sending.send(WISH, 7, "ada"), await sending.send(WISH, 7, "ada")
        other = await sending.send(WISH, 8, "ada")
        waiting = sum(each.messages for each in store.depths())
        await store.close()
        return first, again, other, waiting

    first, again, other, waiting = asyncio.run(twice())

    assert first.changed == again.changed != other.changed
    assert waiting == 2


def test_what_the_door_refuses_is_refused_with_its_words(tmp_path: Path) -> None:
    async def refused() -> Outcome:
        store = SqliteStore(tmp_path / "chappe.db", version="test")
        store.open()
        outcome = await TestSending(store, IdMaker(1), SYSTEM_CLOCK, lambda wish: "no route takes it").send(
            WISH, 7, "ada"
        )
        await store.close()
        return outcome

    assert asyncio.run(refused()) == Outcome(fault="no route takes it")


WAS = Message(77, Direction.MT, "acme", "", 5, 0, "SHOP", 1, 1, "37120000001", b"\x00Hello", reference="order-1")


async def ended_in(store: SqliteStore) -> None:
    await store.accept([Item("operator:three", 1, "acme", 0, WAS.id, WAS)], EventBatch(0))
    (item,) = await store.lease("operator:three", 1)
    await store.settle([Ended(item, Status.FAILED, "001", 1)], EventBatch(0))


def test_a_message_goes_out_again_once_for_each_wish_and_both_lives_tell(tmp_path: Path) -> None:
    ids = IdMaker(1)

    def again(life: Life, number: int, now_ms: int) -> Item | str:
        assert life.message is not None
        fresh = msgspec.structs.replace(life.message, id=number)
        return Item("operator:three", 1, "acme", 0, number, fresh)

    async def resent() -> tuple[Outcome, Outcome, Outcome, list[list[str]]]:
        store = SqliteStore(tmp_path / "chappe.db", version="test")
        store.open()
        await ended_in(store)
        sending = TestSending(store, ids, SYSTEM_CLOCK, lambda wish: "no", again)
        wish = ResendMessage(WAS.id)
        first, repeated = await sending.resend(wish, 7, "by ada"), await sending.resend(wish, 7, "by ada")
        unknown = await sending.resend(ResendMessage(1 << 63), 8, "by ada")
        blocks = await store.blocks_after(0)
        await store.close()
        return first, repeated, unknown, [each.split(",") for b in blocks for each in b.lines.decode().splitlines()]

    first, repeated, unknown, lines = asyncio.run(resent())

    assert first.changed == repeated.changed
    assert "no message" in unknown.fault
    (number,) = first.changed
    told = {(each[1], each[2], each[7], each[-1]) for each in lines}
    assert ("mt_accepted", str(number), "order-1", "by ada: message 77 again") in told
    assert ("instruction_done", "77", "order-1", f"by ada: sent again as {number}") in told
    assert sum(each[1] == "mt_accepted" for each in lines) == 1


def test_what_is_not_stored_costs_nothing(tmp_path: Path) -> None:
    given_back: list[Item] = []

    async def refused() -> Outcome:
        store = SqliteStore(tmp_path / "chappe.db", version="test")
        store.open()
        await ended_in(store)
        poison = Item("operator:three", 1, "acme", 0, 5, msgspec.structs.replace(WAS, id=5, dest="\ud800"))
        sending = TestSending(
            store, IdMaker(1), SYSTEM_CLOCK, lambda wish: "no", lambda *asked: poison, given_back.append
        )
        outcome = await sending.resend(ResendMessage(WAS.id), 7, "by ada")
        await store.close()
        return outcome

    assert asyncio.run(refused()).fault
    assert len(given_back) == 1

"""Tests that people send are judged like any message, and go out once for each wish."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chappe.conf.sending import TestSending
from chappe.instructions.kinds import SendTest
from chappe.instructions.outcome import Outcome
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message
from chappe.runtime.clock import SYSTEM_CLOCK
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

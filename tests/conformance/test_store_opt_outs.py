"""What handsets said is kept beside their messages, and the later word counts on every engine."""

from __future__ import annotations

import asyncio

import pytest
from store_box import START_MS, Box

from chappe.model.events import EventBatch
from chappe.rules.opt_outs import OptOut

HANDSET = "37120000001"
AT_US = START_MS * 1000


def out(
    *, is_out: bool = True, at_us: int = AT_US, handset: str = HANDSET, list_: str = "shop", word: str = "stop"
) -> OptOut:
    return OptOut(list_, handset, is_out, 5, at_us, word, 9)


def test_what_was_said_last_is_there_after_a_death(box: Box) -> None:
    box.run(box.store.note_opt_outs([out(), out(list_="code", is_out=False)]))
    box.restart()

    assert sorted(box.run(box.store.opt_outs(0)), key=lambda each: each.list) == [
        out(list_="code", is_out=False),
        out(),
    ]


def test_the_later_of_two_words_counts_whichever_is_noted_first(box: Box) -> None:
    box.run(box.store.note_opt_outs([out(at_us=AT_US + 2, is_out=False), out()]))
    box.run(box.store.note_opt_outs([out(at_us=AT_US + 1)]))

    assert box.run(box.store.opt_outs(0)) == [out(at_us=AT_US + 2, is_out=False)]

    box.run(box.store.note_opt_outs([out(at_us=AT_US + 3)]))

    assert box.run(box.store.opt_outs(0)) == [out(at_us=AT_US + 3)]


def test_only_what_was_said_since_a_moment_is_told_oldest_first(box: Box) -> None:
    said = [out(handset=str(number), at_us=AT_US + number) for number in range(5)]
    box.run(box.store.note_opt_outs(said[::-1]))

    assert box.run(box.store.opt_outs(AT_US + 2)) == said[2:]


def test_the_same_word_may_be_noted_twice(box: Box) -> None:
    for _ in range(2):
        box.run(box.store.note_opt_outs([out()]))

    assert box.run(box.store.opt_outs(0)) == [out()]


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "'; --", "é\U0001f600", "".join(map(chr, range(256)))])
def test_every_octet_of_a_peer_comes_back(box: Box, text: str) -> None:
    box.run(box.store.note_opt_outs([out(handset=text, word=text)]))
    box.restart()

    assert box.run(box.store.opt_outs(0)) == [out(handset=text, word=text)]


def test_a_word_and_its_message_asked_for_in_one_turn_are_stored_together(box: Box) -> None:
    item = box.mo()

    async def both() -> None:
        events = EventBatch(AT_US)
        await asyncio.gather(box.store.accept([item], events), box.store.note_opt_outs([out()]))

    blocks = len(box.run(box.store.blocks_after(0, 1_000)))
    box.run(both())

    assert box.find(item.id) is not None if hasattr(box, "find") else box.run(box.store.find(item.id)) is not None
    assert box.run(box.store.opt_outs(0)) == [out()]
    assert len(box.run(box.store.blocks_after(0, 1_000))) <= blocks + 1

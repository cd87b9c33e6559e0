"""What a newer program stored is kept by an older one whatever it does with it: fields that it does not know."""

from __future__ import annotations

from typing import Any

import msgspec
from store_box import HANDSET, QUEUE, Box, Deferred, Held, Moved

from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Content, Item, Message, Receipt
from chappe.store.port import Granted, Replace, Search

ROUTE, CLIENT = "operator:four", "client:acme"
TOLD = {"campaign": 7, "rows": [b"\x00\xff", None]}


class LaterMessage(Message, frozen=True, gc=False, array_like=True):
    """As a later program has it."""

    shelf: str = ""
    told: Any = None


class LaterReceipt(Receipt, frozen=True, gc=False, array_like=True):
    """As a later program has it."""

    told: Any = None


def later_message(box: Box, **fields: Any) -> Item:
    """A new MT that a later program accepts."""
    plain = box.mt(**fields)
    content = LaterMessage(**msgspec.structs.asdict(plain.content), shelf="A7", told=TOLD)  # type: ignore[arg-type]
    item = msgspec.structs.replace(plain, content=content)
    assert box.accept(item) == [None]
    return item


def kept(content: Content) -> Any:
    """What later fields hold: as a later program reads them."""
    kind = LaterMessage if isinstance(content, Message) else LaterReceipt
    later = msgspec.msgpack.decode(msgspec.msgpack.encode(content), type=kind)
    return (later.shelf, later.told) if isinstance(later, LaterMessage) else later.told


def leased(box: Box, queue: str) -> Item:
    (item,) = box.lease(queue)
    return item


def test_a_message_that_is_deferred_moved_held_and_resent_keeps_what_nobody_here_knows(box: Box) -> None:
    later_message(box)
    box.restart()

    box.settle(Deferred(leased(box, QUEUE), 0))
    box.settle(Moved(leased(box, QUEUE), ROUTE, 0))
    item = leased(box, ROUTE)
    box.settle(Held(item, "nobody knows"))
    box.run(box.store.resolve_held([item.id], is_resent=True))
    box.restart()

    item = leased(box, ROUTE)
    assert isinstance(item.content, Message)
    assert (item.content.dest, item.content.octets) == (HANDSET, b"hello")
    assert kept(item.content) == ("A7", TOLD)


def test_a_message_that_its_client_replaces_keeps_what_nobody_here_knows(box: Box) -> None:
    item = later_message(box)
    box.restart()
    was = box.find(item.id).message
    assert was is not None

    granted = box.run(box.store.grant([Replace(was, msgspec.structs.replace(was, octets=b"good bye"))]))

    assert list(granted) == [Granted.DONE]
    box.restart()
    content = leased(box, QUEUE).content
    assert isinstance(content, Message)
    assert content.octets == b"good bye"
    assert kept(content) == ("A7", TOLD)


def test_a_message_that_ended_is_found_with_all_that_a_later_program_gave_it(box: Box) -> None:
    item = later_message(box)
    box.settle(box.sent(leased(box, QUEUE), "A1"))
    box.report(box.report_on("A1"))
    box.restart()

    life = box.find(item.id)

    assert life.status is Status.DELIVERED
    assert life.message is not None
    assert kept(life.message) == ("A7", TOLD)


def test_a_message_of_a_later_program_is_found_by_whoever_searches(box: Box) -> None:
    item = later_message(box)
    box.restart()

    page = box.run(box.store.search(Search("acme", Direction.MT)))

    (life,) = page.lives
    assert (life.id, life.message.octets) == (item.id, b"hello")


def test_a_receipt_that_is_deferred_held_and_resent_keeps_what_nobody_here_knows(box: Box) -> None:
    item = box.mt()
    box.accept(item)
    (taken,) = box.lease()
    receipt = LaterReceipt(
        item.id, "acme", Status.FAILED, "011", 1, 2, 1, 1, HANDSET, 1, 1, "SHOP", b"hello", told=TOLD
    )
    box.settle(box.ended(taken, receipt=Item(CLIENT, 0, "", 0, item.id, receipt)))
    box.restart()

    box.settle(Deferred(leased(box, CLIENT), 0))
    box.restart()
    again = leased(box, CLIENT)
    box.settle(Held(again, "its client crashed"))
    box.run(box.store.resolve_held([again.id], is_resent=True))
    box.restart()

    content = leased(box, CLIENT).content
    assert isinstance(content, Receipt)
    assert content.status is Status.FAILED
    assert kept(content) == TOLD

"""docs/callbacks.md against the code: its examples are what the code writes, its headers those that are sent."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from chappe.callbacks.formats import FORMATS
from chappe.callbacks.terms import Terms
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Content, Item, Message, Receipt
from chappe.runtime.settings import parse
from chappe.wire.http.signing import read_secret

PAGE = (Path(__file__).parents[3] / "docs" / "callbacks.md").read_text(encoding="utf-8")
STATUS, INBOUND, REPLY, REPLIES = re.findall("```json\n(.*?)```", PAGE, re.DOTALL)
(SETTINGS,) = re.findall("```toml\n(.*?)```", PAGE, re.DOTALL)
CHAPPE = FORMATS["chappe"]

TERMS = Terms(client="shop", url="https://shop.example/sms", keys=(read_secret("whsec_" + "a" * 32),))
RECEIPT = Receipt(1, "shop", Status.DELIVERED, "000", 1, 2, 1, 1, "37120000001", 5, 0, "SHOP", b"")
MO = Message(1, Direction.MO, "shop", "three", 1, 1, "37120000001", 0, 1, "1771", b"VOTE 5")


def shape(value: object) -> object:
    """The keys of an object and of those in it."""
    return {key: shape(inner) for key, inner in value.items()} if isinstance(value, dict) else None


@pytest.mark.parametrize(("example", "content"), [(STATUS, RECEIPT), (INBOUND, MO)], ids=["status", "inbound"])
def test_an_example_has_the_shape_of_what_is_posted(example: str, content: Content) -> None:
    posted = json.loads(CHAPPE.piece(Item("callback:shop", 0, "", 0, 7, content), "", {}, TERMS).octets)

    assert shape(json.loads(example)) == shape(posted)


def test_the_example_of_a_reply_is_one() -> None:
    assert CHAPPE.reply_in(REPLY.encode(), "application/json") == "Thank you for voting"
    assert CHAPPE.replies_in(REPLIES.encode()) == {912722494706681860: "Thank you for voting"}


def test_the_example_of_settings_is_read() -> None:
    settings = parse(SETTINGS, where="docs/callbacks.md")

    callback = settings.client("shop").callback
    assert callback is not None
    assert callback.url == "https://shop.example/sms"


def test_every_header_is_documented() -> None:
    piece = CHAPPE.piece(Item("callback:shop", 0, "", 0, 7, RECEIPT), TERMS.url, {}, TERMS)
    sent = {line.partition(":")[0] for line in CHAPPE.request([piece], TERMS, 1).head.strip().split("\r\n")}

    documented = set(re.findall(r"^\| `(webhook-[a-z]+)` \|", PAGE, re.MULTILINE))
    assert sent - {"Content-Type"} == documented


def test_every_setting_that_the_page_names_is_there() -> None:
    names = {field.encode_name for field in msgspec.structs.fields(type(parse(SETTINGS, "x").clients[0].callback))}

    for name in ("timeout_s", "retry_s", "give_up_after_s", "max_connections", "allow_private", "previous_secrets"):
        assert f"`{name}`" in PAGE
        assert name in names

"""A message that has ended goes out again with the octets that it had, judged as a new one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from chappe.clients.account import Account
from chappe.clients.credit import Credit
from chappe.clients.resending import Resending
from chappe.model.ids import first_id_at
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message
from chappe.rules.admit import Policy
from chappe.rules.decide import Routes, Rule
from chappe.runtime.throttle import Throttle
from chappe.store.lives import Life
from chappe.text.encoding import DefaultAlphabet
from chappe.text.segments import SplitMethod

NOW_MS = 1_800_000_000_000
BORN_MS = NOW_MS - 3_600_000
WAS = Message(
    first_id_at(BORN_MS), Direction.MT, "acme", "", 5, 0, "SHOP", 1, 1, "37120000001",
    b"\x05\x00\x03\x01\x02\x01\x00hi", data_coding=0, esm_class=0x40, protocol_id=7, registered_delivery=1,
    reference="order-1", tlvs=((0x0204, b"\x00"),), expires_at_ms=BORN_MS + 600_000, tags=("otp",), known_as="short",
)  # fmt: skip


def life(status: Status = Status.FAILED, operator: str = "three", **fields: Any) -> Life:
    return Life(WAS.id, status, msgspec.structs.replace(WAS, **fields), operator, "REF", 1, 2)


def account(**fields: Any) -> Account:
    rate = fields.pop("rate", 0)
    return Account("acme", True, 1, fields.pop("queue_limit", 10), 8, Throttle(rate, 0.0), 86_400.0, **fields)


def judge(
    what: Life,
    client: Account | None,
    alphabets: dict[str, DefaultAlphabet] | None = None,
    policy: Policy | None = None,
) -> Item | str:
    policy = policy or Policy(routes_to("three"))
    splits = {"three": SplitMethod.UDH8}
    resending = Resending(lambda name: client, lambda name: 3, lambda: policy, splits, alphabets or {}, lambda: 0.0)
    return resending.judge(what, 99, NOW_MS)


def routes_to(*operators: str) -> Routes:
    return Routes([Rule(Direction.MT, operators=operators)], Direction.MT)


def test_the_same_octets_go_out_as_a_new_message() -> None:
    item = judge(life(), account())

    assert isinstance(item, Item)
    assert (item.queue, item.lane, item.id) == ("operator:three", "acme", 99)
    message = item.content
    assert isinstance(message, Message)
    kept = ("octets", "data_coding", "esm_class", "protocol_id", "source", "dest", "reference", "tlvs", "tags")
    assert [getattr(message, each) for each in kept] == [getattr(WAS, each) for each in kept]
    assert (message.id, message.known_as, message.expires_at_ms) == (99, "", NOW_MS + 600_000)


def test_its_client_hears_of_it_where_it_is_called_back_alone() -> None:
    over_smpp, called_back = judge(life(), account()), judge(life(is_called_back=True), account())

    assert over_smpp.content.registered_delivery == 0  # type: ignore[union-attr]
    assert called_back.content.registered_delivery == 1  # type: ignore[union-attr]


def test_a_long_text_is_counted_in_parts_anew_and_paid() -> None:
    credit = Credit("acme", "EUR", lambda to: 10, lambda: 0.0)
    credit.left = 100

    item = judge(life(octets=b"a" * 400, esm_class=0, parts=9), account(credit=credit))

    assert isinstance(item, Item)
    assert item.content.parts == 3
    assert credit.left == 70


@pytest.mark.parametrize(
    ("what", "client", "why"),
    [
        (life(Status.SENT), account(), "may still arrive"),
        (life(Status.HELD), account(), "may still arrive"),
        (life(direction=Direction.MO), account(), "came from a handset"),
        (Life(1, Status.FAILED, None, "three", "", 1, 2), account(), "cannot be read"),
        (life(), None, "acme is gone"),
        (life(), account(queue_limit=3), "not yet final"),
        (life(), account(credit=Credit("acme", "EUR", lambda to: 10, lambda: 0.0)), "credit"),
    ],
)
def test_what_cannot_go_out_again_says_why(what: Life, client: Account | None, why: str) -> None:
    assert why in judge(what, client)  # type: ignore[operator]


def test_an_unknown_end_may_be_sent_again_by_a_person() -> None:
    assert isinstance(judge(life(Status.UNKNOWN), account()), Item)


def test_rules_of_the_door_count() -> None:
    assert judge(life(), account(), policy=Policy(Routes([], Direction.MT))) == "no route takes it"


def test_a_client_that_has_used_its_rate_waits() -> None:
    client = account(rate=1)

    assert isinstance(judge(life(), client), Item)
    assert "per second" in judge(life(), client)  # type: ignore[operator]


def test_octets_that_another_operator_would_read_otherwise_stay_here() -> None:
    alphabets = {"three": DefaultAlphabet.LATIN1, "four": DefaultAlphabet.GSM7}

    assert "another alphabet" in judge(life(operator="four"), account(), alphabets)  # type: ignore[operator]
    assert isinstance(judge(life(operator="three"), account(), alphabets), Item)
    assert isinstance(judge(life(operator="four", data_coding=8, octets=b"\x00h"), account(), alphabets), Item)

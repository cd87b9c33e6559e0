"""What one item that nobody can read does to everything else: nothing."""

from pathlib import Path

import pytest

from chappe.clients import smpp_node
from chappe.model.message import Receipt
from chappe.wire.smpp.pdus import DeliverSm, SubmitSm
from house import bound, journey, small_house

HELLO = SubmitSm(source_addr="SHOP", destination_addr="37120000001", short_message=b"hello", registered_delivery=1)
BAD = SubmitSm(source_addr="BAD", destination_addr="37120000002", short_message=b"hello", registered_delivery=1)


@journey
async def _a_receipt_that_crashes_its_writer(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, _), bound(house) as demo:
        bad = await demo.ask(BAD)
        await house.until(lambda: house.gateway.store.held_messages == 1)
        good = await demo.ask(HELLO)
        await demo.until(lambda: demo.received)

        assert [each.message_id for each in demo.received] == [good.message_id]
        told = house.events("item_poisoned")[-1]
        assert (told[2], told[9]) == (bad.message_id, "client:demo: held: ValueError: no state for this status")
        await house.until(lambda: house.depth("client:demo") == 0)


def test_a_receipt_that_crashes_its_writer_is_held_and_the_gateway_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = smpp_node.deliver_of_receipt

    def crashing(receipt: Receipt, id_form: str) -> DeliverSm:
        if receipt.dest == "BAD":
            raise ValueError("no state for this status")
        return write(receipt, id_form)

    monkeypatch.setattr(smpp_node, "deliver_of_receipt", crashing)
    _a_receipt_that_crashes_its_writer(tmp_path)

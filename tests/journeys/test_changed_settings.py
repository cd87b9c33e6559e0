"""What becomes of messages whose operator is gone from the settings when the gateway starts again."""

from pathlib import Path

from chappe.wire.smpp.pdus import SubmitSm
from house import House, bound, client, free_port, journey, mt, operator, settings_of

HELLO = SubmitSm(source_addr="SHOP", destination_addr="37120000001", short_message=b"hello", registered_delivery=1)


@journey
async def test_what_waits_for_a_removed_operator_ends_by_its_validity_and_its_client_hears_of_it(
    tmp_path: Path,
) -> None:
    clients = [client(default_validity_s=2.0)]
    before = settings_of(tmp_path, [operator(free_port(), "old")], clients, [mt("old")])
    after = settings_of(tmp_path, [operator(free_port(), "new")], clients, [mt("new")])
    async with House(before) as house, bound(house) as demo:
        answer = await demo.ask(HELLO)

    async with House(after) as house, bound(house) as demo:
        await demo.until(lambda: demo.received)

        assert [(each.message_id, each.stat) for each in demo.received] == [(answer.message_id, "EXPIRED")]
        assert house.depth("operator:old") == 0

"""A node that leaves links to others gives them up in order: nothing is lost, nothing is sent twice."""

import asyncio
import math
from pathlib import Path

from chappe.sim.options import SmscOptions
from chappe.wire.smpp.pdus import SubmitSm
from house import bound, journey, small_house


@journey
async def test_links_are_given_up_and_taken_back_under_load_without_a_loss_or_a_double(tmp_path: Path) -> None:
    smsc_terms = SmscOptions(resp_delay_s=0.01)
    async with small_house(tmp_path, smsc=smsc_terms, of_operator={"binds": 3, "window": 5}) as (house, smsc):
        node = house.gateway.operators[0]
        async with bound(house) as demo:
            for number in range(600):
                demo.send(
                    SubmitSm(
                        destination_addr=f"371{number:08}", short_message=f"m{number}".encode(), registered_delivery=1
                    )
                )
            for links in (1, 3, 0, 2):
                await asyncio.sleep(0.2)
                node.allow(links, 0.0, math.inf)
                await house.until(lambda links=links: len(node.links.peers()) == links)  # type: ignore[misc]
                assert sum(link.is_ready for link in smsc.links) == links
            await demo.until(lambda: len(demo.received) == 600, patience_s=30.0)

        texts = [each.pdu.short_message for each in smsc.submitted]
        assert len(texts) == len(set(texts)) == 600


@journey
async def test_a_node_whose_part_has_lapsed_keeps_its_links_and_sends_nothing_new(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, smsc), bound(house) as demo:
        node = house.gateway.operators[0]
        node.allow(1, 0.0, 0.0)

        await demo.ask(SubmitSm(destination_addr="371", short_message=b"later"))
        await asyncio.sleep(0.3)
        assert (len(smsc.submitted), len(node.links.peers())) == (0, 1)

        node.allow(1, 0.0, math.inf)
        await house.until(lambda: len(smsc.submitted) == 1)

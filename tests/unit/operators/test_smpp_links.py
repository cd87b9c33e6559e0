"""Links to operators that end in the very moment of their bind."""

import asyncio
from pathlib import Path

from chappe.operators.links import LinkTerms
from chappe.operators.smpp_links import SmppLinks
from chappe.runtime.clock import SYSTEM_CLOCK
from chappe.runtime.node import Notes
from chappe.store.sqlite.engine import SqliteStore
from chappe.wire.smpp.pdus import BindTransceiver


def test_a_link_that_ends_while_it_is_bound_does_not_count_as_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = SqliteStore(tmp_path / "chappe.db", version="test")
        store.open()
        notes = Notes(store, SYSTEM_CLOCK)

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(16)
            # bind_transceiver_resp with sequence_number 1, and the end of the connection behind it.
            writer.write(bytes.fromhex("0000001180000009000000000000000100"))
            writer.close()

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        ups: list[object] = []
        terms = LinkTerms("three", "127.0.0.1", port, "chappe", "secret", links=1)

        def on_facts(peer: object, facts: list[object]) -> None:
            connecting = peer.owner[1]  # type: ignore[attr-defined]
            connecting.bound.set_result(0)
            # The octets of the end were read together with those of the answer.
            peer.connection_lost(None)  # type: ignore[attr-defined]

        links = SmppLinks(terms, SYSTEM_CLOCK, notes, on_facts=on_facts, on_up=ups.append, on_down=lambda *_: None)  # type: ignore[arg-type]
        await links._serve(links.links[0], BindTransceiver)

        assert ups == []
        assert links.links[0].sender is None
        assert links.down_since is not None
        server.close()
        await store.close()

    asyncio.run(scenario())

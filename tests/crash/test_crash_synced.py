"""No yes leaves before the sync that covers it: strace sees each call, and a disk forgets what was not synced."""

import asyncio
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from itertools import count
from pathlib import Path
from random import Random

import msgspec
import pytest
from crash_campaign import Campaign, Traffic
from crash_store import tags_of
from crash_strace import COMMAND, Deed, deeds, wait_until_written, why_not
from crash_witness import Promises, Witness

from chappe.model.lifecycle import Status
from chappe.store.port import Report

LIGHT = Traffic(mt_rate=200.0, mo_rate=50.0, http_rate=20.0)
FULL = Traffic(mt_rate=0.0, mo_rate=1_000.0, http_rate=100.0, client_binds=4, client_window_pdus=500)
LEAVE_S = 10.0

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "strace works")


def watched(folder: Path, traffic: Traffic, accepted: int) -> tuple[Path, Callable[[], Witness]]:
    """Let traffic through a gateway under strace and kill it; the log, and what makes witnesses of it."""

    async def campaign() -> tuple[Path, Callable[[], Witness]]:
        log = folder / "strace.log"
        async with Campaign(folder, traffic) as running:
            await running.gateway.start(wrapper=(*COMMAND, "-o", str(log)))
            client, http, smsc = running.client, running.http, running.smsc
            await client.until(lambda: client.outgoing.accepted >= accepted and http.accepted > 0, 60.0)
            await client.until(lambda: smsc.receipts_acked > 0 and smsc.mo_acked > 0, 60.0)
            running.gateway.signal(signal.SIGKILL)
            await running.gateway.wait(LEAVE_S)
            await asyncio.to_thread(wait_until_written, log)
            gateway, operator_port = running.gateway, smsc.port
        wal = gateway.data_dir / "chappe.db-wal"
        ports = {"smpp_port": gateway.smpp_port, "http_port": gateway.http_port, "operator_port": operator_port}
        return log, lambda: Witness(wal, **ports)

    return asyncio.run(campaign())


def missing(disk: Path, promises: Promises) -> list[str]:
    """What was promised and is not in the store of this folder."""
    connection = sqlite3.connect(disk / "chappe.db")
    ids = {each for (each,) in connection.execute("SELECT id FROM messages")}
    tags = tags_of(connection)
    known = references(connection)
    connection.close()
    return [
        *(f"message {each}" for each in sorted(promises.message_ids - ids)),
        *(f"MO {each}" for each in sorted(promises.mo_tags - tags)),
        *(f"receipt for {each}" for each in sorted(promises.references - known)),
    ]


def references(connection: sqlite3.Connection) -> set[str]:
    """The references of which receipts are stored: their parts are delivered, or they are parked."""
    delivered = int(Status.DELIVERED)
    query = (
        "SELECT operator_ref FROM messages WHERE status = :delivered AND operator_ref IS NOT NULL"
        " UNION SELECT operator_ref FROM parts WHERE status = :delivered"
    )
    known = {str(each) for (each,) in connection.execute(query, {"delivered": delivered})}
    for (body,) in connection.execute("SELECT body FROM parked"):
        known.update(msgspec.msgpack.decode(body, type=Report).references)
    return known


def power_cuts(folder: Path, done: Sequence[Deed], witness: Witness, instants: Collection[int]) -> list[str]:
    """Cut the power before the answers of these numbers leave; what was promised until then and is lost."""
    found: list[str] = []
    numbers = count()

    def cut_power() -> None:
        number = next(numbers)
        if number in instants:
            found.extend(missing(witness.disk.restore(folder / f"cut-{number}"), witness.promises))

    witness.watch(done, cut_power)
    return found


@pytest.mark.parametrize(
    ("traffic", "accepted", "instants"),
    [
        pytest.param(LIGHT, 150, 5, id="light"),
        pytest.param(LIGHT, 1_500, 40, id="longer", marks=pytest.mark.slow),
        pytest.param(FULL, 15_000, 40, id="full-load", marks=pytest.mark.slow),
    ],
)
def test_each_yes_follows_the_sync_of_what_it_answers_and_survives_a_power_cut(
    tmp_path: Path, traffic: Traffic, accepted: int, instants: int
) -> None:
    log, new_witness = watched(tmp_path, traffic, accepted)
    done = deeds(log)
    answering = Counter[str]()

    witness = new_witness()
    witness.watch(done, lambda: answering.update(["writes"]))
    found = power_cuts(tmp_path, done, new_witness(), Random(1).sample(range(answering["writes"]), instants))

    assert not witness.faults, witness.faults[:5]
    assert not found, found[:5]
    assert set(witness.answers) == {
        "submit_sm_resp",
        "deliver_sm_resp to a receipt",
        "deliver_sm_resp to an MO",
        "HTTP 202",
    }

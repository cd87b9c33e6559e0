"""The gateway dies before and after the commit that cancels or replaces a message; its client asks again."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from crash_opened import opened_store

from chappe.crash import CrashPoint
from chappe.model.events import EventBatch
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message, Receipt
from chappe.store.port import Cancel, Granted, Replace

ID = 4_711 << 22
MESSAGE = Message(ID, Direction.MT, "acme", "", 1, 1, "SHOP", 1, 1, "441", b"old", registered_delivery=1)
WISHES = {"cancel": Cancel(ID, "acme"), "replace": Replace(MESSAGE, msgspec.structs.replace(MESSAGE, octets=b"new"))}


async def accept_and_wish(place: str, wish: str) -> None:
    """What the process that dies does."""
    store = await opened_store(place)
    await store.accept([Item("operator:three", 1, "acme", 0, ID, MESSAGE)], EventBatch(0))
    await store.grant([WISHES[wish]])


async def ask_again(place: str, wish: str) -> tuple[Granted, Status, list[bytes], list[Status]]:
    """The answer to the repeated wish, the message's status, what leaves for the operator and what its client hears."""
    store = await opened_store(place)
    (granted,) = await store.grant([WISHES[wish]])
    life = await store.find(ID)
    assert life is not None
    leaving = [item.content for item in await store.lease("operator:three", 10)]
    receipts = [item.content for item in await store.lease("client:acme", 10)]
    await store.close()
    texts = [message.octets for message in leaving if isinstance(message, Message)]
    return granted, life.status, texts, [receipt.status for receipt in receipts if isinstance(receipt, Receipt)]


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("point", [CrashPoint.BEFORE_COMMIT_GRANT, CrashPoint.AFTER_COMMIT_GRANT])
def test_a_wish_is_granted_once_whenever_the_gateway_dies(
    tmp_path: Path, dsn: str, point: CrashPoint, wish: str
) -> None:
    place = dsn or str(tmp_path / "chappe.db")
    command = [sys.executable, __file__, place, wish]
    died = subprocess.run(command, env={**os.environ, "CHAPPE_CRASH_AT": f"{point.value}:1"}, timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL

    granted, status, texts, receipts = asyncio.run(ask_again(place, wish))

    assert granted is (Granted.DONE if point is CrashPoint.BEFORE_COMMIT_GRANT else Granted.ALREADY)
    if wish == "cancel":
        assert (status, texts, receipts) == (Status.CANCELLED, [], [Status.CANCELLED])
    else:
        assert (status, texts, receipts) == (Status.QUEUED, [b"new"], [])


if __name__ == "__main__":
    asyncio.run(accept_and_wish(sys.argv[1], sys.argv[2]))

"""Writing to clients, where tests may kill the process."""

from collections.abc import Sequence

from chappe.crash import ARMED, CrashPoint, reach
from chappe.net.peer import Peer


def flush(dirty: Sequence[Peer]) -> None:
    """Write to these clients."""
    if ARMED is not None:
        reach(CrashPoint.BEFORE_WRITE_TO_CLIENT)
    for peer in dirty:
        peer.flush()
    if ARMED is not None:
        reach(CrashPoint.AFTER_WRITE_TO_CLIENT)

"""Writing to clients, where tests may kill the process."""

from chappe.crash import ARMED, CrashPoint, reach
from chappe.net.smpp_peer import SmppPeer


def flush(dirty: list[SmppPeer]) -> None:
    """Write to these clients."""
    if ARMED is not None:
        reach(CrashPoint.BEFORE_WRITE_TO_CLIENT)
    for peer in dirty:
        peer.flush()
    if ARMED is not None:
        reach(CrashPoint.AFTER_WRITE_TO_CLIENT)

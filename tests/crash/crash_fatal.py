"""The gateway with a fault in it: whoever puts a message of the sender FATAL on a link dies of a segmentation fault.

Run as `python crash_fatal.py …` before the command that starts the gateway.
"""

import os
import signal
import sys
from typing import Any

from chappe.cli.main import main
from chappe.operators.filling import Filling

_write = Filling._write


def _fatal_write(self: Filling, sender: Any, pdu: Any, flight: Any, now: float) -> None:
    if flight.item.content.source == "FATAL":
        os.kill(os.getpid(), signal.SIGSEGV)
    _write(self, sender, pdu, flight, now)


if __name__ == "__main__":
    Filling._write = _fatal_write  # type: ignore[method-assign]
    sys.argv = ["chappe", *sys.argv[sys.argv.index("chappe.cli") + 1 :]]
    main()

"""Ports for whoever listens in a test: below those that the system gives to outgoing connections.

A gateway that is killed and started again needs the port that it had; of the others any connection may have taken it
meanwhile.
"""

import secrets
import socket
from typing import Final

#: Above what services are named for, below the first of Linux's ephemeral ports (ip_local_port_range).
FIRST: Final = 12_000
COUNT: Final = 20_000


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    while True:
        # Tests seed the common generator: all workers would ask for the same ports.
        port = FIRST + secrets.randbelow(COUNT)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def free_ports(wanted: int) -> list[int]:
    """So many, all different."""
    found: set[int] = set()
    while len(found) < wanted:
        found.add(free_port())
    return sorted(found)
